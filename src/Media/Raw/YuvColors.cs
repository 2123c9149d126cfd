using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.Media.Imaging;

namespace Lia.Media.Raw;

/// <summary>
/// Y'CbCr to RGB and back with the matrix of BT.601 in fixed point, exact but for the last rounding:
/// <code>
///   R = Y + 1.402 Cr      G = Y - 0.344136 Cb - 0.714136 Cr      B = Y + 1.772 Cb
///
///   16 pixels at once:   Y  ................   widened to int, multiplied, shifted, clamped, narrowed:  R, G, B  ................
///                        Cb 0011223344556677   (4:2:0, 4:2:2: each sample twice)
///                        Cr 0011223344556677   R, G, B put into each other by byte shuffles:            RGBRGBRGB ... 48 bytes
/// </code>
/// with Y in 0..1 and Cb, Cr in -1/2..1/2. Limited range puts black at 16 and white at 235, and colors into 16..240; full range uses all
/// 256 values. What is left of a row goes the same way one by one.
/// </summary>
/// <remarks>
/// The loops over a row are compiled once, for the processor that is there: what is compiled ahead knows no vectors of 256 bits and calls
/// a method for each operation, ten times the time, until the runtime replaces it after hundreds of frames.
/// </remarks>
internal sealed class YuvColors
{
    private const double RedWeight = 0.299, BlueWeight = 0.114, GreenWeight = 1 - RedWeight - BlueWeight;
    private const double LumaScale = 219 / 255.0, ChromaScale = 224 / 255.0; // of the limited range
    private const int Lanes = 16;

    // Bits behind the point to RGB: the largest sum, 255 times 1.16 + 128 times 2.02, just fits; and from RGB, where four pixels are added.
    private const int ToBits = 21, Bits = 16, Half = 1 << (Bits - 1);

    private readonly int _black, _luma, _redOfCr, _greenOfCr, _greenOfCb, _blueOfCb;

    private YuvColors(bool isFull)
    {
        double luma = isFull ? 1 : 1 / LumaScale, chroma = isFull ? 1 : 1 / ChromaScale;
        _black = isFull ? 0 : 16;
        _luma = Fixed(luma, ToBits);
        _redOfCr = Fixed(chroma * 2 * (1 - RedWeight), ToBits);
        _blueOfCb = Fixed(chroma * 2 * (1 - BlueWeight), ToBits);
        _greenOfCr = Fixed(chroma * -2 * (1 - RedWeight) * RedWeight / GreenWeight, ToBits);
        _greenOfCb = Fixed(chroma * -2 * (1 - BlueWeight) * BlueWeight / GreenWeight, ToBits);
    }

    public static YuvColors Limited { get; } = new(isFull: false);

    public static YuvColors Full { get; } = new(isFull: true);

    /// <summary>Converts a frame, a large one on several threads. A color sample serves all its pixels alike, as in ffmpeg's own
    /// conversion.</summary>
    /// <param name="planes">Y, Cb, Cr.</param>
    /// <param name="chroma">How Cb and Cr are sampled.</param>
    /// <param name="image">Receives the colors.</param>
    public void ToRgb(ReadOnlySpan<byte> planes, Chroma chroma, RgbImage image)
    {
        int width = image.Width, height = image.Height;
        RowBands.Run(height, Threads(width, height), planes, image.Pixels, (from, to, first, end) =>
            RowsToRgb(from, chroma, width, height, to, first, end));
    }

    /// <summary>Converts a frame to limited range, a large one on several threads; a color sample is the mean over its pixels.</summary>
    /// <param name="pixels">[height, width, 3].</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="chroma">How Cb and Cr are to be sampled: 4:4:4 or 4:2:0.</param>
    /// <param name="planes">Receives Y, Cb, Cr.</param>
    public static void FromRgb(ReadOnlySpan<byte> pixels, int width, int height, Chroma chroma, Span<byte> planes) =>
        RowBands.Run(chroma.Height(height), Threads(width, height), pixels, planes, (from, to, first, end) =>
            RowsFromRgb(from, width, height, chroma, to, first, end));

