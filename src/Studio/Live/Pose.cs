using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Lia.Studio.Uploads;

namespace Lia.Studio.Live;

/// <summary>What a picture is to look like: a frame of a clip, or none, and what is added to it.</summary>
internal sealed record Pose
{
    /// <summary>How long a frame whose code is not known yet is waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The clip; null for the directions alone.</summary>
    public DrivingUpload? Driving { get; init; }

    /// <summary>The clip's frame.</summary>
    public int Frame { get; init; }

    /// <summary>The smoothing window.</summary>
    public int Smooth { get; init; } = 1;

    /// <summary>Where relative motion starts; null is the first frame.</summary>
    public StartFrame? Start { get; init; }

    public MotionMode Mode { get; init; }

    /// <summary>Factor on everything.</summary>
    public float Strength { get; init; } = 1;

    /// <summary>What is added [directions].</summary>
    public required float[] Directions { get; init; }

    /// <summary>What to ask the network for.</summary>
    /// <exception cref="ProblemException">There is no such frame, or it is not encoded in time.</exception>
    public async Task<PictureRequest> AskAsync(
        SourceUpload source, Networks network, string what, CancellationToken cancellationToken)
    {
        Face face = source.Face;
        if (Driving is null)
            return new(face, what) { Code = Directions, Start = new float[Directions.Length], Strength = Strength };
        MotionMode mode = Mode == MotionMode.Auto ? (await network.Facts.ConfigureAwait(false)).DefaultMode : Mode;
        bool isRelative = mode == MotionMode.Relative;
        if (!isRelative && Start is not null)
            throw ProblemException.Bad("A start frame is where relative motion starts, and the motion here is absolute.");
        float[] code = await Driving.CodeAsync(Frame, Smooth, Patience, cancellationToken).ConfigureAwait(false);
        float[]? start = null;
        if (isRelative)
        {
            int first = Start switch
            {
                null => 0,
                { IsBest: true } => await Driving.NearestAsync(
                    await network.CodeOfAsync(face).ConfigureAwait(false), Smooth, Patience, cancellationToken).ConfigureAwait(false),
                { Number: int number } => number,
            };
            start = await Driving.CodeAsync(first, Smooth, Patience, cancellationToken).ConfigureAwait(false);
        }
        if (Directions.Any(delta => delta != 0)) code = [.. code.Zip(Directions, (a, b) => a + b)];
        return new(face, what) { Code = code, Start = start, Strength = Strength, IsRelative = isRelative };
    }
}
