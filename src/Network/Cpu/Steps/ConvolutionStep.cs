namespace Lia.Network.Cpu;

/// <summary>Where the pixels of a convolution lie.</summary>
/// <param name="OriginY">Input row that the first kernel row meets at output row 0; may lie in the border.</param>
/// <param name="OriginX">Likewise for columns.</param>
/// <param name="InputStep">Input pixels per output pixel: the convolution's stride.</param>
/// <param name="Height">Output rows computed.</param>
/// <param name="Width">Output columns computed.</param>
internal readonly record struct ConvolutionGeometry(int OriginY, int OriginX, int InputStep, int Height, int Width)
{
    /// <summary>Output pixels between computed ones: 2 for one phase of a transposed convolution.</summary>
    public int OutputStep { get; init; } = 1;

    /// <summary>The first output row computed.</summary>
    public int OutputY { get; init; }

    /// <summary>The first output column computed.</summary>
    public int OutputX { get; init; }
}

/// <summary>A convolution, or one phase of a transposed one, with its epilogue.</summary>
internal sealed unsafe class ConvolutionStep : Step
{
    private const int PartsPerWorker = 4;

    private readonly FeatureMap _input;
    private readonly PackedKernel _kernel;
    private readonly ConvolutionGeometry _geometry;
    private readonly Epilogue _epilogue;
    private readonly int _blocks;
    private readonly int _parts;
    private ConvolutionArguments _arguments;

    public ConvolutionStep(
        CpuContext context, string name, FeatureMap input, FeatureMap output, PackedKernel kernel, ConvolutionGeometry geometry,
        Epilogue epilogue)
        : base(context, name)
    {
        (_input, Output, _kernel, _geometry, _epilogue) = (input, output, kernel, geometry, epilogue);
        context.NeedScratch(CpuKernels.ConvolutionScratch);
        _blocks = (kernel.PaddedOutputs + CpuKernels.BlockColumns - 1) / CpuKernels.BlockColumns;
        // As many pixels per part as the kernels take, fewer if that leaves workers idle.
        int tiles = (Pixels + CpuKernels.TilePixels - 1) / CpuKernels.TilePixels;
        int wanted = (context.Pool.Workers * PartsPerWorker + _blocks - 1) / _blocks;
        _parts = Math.Max((tiles + CpuKernels.BlockTiles - 1) / CpuKernels.BlockTiles, Math.Min(wanted, (tiles + 3) / 4));
    }

    public override long Operations => 2L * Pixels * _kernel.Outputs * _kernel.Inputs * _kernel.Rows * _kernel.Columns;

    public override int Items => _blocks * _parts;

    private int Pixels => _geometry.Height * _geometry.Width;

    public override void Execute()
    {
        _arguments = new()
        {
            Input = _input.Pixel(_geometry.OriginY, _geometry.OriginX),
            InputStep = (nint)_geometry.InputStep * _input.Stride,
            InputRowStep = _geometry.InputStep * _input.Pitch,
            Runs = _kernel.Rows,
            Depth = _kernel.Depth,
            RunStep = _input.Pitch,
            Weights = _kernel.Pointer,
            Columns = _kernel.PaddedOutputs,
            Output = Output!.Pixel(_geometry.OutputY, _geometry.OutputX),
            OutputStep = (nint)_geometry.OutputStep * Output.Stride,
            OutputRowStep = _geometry.OutputStep * Output.Pitch,
            Width = _geometry.Width,
            Epilogue = _epilogue with { Post = FusedPost },
        };
        base.Execute();
    }

    // Parts of one channel block follow each other, so that its weights are fetched once.
    public override void Run(int item, int worker)
    {
        int tiles = (Pixels + CpuKernels.TilePixels - 1) / CpuKernels.TilePixels;
        (int first, int end) = Part(item % _parts, _parts, tiles);
        int pixel = first * CpuKernels.TilePixels;
        Context.Kernels.Convolve(_arguments, pixel, Math.Min(end * CpuKernels.TilePixels, Pixels) - pixel, item / _parts,
            Context.Scratch(worker));
    }
}
