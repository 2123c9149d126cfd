namespace Lia.Media.Png;

/// <summary>The picture that rows and animation frames are drawn on: colors, and the transparency where it counts.</summary>
/// <param name="width">Pixels in a row.</param>
/// <param name="height">Rows.</param>
/// <param name="keepsAlpha">Whether transparency is of interest: of animations, and where there is a background.</param>
internal sealed class PngCanvas(int width, int height, bool keepsAlpha)
{
    private readonly byte[]? _alpha = keepsAlpha ? new byte[width * height] : null;
    private byte[]? _savedPixels, _savedAlpha;

    /// <summary>The colours. Transparency does not show in them: what is stored for a transparent pixel is what is seen.</summary>
    public RgbImage Image { get; } = new(width, height);

    /// <summary>What is seen with a background.</summary>
    public RgbImage Over(RgbColor background)
    {
        RgbImage seen = new(width, height);
        Span<byte> pixel = stackalloc byte[4];
        for (int i = 0; i < _alpha!.Length; i++)
        {
            Image.Pixels.AsSpan(3 * i, 3).CopyTo(pixel);
            pixel[3] = _alpha[i];
            background.Under(pixel, seen.Pixels.AsSpan(3 * i, 3));
        }
        return seen;
    }

    /// <summary>Draws a row of pixels.</summary>
    /// <param name="rgba">Four bytes for every pixel.</param>
    /// <param name="x">First column.</param>
    /// <param name="step">Distance between columns.</param>
    /// <param name="y">Row.</param>
    /// <param name="over">Whether transparent pixels show what was there.</param>
    public void Draw(ReadOnlySpan<byte> rgba, int x, int step, int y, bool over)
    {
        byte[] pixels = Image.Pixels;
        for (int at = y * width + x; rgba.Length >= 4; rgba = rgba[4..], at += step)
        {
            int alpha = rgba[3];
            if (over && alpha < 255)
            {
                if (alpha > 0) Blend(rgba, at);
                continue;
            }
            pixels[3 * at] = rgba[0];
            pixels[3 * at + 1] = rgba[1];
            pixels[3 * at + 2] = rgba[2];
            if (_alpha is not null) _alpha[at] = (byte)alpha;
        }
    }

    /// <summary>Keeps a rectangle for <see cref="Restore"/>.</summary>
    public void Save(PngRegion region)
    {
        _savedPixels ??= new byte[Image.Pixels.Length];
        _savedAlpha ??= new byte[_alpha!.Length];
        Copy(region, Image.Pixels, _savedPixels, _alpha!, _savedAlpha);
    }

    /// <summary>Brings a rectangle back to what it was when it was saved.</summary>
    public void Restore(PngRegion region) => Copy(region, _savedPixels!, Image.Pixels, _savedAlpha!, _alpha!);

    /// <summary>Makes a rectangle transparent black.</summary>
    public void Clear(PngRegion region)
    {
        for (int y = region.Y; y < region.Y + region.Height; y++)
        {
            Image.Pixels.AsSpan(3 * (y * width + region.X), 3 * region.Width).Clear();
            _alpha!.AsSpan(y * width + region.X, region.Width).Clear();
        }
    }

    /// <summary>Source over destination, both with their own opacity.</summary>
    private void Blend(ReadOnlySpan<byte> rgba, int at)
    {
        int above = rgba[3] * 255, below = (255 - rgba[3]) * _alpha![at], sum = above + below;
        for (int c = 0; c < 3; c++)
        {
            ref byte value = ref Image.Pixels[3 * at + c];
            value = (byte)((rgba[c] * above + value * below + sum / 2) / sum);
        }
        _alpha[at] = (byte)((sum + 127) / 255);
    }

    private void Copy(PngRegion region, byte[] fromPixels, byte[] toPixels, byte[] fromAlpha, byte[] toAlpha)
    {
        for (int y = region.Y; y < region.Y + region.Height; y++)
        {
            int at = y * width + region.X;
            fromPixels.AsSpan(3 * at, 3 * region.Width).CopyTo(toPixels.AsSpan(3 * at));
            fromAlpha.AsSpan(at, region.Width).CopyTo(toAlpha.AsSpan(at));
        }
    }
}

/// <summary>A rectangle of the canvas.</summary>
internal readonly record struct PngRegion(int X, int Y, int Width, int Height);
