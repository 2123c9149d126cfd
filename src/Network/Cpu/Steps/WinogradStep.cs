namespace Lia.Network.Cpu;

/// <summary>
/// A 3x3 convolution of stride 1 and padding 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications.
/// <code>
///     for each band of tile rows (what it needs stays in the processor's cache):
///         tiles -> V [36 positions][tile][input channel]                      TransformInput, in parallel over the tiles
///         for each block of 64 output channels and each row of 6 positions:   in parallel
///             weights -> U [6][input channel][output channel]                 TransformWeights, in the worker's scratch
///             M [36][tile][output channel] = V U                              6 matrix products, by the convolutions' loops
///         M -> 4x4 pixels, epilogue                                           TransformOutput, in parallel over the tiles
/// </code>
/// The weights lie in memory as nine taps, as for the plain sums, and become 36 products only where they are used: four times the bytes
/// would be read from memory otherwise. The bands and the order of a sum depend on the layer alone, so the result does not depend on the
/// number of threads.
/// </summary>
internal sealed unsafe class WinogradStep : Step
{
    // Floats of V and M of a band, 10 MiB: what stays in the share of the last-level cache that two cores have (of 2 to 40 MiB the best).
    private const long BandFloats = 10 << 18;
    // Positions are a few cache lines more than their tiles apart: at a multiple of 4096 bytes all 36 would fall into the same sets of the
    // cache.
    private const int Spread = 5 * FeatureMap.ChannelUnit;
    private const int TilesOfItem = 4; // Of the transforms.
    private const int PartsPerWorker = 4;
    private const int LeastTilesOfPart = 48; // Of the products; with fewer, the transform of the weights would cost more than a tenth.
    private const int TilesOfCall = CpuKernels.BlockTiles * CpuKernels.TilePixels;

    private readonly FeatureMap _input;
    private readonly PackedKernel _kernel;
    private readonly Epilogue _epilogue;
    private readonly float* _ones, _zeros;
    private readonly int _columns, _rows, _bandRows, _blocks;
    private readonly nint _weightStep; // Floats from position to position of U.
    private int _firstRow, _tiles, _parts;
    private Phase _phase;

    /// <param name="context">The context.</param>
    /// <param name="name">The layer.</param>
    /// <param name="input">With a border of at least 1.</param>
    /// <param name="output">The same extents.</param>
    /// <param name="kernel">All nine taps.</param>
    /// <param name="epilogue">What follows the sum.</param>
    public WinogradStep(CpuContext context, string name, FeatureMap input, FeatureMap output, PackedKernel kernel, Epilogue epilogue)
        : base(context, name)
    {
        (_input, Output, _kernel, _epilogue) = (input, output, kernel, epilogue);
        _ones = context.Vector(output.Channels, 1);
        _zeros = context.Vector(output.Channels, 0);
        (_rows, _columns) = (output.Height / Winograd.Side, output.Width / Winograd.Side);
        long floatsOfRow = (long)Winograd.Positions * _columns * (input.Stride + output.Stride);
        _bandRows = (int)Math.Clamp(BandFloats / floatsOfRow, 1, _rows);
        _blocks = (kernel.PaddedOutputs + CpuKernels.BlockColumns - 1) / CpuKernels.BlockColumns;
        _weightStep = kernel.Inputs * Math.Min(CpuKernels.BlockColumns, kernel.PaddedOutputs) + Spread;
        context.NeedScratch(CpuKernels.ConvolutionScratch + Winograd.Extent * _weightStep);
        context.NeedShared(_bandRows * floatsOfRow + 2 * Winograd.Positions * Spread);
    }

    private enum Phase
    {
        Input,
        Products,
        Output,
    }

    /// <remarks>Those of the plain convolution, so that rates can be compared.</remarks>
    /// <inheritdoc/>
    public override long Operations => 2L * Output!.Height * Output.Width * _kernel.Outputs * _kernel.Inputs * 9;

    public override int Items => _phase == Phase.Products ? _blocks * Winograd.Extent * _parts : (_tiles + TilesOfItem - 1) / TilesOfItem;

    private float* Transformed => Context.Shared;

    private float* Products => Context.Shared + Winograd.Positions * InputStep;

    // Floats from position to position of V and of M.
    private nint InputStep => (nint)_tiles * _input.Stride + Spread;

    private nint OutputStep => (nint)_tiles * Output!.Stride + Spread;

