using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>The extents of a convolution's pictures.</summary>
/// <param name="Frames">Pictures.</param>
/// <param name="Height">Rows of the input.</param>
/// <param name="Width">Columns of the input.</param>
/// <param name="Stride">Input pixels per output pixel.</param>
/// <param name="Padding">Zeros on every side.</param>
/// <param name="Transposed">Stride 2 backwards: the output is (2 Height + 1) x (2 Width + 1).</param>
internal readonly record struct ConvolutionShape(
    int Frames, int Height, int Width, int Stride = 1, int Padding = 0, bool Transposed = false)
{
    public int OutputHeight(int kernel) => Transposed ? 2 * Height + 1 : (Height + 2 * Padding - kernel) / Stride + 1;

    public int OutputWidth(int kernel) => Transposed ? 2 * Width + 1 : (Width + 2 * Padding - kernel) / Stride + 1;
}

/// <summary>The device arrays a convolution reads and writes. Empty views leave a part out.</summary>
internal struct ConvolutionOperands
{
    /// <summary>x [frame, row, column, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>Whether all frames read the same x [row, column, channel].</summary>
    public bool SharesInput;

    /// <summary>y [frame, row, column, channel].</summary>
    public ArrayView<float> Output;

    /// <summary>Modulation of the input channels, rows <see cref="InputScaleStride"/> apart; 16-byte aligned.</summary>
    public ArrayView<float> InputScale;

    public int InputScaleStride;

    /// <summary>Partial sums, <see cref="ConvolutionLauncher.WorkspaceLength(ConvolutionWeights, ConvolutionShape)"/> elements.</summary>
    public ArrayView<float> Workspace;

    public Epilogue Epilogue;
}

/// <summary>Chooses tile and split of a convolution and binds its launches.</summary>
internal static partial class ConvolutionLauncher
{
    // Blocks of 32x32 a layer should have with one frame: some four warps for each multiprocessor of a large GPU.
    private const int WantedBlocks = 512;
    private const int MostSplits = 64;
    private const int LeastChunksOfSplit = 8;

    /// <summary>Elements of partial sums a convolution needs, by whatever arithmetic; 0 when its K is not cut.</summary>
    public static long WorkspaceLength(ConvolutionWeights weights, ConvolutionShape shape) =>
        PartialSums(weights, shape, Splits(weights, shape));

    /// <summary>
    /// Into how many parts K is cut. It decides the order of additions, so it must depend on the layer alone: neither on the number of
    /// frames nor on the device.
    /// </summary>
    public static int Splits(ConvolutionWeights weights, ConvolutionShape shape)
    {
        int pixels = shape.Transposed
            ? 4 * (shape.Height + 1) * (shape.Width + 1)
            : shape.OutputHeight(weights.Kernel) * shape.OutputWidth(weights.Kernel);
        int blocks = (pixels + 31) / 32 * (weights.PaddedOutputs / 32);
        int taps = shape.Transposed ? 2 : weights.Kernel * weights.Kernel;
        int most = Math.Min(MostSplits, taps * weights.PaddedInputs / ConvolutionKernel.Chunk / LeastChunksOfSplit);
        int splits = 1;
        while (2 * splits <= most && splits * blocks < WantedBlocks) splits *= 2;
        return splits;
    }

    /// <summary>The launches that compute a convolution: one, or two when K is cut.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="weights">The layer's.</param>
    /// <param name="shape">Extents of the pictures.</param>
    /// <param name="operands">The arrays.</param>
    /// <param name="arithmetic">How it multiplies, where device and layer allow (<see cref="Arithmetic"/>).</param>
    public static KernelLaunch[] Prepare(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands,
        ConvolutionArithmetic arithmetic = ConvolutionArithmetic.Float32)
    {
        if (Arithmetic(loader, weights, arithmetic) != ConvolutionArithmetic.Float32)
            return PrepareTensor(loader, weights, shape, operands);
        ConvolutionArguments arguments = Arguments(weights, shape, operands, Splits(weights, shape));
        return IsVector(weights)
            ? Prepare<VectorAccess>(loader, weights, shape, operands, arguments)
            : Prepare<ScalarAccess>(loader, weights, shape, operands, arguments);
    }

