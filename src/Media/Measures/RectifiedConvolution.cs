using System.Numerics;
using System.Runtime.InteropServices;

namespace Lia.Media.Measures;

/// <summary>
/// Convolution, bias, ReLU on the processor. For a row of the output the patches beneath it are laid out one after another; each output is
/// the
/// dot product of a patch and a filter, both padded with zeros to whole vectors, four patches at a time.
/// </summary>
internal sealed class RectifiedConvolution
{
    private const int Together = 4;

    private readonly float[] _filters, _bias;
    private readonly int _channels, _kernel, _stride, _padding, _length;

    /// <param name="weight">[outputs, channels, kernel, kernel].</param>
    /// <param name="bias">[outputs].</param>
    /// <param name="channels">Of the input.</param>
    /// <param name="kernel">Side of a filter.</param>
    /// <param name="stride">Input pixels from an output to the next.</param>
    /// <param name="padding">Zeros around the input.</param>
    public RectifiedConvolution(float[] weight, float[] bias, int channels, int kernel, int stride, int padding)
    {
        (_bias, _channels, _kernel, _stride, _padding) = (bias, channels, kernel, stride, padding);
        int taps = channels * kernel * kernel, vector = Vector<float>.Count;
        _length = (taps + vector - 1) / vector * vector;
        _filters = new float[bias.Length * _length];
        for (int o = 0; o < bias.Length; o++) weight.AsSpan(o * taps, taps).CopyTo(_filters.AsSpan(o * _length));
    }

    public Planar Run(Planar input)
    {
        Planar output = new(_bias.Length, Extent(input.Height), Extent(input.Width));
        int columns = (output.Width + Together - 1) / Together * Together;
        Parallel.For(0, output.Height, () => new float[columns * _length], (y, _, patches) =>
        {
            Gather(input, y, output.Width, patches);
            for (int o = 0; o < output.Channels; o++)
                Row(patches, _filters.AsSpan(o * _length, _length), _bias[o],
                    output.Values.AsSpan((o * output.Height + y) * output.Width, output.Width));
            return patches;
        }, _ => { });
        return output;

        int Extent(int side) => (side + 2 * _padding - _kernel) / _stride + 1;
    }

    /// <summary>Lays out the patches of an output row; what lies outside the picture is zero.</summary>
    private void Gather(Planar input, int y, int columns, float[] patches)
    {
        for (int x = 0; x < columns; x++)
        {
            Span<float> patch = patches.AsSpan(x * _length, _length);
            patch.Clear();
            int top = y * _stride - _padding, left = x * _stride - _padding;
            int first = Math.Max(0, -left), last = Math.Min(_kernel, input.Width - left);
            for (int c = 0; c < _channels; c++)
                for (int i = Math.Max(0, -top); i < Math.Min(_kernel, input.Height - top); i++)
                    input.Values.AsSpan((c * input.Height + top + i) * input.Width + left + first, last - first)
                        .CopyTo(patch[((c * _kernel + i) * _kernel + first)..]);
        }
    }

    private void Row(float[] patches, ReadOnlySpan<float> filter, float bias, Span<float> row)
    {
        ReadOnlySpan<Vector<float>> taps = MemoryMarshal.Cast<float, Vector<float>>(filter);
        for (int x = 0; x < row.Length; x += Together)
        {
            ReadOnlySpan<Vector<float>> a = Patch(x), b = Patch(x + 1), c = Patch(x + 2), d = Patch(x + 3);
            Vector<float> sumA = default, sumB = default, sumC = default, sumD = default;
            for (int i = 0; i < taps.Length; i++)
            {
                sumA += taps[i] * a[i];
                sumB += taps[i] * b[i];
                sumC += taps[i] * c[i];
                sumD += taps[i] * d[i];
            }
            ReadOnlySpan<float> sums = [Vector.Sum(sumA), Vector.Sum(sumB), Vector.Sum(sumC), Vector.Sum(sumD)];
            for (int i = 0; i < Math.Min(Together, row.Length - x); i++) row[x + i] = Math.Max(0, sums[i] + bias);
        }

        ReadOnlySpan<Vector<float>> Patch(int x) => MemoryMarshal.Cast<float, Vector<float>>(patches.AsSpan(x * _length, _length));
    }
}
