using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using Lia.Kernels.MotionBasis;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;

namespace Lia.Bench;

/// <summary>An exact kernel with a shape of the network at 256.</summary>
/// <param name="Kernel">The name of its entry point by our compiler.</param>
/// <param name="IsConvolution">Whether it is a convolution of many channels.</param>
/// <param name="Bind">Binds it by a loader's compiler to the same arrays.</param>
/// <param name="Read">What it wrote.</param>
/// <param name="Reset">Puts back what a launch changes that it also reads, as where it adds to what is there; null for nothing.</param>
internal sealed record KernelCase(
    string Kernel, bool IsConvolution, Func<KernelLoader, KernelLaunch> Bind, Func<double[]> Read, Action? Reset);

/// <summary>Every instance of every kernel of the network and of its training in float32, once, on arrays of their own.</summary>
internal sealed partial class ExactKernelCases : IDisposable
{
    private readonly KernelLoader _memory;
    private readonly bool _isTiny;
    private readonly List<IDisposable> _owned = [];
    private readonly List<KernelCase> _all = [];
    private readonly Random _random = new(1);

    /// <param name="memory">Where the arrays are; kernels of every loader of its accelerator run on them.</param>
    /// <param name="isTiny">Shapes for a simulator, not the network's.</param>
    public ExactKernelCases(KernelLoader memory, bool isTiny)
    {
        (_memory, _isTiny) = (memory, isTiny);
        foreach (int odd in new[] { 0, 1 })
        {
            (int inputs, int outputs, int side) = Of((512, 512, 32), (8, 128, 2));
            ConvolutionWeights weights =
                Own(new ConvolutionWeights(memory, Floats((inputs - odd) * (outputs - odd) * 9), outputs - odd, inputs - odd, 3));
            Convolution<Tile128x128>(weights, side);
            Convolution<Tile128x64>(weights, side);
            Convolution<Tile64x64>(weights, side);
            Convolution<Tile64x32>(weights, side);
            Convolution<Tile32x32>(weights, side);
            Images(Of(64, 8) - odd, Of(256, 4));
            Blurred(Of(128, 8) - odd, Of(128, 6), stride: 1);
            Blurred(Of(128, 8) - odd, Of(128, 6), stride: 2);
            Warped(Of(64, 8) - odd, Of(256, 4));
            WeightGradients(Of(128, 8) - odd, Of(128, 4));
            LayerGradients(Of(64, 8) - odd, Of(256, 4), Of(4, 2));
            BlurGradients(Of(128, 8) - odd, Of(128, 6));
            WarpGradients(Of(64, 8) - odd, Of(256, 4));
        }
        Reduction<VectorAccess>(Of(512, 8));
        Reduction<ScalarAccess>(Of(511, 7));
        Vectors(Of(512, 8), Of(8, 2));
        Pictures(Of(256, 4), Of(8, 2));
        LinearGradients(Of(512, 40), Of(8192, 130), Of(16, 2));
        Losses(Of(16, 2));
        Perception(Of(32, 2));
        Updates(Of(1 << 24, 1030));
        StyleGradients(Of(512, 12), Of(16, 2));
        PictureGradients(Of(128, 4), Of(16, 2));
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<KernelCase> All => _all;

    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
    }

    private void Convolution<TTile>(ConvolutionWeights weights, int side) where TTile : struct, IConvolutionTile
    {
        ConvolutionShape shape = new(1, side, side, 1, 1);
        ConvolutionOperands operands =
            new() { Input = Upload(side * side * weights.Inputs), Output = Allocate<float>(side * side * weights.Outputs) };
        string access = weights.Inputs % 4 == 0 ? nameof(VectorAccess) : nameof(ScalarAccess);
        Add($"{nameof(ConvolutionKernel)}_Run_{typeof(TTile).Name}_{access}",
            loader => ConvolutionLauncher.Prepare<TTile>(loader, weights, shape, operands).Single(), operands.Output, isConvolution: true);
    }

