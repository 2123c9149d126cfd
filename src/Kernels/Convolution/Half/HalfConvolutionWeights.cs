using ILGPU.Runtime;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What an fp16 convolution does to the resolution.</summary>
internal enum HalfConvolutionKind
{
    /// <summary>Stride 1, zeros around the picture.</summary>
    Same,

    /// <summary>
    /// 3x3 with stride 2 over a phase-separated picture of (2h + 1) x (2w + 1), bias, activation, then a 1x1 convolution of a second input
    /// of h x w added: the second half of a residual block.
    /// </summary>
    Down,

    /// <summary>Transposed 3x3 with stride 2: h x w to a phase-separated (2h + 1) x (2w + 1).</summary>
    Up,

    /// <summary>3x3 with stride 2 over a phase-separated picture, and nothing else: in training.</summary>
    Strided,
}

/// <summary>How much of a weight is kept, and with how much of an input it is multiplied.</summary>
internal enum WeightPrecision
{
    /// <summary>A half.</summary>
    Half,

    /// <summary>The sum of two halves, 22 bits: twice the steps.</summary>
    Fine,

    /// <summary>The sum of two halves, for inputs that are such sums: <see cref="WgmmaPairConvolution"/>.</summary>
    Pair,
}

/// <summary>
/// An fp16 convolution's weights on the device and the steps that walk them.
/// <code>
///     w [step][output / 8][chunk / 8][8 outputs][8 inputs]
///
///         a step is a tap of a chunk of inputs; 8 x 8 halves are a core matrix (128 bytes), so a block's weights of a step,
///         any multiple of 8 outputs, are one run of bytes in the order the tensor cores read
/// </code>
/// A fine layer takes every chunk twice, with the weights rounded to halves and with what the rounding left over; of a pair each tap takes
/// its two steps, the left-over first, one after the other. Weights are divided by a power of two that brings the largest to [0.5, 1] (of
/// pairs 2^14 times that, so that the left-over is a normal number too); <see cref="Factor"/> undoes it in float32, so that neither small
/// nor huge weights leave the range of fp16.
/// </summary>
internal sealed class HalfConvolutionWeights : IDisposable
{
    private readonly Int4[]? _changing; // what the steps hold of weights that are packed on the device
    private Half[]? _packed; // until they have a place
    private MemoryBuffer1D<Half, Stride1D.Dense> _buffer = null!; // from then on
    private MemoryBuffer1D<Int4, Stride1D.Dense> _steps = null!;
    private MemoryBuffer1D<Int4, Stride1D.Dense>? _sources;
    private KernelLoader _loader = null!;
    private readonly Dictionary<int, MemoryBuffer1D<Int4, Stride1D.Dense>> _parts = [];
    private readonly Dictionary<(int, int, int, int), MemoryBuffer1D<WgmmaStep, Stride1D.Dense>> _wgmmaSteps = [];

    private HalfConvolutionWeights(IReadOnlyList<ConvolutionStep> steps, Half[] packed, Int4[]? changing) =>
        (Steps, _packed, _changing) = (steps, packed, changing);

    /// <summary>Puts weights that were packed without a place onto a device; once.</summary>
    public HalfConvolutionWeights Place(KernelLoader loader)
    {
        _loader = loader;
        if (_changing != null)
        {
            _sources = loader.Allocate1D(_changing);
            _buffer = loader.Allocate1D<Half>((long)Steps.Count * PaddedOutputs * Chunk);
        }
        else
        {
            _buffer = loader.Allocate1D(_packed!);
        }
        _packed = null;
        Int4[] steps = new Int4[2 * Steps.Count];
        for (int i = 0; i < Steps.Count; i++) (steps[2 * i], steps[2 * i + 1]) = (Steps[i].First, Steps[i].Second);
        _steps = loader.Allocate1D(steps);
        return this;
    }

    public HalfConvolutionKind Kind { get; private init; }

    /// <summary>Output channels without padding.</summary>
    public int Outputs { get; private init; }

    /// <summary>Input channels without padding.</summary>
    public int Inputs { get; private init; }

    public int PaddedOutputs => HalfMap.PaddedChannels(Outputs);

    /// <summary>Rows and columns of the kernel.</summary>
    public int Kernel { get; private init; }

    /// <summary>Input channels of a step.</summary>
    public int Chunk { get; private init; }

    /// <summary>What each weight is.</summary>
    public WeightPrecision Precision { get; private init; }

