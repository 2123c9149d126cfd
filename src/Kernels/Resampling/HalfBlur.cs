using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>What a blur of half maps is passed.</summary>
internal struct HalfBlurArguments
{
    /// <summary>x, CHW8; phase-separated before an upsampling layer's blur.</summary>
    public ArrayView<Half> Input;

    /// <summary>y, CHW8; phase-separated after a downsampling layer's blur (entries outside the picture are not written).</summary>
    public ArrayView<Half> Output;

    /// <summary>
    /// Demodulation d [frame, channel], rows <see cref="ScaleStride"/> (a multiple of 4) apart. Upsampling only, as everything down to the
    /// style.
    /// </summary>
    public ArrayView<float> Scale;

    /// <summary>b [channel].</summary>
    public ArrayView<float> Bias;

    /// <summary>
    /// The next layer's modulation s [frame, channel], rows <see cref="StyleStride"/> (a multiple of 4) apart; empty for none.
    /// </summary>
    public ArrayView<float> Style;

    /// <summary>Weights of the two convolutions that come next, to be fetched ahead (<see cref="Ahead"/>); empty for none.</summary>
    public ArrayView<Half> NextWeights, LaterWeights;

    public int ScaleStride, StyleStride;

    /// <summary>Extents of x.</summary>
    public int Frames, InputHeight, InputWidth, Channels;

    /// <summary>Extents of y, which follow from those of x.</summary>
    internal int OutputHeight, OutputWidth;
}

/// <summary>One of the network's blurs, at compile time.</summary>
internal interface IHalfBlur
{
    /// <summary>Input pixels per output pixel.</summary>
    int Stride { get; }

    /// <summary>Zeros on every side of the input.</summary>
    int Padding { get; }

    /// <summary>Factor of the FIR kernel outer([1,3,3,1], [1,3,3,1]).</summary>
    float Gain { get; }

    /// <summary>The input is phase-separated.</summary>
    bool HasInputPhases { get; }

    /// <summary>The output is phase-separated.</summary>
    bool HasOutputPhases { get; }

    /// <summary>Demodulation, bias, FusedLeakyReLU and the next layer's style follow.</summary>
    bool Activates { get; }
}

/// <summary>Before a residual block's 1x1 skip: every second pixel.</summary>
internal readonly struct SkipBlur : IHalfBlur
{
    public int Stride => 2;

    public int Padding => 1;

    public float Gain => 1 / 64f;

    public bool HasInputPhases => false;

    public bool HasOutputPhases => false;

    public bool Activates => false;
}

/// <summary>Before a strided 3x3 convolution, which meets one phase of its input with each tap.</summary>
internal readonly struct DownBlur : IHalfBlur
{
    public int Stride => 1;

    public int Padding => 2;

    public float Gain => 1 / 64f;

    public bool HasInputPhases => false;

    public bool HasOutputPhases => true;

    public bool Activates => false;
}

/// <summary>After a transposed convolution, which makes its output phase by phase.</summary>
internal readonly struct UpBlur : IHalfBlur
{
    public int Stride => 1;

    public int Padding => 1;

    public float Gain => 4 / 64f;

    public bool HasInputPhases => true;

    public bool HasOutputPhases => false;

    public bool Activates => true;
}

