using Lia.Animation.Pipeline;
using Lia.Media.Files;
using Lia.Media.Raw;

namespace Lia;

/// <summary>Where frames are written: a file or folder, or a stream that receives raw video.</summary>
/// <remarks>
/// Paths and streams become one by themselves where it is asked for; how raw video is written <see cref="Raw(Stream, RawOutput)"/> says.
/// A path goes by its extension: <c>.mp4</c>, <c>.mov</c>, <c>.mkv</c>,
/// <c>.webm</c>, <c>.gif</c>, <c>.webp</c>, <c>.png</c> or <c>.apng</c> (animated PNG), <c>.jpg</c> (one picture), <c>NAME%05d.png</c>
/// (numbered pictures), <c>.y4m</c> or <c>.rgb</c> (raw video), no extension or a trailing slash (a folder of numbered
/// pictures); it appears complete or not at all.
/// A stream is written from where it stands, flushed after every frame, and not closed; when the work is canceled, a part of a frame may
/// be in it.
/// </remarks>
public sealed class Output
{
    private readonly Stream? _stream;
    private RawOutput _format;

    private Output(string? path, Stream? stream) => (Path, _stream) = (path, stream);

    /// <summary>The file or folder, if it is one.</summary>
    internal string? Path { get; }

    /// <summary>Raw video in a file <c>.y4m</c> or <c>.rgb</c>.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="format">How it is written; of other files nothing but <see cref="RawOutput.Auto"/>.</param>
    /// <exception cref="ArgumentException">The format is none of its names.</exception>
    public static Output Raw(string path, RawOutput format) => ((Output)path).As(format);

    /// <summary>Raw video in a stream.</summary>
    /// <param name="stream">Open for writing. Whoever opened it closes it.</param>
    /// <param name="format">How it is written.</param>
    /// <exception cref="ArgumentException">The format is none of its names.</exception>
    public static Output Raw(Stream stream, RawOutput format) => ((Output)stream).As(format);

    /// <summary>A file or folder.</summary>
    /// <param name="path">Its name.</param>
    public static implicit operator Output(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, null);
    }

    /// <summary>A stream that receives raw video.</summary>
    /// <param name="stream">Open for writing. Whoever opened it closes it.</param>
    public static implicit operator Output(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new(null, stream);
    }

    /// <summary>In error messages and summaries; a stream is <c>-</c>.</summary>
    public override string ToString() => Path ?? "-";

    /// <summary>Has what writing here needs compiled, meanwhile; a guess by the name.</summary>
    internal void Rehearse()
    {
        if (_format != RawOutput.Rgb24 && (Path is null || Path.EndsWith(".y4m", StringComparison.OrdinalIgnoreCase)))
            _ = Task.Run(YuvColors.RehearseFromRgb);
    }

    /// <summary>How a clip is written here.</summary>
    internal OutputSettings Settings(AnimationOptions options, CancellationToken cancellationToken) =>
        new(ToString(), options.Audio, (width, height, rate, audio) => _stream is null
            ? FrameWriters.Open(Path!, width, height, rate, audio, _format, options.Quality, cancellationToken)
            : RawWriter.ToStream(_stream, "the output stream", width, height, rate, _format, cancellationToken));

    private Output As(RawOutput format)
    {
        if (!Enum.IsDefined(format)) throw new ArgumentException("The format is not one of its names.", nameof(format));
        _format = format;
        return this;
    }
}
