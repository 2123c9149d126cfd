using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>The device arrays that a weight gradient reads and writes. Empty views leave a part out.</summary>
internal struct WeightGradientOperands
{
    /// <summary>The convolution's x [frame, row, column, input].</summary>
    public ArrayView<float> Input;

    /// <summary>Whether all frames read the same x [row, column, input].</summary>
    public bool SharesInput;

    /// <summary>Modulation of the input channels, rows <see cref="InputScaleStride"/> apart; 16-byte aligned.</summary>
    public ArrayView<float> InputScale;

    public int InputScaleStride;

    /// <summary>Gradient of the convolution's sum y [frame, row, column, output].</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Partial sums, <see cref="WeightGradient.WorkspaceLength"/> elements.</summary>
    public ArrayView<float> Workspace;

    /// <summary>The parameter's gradient [O, I, K, K].</summary>
    public ArrayView<float> Gradient;

    /// <summary>What the convolution multiplies the parameter by.</summary>
    public float Scale;

    /// <summary>Adds to the gradient that is there instead of replacing it.</summary>
    public bool Accumulates;

    /// <summary>How it multiplies; <see cref="WeightGradient.Arithmetic"/> says what a device does instead.</summary>
    public ConvolutionArithmetic Arithmetic;

    /// <summary>
    /// For <see cref="ConvolutionArithmetic.Half"/>: the power of two that brings the output's gradient among the halves, and 1 over it
    /// (<see cref="Kernels.OperandScale"/>); empty for 1. Other arithmetic has no use for it.
    /// </summary>
    public ArrayView<float> OperandScale;
}

/// <summary>
/// Chooses tile and split of a convolution's weight gradient and binds its launches: <see cref="WeightGradientKernel"/> or
/// <see cref="TensorWeightGradient"/>, and <see cref="WeightGradientReduction"/>.
/// </summary>
internal static class WeightGradient
{
    // Blocks of 256 threads that a gradient should have: four times what two a multiprocessor of a large GPU are. Tensor cores are done
    // with a part so soon that fewer and longer ones pay.
    private const int WantedBlocks = 4 * 264, WantedTensorBlocks = 2 * 264;
    private const int MostSplits = 4096;
    private const int LeastPixelsOfSplit = 128;

    /// <summary>What a device multiplies by when it is asked for <paramref name="arithmetic"/>.</summary>
    public static ConvolutionArithmetic Arithmetic(KernelLoader loader, ConvolutionArithmetic arithmetic) =>
        !loader.IsStock && loader.Target.Sm >= 80 ? arithmetic : ConvolutionArithmetic.Float32;

    /// <summary>
    /// Elements of partial sums that a gradient needs, by any arithmetic: some 17.3 million (69 MB) at most where the weights are fewer.
    /// </summary>
    public static long WorkspaceLength(KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape)
    {
        ArgumentNullException.ThrowIfNull(loader);
        return Math.Max(
            new Extents(outputs, inputs, kernel, shape, OnTensorCores: false).PartialSums,
            new Extents(outputs, inputs, kernel, shape, OnTensorCores: true).PartialSums);
    }

    /// <summary>
    /// Into how many parts the sum over pixels is cut. It decides the order of additions, so it depends on shape and frames alone, not on
    /// the device.
    /// </summary>
    public static int Splits(
        int outputs, int inputs, int kernel, ConvolutionShape shape, ConvolutionArithmetic arithmetic = ConvolutionArithmetic.Float32) =>
        new Extents(outputs, inputs, kernel, shape, arithmetic != ConvolutionArithmetic.Float32).Splits;

    /// <summary>The two launches that compute a gradient: the parts, and their sum in the parameter's layout.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="outputs">Output channels of the convolution.</param>
    /// <param name="inputs">Input channels of the convolution.</param>
    /// <param name="kernel">Rows and columns of its kernel.</param>
    /// <param name="shape">The convolution's own shape.</param>
    /// <param name="operands">What it reads and writes.</param>
    /// <exception cref="ArgumentException">An operand's length does not fit.</exception>
    public static KernelLaunch[] Prepare(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands)
    {
        bool onTensorCores = Arithmetic(loader, operands.Arithmetic) != ConvolutionArithmetic.Float32;
        (int tileM, int tileN, _) = new Extents(outputs, inputs, kernel, shape, onTensorCores).Tile;
        return (tileM, tileN) switch
        {
            (128, 128) => Prepare<Gradient128x128>(loader, outputs, inputs, kernel, shape, operands),
            (64, 192) => Prepare<Gradient64x192>(loader, outputs, inputs, kernel, shape, operands),
            (64, 64) => Prepare<Gradient64x64>(loader, outputs, inputs, kernel, shape, operands),
            _ => Prepare<Gradient32x32>(loader, outputs, inputs, kernel, shape, operands),
        };
    }