    /// <summary>What the products are multiplied by.</summary>
    public float Factor { get; private init; }

    /// <summary>The same for the second input of <see cref="HalfConvolutionKind.Down"/>.</summary>
    public float SecondFactor { get; private init; } = 1;

    public IReadOnlyList<ConvolutionStep> Steps { get; }

    /// <summary>The first step of each phase; one phase, but four for <see cref="HalfConvolutionKind.Up"/>.</summary>
    public IReadOnlyList<int> PhaseStarts { get; private init; } = [0];

    /// <summary>The distinct shapes of input tiles: input and halo, as in the steps.</summary>
    public IReadOnlyList<(int Source, int Halo)> TileShapes { get; private init; } = [];

    public ArrayView<Half> View => _buffer.View;

    public ArrayView<Int4> StepView => _steps.View;

    /// <summary>What each step holds, for weights that are packed on the device (<see cref="HalfWeightPacking"/>): tap of the kernel, first
    /// input, and whether what the rounding left over.</summary>
    public ArrayView<Int4> SourceView => _sources!.View;

    public long Bytes => _buffer.LengthInBytes;

    /// <summary>
    /// The shares of the work when K is cut into a number of parts: phases, and within them runs of whole chunks. The skip of
    /// <see cref="HalfConvolutionKind.Down"/> is then a part of its own, the last.
    /// </summary>
    public IReadOnlyList<ConvolutionPart> Parts(int splits)
    {
        List<ConvolutionPart> parts = [];
        for (int phase = 0; phase < PhaseStarts.Count; phase++)
        {
            int start = PhaseStarts[phase], end = phase + 1 < PhaseStarts.Count ? PhaseStarts[phase + 1] : Steps.Count;
            int skip = splits > 1 && Kind == HalfConvolutionKind.Down ? SkipStep : end;
            int first = start;
            for (int split = 0; split < splits; split++)
            {
                int next = start + (int)((long)(skip - start) * (split + 1) / splits);
                while (next < skip && (Steps[next].Flags & ConvolutionStep.LoadsTile) == 0) next++;
                parts.Add(new(first, next, phase, split));
                first = next;
            }
            if (skip < end) parts.Add(new(skip, end, phase, splits));
        }
        return parts;
    }

    /// <summary>Whether the first input is phase-separated.</summary>
    public bool HasPhases => Kind is HalfConvolutionKind.Down or HalfConvolutionKind.Strided;

    /// <summary>The first step that reads the second input; their number if none does.</summary>
    public int SkipStep => Steps.TakeWhile(step => step.Source == 0).Count();

    /// <summary>Chunks of input channels.</summary>
    public int Chunks => HalfMap.PaddedChannels(Inputs) / Chunk;

    /// <summary>Steps of a tap: two where a weight is two halves.</summary>
    public int Passes { get; private init; }

    /// <summary>Partial sums that <see cref="Parts"/> leaves.</summary>
    public int PartialSums(int splits) => splits == 1 ? 0 : splits + (Kind == HalfConvolutionKind.Down ? 1 : 0);

    /// <summary>Most parts K can be cut into.</summary>
    public int MostSplits => Steps.Take(PhaseStarts.Count > 1 ? PhaseStarts[1] : Steps.Count)
        .Count(step => step.Source == 0 && (step.Flags & ConvolutionStep.LoadsTile) != 0);

    /// <summary>
    /// The steps as <see cref="WgmmaConvolution"/> reads them for a tile's shape (<see cref="WgmmaStep"/>); another follows the last.
    /// </summary>
    public ArrayView<Int4> WgmmaSteps(ConvolutionCut cut)
    {
        (int, int, int, int) key = (cut.BlocksX, cut.BlocksY, cut.TileFrames, cut.Blocks);
        if (!_wgmmaSteps.TryGetValue(key, out MemoryBuffer1D<WgmmaStep, Stride1D.Dense>? buffer))
        {
            WgmmaStep[] table = new WgmmaStep[Steps.Count + 1];
            for (int i = 0; i < Steps.Count; i++)
            {
                ConvolutionStep step = Steps[i];
                int pitch = 8 * cut.BlocksX + (step.Halo & 255), rows = 8 * cut.BlocksY + (step.Halo >> 8), plane = pitch * rows;
                int tileFrame = plane * Chunk / 8, blocks = cut.Blocks / 2;
                table[i] = new()
                {
                    Copy = new(step.Flags, step.Plane, step.Octet, tileFrame * cut.TileFrames * 16),
                    Origin = new(step.OriginY, step.OriginX * 8, HasPhases && step.Source == 0 ? 4 : 1),
                    Tap = new(step.Flags, (step.Shift >> 8) * pitch + (step.Shift & 255), pitch, plane, Block(blocks), Block(1)),
                };

                int Block(int block)
                {
                    int line = block / cut.BlocksX;
                    return line / cut.BlocksY * tileFrame + line % cut.BlocksY * 8 * pitch + block % cut.BlocksX * 8;
                }
            }
            _wgmmaSteps.Add(key, buffer = _loader.Allocate1D(table));
        }
        return buffer.View.BaseView.Cast<Int4>();
    }

