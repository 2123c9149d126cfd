namespace Lia;

/// <summary>Losses of a step, or their means over some.</summary>
/// <param name="Perceptual">Ten times the distance of features, over all scales and layers; without VGG19's weights the pyramid of
/// differences.</param>
/// <param name="L1">Mean absolute difference of pixels, colors from -1 to 1.</param>
/// <param name="Adversarial">The generator's: how little the discriminator was taken in.</param>
/// <param name="Discriminator">The discriminator's; 1.386 if it cannot tell at all.</param>
/// <param name="Matching">Distance of the patch critic's features; 0 where they are not compared.</param>
/// <param name="Labels">Mean squared error of labels told from motion codes; 0 where there are none.</param>
/// <param name="Surfaces">Distance between where warps read and where surfaces lie, in halves of a picture's side, a sum over levels; 0
/// where it is not measured.</param>
public readonly record struct TrainingLosses(
    double Perceptual, double L1, double Adversarial, double Discriminator, double Matching = 0, double Labels = 0, double Surfaces = 0);

/// <summary>How near the model comes on clips that it did not learn from.</summary>
/// <param name="Step">Steps done then.</param>
/// <param name="Pictures">Pictures compared.</param>
/// <param name="L1">Mean absolute difference, as a part of the range.</param>
/// <param name="Psnr">Peak signal-to-noise ratio in decibels, mean over pictures.</param>
/// <param name="Lpips">Perceptual distance; null where its weights were not given.</param>
public readonly record struct TrainingMeasures(long Step, int Pictures, double L1, double Psnr, double? Lpips);

/// <summary>How far a run is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Of how many.</param>
/// <param name="Losses">Of the last step.</param>
/// <param name="Rate">Adam's step size for the generator in it.</param>
/// <param name="Epochs">How many times all clips were visited.</param>
/// <param name="PairsPerSecond">The pace of the last steps; 0 at first.</param>
/// <param name="Remaining">The time left at this pace; null at first.</param>
/// <param name="Measures">The last measures; null if there are none.</param>
public readonly record struct TrainingProgress(
    long Step, long Steps, TrainingLosses Losses, double Rate, double Epochs, double PairsPerSecond, TimeSpan? Remaining,
    TrainingMeasures? Measures);

/// <summary>What a run came to.</summary>
/// <param name="Model">The model, which every command takes.</param>
/// <param name="Checkpoint">Where the run goes on from.</param>
/// <param name="Steps">Steps done, those of earlier parts of the run included.</param>
/// <param name="Losses">Of the last step; null if there was nothing left to do.</param>
/// <param name="Measures">The last measures; null if there are none.</param>
/// <param name="Device">What computed.</param>
/// <param name="Elapsed">How long this part took.</param>
public sealed record TrainingSummary(
    string Model, string Checkpoint, long Steps, TrainingLosses? Losses, TrainingMeasures? Measures, string Device, TimeSpan Elapsed);

/// <summary>A run came to values that are no numbers. The last checkpoint is from before.</summary>
public sealed class TrainingException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">The step, where the values are, and the last good checkpoint.</param>
    /// <param name="step">The step, counted from 1.</param>
    /// <param name="checkpoint">The last good checkpoint; null if there is none.</param>
    public TrainingException(string message, long step, string? checkpoint) : base(message) => (Step, Checkpoint) = (step, checkpoint);

    /// <summary>The step, counted from 1.</summary>
    public long Step { get; }

    /// <summary>The last good checkpoint; null if there is none.</summary>
    public string? Checkpoint { get; }
}