    /// <summary>The same with a given tile, which does not change the result.</summary>
    public static KernelLaunch[] Prepare<TTile>(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands)
        where TTile : struct, IWeightGradientTile
    {
        ConvolutionArithmetic arithmetic = Arithmetic(loader, operands.Arithmetic);
        Extents extents = new(outputs, inputs, kernel, shape, arithmetic != ConvolutionArithmetic.Float32);
        WeightGradientArguments arguments = Arguments(extents, operands);
        if (arithmetic != ConvolutionArithmetic.Half) operands.OperandScale = default;
        return
        [
            outputs % 4 == 0 && inputs % 4 == 0
                ? Bind<TTile, VectorAccess>(loader, arithmetic, shape.Transposed, operands, arguments)
                : Bind<TTile, ScalarAccess>(loader, arithmetic, shape.Transposed, operands, arguments),
            Reduction(loader, arguments, shape.Transposed, operands),
        ];
    }

    private static KernelLaunch Bind<TTile, TAccess>(
        KernelLoader loader, ConvolutionArithmetic arithmetic, bool transposed, WeightGradientOperands operands,
        WeightGradientArguments arguments)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess
    {
        KernelConfig config = Config<TTile>(arguments);
        double operations = Operations(arguments), bytes = Bytes(arguments);
        if (arithmetic == ConvolutionArithmetic.Float32)
            return KernelLaunch.Create(loader, WeightGradientKernel.Run<TTile, TAccess>, config, arguments, operations, bytes);
        Action<TensorWeightGradientArguments> run = arithmetic == ConvolutionArithmetic.Half
            ? TensorWeightGradient.RunHalf<TTile, TAccess>
            : TensorWeightGradient.RunTf32<TTile, TAccess>;
        return KernelLaunch.Create(loader, run, config, new()
        {
            Maps = arguments,
            OperandScale = operands.OperandScale,
            ScalesShifted = transposed ? 1 : 0,
        }, operations, bytes);
    }

    private static KernelConfig Config<TTile>(WeightGradientArguments a) where TTile : struct, IWeightGradientTile => new(
        new Index3D(
            Tiles(a.Kernel * a.Kernel * a.PaddedShifted, default(TTile).N), Tiles(a.BaseChannels, default(TTile).M), a.Splits),
        new Index3D(32 * default(TTile).WarpsM * default(TTile).WarpsN, 1, 1));

    private static double Operations(WeightGradientArguments a) =>
        2.0 * a.Frames * a.BaseHeight * a.BaseWidth * a.BaseChannels * a.Kernel * a.Kernel * a.ShiftedChannels;

    private static double Bytes(WeightGradientArguments a) => sizeof(float) * (
        (double)a.Frames * a.BaseHeight * a.BaseWidth * a.BaseChannels
        + (double)a.Frames * a.ShiftedHeight * a.ShiftedWidth * a.ShiftedChannels
        + (double)a.Splits * a.BaseChannels * a.Kernel * a.Kernel * a.PaddedShifted);

