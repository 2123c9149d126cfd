using System.Runtime.CompilerServices;

namespace Lia;

/// <summary>Animates a still picture with the motion of a video, in one call. To animate several clips with one model, load it once with
/// <see cref="Animator"/>.</summary>
/// <remarks>
/// Every method may throw, besides what it says itself:
/// <see cref="ArgumentException"/> for options that make no sense, <see cref="Weights.WeightsException"/> for a model that cannot be used,
/// <see cref="NotSupportedException"/> for a device that is not there, <see cref="MediaException"/> for pictures, videos and outputs that
/// cannot be used, and <see cref="OperationCanceledException"/>. The methods may be called from several threads at once; each call loads
/// its own model.
/// </remarks>
public static class Native
{
    /// <summary>Animates a source and writes the result, as <see cref="Animator.Animate"/> does.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write, or a stream.</param>
    /// <param name="model">The model and the device.</param>
    /// <param name="options">What to do; null takes the defaults.</param>
    /// <param name="progress">Told after every batch of frames, on the calling thread or the progress object's own.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written.</returns>
    public static AnimationSummary Animate(
        Source source, Driving driving, Output output, ModelOptions model, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(driving);
        ArgumentNullException.ThrowIfNull(output);
        source = source.Ahead(options?.Background, cancellationToken);
        driving.Rehearse();
        output.Rehearse();
        using DrivingAhead? ahead = driving.OpenAhead(options ?? new(), cancellationToken, out driving);
        using Animator animator = new(model, options, cancellationToken);
        return animator.AnimateLast(source, driving, output, null, progress, cancellationToken);
    }

    /// <summary>Does what <see cref="Animate"/> does, on the thread pool.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write, or a stream.</param>
    /// <param name="model">The model and the device.</param>
    /// <param name="options">What to do; null takes the defaults.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written.</returns>
    public static Task<AnimationSummary> AnimateAsync(
        Source source, Driving driving, Output output, ModelOptions model, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Animate(source, driving, output, model, options, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a source, frame by frame as they are asked for. The model is loaded with the first.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="model">The model and the device.</param>
    /// <param name="options">What to do; null takes the defaults.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work.</returns>
    public static IEnumerable<RgbImage> Frames(
        Source source, Driving driving, ModelOptions model, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Animator animator = new(model, options, cancellationToken);
        foreach (RgbImage frame in animator.Frames(source, driving, null, progress, cancellationToken)) yield return frame;
    }

    /// <summary>Does what <see cref="Frames"/> does; loading and the network run on the thread pool.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="model">The model and the device.</param>
    /// <param name="options">What to do; null takes the defaults.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work.</returns>
    public static async IAsyncEnumerable<RgbImage> FramesAsync(
        Source source, Driving driving, ModelOptions model, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using Animator animator = await Task.Run(() => new Animator(model, options, cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        await foreach (RgbImage frame in animator.FramesAsync(source, driving, null, progress, cancellationToken).ConfigureAwait(false))
            yield return frame;
    }

    /// <summary>Moves a picture along the model's motion directions, frame by frame, as <see cref="Animator.ManipulateFrames"/>
    /// does.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="edits">For each frame its edits, which are added up.</param>
    /// <param name="model">The model and the device.</param>
    /// <param name="options">Only <see cref="AnimationOptions.Fit"/> is looked at; null takes the defaults.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every combination; each is the caller's to keep.</returns>
    public static IEnumerable<RgbImage> ManipulateFrames(
        Source source, IEnumerable<IReadOnlyList<MotionEdit>> edits, ModelOptions model, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Animator animator = new(model, options, cancellationToken);
        foreach (RgbImage frame in animator.ManipulateFrames(source, edits, null, progress, cancellationToken)) yield return frame;
    }
}