    /// <summary>Has the runtime compile the way to RGB: some hundredths of a second, which are best over before the first frame is
    /// there.</summary>
    public static void RehearseToRgb()
    {
        RgbImage image = new(Lanes, 2);
        Limited.ToRgb(new byte[Chroma.Sampling420.FrameBytes(Lanes, 2)], Chroma.Sampling420, image);
    }

    /// <summary>Has the runtime compile the way from RGB, as <see cref="RehearseToRgb"/> does the other.</summary>
    public static void RehearseFromRgb() =>
        FromRgb(new byte[3 * Lanes * 2], Lanes, 2, Chroma.Sampling444, new byte[Chroma.Sampling444.FrameBytes(Lanes, 2)]);

    private static int Threads(int width, int height) => RowBands.Threads((long)width * height, Environment.ProcessorCount);

    private void RowsToRgb(ReadOnlySpan<byte> planes, Chroma chroma, int width, int height, Span<byte> image, int firstRow, int endRow)
    {
        int chromaWidth = chroma.Width(width);
        ReadOnlySpan<byte> blues = planes[(width * height)..], reds = blues[(chromaWidth * chroma.Height(height))..];
        for (int y = firstRow; y < endRow; y++)
        {
            ReadOnlySpan<byte> luma = planes.Slice(y * width, width);
            Span<byte> pixels = image.Slice(3 * y * width, 3 * width);
            if (!chroma.HasColor)
            {
                for (int x = 0; x < width; x++) pixels.Slice(3 * x, 3).Fill(Byte(Gray(luma[x])));
                continue;
            }
            int row = (y >> chroma.VerticalShift) * chromaWidth;
            RowToRgb(luma, blues.Slice(row, chromaWidth), reds.Slice(row, chromaWidth), chroma.HorizontalShift, pixels);
        }
    }

    // Rows of color, and those of luma that they serve.
    private static void RowsFromRgb(
        ReadOnlySpan<byte> pixels, int width, int height, Chroma chroma, Span<byte> planes, int firstRow, int endRow)
    {
        int from = firstRow << chroma.VerticalShift, to = Math.Min(endRow << chroma.VerticalShift, height);
        LumaOfRgb(pixels[(3 * width * from)..(3 * width * to)], planes[(width * from)..(width * to)]);
        int chromaWidth = chroma.Width(width);
        Span<byte> cb = planes[(width * height)..], cr = cb[(chromaWidth * chroma.Height(height))..];
        for (int y = firstRow; y < endRow; y++)
        {
            // The last column and row of odd extents stand for those that are not there.
            int upper = y << chroma.VerticalShift, lower = Math.Min(upper + chroma.VerticalShift, height - 1);
            ChromaOfRgb(pixels.Slice(3 * upper * width, 3 * width), pixels.Slice(3 * lower * width, 3 * width), chroma,
                cb.Slice(y * chromaWidth, chromaWidth), cr.Slice(y * chromaWidth, chromaWidth));
        }
    }

    private static byte Byte(int value) => (byte)Math.Clamp(value >> ToBits, 0, 255);

