using System.Buffers.Binary;
using Lia.Media.Imaging;
using Lia.Media.IO;

namespace Lia.Media.Png;

/// <summary>
/// Reads PNG pictures and animations of every colour type, bit depth and interlacing, with every checksum checked.
/// Transparency is dropped, as Pillow's <c>convert("RGB")</c> does, unless there is a background; it counts where frames of an animation
/// blend with one another. A picture is brought upright as its EXIF data says (the chunk eXIf).
/// </summary>
internal sealed class PngReader : IFrameReader
{
    // A frame counts as one of this size, however small it is: a few bytes of delays can have one stay for millions of others.
    private const int LeastExtent = 64;

    private readonly FileStream _file;
    private readonly PngChunkReader _chunks;
    private readonly PngHeader _header;
    private readonly PngScanlines _scanlines;
    private readonly PngCanvas _canvas;
    private readonly PngTimeline? _timeline;
    private readonly RgbColor? _background;
    private uint _sequence;
    private RgbImage? _shown;
    private int _frames, _given; // read of the file, and shown
    private int _orientation = Orientation.Upright;
    private PngFrameControl? _last;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="frames">Frames wanted, counted from the first; null wants all.</param>
    /// <param name="background">What transparent pixels show; null for their stored colors.</param>
    /// <exception cref="MediaException">It is damaged or too large.</exception>
    public PngReader(string path, int? frames = null, RgbColor? background = null)
    {
        (Name, _background) = (path, background);
        _file = Inputs.OpenFile(path);
        try
        {
            _chunks = new PngChunkReader(_file, path);
            _chunks.ReadSignature();
            _header = PngHeader.Read(_chunks, path);
            // Deflate makes at most 1032 bytes of one: a file that cannot hold its picture is refused before memory is taken for it.
            if ((long)_header.RowBytes(_header.Width) * _header.Height > 1032 * _file.Length)
                throw _chunks.Damaged($"{_file.Length} bytes cannot hold {_header.Width}x{_header.Height} pixels");
            _scanlines = new PngScanlines(_header, _chunks);
            _timeline = PngTimeline.Scan(_file, _chunks);
            if (_timeline is not null) LimitWork(_timeline, Math.Min(_timeline.Count, frames ?? int.MaxValue));
            _canvas = new PngCanvas(_header.Width, _header.Height, keepsAlpha: _timeline is not null || background is not null);
            _chunks.Next();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file begins as a PNG file does.</summary>
    public static bool Recognizes(string path)
    {
        using FileStream file = Inputs.OpenFile(path);
        Span<byte> start = stackalloc byte[8];
        return file.ReadAtLeast(start, 8, throwOnEndOfStream: false) == 8 && start.SequenceEqual(PngFormat.Signature);
    }

    public string Name { get; }

    public FrameRate? Rate => _timeline?.Rate;

    public int? Count => _timeline?.Count ?? 1;

    public AudioTrack? Audio => null;

    public string? Warning => null;

    public RgbImage? Read()
    {
        if (_given == Count) return null;
        try
        {
            int before = _frames;
            if (_timeline is null) ReadPicture();
            else while (_frames < _timeline.Places.Length && _timeline.Places[_frames] <= _given) ReadFrame();
            if (_frames > before) _shown = Orientation.Apply(_background is { } color ? _canvas.Over(color) : _canvas.Image, _orientation);
            _given++;
            return _shown;
        }
        catch (Exception failure) when (failure is IOException)
        {
            throw new MediaException($"{Name}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Frames are decoded, and shown again where they stay.</summary>
    private void LimitWork(PngTimeline timeline, int wanted)
    {
        int decoded = timeline.Places.Count(place => place < wanted);
        new WorkLimit(Name, _file.Length).Take(
            Math.Max(decoded, wanted), Math.Max(_header.Width, LeastExtent), Math.Max(_header.Height, LeastExtent));
    }

    private void ReadPicture()
    {
        while (_chunks.Type != "IDAT") PassChunk();
        Draw(new PngRegion(0, 0, _header.Width, _header.Height), over: false);
        while (_chunks.Type != "IEND") PassChunk(); // EXIF data may come last
    }

    private void ReadFrame()
    {
        switch (_last?.Disposal)
        {
            case PngDisposal.Background: _canvas.Clear(_last.Region); break;
            case PngDisposal.Previous: _canvas.Restore(_last.Region); break;
        }
        PngFrameControl? control = null;
        while (control is null || _chunks.Type is not ("IDAT" or "fdAT"))
        {
            if (_chunks.Type == "fcTL")
            {
                SequenceNumber();
                control = PngFrameControl.Read(_chunks, _header);
                _chunks.Next();
            }
            else if (_chunks.Type == "IDAT")
            {
                DataStream().Drain(); // a picture for programs that know no animations
            }
            else
            {
                PassChunk();
            }
        }
        // Before the first frame the canvas is transparent black, and "previous" of nothing is that.
        if (control.Disposal == PngDisposal.Previous) _canvas.Save(control.Region);
        Draw(control.Region, control.Over);
        _last = control;
    }

    private void Draw(PngRegion region, bool over)
    {
        if (_header.Color == PngColor.Palette && _scanlines.Palette is null) throw _chunks.Damaged("there is no palette");
        PngDataStream data = DataStream();
        _scanlines.Draw(data, region, _canvas, over);
        data.Drain();
        _frames++;
    }

    private PngDataStream DataStream() => new(_chunks, SequenceNumber);

    /// <summary>Takes note of a chunk that is not image data, and goes to the next.</summary>
    private void PassChunk()
    {
        switch (_chunks.Type)
        {
            case "PLTE":
                _scanlines.Palette = _chunks.ReadAll(3, 3 * 256);
                if (_scanlines.Palette.Length % 3 != 0) throw _chunks.Damaged("the palette is not made of RGB entries");
                break;
            case "tRNS":
                _scanlines.Transparency = _chunks.ReadAll(0, 256);
                break;
            case "eXIf" when _chunks.Remaining <= Orientation.ExifBytes:
                _orientation = Orientation.Of(_chunks.ReadAll(0, Orientation.ExifBytes));
                break;
            case "IEND":
                throw _chunks.Damaged(_timeline is null ? "there is no image data"
                    : $"it says that it has {_timeline.Places.Length} frames, but there are {_frames}");
            default:
                if (char.IsAsciiLetterUpper(_chunks.Type[0]))
                    throw _chunks.Damaged($"the critical chunk {_chunks.Type} is unknown or in the wrong place");
                _chunks.Leave();
                break;
        }
        _chunks.Next();
    }

    /// <summary>Chunks of an animation are numbered, so that a lost or moved one is noticed.</summary>
    private void SequenceNumber()
    {
        Span<byte> number = stackalloc byte[4];
        if (_chunks.Read(number) < 4 || BinaryPrimitives.ReadUInt32BigEndian(number) != _sequence++)
            throw _chunks.Damaged($"the chunk {_chunks.Type} number {_sequence - 1} of the animation is missing or out of order");
    }
}
