using Lia.Media.IO;

namespace Lia.Animation.Motion;

/// <summary>What drives a picture: motion codes in the order they are shown. Used by one thread at a time.</summary>
internal interface IMotion : IDisposable
{
    /// <summary>The rate the frames play at; null where they have none of their own.</summary>
    FrameRate? Rate { get; }

    /// <summary>The sound that belongs to the frames.</summary>
    AudioTrack? Audio { get; }

    /// <summary>The part of the driving frames that is looked at; null for all of it.</summary>
    PixelBox? Crop { get; }

    /// <summary>What was wrong with the driving file without ending it, in one line; known after the last frame.</summary>
    string? Warning { get; }

    /// <summary>What getting the codes has taken; of codes that were there already, nothing.</summary>
    MotionMeters Meters { get; }

    /// <summary>Number of frames, where it is known: a hint for progress.</summary>
    int? Count { get; }

    /// <summary>What was told of that when it was opened, by which it is chosen how many frames go together: the same whether frames
    /// stream or were recorded before.</summary>
    int? Told => Count;

    /// <summary>Whether somebody waits for the result of each frame, so that none may be kept back.</summary>
    bool IsLive { get; }

    /// <summary>Makes ready to drive a source.</summary>
    /// <param name="source">The source's motion code.</param>
    /// <returns>Where relative motion starts.</returns>
    /// <exception cref="MediaException">The driving file is damaged, or has no such start frame.</exception>
    MotionStart Begin(ReadOnlySpan<float> source);

    /// <summary>The frames. Each is to be given back with <see cref="Return"/>.</summary>
    /// <exception cref="MediaException">The driving file is damaged, or holds no frame in the range.</exception>
    IEnumerable<MotionFrame> Frames();

    /// <summary>Gives a frame's pixels back; they are overwritten.</summary>
    void Return(MotionFrame frame);
}

/// <summary>Where relative motion starts.</summary>
/// <param name="Frame">The driving frame, counted from 0 in the whole clip.</param>
/// <param name="Code">Its code; null where it is the first frame's, which is not known yet.</param>
internal readonly record struct MotionStart(int Frame, float[]? Code);

/// <summary>A frame's motion.</summary>
/// <param name="Code">alpha.</param>
/// <param name="Pixels">The driving frame as the network saw it [S, S, 3], where it is to be shown.</param>
internal readonly record struct MotionFrame(float[] Code, byte[]? Pixels);
