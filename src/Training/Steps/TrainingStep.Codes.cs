namespace Lia.Training.Steps;

/// <summary>Motion codes by themselves.</summary>
internal sealed partial class TrainingStep
{
    public float[] Codes(TrainingBatch batch) => new float[(batch.Starts is null ? 2 : 3) * Pairs * _settings.Architecture.Motion];
}