    /// <summary>The same with a given tile.</summary>
    public static KernelLaunch[] Prepare<TTile>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands)
        where TTile : struct, IConvolutionTile
    {
        ConvolutionArguments arguments = Arguments(weights, shape, operands, Splits(weights, shape));
        return IsVector(weights)
            ? WithReduction<VectorAccess>(loader, Bind<TTile, VectorAccess>(loader, weights, shape, arguments), operands, arguments)
            : WithReduction<ScalarAccess>(loader, Bind<TTile, ScalarAccess>(loader, weights, shape, arguments), operands, arguments);
    }

    private static bool IsVector(ConvolutionWeights weights) => weights.Inputs % 4 == 0 && weights.Outputs % 4 == 0;

    // The largest tile that still gives every multiprocessor work. The choice does not change the result.
    private static KernelLaunch[] Prepare<TAccess>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands,
        ConvolutionArguments arguments)
        where TAccess : struct, IChannelAccess
    {
        int wanted = 3 * loader.Properties.Multiprocessors / 2;
        KernelLaunch launch =
            Fits<Tile128x128>() ? Bind<Tile128x128, TAccess>(loader, weights, shape, arguments)
            : Fits<Tile128x64>() ? Bind<Tile128x64, TAccess>(loader, weights, shape, arguments)
            : Fits<Tile64x64>() ? Bind<Tile64x64, TAccess>(loader, weights, shape, arguments)
            : Fits<Tile64x32>() ? Bind<Tile64x32, TAccess>(loader, weights, shape, arguments)
            : Bind<Tile32x32, TAccess>(loader, weights, shape, arguments);
        return WithReduction<TAccess>(loader, launch, operands, arguments);

        bool Fits<TTile>() where TTile : struct, IConvolutionTile
        {
            Index3D grid = Grid(shape, arguments, default(TTile).M, default(TTile).N);
            return arguments.PaddedOutputs % default(TTile).N == 0 && (long)grid.X * grid.Y * grid.Z >= wanted;
        }
    }

    private static long PartialSums(ConvolutionWeights weights, ConvolutionShape shape, int splits) => splits == 1 ? 0
        : (long)splits * shape.Frames * shape.OutputHeight(weights.Kernel) * shape.OutputWidth(weights.Kernel) * weights.Outputs;

    private static ConvolutionArguments Arguments(
        ConvolutionWeights weights, ConvolutionShape shape, ConvolutionOperands operands, int splits) =>
        new()
        {
            Input = operands.Input,
            Weights = weights.View,
            Output = splits == 1 ? operands.Output : operands.Workspace,
            InputScale = operands.InputScale,
            InputScaleStride = operands.InputScaleStride,
            InputFrameStride = operands.SharesInput ? 0 : shape.Height * shape.Width * weights.Inputs,
            Epilogue = operands.Epilogue,
            Frames = shape.Frames,
            InputHeight = shape.Height,
            InputWidth = shape.Width,
            InputChannels = weights.Inputs,
            OutputHeight = shape.OutputHeight(weights.Kernel),
            OutputWidth = shape.OutputWidth(weights.Kernel),
            OutputChannels = weights.Outputs,
            PaddedInputs = weights.PaddedInputs,
            PaddedOutputs = weights.PaddedOutputs,
            TapsY = weights.Kernel,
            TapsX = weights.Kernel,
            Stride = shape.Stride,
            Padding = shape.Padding,
            Transposed = shape.Transposed ? 1 : 0,
            Splits = splits,
        };

    private static Index3D Grid(ConvolutionShape shape, ConvolutionArguments arguments, int tileM, int tileN)
    {
        // The largest phase of a transposed convolution has a row and a column more than the input.
        long pixels = shape.Frames * (shape.Transposed
            ? (shape.Height + 1L) * (shape.Width + 1)
            : (long)arguments.OutputHeight * arguments.OutputWidth);
        return new(
            checked((int)((pixels + tileM - 1) / tileM)),
            (arguments.PaddedOutputs + tileN - 1) / tileN,
            arguments.Splits * (shape.Transposed ? 4 : 1));
    }

    private static KernelLaunch Bind<TTile, TAccess>(
        KernelLoader loader, ConvolutionWeights weights, ConvolutionShape shape, ConvolutionArguments arguments)
        where TTile : struct, IConvolutionTile
        where TAccess : struct, IChannelAccess
    {
        KernelConfig config = new(
            Grid(shape, arguments, default(TTile).M, default(TTile).N),
            new Index3D(32 * default(TTile).WarpsM * default(TTile).WarpsN, 1, 1));
        (double operations, double bytes) = Cost(weights, shape, arguments);
        return KernelLaunch.Create(loader, ConvolutionKernel.Run<TTile, TAccess>, config, arguments, operations, bytes);
    }

    private static (double Operations, double Bytes) Cost(
        ConvolutionWeights weights, ConvolutionShape shape, ConvolutionArguments arguments)
    {
        double inputs = (double)shape.Frames * shape.Height * shape.Width;
        double outputs = (double)shape.Frames * arguments.OutputHeight * arguments.OutputWidth;
        // Without the border that the transposed convolution multiplies by zeros.
        double products = (shape.Transposed ? inputs : outputs) * weights.Kernel * weights.Kernel * weights.Inputs * weights.Outputs;
        return (2 * products,
            sizeof(float) * (inputs * weights.Inputs + outputs * weights.Outputs * arguments.Splits) + weights.Bytes);
    }

    private static KernelLaunch[] WithReduction<TAccess>(
        KernelLoader loader, KernelLaunch convolution, ConvolutionOperands operands, ConvolutionArguments arguments)
        where TAccess : struct, IChannelAccess
    {
        if (arguments.Splits == 1) return [convolution];
        int pixels = arguments.OutputHeight * arguments.OutputWidth;
        return
        [
            convolution,
            SplitReduction.Prepare<TAccess>(loader, new()
            {
                Parts = operands.Workspace,
                Output = operands.Output,
                Epilogue = operands.Epilogue,
                Splits = arguments.Splits,
                Pixels = arguments.Frames * pixels,
                PixelsPerFrame = pixels,
                Channels = arguments.OutputChannels,
            }),
        ];
    }
}
