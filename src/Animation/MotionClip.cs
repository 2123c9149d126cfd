using Lia.Network;

namespace Lia;

/// <summary>The motion of a driving clip without its pictures: a motion code alpha for every frame. Animates as the clip itself does, frame
/// for frame.</summary>
/// <remarks>
/// Codes are made by <c>Animator.ExtractMotion</c> and mean something only to the
/// model that made them, which <see cref="Fingerprint"/> tells. A clip never changes; to edit codes, make another from edited
/// <see cref="Codes"/>.
/// </remarks>
public sealed partial class MotionClip
{
    private readonly float[] _codes;

    /// <summary>Makes a clip of codes.</summary>
    /// <param name="codes">alpha of every frame [frames, directions], at least one frame.</param>
    /// <param name="directions">Values of a code: the model's motion directions.</param>
    /// <param name="frameRate">The rate the frames play at.</param>
    /// <param name="fingerprint"><c>Animator.MotionFingerprint</c> of the model that the codes are of.</param>
    /// <param name="start">The frame where relative motion starts unless options say otherwise.</param>
    /// <exception cref="ArgumentException">A value is out of its range; the message says which.</exception>
    public MotionClip(ReadOnlySpan<float> codes, int directions, FrameRate frameRate, string fingerprint, int start = 0)
    {
        ArgumentNullException.ThrowIfNull(fingerprint);
        if (directions < 1) throw new ArgumentException($"A motion code has at least 1 value, not {directions}.", nameof(directions));
        if (codes.IsEmpty) throw new ArgumentException("There is no motion code.", nameof(codes));
        if (codes.Length % directions != 0)
            throw new ArgumentException($"{codes.Length} values are no whole number of motion codes of {directions}.", nameof(codes));
        if (frameRate.Numerator == 0) throw new ArgumentException("The frame rate is 0.", nameof(frameRate));
        if (fingerprint.Length != MotionFingerprint.Length || !fingerprint.All(char.IsAsciiHexDigitLower))
            throw new ArgumentException($"The fingerprint is not {MotionFingerprint.Length} lower-case hexadecimal digits.",
                nameof(fingerprint));
        (Directions, Count, FrameRate, Fingerprint, Start) = (directions, codes.Length / directions, frameRate, fingerprint, start);
        if ((uint)start >= (uint)Count)
            throw new ArgumentException($"The start frame is {start}; the frames are 0 to {Count - 1}.", nameof(start));
        for (int i = 0; i < codes.Length; i++)
        {
            if (!float.IsFinite(codes[i]))
                throw new ArgumentException($"The motion code of frame {i / directions} holds {codes[i]} for direction {i % directions}.",
                    nameof(codes));
        }
        _codes = codes.ToArray();
    }

    /// <summary>Number of frames.</summary>
    public int Count { get; }

    /// <summary>Values of a code.</summary>
    public int Directions { get; }

    /// <summary>The rate the frames play at.</summary>
    public FrameRate FrameRate { get; }

    /// <summary><c>Animator.MotionFingerprint</c> of the model that the codes are of.</summary>
    public string Fingerprint { get; }

    /// <summary>The frame where relative motion starts unless <c>AnimationOptions.StartFrame</c> says otherwise.</summary>
    public int Start { get; }

    /// <summary>What the model was called when the codes were made; null when nobody said. For people to read.</summary>
    public string? Model { get; init; }

    /// <summary>The device that computed the codes, in words; null when nobody said. For people to read: another device's codes differ by
    /// rounding.</summary>
    public string? Device { get; init; }

    /// <summary>Every code [<see cref="Count"/>, <see cref="Directions"/>].</summary>
    public ReadOnlySpan<float> Codes => _codes;

    /// <summary>The file the clip was read from, as the caller named it.</summary>
    internal string? Path { get; init; }

    /// <summary>What error messages call the clip.</summary>
    internal string Name => Path ?? "the motion clip";

    /// <summary>The code of a frame [<see cref="Directions"/>].</summary>
    /// <param name="frame">From 0 to <see cref="Count"/> - 1.</param>
    public ReadOnlySpan<float> this[int frame]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(frame);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(frame, Count);
            return _codes.AsSpan(frame * Directions, Directions);
        }
    }
}
