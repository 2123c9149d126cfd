using Lia.Training.Parameters;
using Lia.Training.Runs;
using Lia.Weights;

namespace Lia.Training.Tests;

/// <summary>What of a state becomes a model, and what of it a run goes on with.</summary>
public sealed class ModelFilesTests : IDisposable
{
    private const string Probe = "generator." + ParameterLayout.Probe;

    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.9)]
    public void The_probe_of_labels_is_in_checkpoints_and_in_no_model(double average)
    {
        Steps.StepSettings settings = new(TinySteps.Narrow, 2, Average: average) { Labels = 3 };
        TinySteps steps = new();
        Steps.ITrainingStep step = steps.Create(settings, null);
        float[] told = [.. Enumerable.Range(1, 3 * TinySteps.Narrow.Motion).Select(value => (float)value)];
        step.WriteState(Probe, told);
        CheckpointHeader header = new(7, "data", TinySteps.Narrow);
        Dictionary<string, float[]> constants = ModelFiles.Constants(TinySteps.Narrow, step, model: null);
        ModelFiles.Write(_work.At("model.safetensors"), step, constants, header);
        TrainingCheckpoint.Write(_work.At("checkpoint.safetensors"), step, constants, header, seed: 1);

        using SafetensorsFile model = new(_work.At("model.safetensors")), checkpoint = new(_work.At("checkpoint.safetensors"));
        Assert.Equal(TinySteps.Narrow.Layout().Select(tensor => tensor.Name).Order(), model.Tensors.Keys.Order());
        Assert.Equal(told, checkpoint.Read(Probe));

        Steps.ITrainingStep resumed = steps.Create(settings, null), begun = steps.Create(settings, null);
        TrainingCheckpoint.Restore(checkpoint, resumed, constants);
        Assert.Equal(told, Read(resumed));
        ModelFiles.Begin(begun, model);
        Assert.All(Read(begun), value => Assert.Equal(0, value));

        static float[] Read(Steps.ITrainingStep step)
        {
            float[] values = new float[3 * TinySteps.Narrow.Motion];
            step.ReadState(Probe, values);
            return values;
        }
    }
}
