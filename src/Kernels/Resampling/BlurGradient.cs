using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>What the adjoint of a downsampling blur is passed.</summary>
internal struct BlurGradientArguments
{
    /// <summary>dy [frame, row, column, channel].</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Receives dx [frame, row, column, channel].</summary>
    public ArrayView<float> InputGradient;

    /// <summary>Factor of the FIR kernel, as in <see cref="BlurArguments.Gain"/>.</summary>
    public float Gain;

    /// <summary>Extents of the blur: those of x and y.</summary>
    public int Frames, InputHeight, InputWidth, OutputHeight, OutputWidth, Channels;

    /// <summary>Zeros that the blur put on every side of its input.</summary>
    public int Padding;

    /// <summary>1: dx is added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// The adjoint of <see cref="Blur"/> at stride 2. With t = q + pad along an axis, input t = 2m meets outputs m and m - 1 with taps 1 and 3,
/// and t = 2m + 1 with taps 3 and 1:
/// <code>
///     a thread: four channels of two columns t = 2m, 2m + 1, eight pairs of rows, top to bottom
///
///       dy, row by row      across: even = d[m] + 3 d[m-1]      down: row 2n     = h[n] + 3 h[n-1]
///        m-1  m             odd  = 3 d[m] + d[m-1]                    row 2n + 1 = 3 h[n] + h[n-1]
///       [ a | b ]  ------>  h[n] = (even, odd)  ------------->  four pixels of dx
/// </code>
/// The adjoint at stride 1 is the blur itself with padding 3 - pad. Bound by bytes: dy once, dx once (21 MB a frame for 64 channels at
/// 256).
/// </summary>
internal static class BlurGradient
{
    private const int PairsPerThread = 8;

    public static KernelLaunch Prepare(KernelLoader loader, BlurGradientArguments arguments)
    {
        int quads = (arguments.Channels + 3) / 4;
        int strips = (Pairs(arguments.InputHeight, arguments.Padding) + PairsPerThread - 1) / PairsPerThread;
        KernelConfig config = KernelLaunch.Linear(
            (long)arguments.Frames * strips * Pairs(arguments.InputWidth, arguments.Padding) * quads);
        double inputs = (double)arguments.Frames * arguments.InputHeight * arguments.InputWidth * arguments.Channels;
        double outputs = (double)arguments.Frames * arguments.OutputHeight * arguments.OutputWidth * arguments.Channels;
        double bytes = sizeof(float) * (inputs * (1 + arguments.Accumulates) + outputs);
        return arguments.Channels % 4 == 0
            ? KernelLaunch.Create(loader, Run<VectorAccess>, config, arguments, 7 * inputs, bytes)
            : KernelLaunch.Create(loader, Run<ScalarAccess>, config, arguments, 7 * inputs, bytes);
    }

    public static void Run<TAccess>(BlurGradientArguments a) where TAccess : struct, IChannelAccess
    {
        int quads = (a.Channels + 3) / 4, columns = Pairs(a.InputWidth, a.Padding), rows = Pairs(a.InputHeight, a.Padding);
        int strips = (rows + PairsPerThread - 1) / PairsPerThread;
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int rest = index / quads;
        int channel = (index - rest * quads) * 4;
        int strip = rest / columns;
        int column = rest - strip * columns + (a.Padding >> 1);
        int frame = strip / strips;
        if (frame < a.Frames)
        {
            int firstPair = (strip - frame * strips) * PairsPerThread, start = firstPair + (a.Padding >> 1);
            int pairs = IntrinsicMath.Min(PairsPerThread, rows - firstPair), x = 2 * column - a.Padding;
            Float4 before = At<TAccess>(a, frame, start - 1, column - 1, channel), here = At<TAccess>(a, frame, start - 1, column, channel);
            Float4 evenAbove = Quad.Fma(before, 3f, here), oddAbove = Quad.Fma(here, 3f, before);
            for (int i = 0; i < pairs; i++)
            {
                before = At<TAccess>(a, frame, start + i, column - 1, channel);
                here = At<TAccess>(a, frame, start + i, column, channel);
                Float4 even = Quad.Fma(before, 3f, here), odd = Quad.Fma(here, 3f, before);
                int y = 2 * (start + i) - a.Padding;
                Store<TAccess>(a, frame, y, x, channel, Quad.Fma(evenAbove, 3f, even));
                Store<TAccess>(a, frame, y, x + 1, channel, Quad.Fma(oddAbove, 3f, odd));
                Store<TAccess>(a, frame, y + 1, x, channel, Quad.Fma(even, 3f, evenAbove));
                Store<TAccess>(a, frame, y + 1, x + 1, channel, Quad.Fma(odd, 3f, oddAbove));
                evenAbove = even;
                oddAbove = odd;
            }
        }
    }

    // Pairs t = 2m, 2m + 1 that meet an axis of x.
    private static int Pairs(int length, int padding) => ((length - 1 + padding) >> 1) - (padding >> 1) + 1;

    private static Float4 At<TAccess>(BlurGradientArguments a, int frame, int row, int column, int channel)
        where TAccess : struct, IChannelAccess
    {
        Float4 value = new(0f, 0f, 0f, 0f);
        if (row >= 0 && row < a.OutputHeight && column >= 0 && column < a.OutputWidth)
            value = Quad.Load<TAccess>(
                a.OutputGradient, ((frame * a.OutputHeight + row) * a.OutputWidth + column) * a.Channels, channel, a.Channels);
        return value;
    }

    private static void Store<TAccess>(BlurGradientArguments a, int frame, int row, int column, int channel, Float4 value)
        where TAccess : struct, IChannelAccess
    {
        if (row >= 0 && row < a.InputHeight && column >= 0 && column < a.InputWidth)
        {
            int at = ((frame * a.InputHeight + row) * a.InputWidth + column) * a.Channels;
            value = Quad.Scale(value, a.Gain);
            if (a.Accumulates != 0) value = Quad.Add(value, Quad.Load<TAccess>(a.InputGradient, at, channel, a.Channels));
            Quad.Store<TAccess>(a.InputGradient, at, channel, a.Channels, value);
        }
    }
}