    /// <summary>
    /// Whether a convolution can be done so, and it pays: on fewer pixels the transform of the weights takes longer than the plain sums.
    /// </summary>
    public static bool Fits(FeatureMap input, int kernel, int padding, int step) =>
        kernel == 3 && padding == 1 && step == 1 && input.Border >= 1 && input.Height * input.Width >= 16 * 16
        && input.Height % Winograd.Side == 0 && input.Width % Winograd.Side == 0;

    public override void Execute()
    {
        Output!.ClearBorder();
        for (_firstRow = 0; _firstRow < _rows; _firstRow += _bandRows)
        {
            _tiles = Math.Min(_bandRows, _rows - _firstRow) * _columns;
            int wanted = (Context.Pool.Workers * PartsPerWorker - 1) / (_blocks * Winograd.Extent) + 1;
            _parts = Math.Clamp(_tiles / LeastTilesOfPart, 1, wanted);
            for (_phase = Phase.Input; _phase <= Phase.Output; _phase++) Context.Pool.Run(this, Items);
        }
    }

    public override void Run(int item, int worker)
    {
        if (_phase == Phase.Products)
        {
            Multiply(item, worker);
            return;
        }
        int end = Math.Min((item + 1) * TilesOfItem, _tiles);
        for (int tile = item * TilesOfItem; tile < end; tile++)
        {
            if (_phase == Phase.Input) TransformInput(tile);
            else TransformOutput(tile);
        }
    }

    private void TransformInput(int tile) => Context.Kernels.TransformInput(new()
    {
        Pixels = _input.Pixel((_firstRow + tile / _columns) * Winograd.Side - 1, tile % _columns * Winograd.Side - 1),
        Stride = _input.Stride,
        RowStep = _input.Pitch,
        Transformed = Transformed + (nint)tile * _input.Stride,
        PositionStep = InputStep,
    });

    private void TransformOutput(int tile) => Context.Kernels.TransformOutput(new()
    {
        Products = Products + (nint)tile * Output!.Stride,
        PositionStep = OutputStep,
        Pixels = Output.Pixel((_firstRow + tile / _columns) * Winograd.Side, tile % _columns * Winograd.Side),
        Stride = Output.Stride,
        RowStep = Output.Pitch,
        Epilogue = _epilogue with { Post = FusedPost },
    });

    // Rows and parts of one block follow each other, so that its taps are fetched from memory once.
    private void Multiply(int item, int worker)
    {
        int row = item / _parts % Winograd.Extent, block = item / _parts / Winograd.Extent;
        (int first, int end) = Part(item % _parts, _parts, (_tiles + CpuKernels.TilePixels - 1) / CpuKernels.TilePixels);
        (first, end) = (first * CpuKernels.TilePixels, Math.Min(end * CpuKernels.TilePixels, _tiles));
        float* scratch = Context.Scratch(worker), transformed = scratch + CpuKernels.ConvolutionScratch;
        TransformWeights(row, block, transformed);
        for (int column = 0; column < Winograd.Extent; column++)
        {
            int position = row * Winograd.Extent + column;
            ConvolutionArguments arguments = new()
            {
                Input = Transformed + position * InputStep,
                InputStep = _input.Stride,
                Runs = 1,
                Depth = _kernel.Inputs,
                // Convolve looks for the block's panels behind those of the blocks before it, which are not there.
                Weights = transformed + column * _weightStep - (nint)block * CpuKernels.BlockColumns * _kernel.Inputs,
                Columns = _kernel.PaddedOutputs,
                Output = Products + position * OutputStep,
                OutputStep = Output!.Stride,
                Width = _tiles,
                Epilogue = new() { Scale = _ones, Bias = _zeros, Slope = 1 },
            };
            for (int tile = first; tile < end; tile += TilesOfCall)
                Context.Kernels.Convolve(arguments, tile, Math.Min(TilesOfCall, end - tile), block, scratch);
        }
    }

    private void TransformWeights(int row, int block, float* target)
    {
        int start = block * CpuKernels.BlockColumns, end = Math.Min(start + CpuKernels.BlockColumns, _kernel.PaddedOutputs);
        for (int column = start, width; column < end; column += width)
        {
            width = Context.Kernels.PanelVectorsAt(column, _kernel.PaddedOutputs) * Context.Kernels.Lanes;
            Context.Kernels.TransformWeights(new()
            {
                Taps = _kernel.Pointer + (nint)column * 3 * _kernel.Depth,
                TapRowStep = (nint)_kernel.Depth * width,
                TapStep = (nint)_input.Stride * width,
                Count = _kernel.Inputs * width,
                Row = row,
                Transformed = target + (nint)(column - start) * _kernel.Inputs,
                PositionStep = _weightStep,
            });
        }
    }
}
