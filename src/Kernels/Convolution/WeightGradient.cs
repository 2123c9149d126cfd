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
}

/// <summary>Chooses tile and split of a convolution's weight gradient and binds its launches.</summary>
internal static class WeightGradient
{
    // Blocks of 256 threads that a gradient should have: four times what two a multiprocessor of a large GPU are.
    private const int WantedBlocks = 4 * 264;
    private const int MostSplits = 4096;
    private const int LeastPixelsOfSplit = 128;

    /// <summary>Elements of partial sums that a gradient needs: at most 17.3 million (69 MB) where the weights are fewer.</summary>
    public static long WorkspaceLength(KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape)
    {
        ArgumentNullException.ThrowIfNull(loader);
        Extents extents = new(outputs, inputs, kernel, shape);
        return (long)Splits(outputs, inputs, kernel, shape) * extents.Rows * extents.Columns;
    }

    /// <summary>
    /// Into how many parts the sum over pixels is cut. It decides the order of additions, so it depends on shape and frames alone, not on
    /// the device.
    /// </summary>
    public static int Splits(int outputs, int inputs, int kernel, ConvolutionShape shape)
    {
        Extents extents = new(outputs, inputs, kernel, shape);
        (int tileM, int tileN, int threads) = extents.Tile;
        long blocks = (long)Tiles(extents.Rows, tileM) * Tiles(extents.Columns, tileN);
        long most = Math.Min(MostSplits, (extents.Pixels + LeastPixelsOfSplit - 1) / LeastPixelsOfSplit);
        return (int)Math.Max(1, Math.Min(most, WantedBlocks * 256 / threads / blocks));
    }

    /// <summary>The two launches that compute a gradient: the parts, and their sum in the parameter's layout.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="outputs">Output channels of the convolution.</param>
    /// <param name="inputs">Input channels of the convolution.</param>
    /// <param name="kernel">Rows and columns of its kernel.</param>
    /// <param name="shape">The convolution's own shape.</param>
    /// <param name="operands">What it reads and writes.</param>
    /// <exception cref="ArgumentException">An operand's length does not fit.</exception>
    public static KernelLaunch[] Prepare(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands) =>
        new Extents(outputs, inputs, kernel, shape).Tile switch
        {
            (128, 128, _) => Prepare<Gradient128x128>(loader, outputs, inputs, kernel, shape, operands),
            (64, 192, _) => Prepare<Gradient64x192>(loader, outputs, inputs, kernel, shape, operands),
            (64, 64, _) => Prepare<Gradient64x64>(loader, outputs, inputs, kernel, shape, operands),
            _ => Prepare<Gradient32x32>(loader, outputs, inputs, kernel, shape, operands),
        };

    /// <summary>The same with a given tile, which does not change the result.</summary>
    public static KernelLaunch[] Prepare<TTile>(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands)
        where TTile : struct, IWeightGradientTile
    {
        WeightGradientArguments arguments = Arguments(outputs, inputs, kernel, shape, operands);
        return
        [
            outputs % 4 == 0 && inputs % 4 == 0
                ? Bind<TTile, VectorAccess>(loader, arguments)
                : Bind<TTile, ScalarAccess>(loader, arguments),
            Reduction(loader, arguments, outputs, inputs, shape, operands),
        ];
    }

    private static KernelLaunch Bind<TTile, TAccess>(KernelLoader loader, WeightGradientArguments arguments)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess
    {
        int taps = arguments.Kernel * arguments.Kernel, columns = taps * arguments.PaddedShifted;
        Index3D grid = new(Tiles(columns, default(TTile).N), Tiles(arguments.BaseChannels, default(TTile).M), arguments.Splits);
        return KernelLaunch.Create(
            loader, WeightGradientKernel.Run<TTile, TAccess>,
            new KernelConfig(grid, new Index3D(32 * default(TTile).WarpsM * default(TTile).WarpsN, 1, 1)), arguments,
            Operations(arguments), Bytes(arguments));
    }

    private static double Operations(WeightGradientArguments a) =>
        2.0 * a.Frames * a.BaseHeight * a.BaseWidth * a.BaseChannels * a.Kernel * a.Kernel * a.ShiftedChannels;

    private static double Bytes(WeightGradientArguments a) => sizeof(float) * (
        (double)a.Frames * a.BaseHeight * a.BaseWidth * a.BaseChannels
        + (double)a.Frames * a.ShiftedHeight * a.ShiftedWidth * a.ShiftedChannels
        + (double)a.Splits * a.BaseChannels * a.Kernel * a.Kernel * a.PaddedShifted);

    private static WeightGradientArguments Arguments(
        int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands)
    {
        Extents extents = new(outputs, inputs, kernel, shape);
        int splits = Splits(outputs, inputs, kernel, shape);
        int height = shape.OutputHeight(kernel), width = shape.OutputWidth(kernel);
        Check(operands.Input, (operands.SharesInput ? 1L : shape.Frames) * shape.Height * shape.Width * inputs, "the input");
        Check(operands.OutputGradient, (long)shape.Frames * height * width * outputs, "the output's gradient");
        Check(operands.Gradient, (long)outputs * inputs * kernel * kernel, "the gradient");
        if (operands.Workspace.Length < (long)splits * extents.Rows * extents.Columns)
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
            Splits = splits,
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
        KernelLoader loader, WeightGradientArguments arguments, int outputs, int inputs, ConvolutionShape shape,
        WeightGradientOperands operands)
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
            BaseStride = shape.Transposed ? taps : inputs * taps,
            ShiftedStride = shape.Transposed ? inputs * taps : taps,
            Scale = operands.Scale,
            Accumulates = operands.Accumulates ? 1 : 0,
        });
    }

    private static int Tiles(int extent, int tile) => (extent + tile - 1) / tile;

    // The matrix product: rows are channels of the base map, columns taps x channels of the shifted one, in whole quads.
    private readonly struct Extents(int outputs, int inputs, int kernel, ConvolutionShape shape)
    {
        public int Rows { get; } = shape.Transposed ? inputs : outputs;

        public int PaddedShifted { get; } = ((shape.Transposed ? outputs : inputs) + 3) / 4 * 4;

        public int Columns => kernel * kernel * PaddedShifted;

        public long Pixels { get; } = shape.Frames
            * (shape.Transposed ? (long)shape.Height * shape.Width : (long)shape.OutputHeight(kernel) * shape.OutputWidth(kernel));

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
    }
}