    private int Gray(int luma) => (luma - _black) * _luma + (1 << (ToBits - 1));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RowToRgb(ReadOnlySpan<byte> luma, ReadOnlySpan<byte> cb, ReadOnlySpan<byte> cr, int shift, Span<byte> pixels)
    {
        int x = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            Vector256<int> black = Vector256.Create((1 << (ToBits - 1)) - _black * _luma), middle = Vector256.Create(128);
            for (; x + Lanes <= luma.Length; x += Lanes)
            {
                (Vector256<int> y0, Vector256<int> y1) = Widen(Vector128.Create(luma.Slice(x, Lanes)));
                (y0, y1) = (y0 * _luma + black, y1 * _luma + black);
                Vector256<int> b0, b1, r0, r1;
                if (shift == 0)
                {
                    (b0, b1) = Widen(Vector128.Create(cb.Slice(x, Lanes)));
                    (r0, r1) = Widen(Vector128.Create(cr.Slice(x, Lanes)));
                    (b0, b1, r0, r1) = (b0 - middle, b1 - middle, r0 - middle, r1 - middle);
                    Interleave(
                        Narrow(y0 + r0 * _redOfCr, y1 + r1 * _redOfCr, ToBits),
                        Narrow(y0 + b0 * _greenOfCb + r0 * _greenOfCr, y1 + b1 * _greenOfCb + r1 * _greenOfCr, ToBits),
                        Narrow(y0 + b0 * _blueOfCb, y1 + b1 * _blueOfCb, ToBits),
                        pixels.Slice(3 * x, 3 * Lanes));
                    continue;
                }
                // Eight samples that serve two pixels each: multiplied before they are doubled.
                Vector256<int> b = Widen(Vector64.Create(cb.Slice(x >> 1, Lanes / 2))) - middle;
                Vector256<int> r = Widen(Vector64.Create(cr.Slice(x >> 1, Lanes / 2))) - middle;
                (r0, r1) = Doubled(r * _redOfCr);
                (b0, b1) = Doubled(b * _blueOfCb);
                (Vector256<int> g0, Vector256<int> g1) = Doubled(b * _greenOfCb + r * _greenOfCr);
                Interleave(Narrow(y0 + r0, y1 + r1, ToBits), Narrow(y0 + g0, y1 + g1, ToBits), Narrow(y0 + b0, y1 + b1, ToBits),
                    pixels.Slice(3 * x, 3 * Lanes));
            }
        }
        for (; x < luma.Length; x++)
        {
            int gray = Gray(luma[x]), blue = cb[x >> shift] - 128, red = cr[x >> shift] - 128;
            pixels[3 * x] = Byte(gray + red * _redOfCr);
            pixels[3 * x + 1] = Byte(gray + blue * _greenOfCb + red * _greenOfCr);
            pixels[3 * x + 2] = Byte(gray + blue * _blueOfCb);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LumaOfRgb(ReadOnlySpan<byte> pixels, Span<byte> luma)
    {
        int red = Fixed(LumaScale * RedWeight, Bits), green = Fixed(LumaScale * GreenWeight, Bits);
        int blue = Fixed(LumaScale * BlueWeight, Bits);
        const int Black = (16 << Bits) + Half;
        int count = pixels.Length / 3, i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            Vector256<int> black = Vector256.Create(Black);
            for (; i + Lanes <= count; i += Lanes)
            {
                (Vector128<byte> r, Vector128<byte> g, Vector128<byte> b) = Separate(pixels.Slice(3 * i, 3 * Lanes));
                (Vector256<int> r0, Vector256<int> r1) = Widen(r);
                (Vector256<int> g0, Vector256<int> g1) = Widen(g);
                (Vector256<int> b0, Vector256<int> b1) = Widen(b);
                Narrow(r0 * red + g0 * green + b0 * blue + black, r1 * red + g1 * green + b1 * blue + black, Bits).CopyTo(luma[i..]);
            }
        }
        for (; i < count; i++)
            luma[i] = (byte)((red * pixels[3 * i] + green * pixels[3 * i + 1] + blue * pixels[3 * i + 2] + Black) >> Bits);
    }

