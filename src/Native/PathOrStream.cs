using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Raw;

namespace Lia;

/// <summary>Where a clip comes from or goes to: a file or folder, or a stream of raw video (<see cref="AnimationOptions.RawInput"/>, <see cref="AnimationOptions.RawOutput"/>).</summary>
/// <remarks>Paths and streams become one by themselves where it is asked for.</remarks>
public readonly struct PathOrStream
{
    private PathOrStream(string? path, Stream? stream) => (Path, Stream) = (path, stream);

    /// <summary>The file or folder; null for a stream.</summary>
    public string? Path { get; }

    /// <summary>The stream; null for a path. Whoever opened it closes it.</summary>
    public Stream? Stream { get; }

    /// <summary>A file or folder.</summary>
    /// <param name="path">Its name.</param>
    public static PathOrStream FromPath(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, null);
    }

    /// <summary>A stream of raw video.</summary>
    /// <param name="stream">Open for what it is used for.</param>
    public static PathOrStream FromStream(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new(null, stream);
    }

    /// <inheritdoc cref="FromPath"/>
    public static implicit operator PathOrStream(string path) => FromPath(path);

    /// <inheritdoc cref="FromStream"/>
    public static implicit operator PathOrStream(Stream stream) => FromStream(stream);

    internal IFrameReader OpenReader(ReadOptions options, CancellationToken cancellationToken) => Stream is null
        ? FrameReaders.Open(Path!, options, cancellationToken)
        : RawReaders.Open(Stream, "the driving stream", options.Raw, cancellationToken);

    internal IFrameWriter OpenWriter(int width, int height, FrameRate rate, AudioTrack? audio, RawOutput format, CancellationToken cancellationToken) => Stream is null
        ? FrameWriters.Open(Path!, width, height, rate, audio, format, cancellationToken)
        : RawWriter.ToStream(Stream, "the output stream", width, height, rate, format, cancellationToken);

    /// <summary>In error messages and summaries; a stream is <c>-</c>.</summary>
    public override string ToString() => Path ?? "-";

    /// <exception cref="ArgumentException">It is neither: the default value.</exception>
    internal void Validate(string parameter)
    {
        if (Path is null && Stream is null) throw new ArgumentException("It is neither a path nor a stream.", parameter);
    }
}
