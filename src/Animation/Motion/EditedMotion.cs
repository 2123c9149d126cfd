using Lia.Media.IO;

namespace Lia.Animation.Motion;

/// <summary>Steps along motion directions in place of driving frames: codes relative to zero, which is where this motion starts.</summary>
/// <param name="edits">For each frame its edits, which are added up.</param>
/// <param name="directions">Values of a code.</param>
internal sealed class EditedMotion(IEnumerable<IReadOnlyList<MotionEdit>> edits, int directions) : IMotion
{
    public FrameRate? Rate => null;

    public AudioTrack? Audio => null;

    public PixelBox? Crop => null;

    public string? Warning => null;

    public MotionMeters Meters { get; } = new();

    public int? Count => edits.TryGetNonEnumeratedCount(out int count) ? count : null;

    public bool IsLive => true;

    public MotionStart Begin(ReadOnlySpan<float> source) => new(0, new float[directions]);

    public IEnumerable<MotionFrame> Frames() => edits.Select(edits => new MotionFrame(Sum(edits, directions), null));

    public void Return(MotionFrame frame)
    {
    }

    public void Dispose()
    {
    }

    /// <summary>The code that a frame's edits add up to.</summary>
    /// <exception cref="ArgumentException">There is no such direction, or a delta is not a finite number.</exception>
    public static float[] Sum(IReadOnlyList<MotionEdit> edits, int directions)
    {
        float[] code = new float[directions];
        foreach ((int direction, float delta) in edits ?? throw new ArgumentException("A frame's edits are null."))
        {
            if ((uint)direction >= (uint)directions)
                throw new ArgumentException($"There is no motion direction {direction}: this model's are 0 to {directions - 1}.");
            if (!float.IsFinite(delta)) throw new ArgumentException(
                $"The delta of motion direction {direction} is {delta}; it must be a finite number.");
            code[direction] += delta;
        }
        return code;
    }
}
