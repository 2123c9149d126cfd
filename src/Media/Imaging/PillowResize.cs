using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lia.Media.Imaging;

/// <summary>
/// Pillow's default resize of RGB pictures (bicubic, antialiased), bit for bit.
/// </summary>
/// <remarks>
/// Per axis, with n inputs and m outputs: scale = n/m, f = max(1, scale), support 2f. Output x has its centre at c = (x + 0.5) scale and
/// takes taps [int(c - 2f + 0.5), int(c + 2f + 0.5)) clipped to the picture, weighted by Keys' cubic (a = -0.5) of (tap - c + 0.5)/f.
/// Weights are normalised in
/// double and rounded, half away from zero, to fixed point with 22 bits; sums start at one half, are shifted down and clipped to a byte.
/// The horizontal pass goes first
/// and its bytes are what the vertical pass reads; an axis that keeps its size is copied. 255 * 2^22 times the sum of absolute weights
/// (under 1.3) stays within 31 bits.
/// </remarks>
internal sealed class PillowResize
{
    private const int Bits = ResizeTaps.Bits;

    private readonly int _inWidth, _inHeight, _outWidth, _outHeight, _threads;
    private readonly ResizeTaps? _horizontal, _vertical;
    private readonly byte[] _rows; // [inHeight, outWidth, 3]: what the horizontal pass leaves

    /// <param name="inWidth">Pixels in a row of the input.</param>
    /// <param name="inHeight">Rows of the input.</param>
    /// <param name="outWidth">Pixels in a row of the output.</param>
    /// <param name="outHeight">Rows of the output.</param>
    /// <param name="threads">Most threads that divide the rows of large pictures among them. The result does not depend on it.</param>
    public PillowResize(int inWidth, int inHeight, int outWidth, int outHeight, int threads = 1)
    {
        (_inWidth, _inHeight, _outWidth, _outHeight) = (inWidth, inHeight, outWidth, outHeight);
        _threads = RowBands.Threads(Math.Max((long)inWidth * inHeight, (long)outWidth * outHeight), threads);
        if (inWidth != outWidth) _horizontal = new ResizeTaps(inWidth, outWidth);
        if (inHeight != outHeight) _vertical = new ResizeTaps(inHeight, outHeight);
        _rows = _horizontal is not null && _vertical is not null ? new byte[3 * outWidth * inHeight] : [];
    }

    /// <summary>Resizes a picture, or a rectangle of a larger one.</summary>
    /// <param name="source">From the rectangle's first pixel on, RGB.</param>
    /// <param name="sourceStride">Bytes from a row of the source to the next.</param>
    /// <param name="destination">From the first pixel on, RGB.</param>
    /// <param name="destinationStride">Bytes from a row of the destination to the next.</param>
    public void Run(ReadOnlySpan<byte> source, int sourceStride, Span<byte> destination, int destinationStride)
    {
        if (_horizontal is not null && _vertical is not null)
        {
            int stride = 3 * _outWidth;
            RowBands.Run(_inHeight, _threads, source, _rows, (from, to, first, end) =>
                Horizontal(_horizontal, from, sourceStride, to, stride, first, end));
            RowBands.Run(_outHeight, _threads, _rows, destination, (from, to, first, end) =>
                Vertical(_vertical, from, stride, to, destinationStride, first, end));
        }
        else if (_horizontal is not null)
        {
            RowBands.Run(_inHeight, _threads, source, destination, (from, to, first, end) =>
                Horizontal(_horizontal, from, sourceStride, to, destinationStride, first, end));
        }
        else if (_vertical is not null)
        {
            RowBands.Run(_outHeight, _threads, source, destination, (from, to, first, end) =>
                Vertical(_vertical, from, sourceStride, to, destinationStride, first, end));
        }
        else
        {
            for (int y = 0; y < _inHeight; y++)
                source.Slice(y * sourceStride, 3 * _inWidth).CopyTo(destination[(y * destinationStride)..]);
        }
    }

    /// <summary>Each output pixel sums taps of one row; the three colours and the byte after them ride in one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // As YuvColors.
    private void Horizontal(ResizeTaps taps, ReadOnlySpan<byte> source, int sourceStride, Span<byte> destination, int destinationStride,
        int firstRow, int endRow)
    {
        for (int y = firstRow; y < endRow; y++)
        {
            ReadOnlySpan<byte> row = source.Slice(y * sourceStride, 3 * _inWidth);
            Span<byte> to = destination.Slice(y * destinationStride, 3 * _outWidth);
            for (int x = 0; x < _outWidth; x++)
            {
                ReadOnlySpan<int> weights = taps.Weights(x, out int first);
                ReadOnlySpan<byte> pixels = row.Slice(3 * first, 3 * weights.Length);
                Vector128<int> sum = Vector128.Create(1 << (Bits - 1));
                int last = weights.Length - 1;
                for (int i = 0; i < last; i++)
                {
                    // Four bytes are read: this pixel's three and the next pixel's first, which is why the last tap is apart.
                    uint rgbr = Unsafe.ReadUnaligned<uint>(ref MemoryMarshal.GetReference(pixels.Slice(3 * i, 4)));
                    sum += Widen(rgbr) * Vector128.Create(weights[i]);
                }
                ReadOnlySpan<byte> end = pixels.Slice(3 * last, 3);
                sum += Widen(end[0] | (uint)end[1] << 8 | (uint)end[2] << 16) * Vector128.Create(weights[last]);
                for (int c = 0; c < 3; c++)
                    to[3 * x + c] = (byte)Math.Clamp(sum[c] >> Bits, 0, 255);
            }
        }

        static Vector128<int> Widen(uint bytes) =>
            Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(bytes).AsByte())).AsInt32();
    }

    /// <summary>Each output row is a weighted sum of rows; sixteen bytes of a row at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // As YuvColors.
    private void Vertical(ResizeTaps taps, ReadOnlySpan<byte> source, int sourceStride, Span<byte> destination, int destinationStride,
        int firstRow, int endRow)
    {
        int bytes = 3 * _outWidth, vectorised = bytes & ~15;
        Vector256<int> half = Vector256.Create(1 << (Bits - 1));
        for (int y = firstRow; y < endRow; y++)
        {
            ReadOnlySpan<int> weights = taps.Weights(y, out int first);
            Span<byte> to = destination.Slice(y * destinationStride, bytes);
            for (int x = 0; x < vectorised; x += 16)
            {
                Vector256<int> low = half, high = half;
                for (int i = 0; i < weights.Length; i++)
                {
                    Vector128<byte> pixels = Vector128.Create(source.Slice((first + i) * sourceStride + x, 16));
                    Vector256<ushort> words = Vector256.Create(Vector128.WidenLower(pixels), Vector128.WidenUpper(pixels));
                    Vector256<int> weight = Vector256.Create(weights[i]);
                    low += Vector256.WidenLower(words).AsInt32() * weight;
                    high += Vector256.WidenUpper(words).AsInt32() * weight;
                }
                Vector256<short> clamped = Vector256.Max(Vector256.NarrowWithSaturation(low >> Bits, high >> Bits), Vector256<short>.Zero);
                Vector128.NarrowWithSaturation(clamped.GetLower().AsUInt16(), clamped.GetUpper().AsUInt16()).CopyTo(to[x..]);
            }
            for (int x = vectorised; x < bytes; x++)
            {
                int sum = 1 << (Bits - 1);
                for (int i = 0; i < weights.Length; i++) sum += source[(first + i) * sourceStride + x] * weights[i];
                to[x] = (byte)Math.Clamp(sum >> Bits, 0, 255);
            }
        }
    }
}