    private void Reduction<TAccess>(int channels) where TAccess : struct, IChannelAccess
    {
        const int Splits = 16, Pixels = 64;
        SplitReductionArguments arguments = new()
        {
            Parts = Upload(Splits * Pixels * channels),
            Output = Allocate<float>(Pixels * channels),
            Epilogue = new() { Bias = Upload(channels), Activate = 1 },
            Splits = Splits,
            Pixels = Pixels,
            PixelsPerFrame = Pixels,
            Channels = channels,
        };
        Add($"{nameof(SplitReduction)}_Run_{typeof(TAccess).Name}", loader => SplitReduction.Prepare<TAccess>(loader, arguments),
            arguments.Output);
    }

    private void Images(int channels, int side)
    {
        FirstLayerArguments arguments = new()
        {
            Input = Upload(3 * side * side),
            Weights = Upload(3 * channels),
            Bias = Upload(channels),
            Output = Allocate<float>(side * side * channels),
            Frames = 1,
            Pixels = side * side,
            Channels = channels,
        };
        Add($"{nameof(FirstLayer)}_Run_{Access(channels)}", loader => FirstLayer.Prepare(loader, arguments), arguments.Output);
    }

    private void Blurred(int channels, int side, int stride)
    {
        int output = (side - 2) / stride + (stride == 1 ? 1 : 0);
        BlurArguments arguments = new()
        {
            Input = Upload(side * side * channels),
            Output = Allocate<float>(output * output * channels),
            Gain = 1f / 64f,
            Frames = 1,
            InputHeight = side,
            InputWidth = side,
            OutputHeight = output,
            OutputWidth = output,
            Channels = channels,
            Padding = 1,
        };
        Add($"{nameof(Blur)}_Run_{(stride == 1 ? nameof(Stride1) : nameof(Stride2))}_{Access(channels)}",
            loader => Blur.Prepare(loader, arguments, stride), arguments.Output);
    }

    private void Warped(int channels, int side)
    {
        float[] grid = [.. Enumerable.Range(0, side).Select(i => -1 + 2f * i / (side - 1))];
        FlowWarpArguments arguments = new()
        {
            Input = Upload(side * side * channels),
            Feature = Upload(side * side * channels),
            Style = Upload(channels),
            FlowWeights = Upload(3 * channels, 0.01f),
            FlowBias = Upload(3, 0.1f),
            RgbWeights = Upload(3 * channels),
            RgbBias = Upload(3),
            RgbOffset = Upload(3),
            GridX = Own(_memory.Allocate1D(grid)).View,
            GridY = Own(_memory.Allocate1D(grid)).View,
            Flow = Allocate<float>(3 * side * side),
            Rgb = Allocate<float>(3 * side * side),
            Blended = Allocate<float>(side * side * channels),
            Frames = 1,
            Height = side,
            Width = side,
            Channels = channels,
            StyleStride = channels,
        };
        Add($"{nameof(FlowWarp)}_Run_{Access(channels)}", loader => FlowWarp.Prepare(loader, arguments), arguments.Blended);
    }