    /// <summary>The shares of <see cref="WgmmaUpConvolution"/>, which computes all phases together: runs of chunks.</summary>
    public IReadOnlyList<ConvolutionPart> ChunkParts(int splits) =>
        [.. Enumerable.Range(0, splits)
            .Select(split => new ConvolutionPart(Chunks * split / splits, Chunks * (split + 1) / splits, 0, split))];

    /// <summary>Parts on the device; made once for a number of splits.</summary>
    public ArrayView<Int4> Upload(IReadOnlyList<ConvolutionPart> parts, int splits)
    {
        if (!_parts.TryGetValue(splits, out MemoryBuffer1D<Int4, Stride1D.Dense>? buffer))
            _parts.Add(splits, buffer = _loader.Allocate1D<Int4>([.. parts.Select(part => part.Packed)]));
        return buffer.View;
    }

    /// <summary>The largest chunk that divides a number of input channels.</summary>
    /// <param name="inputs">Input channels without padding.</param>
    /// <param name="most">64 or 32.</param>
    public static int ChunkOf(int inputs, int most)
    {
        int padded = HalfMap.PaddedChannels(inputs), chunk = most;
        while (padded % chunk != 0) chunk /= 2;
        return chunk;
    }

    /// <summary>Stride 1, padded by half the kernel.</summary>
    /// <param name="loader">Where they live; null packs them, for <see cref="Place"/>.</param>
    /// <param name="weight">[outputs, inputs, kernel, kernel], row-major, before the scale 1 / sqrt(inputs kernel^2).</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">3 or 1.</param>
    /// <param name="mostChunk">The deepest step the kernel takes.</param>
    /// <param name="precision">What each weight becomes.</param>
    public static HalfConvolutionWeights Same(KernelLoader? loader, ReadOnlyMemory<float> weight, int outputs, int inputs, int kernel,
        int mostChunk, WeightPrecision precision = WeightPrecision.Half) =>
        new Packer(outputs, inputs, mostChunk, precision).Same(loader, weight, kernel);

    /// <summary>
    /// A strided 3x3 convolution and the 1x1 convolution of the skip that is added after its activation; both see the same number of
    /// inputs.
    /// </summary>
    public static HalfConvolutionWeights Down(KernelLoader? loader, ReadOnlyMemory<float> weight, ReadOnlyMemory<float> skip, int outputs,
        int inputs, int mostChunk, WeightPrecision precision = WeightPrecision.Half)
    {
        Packer packer = new(outputs, inputs, mostChunk, precision);
        packer.AddStrided(weight);
        packer.Add(new(skip, 1, [0], [0], Source: 1));
        return packer.Finish(loader, HalfConvolutionKind.Down, [0]);
    }

    /// <summary>
    /// A transposed 3x3 convolution: out[2y + i, 2x + j] += w[i, j] x[y, x]. Even outputs meet kernel rows 2 (of the input before) and 0,
    /// odd ones row 1.
    /// </summary>
    public static HalfConvolutionWeights Up(KernelLoader? loader, ReadOnlyMemory<float> weight, int outputs, int inputs, int mostChunk,
        WeightPrecision precision = WeightPrecision.Half) =>
        new Packer(outputs, inputs, mostChunk, precision).Up(loader, weight);

