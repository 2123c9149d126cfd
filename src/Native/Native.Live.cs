namespace Lia;

// Streams of raw video.
public static partial class Native
{
    /// <summary>Animates a picture file with driving frames from a file or a stream, into a file or a stream, as
    /// <see cref="Animator.Animate(string, PathOrStream, PathOrStream, AnimationOptions?, IProgress{AnimationProgress}?, CancellationToken)"/> does.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="driving">The motion: a file, a folder, or a stream of raw video.</param>
    /// <param name="output">The file or folder to write, or a stream that receives raw video.</param>
    /// <param name="options">What to use and how; <see cref="AnimationOptions.Model"/> is needed.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">An input cannot be read, the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public static AnimationSummary Animate(
        string source, PathOrStream driving, PathOrStream output, AnimationOptions options,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Animator animator = new(options);
        return animator.Animate(source, driving, output, null, progress, cancellationToken);
    }
}
