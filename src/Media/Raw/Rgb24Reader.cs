using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>Frames of RGB bytes, one after another with nothing between them.</summary>
/// <param name="stream">At its first byte.</param>
/// <param name="owned">Disposed with the reader.</param>
/// <param name="size">The size of every frame.</param>
/// <param name="rate">The rate they play at.</param>
internal sealed class Rgb24Reader(CountedStream stream, IDisposable? owned, FrameSize size, FrameRate rate) : IFrameReader
{
    private readonly RgbImage _image = new(size.Width, size.Height);
    private int _frames;

    public string Name => stream.Name;

    public FrameRate? Rate => rate;

    public int? Count { get; } = stream.CountOf(3L * size.Width * size.Height);

    public AudioTrack? Audio => null;

    public string? Warning => null;

    public RgbImage? Read()
    {
        int read = stream.Fill(_image.Pixels);
        if (read == 0) return null;
        if (read < _image.Pixels.Length)
            throw stream.Damaged(stream.Offset,
                $"the stream ends within frame {_frames}, of which {read} of {_image.Pixels.Length} bytes are there.");
        _frames++;
        return _image;
    }

    public void Dispose() => owned?.Dispose();
}
