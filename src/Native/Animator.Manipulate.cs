using Lia.Pipeline;

namespace Lia;

// Linear navigation: pictures moved along the model's motion directions, without a driving clip.
public sealed partial class Animator
{
    /// <summary>The number of the model's motion directions.</summary>
    public int Directions => _executor.Architecture.Motion;

    /// <summary>Moves a picture along motion directions: decodes <c>wa + Q (alpha_source + the edits)</c>.</summary>
    /// <param name="source">The picture, of any size.</param>
    /// <param name="edits">One edit, or several that are added up; none reconstructs the source.</param>
    /// <param name="options">Null takes <see cref="Options"/>. Only <see cref="AnimationOptions.Fit"/> and what concerns loading (which must be as loaded, or unset) are looked at.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A picture of the model's size.</returns>
    /// <exception cref="ArgumentException">The model has no such direction, or a delta is not a finite number.</exception>
    public RgbImage Manipulate(RgbImage source, IReadOnlyList<MotionEdit> edits, AnimationOptions? options = null, CancellationToken cancellationToken = default) =>
        ManipulateEach(source, [edits], options, null, cancellationToken).Single();

    /// <summary>Moves a picture along motion directions, for several combinations or a sweep (<see cref="MotionEdit.Sweep"/>). The source is encoded once.</summary>
    /// <param name="source">The picture, of any size.</param>
    /// <param name="frames">For each frame its edits, which are added up. Read as frames are asked for, a batch ahead.</param>
    /// <param name="options">Null takes <see cref="Options"/>. Only <see cref="AnimationOptions.Fit"/>, <see cref="AnimationOptions.Batch"/> and what concerns loading (which must be as loaded, or unset) are looked at.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame of the model's size for every combination, computed as they are asked for; each is the caller's to keep. The animator is occupied from the first frame asked for until the loop is left.</returns>
    /// <exception cref="ArgumentException">The model has no such direction, or a delta is not a finite number; thrown when the frame is reached.</exception>
    public IEnumerable<RgbImage> ManipulateEach(
        RgbImage source, IEnumerable<IReadOnlyList<MotionEdit>> frames, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(frames);
        return Manipulated(source, frames, ForClip(options), progress, cancellationToken);
    }

    private IEnumerable<RgbImage> Manipulated(
        RgbImage source, IEnumerable<IReadOnlyList<MotionEdit>> frames, AnimationOptions options, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        using Occupation clip = Occupy(cancellationToken);
        using IEnumerator<RgbImage> pictures = new Manipulation(_executor, _modelName, source, options, clip.Token).Frames(frames, progress).GetEnumerator();
        while (clip.Explain(pictures.MoveNext)) yield return pictures.Current;
    }
}