    /// <summary>
    /// Room for weights that change on the device: <see cref="HalfWeightPacking"/> packs them, multiplied by
    /// <see cref="HalfWeightPacking.Unit"/>; undefined before.
    /// </summary>
    /// <param name="loader">Where they live.</param>
    /// <param name="kind">Which convolution; not <see cref="HalfConvolutionKind.Down"/>, which is two.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">3; or 1 for <see cref="HalfConvolutionKind.Same"/>.</param>
    /// <param name="scale">What the weights are multiplied by, undone and done behind the sum.</param>
    /// <param name="mostChunk">The deepest step the kernel takes.</param>
    /// <param name="precision">What each weight becomes: a half or a pair.</param>
    public static HalfConvolutionWeights Changing(KernelLoader loader, HalfConvolutionKind kind, int outputs, int inputs, int kernel,
        float scale, int mostChunk, WeightPrecision precision)
    {
        Packer packer = new(outputs, inputs, mostChunk, precision) { Scale = scale };
        return kind switch
        {
            HalfConvolutionKind.Same => packer.Same(loader, default, kernel),
            HalfConvolutionKind.Up => packer.Up(loader, default),
            HalfConvolutionKind.Strided => packer.Strided(loader),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
    }

    /// <summary>A power of two greater than any magnitude, within what float32 can divide by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // As HalfPacking.
    public static float PowerAbove(ReadOnlySpan<float> weight)
    {
        // Magnitudes are in the order of their bits.
        Vector<int> magnitude = new(int.MaxValue), largest = default;
        ReadOnlySpan<Vector<int>> vectors = MemoryMarshal.Cast<float, Vector<int>>(weight);
        foreach (Vector<int> values in vectors) largest = Vector.Max(largest, values & magnitude);
        int bits = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++) bits = Math.Max(bits, largest[lane]);
        foreach (float value in weight[(vectors.Length * Vector<int>.Count)..])
            bits = Math.Max(bits, BitConverter.SingleToInt32Bits(value) & int.MaxValue);
        float most = BitConverter.Int32BitsToSingle(bits);
        return most == 0 ? 1 : MathF.ScaleB(1, Math.Clamp(MathF.ILogB(most) + 1, -120, 120));
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        _steps?.Dispose();
        _sources?.Dispose();
        foreach (MemoryBuffer table in _parts.Values.Concat<MemoryBuffer>(_wgmmaSteps.Values)) table.Dispose();
    }

    /// <summary>
    /// Steps that share an input: the taps <paramref name="Rows"/> x <paramref name="Columns"/> of a kernel, for every chunk.
    /// </summary>
    private sealed record Segment(
        ReadOnlyMemory<float> Weight, int Kernel, int[] Rows, int[] Columns, int Source = 0, int Plane = 0, int OriginY = 0,
        int OriginX = 0)
    {
        private float? _peak;

        public int Taps => Rows.Length * Columns.Length;

        /// <summary>What the weights are divided by.</summary>
        public float Unit(WeightPrecision precision)
        {
            float peak = _peak ??= PowerAbove(Weight.Span);
            return precision == WeightPrecision.Pair ? peak / (1 << 14) : peak;
        }

        public float Factor(int inputs, WeightPrecision precision) => (float)(Unit(precision) / Math.Sqrt(inputs * Kernel * Kernel));
    }

    private sealed class Packer(int outputs, int inputs, int mostChunk, WeightPrecision precision)
    {
        private readonly int _chunk = ChunkOf(inputs, mostChunk);
        private readonly int _chunks = HalfMap.PaddedChannels(inputs) / ChunkOf(inputs, mostChunk);
        private readonly List<Segment> _segments = [];
        private readonly int _passes = precision == WeightPrecision.Half ? 1 : 2;

        public int Steps { get; private set; }

        /// <summary>Of weights that change: what they are multiplied by.</summary>
        public float? Scale { get; init; }

        public HalfConvolutionWeights Same(KernelLoader? loader, ReadOnlyMemory<float> weight, int kernel)
        {
            int[] taps = [.. Enumerable.Range(0, kernel)];
            Add(new(weight, kernel, taps, taps, OriginY: -(kernel / 2), OriginX: -(kernel / 2)));
            return Finish(loader, HalfConvolutionKind.Same, [0]);
        }

        public HalfConvolutionWeights Up(KernelLoader? loader, ReadOnlyMemory<float> weight)
        {
            int[] phases = new int[4];
            for (int phase = 0; phase < 4; phase++)
            {
                phases[phase] = Steps;
                bool oddY = phase >> 1 != 0, oddX = (phase & 1) != 0;
                Add(new(weight, 3, oddY ? [1] : [2, 0], oddX ? [1] : [2, 0], OriginY: oddY ? 0 : -1, OriginX: oddX ? 0 : -1));
            }
            return Finish(loader, HalfConvolutionKind.Up, phases);
        }