    private void Vectors(int width, int frames)
    {
        LinearArguments linear = new()
        {
            Input = Upload(frames * width),
            Weights = Upload(width * width),
            Bias = Upload(width),
            Output = Allocate<float>(frames * width),
            Frames = frames,
            Inputs = width,
            Outputs = width,
            InputStride = width,
            Activate = 1,
        };
        Add($"{nameof(LinearKernel)}_Run", loader => LinearKernel.Prepare(loader, linear), linear.Output);
        LinearArguments alone = linear with { Output = Allocate<float>(width), Frames = 1 };
        Add($"{nameof(LinearKernel)}_{nameof(LinearKernel.RunOne)}", loader => LinearKernel.Prepare(loader, alone), alone.Output);

        int rows = 4 * width;
        DemodulationArguments demodulation = new()
        {
            Styles = Upload(frames * width),
            SquaredWeights = Upload(rows * width, offset: 1f),
            Rows = Own(_memory.Allocate1D([.. Enumerable.Range(0, rows)
                .Select(row => new DemodulationRow { Inputs = width, Weights = row * width, Output = row })])).View,
            Output = Allocate<float>(frames * rows),
            Frames = frames,
            RowCount = rows,
            StyleStride = width,
            OutputStride = rows,
        };
        Add($"{nameof(Demodulation)}_Run", loader => Demodulation.Prepare(loader, demodulation), demodulation.Output);

        (int height, int columns) = Of((512, 20), (4, 2));
        ArrayView<double> workspace = Allocate<double>(HouseholderQr.WorkspaceLength(height, columns));
        HouseholderQrArguments basis = new()
        {
            Input = Upload(height * columns),
            Reflectors = workspace.SubView(0, height * columns),
            Basis = workspace.SubView(height * columns, height * columns),
            Factors = workspace.SubView(2 * height * columns, columns),
            Output = Allocate<float>(height * columns),
            Rows = height,
            Columns = columns,
            Offset = 1e-8f,
        };
        Add($"{nameof(HouseholderQr)}_Run", loader => HouseholderQr.Prepare(loader, basis), basis.Output);
        BasisGradients(basis);
    }

    private void Pictures(int side, int frames)
    {
        int values = 3 * side * side;
        float[] floats = Floats(frames * values);
        floats[values - 1] = float.NaN;
        FiniteCheckArguments check = new()
        {
            Values = Own(_memory.Allocate1D(floats)).View,
            Faults = Own(_memory.Allocate1D(new int[frames])).View,
            Frames = frames,
            ValuesPerFrame = values,
        };
        Add($"{nameof(FiniteCheck)}_Run", loader => FiniteCheck.Prepare(loader, check), check.Faults);

        byte[] bytes = new byte[4 * frames * values];
        _random.NextBytes(bytes);
        PixelArguments normalise = new()
        {
            Pixels = Own(_memory.Allocate1D(bytes)).View,
            Planes = Allocate<float>(frames * values),
            Frames = frames,
            PixelsPerFrame = side * side,
        };
        Add($"{nameof(PixelConversion)}_{nameof(PixelConversion.Normalize)}", loader => PixelConversion.PrepareNormalize(loader, normalise),
            normalise.Planes);
        PixelArguments pack = new()
        {
            Pixels = Allocate<byte>(frames * values),
            Planes = Upload(frames * values),
            Frames = frames,
            PixelsPerFrame = side * side,
        };
        Add($"{nameof(PixelConversion)}_{nameof(PixelConversion.Pack)}", loader => PixelConversion.PreparePack(loader, pack), pack.Pixels);
    }

    private void Add<T>(
        string kernel, Func<KernelLoader, KernelLaunch> bind, ArrayView<T> output, bool isConvolution = false, Action? reset = null)
        where T : unmanaged =>
        _all.Add(new(kernel, isConvolution, bind, () =>
        {
            T[] values = new T[output.Length];
            output.CopyToCPU(_memory.Accelerator.DefaultStream, values);
            return Array.ConvertAll(values, static value => Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture));
        }, reset));

    private static string Access(int channels) => channels % 4 == 0 ? nameof(VectorAccess) : nameof(ScalarAccess);

    private T Of<T>(T full, T tiny) => _isTiny ? tiny : full;

    private float[] Floats(int length, float scale = 1f, float offset = 0f)
    {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) values[i] = scale * (2 * _random.NextSingle() - 1) + offset;
        return values;
    }

    private ArrayView<float> Upload(int length, float scale = 1f, float offset = 0f) =>
        Own(_memory.Allocate1D(Floats(length, scale, offset))).View;

    private ArrayView<T> Allocate<T>(long length) where T : unmanaged
    {
        MemoryBuffer1D<T, Stride1D.Dense> buffer = Own(_memory.Allocate1D<T>(length));
        buffer.MemSetToZero();
        return buffer.View;
    }

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
