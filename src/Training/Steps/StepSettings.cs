using System.Collections.Immutable;
using Lia.Training.Graph;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>What a step is built for.</summary>
/// <param name="Architecture">The generator's extents; the discriminator has the same channels.</param>
/// <param name="Pairs">Pairs of a batch.</param>
/// <param name="Seed">Of the random weights to begin with; they are replaced where a run goes on or begins with a model.</param>
/// <param name="IsSupervised">Whether batches have <see cref="TrainingBatch.Drivings"/> and <see cref="TrainingBatch.Starts"/>.</param>
/// <param name="HasWeights">Whether batches have <see cref="TrainingBatch.Weights"/>.</param>
/// <param name="Vgg">VGG19's weights; null for the loss that needs none.</param>
/// <param name="Average">Decay of the moving average of the generator's weights; 0 for none.</param>
/// <param name="Adversarial">Weight of the discriminator; 0 for none.</param>
/// <param name="IsExact">Whether float32 is asked for; null is the same, false asks for half-precision operands.</param>
/// <param name="Momentum">Adam's first beta for the generator; 0 keeps no first moment.</param>
/// <param name="FixesDirections">Whether the motion directions stay as they begin.</param>
/// <param name="L1">Weight of the mean absolute difference of pixels.</param>
/// <param name="FlowStart">Factor of the random weights that flows are made by.</param>
/// <param name="JudgesPatches">Whether the patch critic takes the discriminator's place; <paramref name="Adversarial"/> is then the length
/// of its gradient at the picture, in lengths of the one that the other losses have there.</param>
/// <param name="Matching">The same of the distance of its features.</param>
/// <param name="Gpu">The driver's number of the GPU; null for the first that can be used.</param>
internal sealed record StepSettings(
    ModelArchitecture Architecture, int Pairs, ulong Seed = 1, bool IsSupervised = false, bool HasWeights = false, string? Vgg = null,
    double Average = 0, double Adversarial = 1, bool? IsExact = null, double Momentum = 0, bool FixesDirections = false, double L1 = 1,
    double FlowStart = 1, bool JudgesPatches = false, double Matching = 0, int? Gpu = null)
{
    /// <summary>The patch critic's channels.</summary>
    public ImmutableArray<int> CriticChannels { get; init; } = PatchCritic.Channels;

    /// <summary>Numbers of a picture in <see cref="TrainingBatch.Labels"/>; 0 for none.</summary>
    public int Labels { get; init; }

    /// <summary>Parts of <see cref="TrainingBatch.Surfaces"/>; 0 for none.</summary>
    public int Parts { get; init; }

    /// <summary>Weight of the mean squared error of labels told from motion codes by a linear probe, which is learned.</summary>
    public double LabelWeight { get; init; }

    /// <summary>Weight of the mean distance between where warps read and where surfaces lie, a sum over levels.</summary>
    public double SurfaceWeight { get; init; }
}

/// <summary>Makes steps on a device.</summary>
internal interface IStepFactory
{
    /// <summary>Refuses early what <see cref="Create"/> would, before data is packed.</summary>
    /// <param name="gpu">As <see cref="StepSettings.Gpu"/>.</param>
    /// <exception cref="NotSupportedException">There is no such device; the message says why, in a line.</exception>
    void Demand(int? gpu);

    /// <summary>Makes a step with random weights.</summary>
    /// <param name="settings">What for.</param>
    /// <param name="onWarning">Is told what is worth telling, such as why compiled kernels cannot be kept.</param>
    /// <exception cref="NotSupportedException">The device does not open, or cannot hold it.</exception>
    /// <exception cref="WeightsException">VGG19's weights cannot be read.</exception>
    ITrainingStep Create(StepSettings settings, Action<string>? onWarning);
}
