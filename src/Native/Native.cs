namespace Lia;

/// <summary>Animates a still picture with the motion of a video, in one call. To animate several clips with one model, load it once with <see cref="Animator"/>.</summary>
/// <remarks>
/// Every method may throw, besides what it says itself:
/// <see cref="ArgumentException"/> for options that make no sense, <see cref="Weights.WeightsException"/> for a model that cannot be used,
/// <see cref="NotSupportedException"/> for a device that is not there, <see cref="MediaException"/> for pictures, videos and outputs that
/// cannot be used, and <see cref="OperationCanceledException"/>. The methods may be called from several threads at once; each call loads its own model.
/// </remarks>
public static partial class Native
{
    /// <summary>Animates a picture file with a driving file and writes the result.</summary>
    /// <param name="source">The picture to animate: any picture <c>ffmpeg</c> reads; PNG needs nothing installed.</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="output">By extension: <c>.mp4</c>, <c>.gif</c>, <c>.webp</c>, <c>.png</c> or <c>.apng</c> (animated PNG), <c>NAME%05d.png</c>
    /// (numbered pictures), no extension or a trailing slash (a folder of numbered pictures). It appears complete or not at all.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames, on the calling thread or the progress object's own.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">An input cannot be read, the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public static AnimationSummary Animate(
        string source, string driving, string output, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Animator animator = new(options);
        return animator.Animate(source, driving, output, null, progress, cancellationToken);
    }

    /// <summary>Animates a picture with driving frames, all in memory.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame of the model's size for every driving frame.</returns>
    /// <exception cref="MediaException">There is no driving frame in the frame range.</exception>
    public static IReadOnlyList<RgbImage> Animate(
        RgbImage source, IEnumerable<RgbImage> driving, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Animator animator = new(options);
        return animator.Animate(source, driving, null, progress, cancellationToken);
    }

    /// <summary>Does what <see cref="Animate(string, string, string, AnimationOptions, IProgress{AnimationProgress}?, CancellationToken)"/> does, on the thread pool.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">An input cannot be read, the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public static Task<AnimationSummary> AnimateAsync(
        string source, string driving, string output, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Animate(source, driving, output, options, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a picture file with a driving file, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work.</returns>
    /// <exception cref="MediaException">An input cannot be read, or <c>ffmpeg</c> is needed and missing.</exception>
    public static IAsyncEnumerable<RgbImage> AnimateAsync(
        string source, string driving, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        WithOwnAnimator(options, animator => animator.AnimateAsync(source, driving, null, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a picture with driving frames in memory, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work.</returns>
    /// <exception cref="MediaException">There is no driving frame in the frame range.</exception>
    public static IAsyncEnumerable<RgbImage> AnimateAsync(
        RgbImage source, IEnumerable<RgbImage> driving, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        WithOwnAnimator(options, animator => animator.AnimateAsync(source, driving, null, progress, cancellationToken), cancellationToken);

    private static async IAsyncEnumerable<RgbImage> WithOwnAnimator(
        AnimationOptions options, Func<Animator, IAsyncEnumerable<RgbImage>> animate,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using Animator animator = await Task.Run(() => new Animator(options), cancellationToken).ConfigureAwait(false);
        await foreach (RgbImage frame in animate(animator).WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return frame;
    }
}
