using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>The rates of a step.</summary>
/// <param name="Generator">Adam's step size for the generator: a rate times <see cref="GeneratorRatio"/>.</param>
/// <param name="Discriminator">Adam's step size for the discriminator: a rate times <see cref="DiscriminatorRatio"/>.</param>
internal readonly record struct StepRates(float Generator, float Discriminator)
{
    /// <summary>Which part of what the patch critic says the generator heeds, 0 to 1.</summary>
    public float Adversary { get; init; } = 1;

    /// <summary>What labels and surfaces count of their weights.</summary>
    public float Guide { get; init; } = 1;

    /// <summary>
    /// What the recipe multiplies a rate by, and raises Adam's second beta to: an allowance for regularization that is done now and then,
    /// which LIA leaves out.
    /// </summary>
    public const double GeneratorRatio = 4 / 5.0, DiscriminatorRatio = 16 / 17.0;

    /// <summary>Adam's step sizes of rates.</summary>
    public static StepRates Of(double generator, double discriminator) =>
        new((float)(generator * GeneratorRatio), (float)(discriminator * DiscriminatorRatio));
}

/// <summary>What a step came to, before its update.</summary>
/// <param name="Perceptual">P, ten times the distance of features, over all scales and layers.</param>
/// <param name="L1">Mean absolute difference of pixels.</param>
/// <param name="Adversarial">The generator's: mean softplus(-D(reconstruction)).</param>
/// <param name="Discriminator">The discriminator's: mean softplus(-D(target)) + mean softplus(D(reconstruction)).</param>
/// <param name="Matching">Distance of the patch critic's features, where they are compared.</param>
/// <param name="Labels">Mean squared error of labels told from motion codes, where there are any.</param>
/// <param name="Surfaces">Distance between where warps read and where surfaces lie, where that is known.</param>
internal readonly record struct StepLosses(float Perceptual, float L1, float Adversarial, float Discriminator, float Matching = 0,
    float Labels = 0, float Surfaces = 0)
{
    /// <summary>Whether all are numbers.</summary>
    public bool IsFinite =>
        float.IsFinite(Perceptual) && float.IsFinite(L1) && float.IsFinite(Adversarial) && float.IsFinite(Discriminator)
        && float.IsFinite(Matching) && float.IsFinite(Labels) && float.IsFinite(Surfaces);
}

/// <summary>
/// Networks and optimisers on a device: a step, and everything that a step changes. Same state, batches and device, same bits. Several GPUs
/// would be one of these that averages the gradients of others; there is one implementation, for one GPU.
/// </summary>
internal interface ITrainingStep : IDisposable
{
    /// <summary>Pairs of a batch.</summary>
    int Pairs { get; }

    /// <summary>What computes.</summary>
    string DeviceName { get; }

    /// <summary>Updates generator and discriminator once.</summary>
    /// <returns>The losses before the update. Where one is not finite, the state is of no more use: see
    /// <see cref="FindNotFinite"/>.</returns>
    StepLosses Run(TrainingBatch batch, StepRates rates);

    /// <summary>
    /// The first tensor of the state, or activation of the last step, that holds a value that is not finite, in words
    /// ("gradient of dec.convs.3.conv.weight", say); null where there is none.
    /// </summary>
    string? FindNotFinite();

    /// <summary>
    /// Everything that a step changes, all float32: <c>generator.NAME</c> and <c>discriminator.NAME</c>, NAME as in the official state
    /// dictionaries, with labels <c>generator.probe.weight</c> [label, direction] too, or <c>critic.NAME</c> with the power iterations
    /// <c>critic.NAME.u</c>; of each parameter
    /// <c>adam.second.</c> before the whole, and of the generator <c>adam.first.</c> where there is momentum;
    /// <c>average.NAME</c> of the generator where it is averaged; <c>adam.steps</c> [1].
    /// </summary>
    IReadOnlyList<TensorInfo> State { get; }

    /// <summary>Reads a tensor of the state.</summary>
    void ReadState(string name, Span<float> values);

    /// <summary>Replaces a tensor of the state.</summary>
    void WriteState(string name, ReadOnlySpan<float> values);

    /// <summary>Moves pictures by others, absolutely, with the present weights (the averaged ones where there are).</summary>
    /// <param name="sources">Planar [pair, 3, S, S], as many as <see cref="Pairs"/>.</param>
    /// <param name="drivings">The same.</param>
    /// <returns>Planar [pair, 3, S, S].</returns>
    float[] Reconstruct(ReadOnlySpan<float> sources, ReadOnlySpan<float> drivings);

    /// <summary>The motion codes of a batch's pictures with the present weights [picture, direction], pictures as in
    /// <see cref="TrainingBatch.Labels"/>.</summary>
    float[] Codes(TrainingBatch batch);
}
