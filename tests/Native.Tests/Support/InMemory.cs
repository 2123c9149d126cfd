using Lia.Loading;
using Lia.Network;
using Microsoft.Extensions.Logging;

namespace Lia.Tests;

/// <summary>What tests of many rooms do: frames in memory, all at once.</summary>
internal static class InMemory
{
    /// <summary>An animator on an executor of a test's own.</summary>
    public static Animator Animator(this IExecutor executor, AnimationOptions? options = null, int batch = 0, Precision precision = default,
        ILoggerFactory? log = null) =>
        new(new LoadedModel(executor, MotionMode.Relative, "fake model", new(FakeExecutor.Fingerprint)),
            new ModelOptions { Batch = batch, Precision = precision, LoggerFactory = log }, options);

    /// <summary>All frames of a picture driven by frames.</summary>
    public static IReadOnlyList<RgbImage> All(
        this Animator animator, RgbImage source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        [.. animator.Frames(source, Driving.From(driving), options, progress, cancellationToken)];

    /// <summary>All frames of a clip driven by frames.</summary>
    public static IReadOnlyList<RgbImage> All(
        this Animator animator, IEnumerable<RgbImage> source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        [.. animator.Frames(Source.Clip(source), Driving.From(driving), options, progress, cancellationToken)];

    /// <summary>All frames of a picture driven by a motion clip.</summary>
    public static IReadOnlyList<RgbImage> All(
        this Animator animator, RgbImage source, MotionClip motion, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        [.. animator.Frames(source, motion, options, progress, cancellationToken)];
}