    private static WeightGradientArguments Arguments(Extents extents, WeightGradientOperands operands)
    {
        (int outputs, int inputs, int kernel, ConvolutionShape shape, _) = extents;
        int height = shape.OutputHeight(kernel), width = shape.OutputWidth(kernel);
        Check(operands.Input, (operands.SharesInput ? 1L : shape.Frames) * shape.Height * shape.Width * inputs, "the input");
        Check(operands.OutputGradient, (long)shape.Frames * height * width * outputs, "the output's gradient");
        Check(operands.Gradient, (long)outputs * inputs * kernel * kernel, "the gradient");
        if (operands.Workspace.Length < extents.PartialSums)
            throw new ArgumentException($"a workspace of {operands.Workspace.Length} elements is too small", nameof(operands));
        int inputStride = operands.SharesInput ? 0 : shape.Height * shape.Width * inputs, gradientStride = height * width * outputs;
        WeightGradientArguments arguments = new()
        {
            Parts = operands.Workspace,
            Frames = shape.Frames,
            PaddedShifted = extents.PaddedShifted,
            Kernel = kernel,
            Stride = shape.Transposed ? 2 : shape.Stride,
            Padding = shape.Transposed ? 0 : shape.Padding,
            Splits = extents.Splits,
            ScaleStride = operands.InputScaleStride,
        };
        if (shape.Transposed)
        {
            (arguments.Base, arguments.BaseScale, arguments.BaseFrameStride) = (operands.Input, operands.InputScale, inputStride);
            (arguments.BaseHeight, arguments.BaseWidth, arguments.BaseChannels) = (shape.Height, shape.Width, inputs);
            (arguments.Shifted, arguments.ShiftedFrameStride) = (operands.OutputGradient, gradientStride);
            (arguments.ShiftedHeight, arguments.ShiftedWidth, arguments.ShiftedChannels) = (height, width, outputs);
        }
        else
        {
            (arguments.Base, arguments.BaseFrameStride) = (operands.OutputGradient, gradientStride);
            (arguments.BaseHeight, arguments.BaseWidth, arguments.BaseChannels) = (height, width, outputs);
            (arguments.Shifted, arguments.ShiftedScale, arguments.ShiftedFrameStride) =
                (operands.Input, operands.InputScale, inputStride);
            (arguments.ShiftedHeight, arguments.ShiftedWidth, arguments.ShiftedChannels) = (shape.Height, shape.Width, inputs);
        }
        return arguments;
    }

    private static void Check(ArrayView<float> view, long length, string what)
    {
        if (view.Length != length)
            throw new ArgumentException($"{what} has {view.Length} elements, not {length}", nameof(view));
    }

    private static KernelLaunch Reduction(
        KernelLoader loader, WeightGradientArguments arguments, bool transposed, WeightGradientOperands operands)
    {
        int taps = arguments.Kernel * arguments.Kernel;
        return WeightGradientReduction.Prepare(loader, new()
        {
            Parts = arguments.Parts,
            Gradient = operands.Gradient,
            Splits = arguments.Splits,
            BaseChannels = arguments.BaseChannels,
            ShiftedChannels = arguments.ShiftedChannels,
            PaddedShifted = arguments.PaddedShifted,
            Taps = taps,
            BaseStride = transposed ? taps : arguments.ShiftedChannels * taps,
            ShiftedStride = transposed ? arguments.BaseChannels * taps : taps,
            Scale = operands.Scale,
            OperandScale = operands.OperandScale,
            Accumulates = operands.Accumulates ? 1 : 0,
        });
    }

    private static int Tiles(int extent, int tile) => (extent + tile - 1) / tile;

    // The matrix product: rows are channels of the base map, columns taps x channels of the shifted one, in whole quads or octets.
    private readonly record struct Extents(int Outputs, int Inputs, int Kernel, ConvolutionShape Shape, bool OnTensorCores)
    {
        public int Rows => Shape.Transposed ? Inputs : Outputs;

        public int PaddedShifted => Tiles(Shape.Transposed ? Outputs : Inputs, Granule) * Granule;

        public int Columns => Kernel * Kernel * PaddedShifted;

        public long PartialSums => (long)Splits * Rows * Columns;

        public int Splits
        {
            get
            {
                (int tileM, int tileN, int threads) = Tile;
                long blocks = (long)Tiles(Rows, tileM) * Tiles(Columns, tileN);
                long most = Math.Min(MostSplits, (Pixels + LeastPixelsOfSplit - 1) / LeastPixelsOfSplit);
                return (int)Math.Max(1, Math.Min(most, (OnTensorCores ? WantedTensorBlocks : WantedBlocks) * 256 / threads / blocks));
            }
        }

        // Rows, columns and threads of the tile whose blocks stick out least, the smaller ones at the price of more loads a product.
        public (int M, int N, int Threads) Tile
        {
            get
            {
                (int M, int N, int Threads, double Cost)[] tiles =
                    [(128, 128, 256, 1), (64, 192, 192, 1), (64, 64, 64, 1.1), (32, 32, 32, 1.5)];
                int rows = Rows, columns = Columns;
                (int m, int n, int threads, _) =
                    tiles.MinBy(tile => tile.Cost * Tiles(rows, tile.M) * tile.M * Tiles(columns, tile.N) * tile.N);
                return (m, n, threads);
            }
        }

        private int Granule => OnTensorCores ? Octet.Size : 4;

        private long Pixels => Shape.Frames
            * (Shape.Transposed ? (long)Shape.Height * Shape.Width : (long)Shape.OutputHeight(Kernel) * Shape.OutputWidth(Kernel));
    }
}
