using Lia.Network.Cuda;

namespace Lia.Training.Steps;

/// <summary>An activation that is kept for the way back.</summary>
/// <param name="value">What it is.</param>
/// <param name="needsGradient">Whether the loss' gradient by it is wanted; not by pictures that were filmed.</param>
internal sealed class TrainedMap(ActivationMap value, bool needsGradient = true)
{
    public ActivationMap Value => value;

    public bool NeedsGradient => needsGradient;

    /// <summary>
    /// What the convolution that made the value read, as halves: kept for the gradient by its weights. Null where it reads float32 maps.
    /// </summary>
    public PackedMap? Operand { get; set; }

    /// <summary>The gradient of the loss by the value; null until one of its readers has been walked back through.</summary>
    public ActivationMap? Gradient { get; set; }
}
