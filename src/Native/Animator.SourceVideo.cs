using Lia.Media.Files;
using Lia.Pipeline;

namespace Lia;

// A clip moved by another: every frame of the source is encoded anew and takes the driving motion of the same number.
public sealed partial class Animator
{
    /// <summary>Animates a clip with driving frames, all in memory: source frame i with driving frame i, until the shorter of the two ends.</summary>
    /// <param name="source">The clip to animate, of any size; read once, in order. For files see <see cref="AnimationOptions.SourceVideo"/>.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading must be as loaded, or unset; <see cref="AnimationOptions.Frames"/> chooses driving frames, and the source begins at its first.</param>
    /// <param name="progress">Told after every frame.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every pair.</returns>
    /// <exception cref="MediaException">There is no source frame, or no driving frame in the frame range.</exception>
    public IReadOnlyList<RgbImage> Animate(
        IEnumerable<RgbImage> source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(driving);
        options = ForFrames(options);
        return Frames(_ => Clip(source, options), Driving(Read(driving, options), options, progress), options, progress, cancellationToken);
    }

    /// <summary>Animates a clip with driving frames in memory, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The clip to animate, of any size; read once, in order, a frame when it is needed.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">Options of this clip, as for the synchronous method.</param>
    /// <param name="progress">Told after every frame.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every pair; each is the caller's to keep. Leaving the loop early stops the work. The animator is occupied from the first frame asked for until then.</returns>
    /// <exception cref="MediaException">There is no source frame, or no driving frame in the frame range.</exception>
    public IAsyncEnumerable<RgbImage> AnimateAsync(
        IEnumerable<RgbImage> source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(driving);
        options = ForFrames(options);
        return Stream(_ => Clip(source, options), Driving(Read(driving, options), options, progress), options, progress, cancellationToken);
    }

    private SourceFrames Still(RgbImage source, AnimationOptions options) => SourceFrames.Still("the source", source, Size, options);

    private SourceFrames Clip(IEnumerable<RgbImage> source, AnimationOptions options) => SourceFrames.Clip(new MemoryReader(source, "the source frames"), Size, options);
}