        public HalfConvolutionWeights Strided(KernelLoader loader)
        {
            AddStrided(default);
            return Finish(loader, HalfConvolutionKind.Strided, [0]);
        }

        public void AddStrided(ReadOnlyMemory<float> weight)
        {
            for (int phase = 0; phase < 4; phase++)
                Add(new(weight, 3, phase >> 1 == 0 ? [0, 2] : [1], (phase & 1) == 0 ? [0, 2] : [1], Plane: phase));
        }

        public void Add(Segment segment)
        {
            _segments.Add(segment);
            Steps += _chunks * _passes * segment.Taps;
        }

        public HalfConvolutionWeights Finish(KernelLoader? loader, HalfConvolutionKind kind, int[] phases)
        {
            int block = HalfMap.PaddedChannels(outputs) * _chunk; // Halves of a step.
            Half[] packed = new Half[Scale == null ? Steps * block : 0];
            List<ConvolutionStep> steps = [];
            List<Int4> sources = [];
            List<(int Source, int Halo)> shapes = [];
            foreach (Segment segment in _segments)
            {
                if (Scale == null) Pack(segment, packed, steps.Count * block, block);
                AddSteps(segment, steps, sources, shapes);
            }
            HalfConvolutionWeights weights = new(steps, packed, Scale == null ? null : [.. sources])
            {
                Kind = kind,
                Outputs = outputs,
                Inputs = inputs,
                Kernel = _segments[0].Kernel,
                Chunk = _chunk,
                PhaseStarts = phases,
                TileShapes = shapes,
                Passes = _passes,
                Precision = precision,
                Factor = Scale / HalfWeightPacking.Unit ?? _segments[0].Factor(inputs, precision),
                SecondFactor = Scale == null ? _segments[^1].Factor(inputs, precision) : 1,
            };
            return loader is null ? weights : weights.Place(loader);
        }

        private void AddSteps(Segment segment, List<ConvolutionStep> steps, List<Int4> sources, List<(int Source, int Halo)> shapes)
        {
            int halo = (segment.Rows.Length - 1) * 256 + segment.Columns.Length - 1;
            int shape = shapes.IndexOf((segment.Source, halo));
            if (shape < 0)
            {
                shape = shapes.Count;
                shapes.Add((segment.Source, halo));
            }
            for (int i = 0; i < _chunks * _passes * segment.Taps; i++)
            {
                // The second pass meets the input tile of the first.
                int inChunk = i % (_passes * segment.Taps), tap = precision == WeightPrecision.Pair ? inChunk / 2 : inChunk % segment.Taps;
                int flags = (inChunk == 0 ? ConvolutionStep.LoadsTile : 0) | (i == 0 && segment.Source == 1 ? ConvolutionStep.Activates : 0)
                    | shape << ConvolutionStep.MapShift;
                sources.Add(new(
                    segment.Rows[tap / segment.Columns.Length] * segment.Kernel + segment.Columns[tap % segment.Columns.Length],
                    i / (_passes * segment.Taps) * _chunk, precision == WeightPrecision.Pair ? 1 - inChunk % 2 : 0, 0));
                steps.Add(new(
                    segment.Source, segment.Plane, i / (_passes * segment.Taps) * _chunk / 8, flags, segment.OriginY, segment.OriginX, halo,
                    tap / segment.Columns.Length * 256 + tap % segment.Columns.Length));
            }
        }

        private void Pack(Segment segment, Half[] packed, int start, int block)
        {
            float unit = segment.Unit(precision);
            int kernelSize = segment.Kernel * segment.Kernel;
            int[] taps = [.. segment.Rows.SelectMany(row => segment.Columns.Select(column => row * segment.Kernel + column))];
            bool isPair = precision == WeightPrecision.Pair;
            // From what is rounded to what is left over; of a pair the latter comes first.
            int toLeft = precision switch { WeightPrecision.Pair => -block, WeightPrecision.Fine => taps.Length * block, _ => 0 };
            Parallel.For(0, outputs, output => HalfPacking.PackRow(
                segment.Weight.Span.Slice(output * inputs * kernelSize, inputs * kernelSize), kernelSize, taps, unit,
                start + (isPair ? block : 0) + output / 8 * (8 * _chunk) + output % 8 * 8, 64, _chunk / 8, _passes * taps.Length * block,
                (isPair ? 2 : 1) * block, toLeft, packed));
        }
    }
}