    // Two rows, which may be the same, to a row of Cb and Cr.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ChromaOfRgb(ReadOnlySpan<byte> upper, ReadOnlySpan<byte> lower, Chroma chroma, Span<byte> cb, Span<byte> cr)
    {
        int most = chroma.HorizontalShift + chroma.VerticalShift, shift = Bits + most, width = upper.Length / 3;
        int gray = (128 << shift) + (Half << most), x = 0;
        (int cbRed, int cbGreen, int cbBlue) = Weights(RedWeight, BlueWeight - 1, 1 - BlueWeight);
        (int crRed, int crGreen, int crBlue) = Weights(RedWeight - 1, BlueWeight, 1 - RedWeight);
        if (Vector128.IsHardwareAccelerated && chroma == Chroma.Sampling444)
        {
            Vector256<int> half = Vector256.Create(gray);
            for (; x + Lanes <= width; x += Lanes)
            {
                (Vector128<byte> r, Vector128<byte> g, Vector128<byte> b) = Separate(upper.Slice(3 * x, 3 * Lanes));
                (Vector256<int> r0, Vector256<int> r1) = Widen(r);
                (Vector256<int> g0, Vector256<int> g1) = Widen(g);
                (Vector256<int> b0, Vector256<int> b1) = Widen(b);
                Narrow(r0 * cbRed + g0 * cbGreen + b0 * cbBlue + half, r1 * cbRed + g1 * cbGreen + b1 * cbBlue + half, shift)
                    .CopyTo(cb[x..]);
                Narrow(r0 * crRed + g0 * crGreen + b0 * crBlue + half, r1 * crRed + g1 * crGreen + b1 * crBlue + half, shift)
                    .CopyTo(cr[x..]);
            }
        }
        if (Vector128.IsHardwareAccelerated && chroma == Chroma.Sampling420)
        {
            for (; 2 * x + Lanes <= width; x += Lanes / 2)
            {
                (Vector128<byte> r, Vector128<byte> g, Vector128<byte> b) = Separate(upper.Slice(6 * x, 3 * Lanes));
                (Vector128<byte> r1, Vector128<byte> g1, Vector128<byte> b1) = Separate(lower.Slice(6 * x, 3 * Lanes));
                Vector256<int> red = Pairs(r, r1), green = Pairs(g, g1), blue = Pairs(b, b1);
                Vector256<int> blues = red * cbRed + green * cbGreen + blue * cbBlue + Vector256.Create(gray);
                Vector256<int> reds = red * crRed + green * crGreen + blue * crBlue + Vector256.Create(gray);
                Vector128<byte> both = Narrow(blues, reds, shift);
                both.GetLower().CopyTo(cb[x..]);
                both.GetUpper().CopyTo(cr[x..]);
            }
        }
        for (; x < cb.Length; x++)
        {
            int r = 0, g = 0, b = 0;
            for (int i = 0; i < 1 << most; i++)
            {
                int column = Math.Min((x << chroma.HorizontalShift) + (i & chroma.HorizontalShift), width - 1);
                ReadOnlySpan<byte> pixel = ((i >> chroma.HorizontalShift) == 0 ? upper : lower).Slice(3 * column, 3);
                (r, g, b) = (r + pixel[0], g + pixel[1], b + pixel[2]);
            }
            cb[x] = (byte)((cbRed * r + cbGreen * g + cbBlue * b + gray) >> shift);
            cr[x] = (byte)((crRed * r + crGreen * g + crBlue * b + gray) >> shift);
        }

        // Luma minus color, turned round and brought to -112..112; the three add up to nothing, so that gray has no color.
        static (int Red, int Green, int Blue) Weights(double red, double blue, double extent)
        {
            double scale = -ChromaScale / (2 * extent);
            (int r, int b) = (Fixed(scale * red, Bits), Fixed(scale * blue, Bits));
            return (r, -r - b, b);
        }
    }

    // Sums over two pixels of two rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pairs(Vector128<byte> upper, Vector128<byte> lower)
    {
        Vector128<ushort> low = Vector128.Create((ushort)255);
        Vector128<ushort> sums = (upper.AsUInt16() & low) + (upper.AsUInt16() >>> 8) + (lower.AsUInt16() & low) + (lower.AsUInt16() >>> 8);
        (Vector128<uint> first, Vector128<uint> second) = Vector128.Widen(sums);
        return Vector256.Create(first, second).AsInt32();
    }

