namespace Lia.Media.IO;

/// <summary>Frames, one after another. Used by one thread at a time.</summary>
internal interface IFrameReader : IDisposable
{
    /// <summary>The file or folder, for error messages.</summary>
    string Name { get; }

    /// <summary>The rate the frames play at; null for pictures that have no time: one alone, those of a folder or of a caller.</summary>
    FrameRate? Rate { get; }

    /// <summary>Number of frames if it is known beforehand: a hint, for progress and for how many go together, not a promise.</summary>
    int? Count { get; }

    /// <summary>The sound that belongs to the frames.</summary>
    AudioTrack? Audio { get; }

    /// <summary>What was wrong with the file without ending it, in one line; known after the last frame.</summary>
    string? Warning { get; }

    /// <summary>The next frame, valid until the next call; null after the last.</summary>
    /// <exception cref="MediaException">The file is damaged.</exception>
    /// <exception cref="OperationCanceledException">The token given when opening was cancelled.</exception>
    RgbImage? Read();
}

/// <summary>Sound in a file.</summary>
/// <param name="Path">The file.</param>
/// <param name="FirstFrame">
/// Where the first video frame lies, in seconds of the file's own time or, without one, from the first of the sound.
/// </param>
/// <param name="Stream">The sound's number among the file's streams.</param>
/// <param name="HasClock">Whether the file has a time of its own that runs on from its start to its end.</param>
internal sealed record AudioTrack(string Path, double FirstFrame, int Stream, bool HasClock);
