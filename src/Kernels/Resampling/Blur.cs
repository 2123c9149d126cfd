using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>A compile-time stride.</summary>
internal interface IStride
{
    int Value { get; }
}

/// <summary>Every pixel.</summary>
internal readonly struct Stride1 : IStride
{
    public int Value => 1;
}

/// <summary>Every second row and column.</summary>
internal readonly struct Stride2 : IStride
{
    public int Value => 2;
}

/// <summary>What the blur is passed.</summary>
internal struct BlurArguments
{
    /// <summary>x [frame, row, column, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>y [frame, row, column, channel].</summary>
    public ArrayView<float> Output;

    public Epilogue Epilogue;

    /// <summary>Factor of the FIR kernel outer([1,3,3,1], [1,3,3,1]): 1/64, or 4/64 after an upsampling.</summary>
    public float Gain;

    public int Frames, InputHeight, InputWidth, OutputHeight, OutputWidth, Channels;

    /// <summary>Zeros on every side of the input.</summary>
    public int Padding;
}

/// <summary>
/// upfirdn2d with the network's FIR kernel f = outer([1,3,3,1], [1,3,3,1]) * gain, at every pixel or (downsampling) every second one:
/// y[p, c] = epilogue(sum over i, j of f[i, j] x[S p + (i, j) - pad, c]), zero outside.
/// <code>
///     a thread: four channels of one column, 8 output rows, top to bottom
///
///       x, row by row        h = x0 + 3 x1 + 3 x2 + x3 across      v = h0 + 3 h1 + 3 h2 + h3 down
///     . . . .                                                      a ring of four rows in registers:
///     [0 1 2 3]  --------->  h3 (newest)  --+
///     . . . .                h2 ------------+---->  y row           each row is filtered across once
///     . . . .                h1 ------------+                      and used by up to four outputs
///     . . . .                h0 (oldest) ---+
/// </code>
/// Neighboring threads hold neighboring channels, then columns: 16-byte accesses that fill whole lines; the three columns shared with the
/// neighbor come from the cache. Bound by bytes: input once, output once (33.8 MB a frame for 64 channels at 256).
/// </summary>
internal static class Blur
{
    private const int RowsPerThread = 8;

    public static KernelLaunch Prepare(KernelLoader loader, BlurArguments arguments, int stride)
    {
        int quads = (arguments.Channels + 3) / 4;
        int strips = (arguments.OutputHeight + RowsPerThread - 1) / RowsPerThread;
        KernelConfig config = KernelLaunch.Linear((long)arguments.Frames * strips * arguments.OutputWidth * quads);
        double inputs = (double)arguments.Frames * arguments.InputHeight * arguments.InputWidth * arguments.Channels;
        double outputs = (double)arguments.Frames * arguments.OutputHeight * arguments.OutputWidth * arguments.Channels;
        Action<BlurArguments> kernel = (stride, arguments.Channels % 4) switch
        {
            (1, 0) => Run<Stride1, VectorAccess>,
            (1, _) => Run<Stride1, ScalarAccess>,
            (2, 0) => Run<Stride2, VectorAccess>,
            (2, _) => Run<Stride2, ScalarAccess>,
            _ => throw new ArgumentOutOfRangeException(nameof(stride), stride, "The stride is 1 or 2."),
        };
        return KernelLaunch.Create(loader, kernel, config, arguments, 16 * outputs, sizeof(float) * (inputs + outputs));
    }

    public static void Run<TStride, TAccess>(BlurArguments a)
        where TStride : struct, IStride
        where TAccess : struct, IChannelAccess
    {
        int quads = (a.Channels + 3) / 4, strips = (a.OutputHeight + RowsPerThread - 1) / RowsPerThread;
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int rest = index / quads;
        int channel = (index - rest * quads) * 4;
        int strip = rest / a.OutputWidth;
        int column = rest - strip * a.OutputWidth;
        int frame = strip / strips;
        if (frame < a.Frames)
        {
            int firstRow = (strip - frame * strips) * RowsPerThread;
            int inputRow = firstRow * default(TStride).Value - a.Padding, inputColumn = column * default(TStride).Value - a.Padding;
            int outputs = IntrinsicMath.Min(RowsPerThread, a.OutputHeight - firstRow);
            Float4 h0 = new(0f, 0f, 0f, 0f), h1 = h0, h2 = h0;
            // The first three rows fill the ring; from then on every (stride)th row completes an output row. A count that the compiler
            // knows would be unrolled into more code than the instruction cache holds.
            for (int i = 0; i < (outputs - 1) * default(TStride).Value + 4; i++)
            {
                Float4 h3 = Across<TAccess>(a, frame, inputRow + i, inputColumn, channel);
                if (i >= 3 && (i - 3) % default(TStride).Value == 0)
                {
                    int row = firstRow + (i - 3) / default(TStride).Value;
                    Float4 sum = Quad.Scale(Quad.Fma(Quad.Add(h1, h2), 3f, Quad.Add(h0, h3)), a.Gain);
                    int at = ((frame * a.OutputHeight + row) * a.OutputWidth + column) * a.Channels;
                    Quad.Store<TAccess>(a.Output, at, channel, a.Channels,
                        Epilogue.Apply<TAccess>(a.Epilogue, sum, frame, at, channel, a.Channels));
                }
                h0 = h1;
                h1 = h2;
                h2 = h3;
            }
        }
    }

    private static Float4 Across<TAccess>(BlurArguments a, int frame, int row, int column, int channel)
        where TAccess : struct, IChannelAccess
    {
        Float4 sum = new(0f, 0f, 0f, 0f);
        if (row >= 0 && row < a.InputHeight)
        {
            int line = (frame * a.InputHeight + row) * a.InputWidth;
            Float4 outer = Quad.Add(At<TAccess>(a, line, column, channel), At<TAccess>(a, line, column + 3, channel));
            Float4 inner = Quad.Add(At<TAccess>(a, line, column + 1, channel), At<TAccess>(a, line, column + 2, channel));
            sum = Quad.Fma(inner, 3f, outer);
        }
        return sum;
    }

    private static Float4 At<TAccess>(BlurArguments a, int line, int column, int channel) where TAccess : struct, IChannelAccess
    {
        Float4 value = new(0f, 0f, 0f, 0f);
        if (column >= 0 && column < a.InputWidth) value = Quad.Load<TAccess>(a.Input, (line + column) * a.Channels, channel, a.Channels);
        return value;
    }
}