    // Each of eight samples twice.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<int> First, Vector256<int> Second) Doubled(Vector256<int> samples) => (
        Vector256.Shuffle(samples, Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3)),
        Vector256.Shuffle(samples, Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(Vector64<byte> bytes) =>
        Vector256.WidenLower(Vector256.WidenLower(bytes.ToVector128Unsafe().ToVector256Unsafe())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<int> First, Vector256<int> Second) Widen(Vector128<byte> bytes)
    {
        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(bytes);
        (Vector256<uint> first, Vector256<uint> second) = Vector256.Widen(Vector256.Create(low, high));
        return (first.AsInt32(), second.AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Narrow(Vector256<int> first, Vector256<int> second, int shift)
    {
        // Saturated to words, which is no other than clamped, and those to bytes.
        Vector256<short> words = Vector256.Max(Vector256.NarrowWithSaturation(first >> shift, second >> shift), Vector256<short>.Zero);
        return Vector128.NarrowWithSaturation(words.GetLower().AsUInt16(), words.GetUpper().AsUInt16());
    }

    // r0 g0 b0 r1 ... from r, g and b; an index beyond the vector gives zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave(Vector128<byte> r, Vector128<byte> g, Vector128<byte> b, Span<byte> pixels)
    {
        const byte No = 255;
        (Vector128.Shuffle(r, Vector128.Create((byte)0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No, No, 5))
            | Vector128.Shuffle(g, Vector128.Create(No, 0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No, No))
            | Vector128.Shuffle(b, Vector128.Create(No, No, 0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No))).CopyTo(pixels);
        (Vector128.Shuffle(r, Vector128.Create(No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No, 10, No))
            | Vector128.Shuffle(g, Vector128.Create(5, No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No, 10))
            | Vector128.Shuffle(b, Vector128.Create(No, 5, No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No))).CopyTo(pixels[16..]);
        (Vector128.Shuffle(r, Vector128.Create(No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15, No, No))
            | Vector128.Shuffle(g, Vector128.Create(No, No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15, No))
            | Vector128.Shuffle(b, Vector128.Create(10, No, No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15))).CopyTo(pixels[32..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<byte> R, Vector128<byte> G, Vector128<byte> B) Separate(ReadOnlySpan<byte> pixels)
    {
        const byte No = 255;
        Vector128<byte> p = Vector128.Create(pixels[..16]), q = Vector128.Create(pixels[16..32]), s = Vector128.Create(pixels[32..48]);
        return (
            Vector128.Shuffle(p, Vector128.Create((byte)0, 3, 6, 9, 12, 15, No, No, No, No, No, No, No, No, No, No))
                | Vector128.Shuffle(q, Vector128.Create(No, No, No, No, No, No, 2, 5, 8, 11, 14, No, No, No, No, No))
                | Vector128.Shuffle(s, Vector128.Create(No, No, No, No, No, No, No, No, No, No, No, 1, 4, 7, 10, 13)),
            Vector128.Shuffle(p, Vector128.Create((byte)1, 4, 7, 10, 13, No, No, No, No, No, No, No, No, No, No, No))
                | Vector128.Shuffle(q, Vector128.Create(No, No, No, No, No, 0, 3, 6, 9, 12, 15, No, No, No, No, No))
                | Vector128.Shuffle(s, Vector128.Create(No, No, No, No, No, No, No, No, No, No, No, 2, 5, 8, 11, 14)),
            Vector128.Shuffle(p, Vector128.Create((byte)2, 5, 8, 11, 14, No, No, No, No, No, No, No, No, No, No, No))
                | Vector128.Shuffle(q, Vector128.Create(No, No, No, No, No, 1, 4, 7, 10, 13, No, No, No, No, No, No))
                | Vector128.Shuffle(s, Vector128.Create(No, No, No, No, No, No, No, No, No, No, 0, 3, 6, 9, 12, 15)));
    }

    private static int Fixed(double value, int bits) => (int)Math.Round(value * (1 << bits), MidpointRounding.AwayFromZero);
}
