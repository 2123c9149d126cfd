using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia;

/// <summary>Writes frames as they come: what
/// <see cref="Animator.FramesAsync(Source, Driving, AnimationOptions?, IProgress{AnimationProgress}?, CancellationToken)"/> yields,
/// say.</summary>
/// <remarks>The output appears under its name with <see cref="Complete"/>; disposed before, it leaves nothing. Used by one thread at a
/// time.</remarks>
public sealed class ClipWriter : IDisposable
{
    private readonly IFrameWriter _writer;
    private readonly string _path;
    private readonly int _width, _height;

    /// <summary>Opens an output.</summary>
    /// <param name="path">By extension: <c>.mp4</c>, <c>.mov</c>, <c>.mkv</c>, <c>.webm</c>, <c>.gif</c>, <c>.webp</c>, <c>.png</c> or
    /// <c>.apng</c> (animated PNG), <c>NAME%05d.png</c>, or a folder.</param>
    /// <param name="width">Width of every frame in pixels.</param>
    /// <param name="height">Height of every frame in pixels.</param>
    /// <param name="rate">Frames per second.</param>
    /// <param name="cancellationToken">Ends a write that is under way.</param>
    /// <exception cref="MediaException">The extension is unknown, the output cannot be written, or <c>ffmpeg</c> is needed and
    /// missing.</exception>
    public ClipWriter(string path, int width, int height, FrameRate rate, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        (_path, _width, _height) = (path, width, height);
        _writer = FrameWriters.Open(path, width, height, rate, null, RawOutput.Auto, null, cancellationToken);
    }

    /// <summary>Adds a frame.</summary>
    /// <param name="frame">Of the size the writer was opened for.</param>
    /// <exception cref="ArgumentException">It has another size.</exception>
    /// <exception cref="MediaException">The frame cannot be written.</exception>
    public void Write(RgbImage frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if ((frame.Width, frame.Height) != (_width, _height))
            throw new ArgumentException($"{_path}: frames are {_width}x{_height}, this one is {frame.Width}x{frame.Height}.",
                nameof(frame));
        _writer.Write(frame.Pixels);
    }

    /// <summary>Finishes the output; it appears under its name.</summary>
    /// <exception cref="MediaException">The output cannot be finished.</exception>
    public void Complete() => _writer.Complete();

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();
}
