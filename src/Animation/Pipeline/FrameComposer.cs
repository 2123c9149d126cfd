using Lia.Animation.Framing;
using Lia.Media.Imaging;
using Lia.Media.IO;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>From what the network made of a frame to the frame of the output: alone, beside source and driving frame, or in the full source
/// picture; in its own size, or resized.</summary>
internal sealed class FrameComposer
{
    private readonly int _size, _width;
    private readonly bool _sideBySide;
    private readonly PasteBack? _paste;
    private readonly PillowResize? _resize;
    private readonly byte[] _square = [], _composed = [];

    /// <exception cref="MediaException">The output would be too large.</exception>
    public FrameComposer(int size, SourceFrames source, CompositionSettings settings)
    {
        (_size, _sideBySide) = (size, settings.SideBySide);
        (Width, Height) = (_sideBySide ? 3 * size : size, size);
        if (settings.PasteBack)
        {
            (Width, Height) = (source.Picture.Width, source.Picture.Height);
            _paste = source.PasteBack();
            _square = new byte[3 * size * size];
        }
        _width = Width;
        if (settings.Height is not { } height || height == Height) return;
        (long width, int composed) = (Math.Max(1, ((long)Width * height + Height / 2) / Height), Height);
        Inputs.RefuseTooLarge("the output", width, height);
        (Width, Height) = ((int)width, height);
        _resize = new PillowResize(_width, composed, Width, Height, Environment.ProcessorCount);
        _composed = new byte[3 * _width * composed];
    }

    /// <summary>Pixels in a row of the output.</summary>
    public int Width { get; }

    /// <summary>Rows of the output.</summary>
    public int Height { get; }

    /// <summary>Whether the output is the network's frame and nothing else.</summary>
    public bool IsPlain => _paste is null && !_sideBySide && _resize is null;

    /// <summary>Composes a frame whose colors are those of values from -1 to 1, whatever the clip's other frames are.</summary>
    /// <param name="frame">What the network made.</param>
    /// <param name="pixels">Receives [<see cref="Height"/>, <see cref="Width"/>, 3].</param>
    public void Compose(NetworkFrame frame, Span<byte> pixels) => Compose(frame, new ColorMap(-1, 1), pixels);

    /// <param name="frame">What the network made.</param>
    /// <param name="map">From its values to colors, where it has none.</param>
    /// <param name="pixels">Receives [<see cref="Height"/>, <see cref="Width"/>, 3].</param>
    public void Compose(NetworkFrame frame, ColorMap map, Span<byte> pixels)
    {
        Draw(frame, map, _resize is null ? pixels : _composed);
        _resize?.Run(_composed, 3 * _width, pixels, 3 * Width);
    }

    private void Draw(NetworkFrame frame, ColorMap map, Span<byte> pixels)
    {
        int row = 3 * _size;
        if (_paste is not null)
        {
            if (frame.Colors is null) map.ToPixels(frame.Values.Span, _size, _square, row);
            _paste.Paste(frame.Colors ?? _square, frame.Picture!, pixels);
        }
        else if (_sideBySide)
        {
            for (int y = 0; y < _size; y++)
            {
                frame.Source.AsSpan(y * row, row).CopyTo(pixels[(3 * y * row)..]);
                frame.Driving!.AsSpan(y * row, row).CopyTo(pixels[((3 * y + 1) * row)..]);
                frame.Colors?.AsSpan(y * row, row).CopyTo(pixels[((3 * y + 2) * row)..]);
            }
            if (frame.Colors is null) map.ToPixels(frame.Values.Span, _size, pixels[(2 * row)..], 3 * row);
        }
        else if (frame.Colors is not null)
        {
            frame.Colors.CopyTo(pixels);
        }
        else
        {
            map.ToPixels(frame.Values.Span, _size, pixels, row);
        }
    }
}

/// <summary>What the network made of a driving frame.</summary>
/// <param name="Values">[3, S, S], not clamped; empty where there are colors.</param>
/// <param name="Colors">[S, S, 3] where the device made them, else null.</param>
/// <param name="Source">The source as the network saw it [S, S, 3].</param>
/// <param name="Driving">The driving frame as the network saw it [S, S, 3], where it is to be shown.</param>
/// <param name="Picture">The source in full; null for a frame that has waited on the disk.</param>
internal readonly record struct NetworkFrame(ReadOnlyMemory<float> Values, byte[]? Colors, byte[] Source, byte[]? Driving,
    RgbImage? Picture);
