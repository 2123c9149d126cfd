namespace Lia.Media.Raw;

/// <summary>
/// Y'CbCr to RGB and back with the matrix of BT.601 in fixed point with 16 bits, exact but for the last rounding:
/// <code>
///   R = Y + 1.402 Cr      G = Y - 0.344136 Cb - 0.714136 Cr      B = Y + 1.772 Cb
/// </code>
/// with Y in 0..1 and Cb, Cr in -1/2..1/2. Limited range puts black at 16 and white at 235, and colours into 16..240; full range uses all
/// 256 values.
/// </summary>
internal sealed class YuvColors
{
    private const int Bits = 16, Half = 1 << (Bits - 1);
    private const double RedWeight = 0.299, BlueWeight = 0.114, GreenWeight = 1 - RedWeight - BlueWeight;
    private const double LumaScale = 219 / 255.0, ChromaScale = 224 / 255.0; // of the limited range

    // What each sample value adds; luma's table holds the rounding.
    private readonly int[] _luma = new int[256], _redOfCr = new int[256], _greenOfCr = new int[256], _greenOfCb = new int[256],
        _blueOfCb = new int[256];

    private YuvColors(bool isFull)
    {
        double luma = isFull ? 1 : 1 / LumaScale, chroma = isFull ? 1 : 1 / ChromaScale;
        for (int i = 0; i < 256; i++)
        {
            _luma[i] = Fixed(luma * (isFull ? i : i - 16)) + Half;
            _redOfCr[i] = Fixed(chroma * 2 * (1 - RedWeight) * (i - 128));
            _blueOfCb[i] = Fixed(chroma * 2 * (1 - BlueWeight) * (i - 128));
            _greenOfCr[i] = Fixed(chroma * -2 * (1 - RedWeight) * RedWeight / GreenWeight * (i - 128));
            _greenOfCb[i] = Fixed(chroma * -2 * (1 - BlueWeight) * BlueWeight / GreenWeight * (i - 128));
        }
    }

    public static YuvColors Limited { get; } = new(isFull: false);

    public static YuvColors Full { get; } = new(isFull: true);

    /// <summary>Converts a frame. A colour sample serves all its pixels alike, as in ffmpeg's own conversion.</summary>
    /// <param name="planes">Y, Cb, Cr.</param>
    /// <param name="chroma">How Cb and Cr are sampled.</param>
    /// <param name="image">Receives the colours.</param>
    public void ToRgb(ReadOnlySpan<byte> planes, Chroma chroma, RgbImage image)
    {
        int width = image.Width, height = image.Height, chromaWidth = chroma.Width(width);
        ReadOnlySpan<byte> blues = planes[(width * height)..], reds = blues[(chromaWidth * chroma.Height(height))..];
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> luma = planes.Slice(y * width, width);
            Span<byte> pixels = image.Pixels.AsSpan(3 * y * width, 3 * width);
            if (!chroma.HasColor)
            {
                for (int x = 0; x < width; x++) pixels.Slice(3 * x, 3).Fill(Byte(_luma[luma[x]]));
                continue;
            }
            int row = (y >> chroma.VerticalShift) * chromaWidth;
            ReadOnlySpan<byte> cb = blues.Slice(row, chromaWidth), cr = reds.Slice(row, chromaWidth);
            for (int x = 0; x < width; x++)
            {
                int at = x >> chroma.HorizontalShift, gray = _luma[luma[x]];
                pixels[3 * x] = Byte(gray + _redOfCr[cr[at]]);
                pixels[3 * x + 1] = Byte(gray + _greenOfCb[cb[at]] + _greenOfCr[cr[at]]);
                pixels[3 * x + 2] = Byte(gray + _blueOfCb[cb[at]]);
            }
        }

        static byte Byte(int value) => (byte)Math.Clamp(value >> Bits, 0, 255);
    }

    /// <summary>Converts a frame to limited range; a colour sample is the mean over its pixels.</summary>
    /// <param name="pixels">[height, width, 3].</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="chroma">How Cb and Cr are to be sampled: 4:4:4 or 4:2:0.</param>
    /// <param name="planes">Receives Y, Cb, Cr.</param>
    public static void FromRgb(ReadOnlySpan<byte> pixels, int width, int height, Chroma chroma, Span<byte> planes)
    {
        (int red, int green, int blue) = (Fixed(LumaScale * RedWeight), Fixed(LumaScale * GreenWeight), Fixed(LumaScale * BlueWeight));
        for (int i = 0; i < width * height; i++)
            planes[i] = (byte)((red * pixels[3 * i] + green * pixels[3 * i + 1] + blue * pixels[3 * i + 2] + (16 << Bits) + Half) >> Bits);

        int chromaWidth = chroma.Width(width), chromaHeight = chroma.Height(height), most = chroma.HorizontalShift + chroma.VerticalShift;
        Span<byte> cb = planes[(width * height)..], cr = cb[(chromaWidth * chromaHeight)..];
        (int cbRed, int cbGreen, int cbBlue) = Weights(RedWeight, BlueWeight - 1, 1 - BlueWeight);
        (int crRed, int crGreen, int crBlue) = Weights(RedWeight - 1, BlueWeight, 1 - RedWeight);
        const int Gray = 128 << Bits;
        for (int y = 0; y < chromaHeight; y++)
        {
            for (int x = 0; x < chromaWidth; x++)
            {
                // The last column and row of odd extents stand for those that are not there.
                int r = 0, g = 0, b = 0;
                for (int i = 0; i < 1 << most; i++)
                {
                    int column = Math.Min((x << chroma.HorizontalShift) + (i & chroma.HorizontalShift), width - 1);
                    int line = Math.Min((y << chroma.VerticalShift) + (i >> chroma.HorizontalShift), height - 1);
                    ReadOnlySpan<byte> pixel = pixels.Slice(3 * (line * width + column), 3);
                    (r, g, b) = (r + pixel[0], g + pixel[1], b + pixel[2]);
                }
                int half = Half << most, shift = Bits + most, at = y * chromaWidth + x;
                cb[at] = (byte)((cbRed * r + cbGreen * g + cbBlue * b + (Gray << most) + half) >> shift);
                cr[at] = (byte)((crRed * r + crGreen * g + crBlue * b + (Gray << most) + half) >> shift);
            }
        }

        // Luma minus colour, turned round and brought to -112..112; the three add up to nothing, so that grey has no colour.
        static (int Red, int Green, int Blue) Weights(double red, double blue, double extent)
        {
            double scale = -ChromaScale / (2 * extent);
            (int r, int b) = (Fixed(scale * red), Fixed(scale * blue));
            return (r, -r - b, b);
        }
    }

    private static int Fixed(double value) => (int)Math.Round(value * (1 << Bits), MidpointRounding.AwayFromZero);
}
