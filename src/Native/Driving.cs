using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Raw;

namespace Lia;

/// <summary>Where motion comes from: a file or folder, a stream of raw video, frames in memory, or a motion clip.</summary>
/// <remarks>
/// Paths, streams, arrays and lists of frames and motion clips become one by themselves where it is asked for; other sequences with
/// <see cref="From"/>, and raw video that does not say what it is with <see cref="Raw(Stream, RawInput, FrameSize?)"/>. Frames of a stream
/// go through one by one (unless <see cref="ModelOptions.Batch"/> says otherwise): the result of one is written, and flushed, before
/// another has to come, and at most two are under way
/// (more by half a window where motion is smoothed). A stream is read from where it stands and not closed; when the work is canceled, a
/// read may still be under way.
/// </remarks>
public sealed class Driving
{
    private readonly Stream? _stream;
    private Func<CancellationToken, IFrameReader?>? _opened; // ahead, for one call
    private RawInput _format;
    private FrameSize? _size;

    private Driving(string? path = null, Stream? stream = null, IEnumerable<RgbImage>? frames = null, MotionClip? motion = null) =>
        (Path, _stream, Frames, Motion) = (path, stream, frames, motion);

    /// <summary>The file or folder, if it is one; of a motion clip the file it was read from.</summary>
    internal string? Path { get; }

    /// <summary>The frames in memory, if it is that.</summary>
    internal IEnumerable<RgbImage>? Frames { get; }

    /// <summary>The motion clip, if it is one.</summary>
    internal MotionClip? Motion { get; }

    /// <summary>Whether frames come when they come.</summary>
    internal bool IsStream => _stream is not null;

    /// <summary>Whether frames are read from a file, which can be done twice.</summary>
    internal bool IsFile => Path is not null && Motion is null;

    /// <summary>The file with what error messages call it.</summary>
    internal (string Path, string What)? File => Path is null ? null : (Path, Motion is null ? "the driving file" : "the motion file");

    /// <summary>Frames in memory, of any sequence.</summary>
    /// <param name="frames">Of any size; read once, in order, by another thread, a few ahead of the network.</param>
    public static Driving From(IEnumerable<RgbImage> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        return new(frames: frames);
    }

    /// <summary>Raw video in a file, which says less than its name does, or another thing.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="format">What it is.</param>
    /// <param name="size">The size of RGB24 frames, which do not say it themselves. RGB24 needs <see cref="AnimationOptions.FrameRate"/>
    /// too.</param>
    /// <exception cref="ArgumentException">The format is none of its names, or a side of the size is below 1.</exception>
    public static Driving Raw(string path, RawInput format = RawInput.Auto, FrameSize? size = null) => ((Driving)path).As(format, size);

    /// <summary>A stream of raw video.</summary>
    /// <param name="stream">Open for reading. Whoever opened it closes it.</param>
    /// <param name="format">What it is.</param>
    /// <param name="size">As for a file.</param>
    /// <exception cref="ArgumentException">The format is none of its names, or a side of the size is below 1.</exception>
    public static Driving Raw(Stream stream, RawInput format = RawInput.Auto, FrameSize? size = null) => ((Driving)stream).As(format, size);

    /// <summary>A video, a folder of numbered pictures, an animated PNG, a single picture, or raw video.</summary>
    /// <param name="path">Its name.</param>
    public static implicit operator Driving(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path: path);
    }

    /// <summary>A stream of raw video that says what it is.</summary>
    /// <param name="stream">Open for reading. Whoever opened it closes it.</param>
    public static implicit operator Driving(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new(stream: stream);
    }

    /// <inheritdoc cref="From"/>
    public static implicit operator Driving(RgbImage[] frames) => From(frames);

    /// <inheritdoc cref="From"/>
    public static implicit operator Driving(List<RgbImage> frames) => From(frames);

    /// <summary>The motion of a clip without its pictures. There is no sound in it.</summary>
    /// <param name="motion">Of the same model.</param>
    public static implicit operator Driving(MotionClip motion)
    {
        ArgumentNullException.ThrowIfNull(motion);
        return new(path: motion.Path, motion: motion);
    }

    /// <summary>Has what reading it needs compiled, meanwhile; a guess by the name.</summary>
    internal void Rehearse()
    {
        if (_format != RawInput.Rgb24 && (_stream is not null || Path?.EndsWith(".y4m", StringComparison.OrdinalIgnoreCase) == true))
            _ = Task.Run(YuvColors.RehearseToRgb);
    }

    /// <summary>Opens a file meanwhile: the next <see cref="Open"/> takes what was opened. A pipe waits until it is its turn.</summary>
    /// <param name="options">As they are given to <see cref="Open"/>.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <param name="ahead">This file for one call.</param>
    /// <returns>To be disposed when the call is over; null where there is nothing to open.</returns>
    internal DrivingAhead? OpenAhead(AnimationOptions options, CancellationToken cancellationToken, out Driving ahead)
    {
        ahead = this;
        if (!IsFile || Inputs.IsPipe(Path!)) return null;
        DrivingAhead opening = new(stop => Open(options, stop), cancellationToken);
        ahead = new(Path) { _format = _format, _size = _size, _opened = opening.Take };
        return opening;
    }

    /// <summary>Opens the frames.</summary>
    /// <exception cref="MediaException">They cannot be read.</exception>
    internal IFrameReader Open(AnimationOptions options, CancellationToken cancellationToken)
    {
        if (_opened?.Invoke(cancellationToken) is { } reader) return reader;
        ReadOptions reading = new(options.EndFrame, new(_format, _size, options.FrameRate), options.Background);
        return _stream is not null ? RawReaders.Open(_stream, "the driving stream", reading.Raw, cancellationToken)
            : Frames is not null ? new MemoryReader(Frames, "the driving frames")
            : FrameReaders.Open(Path!, reading, cancellationToken);
    }

    private Driving As(RawInput format, FrameSize? size)
    {
        if (!Enum.IsDefined(format)) throw new ArgumentException("The format is not one of its names.", nameof(format));
        if (size is { } given && (given.Width < 1 || given.Height < 1))
            throw new ArgumentException($"The input size is {given}; it must be at least 1x1.", nameof(size));
        (_format, _size) = (format, size);
        return this;
    }
}
