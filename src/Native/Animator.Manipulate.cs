using Lia.Animation.Motion;
using Lia.Animation.Pipeline;

namespace Lia;

// Linear navigation: pictures moved along the model's motion directions, without a driving clip.
public sealed partial class Animator
{
    /// <summary>The number of the model's motion directions.</summary>
    public int Directions => _executor.Architecture.Motion;

    /// <summary>Moves a picture along motion directions: decodes <c>wa + Q (alpha_source + the edits)</c>.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="edits">One edit, or several that are added up; none reconstructs the source.</param>
    /// <param name="options">Null takes <see cref="Defaults"/>. Only <see cref="AnimationOptions.Fit"/> and
    /// <see cref="AnimationOptions.Crop"/> are looked at.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A picture of the model's size.</returns>
    /// <exception cref="ArgumentException">The model has no such direction, or a delta is not a finite number.</exception>
    public RgbImage Manipulate(Source source, IReadOnlyList<MotionEdit> edits, AnimationOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ManipulateFrames(source, [edits], options, null, cancellationToken).Single();

    /// <summary>Moves a picture along motion directions, for several combinations or a sweep (<see cref="MotionEdit.Sweep"/>). The source
    /// is encoded once.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="edits">For each frame its edits, which are added up. Read as frames are asked for, a batch ahead.</param>
    /// <param name="options">Null takes <see cref="Defaults"/>. Only <see cref="AnimationOptions.Fit"/> and
    /// <see cref="AnimationOptions.Crop"/> are looked at.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// A frame of the model's size for every combination, computed as they are asked for; each is the caller's to keep. The animator is
    /// occupied from the first frame asked for
    /// until the loop is left.
    /// </returns>
    /// <exception cref="ArgumentException">The model has no such direction, or a delta is not a finite number; thrown when the frame is
    /// reached.</exception>
    public IEnumerable<RgbImage> ManipulateFrames(
        Source source, IEnumerable<IReadOnlyList<MotionEdit>> edits, AnimationOptions? options = null,
            IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(edits);
        Combinations.CheckManipulated(source);
        options = Checked(options);
        AnimationOptions fit = new() { Fit = options.Fit, Crop = options.Crop };
        return Manipulated(new(source, Unused, fit, fit.Settings(MotionMode.Relative, ModelOptions.Batch)), edits, progress,
            cancellationToken);
    }

    private static Driving Unused { get; } = Driving.From([]);

    private IEnumerable<RgbImage> Manipulated(
        Clip clip, IEnumerable<IReadOnlyList<MotionEdit>> edits, IProgress<AnimationProgress>? progress,
            CancellationToken cancellationToken)
    {
        using Occupation occupation = Occupy(cancellationToken);
        using ClipPipeline pipeline = occupation.Explain(() =>
            Open(clip.Source!, _ => new EditedMotion(edits, Directions), clip, null, progress, occupation.Token));
        using IEnumerator<RgbImage> frames = pipeline.Frames().GetEnumerator();
        while (occupation.Explain(frames.MoveNext)) yield return frames.Current;
    }
}