/// <summary>
/// upfirdn2d with the network's FIR kernel f = outer([1,3,3,1], [1,3,3,1]) * gain on half maps, sums in float32:
/// <code>
///     v[p, c] = sum over i, j of f[i, j] x[S p + (i, j) - pad, c],  zero outside         y = v, or after an upsampling
///                                                                                        y = FusedLeakyReLU(v d[c] + b[c]) s[c]
///     a thread: eight channels of one column, 8 output rows, top to bottom (2 where that leaves the device idle)
///
///       x, row by row        h = x0 + 3 x1 + 3 x2 + x3 across      v = h0 + 3 h1 + 3 h2 + h3 down
///     . . . .                                                      a ring of four rows in registers:
///     [0 1 2 3]  --------->  h3 (newest)  --+
///     . . . .                h2 ------------+---->  v row           each row is filtered across once
///     . . . .                h1 ------------+                      and used by up to four outputs
///     . . . .                h0 (oldest) ---+
/// </code>
/// Neighboring lanes hold neighboring columns: 16-byte accesses that fill whole lines (two half as long ones in a phase-separated map);
/// the three columns shared with the neighbors come from the cache. Everything is unrolled and no load waits for a branch, so that those
/// of the rows to come are under way.
/// Bound by bytes: input once, output once (16.9 MB a frame for 64 channels at 256).
/// </summary>
internal static class HalfBlur
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    /// <summary>Groups of one half a value that a multiprocessor holds at once, and those of two halves.</summary>
    public const int GroupsOfHalves = 5, GroupsOfPairs = 4;

    private const int Taps = 4;

    /// <summary>CHW8 H x W to CHW8 H/2 x W/2.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value, of both maps.</param>
    /// <param name="rows">Output rows of a thread; 0 for what suits the device.</param>
    public static KernelLaunch PrepareSkip(KernelLoader loader, HalfBlurArguments arguments, int parts = 1, int rows = 0) =>
        Prepare<SkipBlur>(loader, arguments, parts, rows);

    /// <summary>CHW8 H x W to phase-separated (H+1) x (W+1).</summary>
    /// <inheritdoc cref="PrepareSkip"/>
    public static KernelLaunch PrepareDown(KernelLoader loader, HalfBlurArguments arguments, int parts = 1, int rows = 0) =>
        Prepare<DownBlur>(loader, arguments, parts, rows);

    /// <summary>Phase-separated H x W to CHW8 (H-1) x (W-1), with the layer's epilogue.</summary>
    /// <inheritdoc cref="PrepareSkip"/>
    public static KernelLaunch PrepareUp(KernelLoader loader, HalfBlurArguments arguments, int parts = 1, int rows = 0) =>
        Prepare<UpBlur>(loader, arguments, parts, rows);

    /// <summary>One half a value.</summary>
    [LaunchBounds(Threads, GroupsOfHalves)]
    public static void Run<TBlur, TRows>(HalfBlurArguments a) where TBlur : struct, IHalfBlur where TRows : struct, IBlurRows
    {
        Ahead.Fetch(a.NextWeights, a.LaterWeights);
        Filter<TBlur, OneHalf, TRows>(a, Grid.IdxX);
    }

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(Threads, GroupsOfPairs)]
    public static void RunPairs<TBlur, TRows>(HalfBlurArguments a) where TBlur : struct, IHalfBlur where TRows : struct, IBlurRows
    {
        Ahead.Fetch(a.NextWeights, a.LaterWeights);
        Filter<TBlur, TwoHalves, TRows>(a, Grid.IdxX);
    }

    /// <summary>What one group does.</summary>
    /// <param name="a">The blur's operands.</param>
    /// <param name="group">The group's number among those of this blur.</param>
    public static void Filter<TBlur, TFormat, TRows>(HalfBlurArguments a, int group)
        where TBlur : struct, IHalfBlur
        where TFormat : struct, IMapFormat
        where TRows : struct, IBlurRows
    {
        Overlap.Allow();
        int rowsPerThread = default(TRows).Rows;
        int octets = a.Channels / Octet.Size, strips = (a.OutputHeight + rowsPerThread - 1) / rowsPerThread;
        int index = group * Group.DimX + Group.IdxX;
        int rest = index / a.OutputWidth;
        int column = index - rest * a.OutputWidth;
        int map = rest / strips; // frame and octet
        int frame = map / octets;
        if (frame < a.Frames)
        {
            int octet = map - frame * octets;
            int firstRow = (rest - map * strips) * rowsPerThread;
            int inputRow = firstRow * default(TBlur).Stride - default(TBlur).Padding,
                inputColumn = column * default(TBlur).Stride - default(TBlur).Padding;
            ArrayView<Half> input = a.Input.SubView(
                Octet.Size * default(TFormat).Parts * (long)map * Area(a.InputHeight, a.InputWidth, default(TBlur).HasInputPhases));
            ArrayView<Half> output = a.Output.SubView(
                Octet.Size * default(TFormat).Parts * (long)map * Area(a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases));
            int inputPart = Area(a.InputHeight, a.InputWidth, default(TBlur).HasInputPhases),
                outputPart = Area(a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases);
            int outputColumn = Column(column, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases);

            // A pixel outside is read from the nearest one inside and masked: a load under a condition would wait for it.
            ArrayView<int> columns = LocalMemory.Allocate<int>(Taps);
            ArrayView<uint> masks = LocalMemory.Allocate<uint>(Taps);
            for (int j = 0; j < Taps; j++)
            {
                columns[j] = Column(IntrinsicMath.Clamp(inputColumn + j, 0, a.InputWidth - 1), a.InputHeight, a.InputWidth,
                    default(TBlur).HasInputPhases);
                masks[j] = Mask(inputColumn + j, a.InputWidth);
            }
            // Whose result it reads has to be complete only here, behind the divisions.
            Overlap.Wait();
            BlurEpilogue epilogue = default(TBlur).Activates ? BlurEpilogue.Of(a, frame, octet, default(TBlur).Gain) : default;

            // The first three rows fill the ring; from then on every (stride)th row completes an output row.
            ArrayView<Octet> ring = LocalMemory.Allocate<Octet>(Taps);
            for (int i = 0; i < (rowsPerThread - 1) * default(TBlur).Stride + Taps; i++)
            {
                int line = Row(IntrinsicMath.Clamp(inputRow + i, 0, a.InputHeight - 1), a.InputHeight, a.InputWidth,
                    default(TBlur).HasInputPhases);
                uint mask = Mask(inputRow + i, a.InputHeight);
                Octet outer = Octet.Add(
                    Octet.Load<TFormat>(input, line + columns[0], inputPart, mask & masks[0]),
                    Octet.Load<TFormat>(input, line + columns[3], inputPart, mask & masks[3]));
                Octet inner = Octet.Add(
                    Octet.Load<TFormat>(input, line + columns[1], inputPart, mask & masks[1]),
                    Octet.Load<TFormat>(input, line + columns[2], inputPart, mask & masks[2]));
                ring[i % Taps] = Octet.Fma(inner, 3f, outer);
                if (i >= Taps - 1 && (i - (Taps - 1)) % default(TBlur).Stride == 0)
                {
                    int row = firstRow + (i - (Taps - 1)) / default(TBlur).Stride;
                    Octet value = Octet.Fma(Octet.Add(ring[(i - 2) % Taps], ring[(i - 1) % Taps]), 3f,
                        Octet.Add(ring[(i - 3) % Taps], ring[i % Taps]));
                    value = default(TBlur).Activates ? epilogue.Apply(value) : Octet.Scale(value, default(TBlur).Gain);
                    if (default(TFormat).Parts == 1)
                    {
                        Half8 packed = Octet.Pack(value);
                        if (row < a.OutputHeight)
                            output.Cast<Half8>()[Row(row, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases) + outputColumn] =
                                packed;
                    }
                    else if (row < a.OutputHeight)
                    {
                        Octet.Store<TFormat>(output, Row(row, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases) + outputColumn,
                            outputPart, value);
                    }
                }
            }
        }
    }

    /// <summary>The operands with the output's extents, and the work that makes it: the output's values and the bytes that move.</summary>
    public static (HalfBlurArguments Arguments, double Outputs, double Bytes) Complete<TBlur>(HalfBlurArguments arguments, int parts)
        where TBlur : struct, IHalfBlur
    {
        TBlur blur = default;
        arguments.OutputHeight = (arguments.InputHeight + 2 * blur.Padding - Taps) / blur.Stride + 1;
        arguments.OutputWidth = (arguments.InputWidth + 2 * blur.Padding - Taps) / blur.Stride + 1;
        double maps = (double)arguments.Frames * arguments.Channels;
        double inputs = maps * arguments.InputHeight * arguments.InputWidth,
            outputs = maps * arguments.OutputHeight * arguments.OutputWidth;
        return (arguments, outputs, 2 * parts * (inputs + outputs));
    }

    /// <summary>Groups of a blur whose threads take so many output rows each.</summary>
    public static int Groups(HalfBlurArguments a, int rows) => checked((int)((
        (long)a.Frames * (a.Channels / Octet.Size) * ((a.OutputHeight + rows - 1) / rows) * a.OutputWidth + Threads - 1) / Threads));

    private static KernelLaunch Prepare<TBlur>(KernelLoader loader, HalfBlurArguments arguments, int parts, int rows)
        where TBlur : struct, IHalfBlur
    {
        (arguments, double outputs, double bytes) = Complete<TBlur>(arguments, parts);
        if (rows == 0) rows = BlurRows.Choose(loader, parts, count => Groups(arguments, count));
        Action<HalfBlurArguments> kernel = (parts, rows) switch
        {
            (1, EightRows.Count) => Run<TBlur, EightRows>,
            (1, _) => Run<TBlur, TwoRows>,
            (_, EightRows.Count) => RunPairs<TBlur, EightRows>,
            _ => RunPairs<TBlur, TwoRows>,
        };
        KernelConfig config = new(new Index1D(Groups(arguments, rows)), new Index1D(Threads));
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, 16 * outputs, bytes);
    }

    private static uint Mask(int index, int length) => (uint)index < (uint)length ? 0xffffffff : 0u;

    // Octets of one map, and where its rows and columns start: the index of a pixel is the sum of its row's and its column's.
    private static int Area(int height, int width, bool hasPhases) =>
        hasPhases ? 4 * ((height + 1) >> 1) * ((width + 1) >> 1) : height * width;

    private static int Row(int row, int height, int width, bool hasPhases) =>
        hasPhases ? ((row & 1) * 2 * ((height + 1) >> 1) + (row >> 1)) * ((width + 1) >> 1) : row * width;

    private static int Column(int column, int height, int width, bool hasPhases) =>
        hasPhases ? (column & 1) * ((height + 1) >> 1) * ((width + 1) >> 1) + (column >> 1) : column;
}
