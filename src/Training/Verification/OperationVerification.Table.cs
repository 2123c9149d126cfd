using ILGPU;
using ILGPU.Runtime;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Kernels.Losses;
using Lia.Kernels.MotionBasis;
using Lia.Kernels.Resampling;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Training.Parameters;
using Lia.Training.Steps;

namespace Lia.Training.Verification;

/// <content>What is looked at, and how each block is put together.</content>
internal sealed partial class OperationVerification
{
    private static (string Name, Action<OperationVerification> Run)[] Operations { get; } =
    [
        ("equal_conv1", op => op.Convolution("weight", "bias", 1, 0, isActivated: false)),
        ("equal_conv3", op => op.Convolution("weight", "bias", 3, 1, isActivated: false)),
        ("equal_conv4_valid", op => op.Convolution("weight", null, 4, 0, isActivated: false)),
        ("conv_layer", op => op.Convolution("0.weight", "1.bias", 3, 1, isActivated: true)),
        ("conv_layer_down", op => op.Strided(new("down", "1.weight", "2.bias", 8, 6, 3, 0, Resampling.Down, Activated: true))),
        ("conv_skip_down", op =>
        {
            ConvolutionLayer layer = new("skip", "1.weight", null, 8, 6, 1, 0, Resampling.Down, Activated: false);
            op.Layers(parameters => parameters.Add(layer), (layers, x) => layers.Skip(layer, x));
        }),
        ("res_block", op =>
        {
            ResBlock block = Encoder.CreateBlock("block", "", 16, 8, 6);
            op.Layers(parameters => parameters.Add(block), (layers, x) => ForwardPass.Residual(block, layers, x, feature: -1));
        }),
        ("blur_down3", op =>
        {
            ConvolutionLayer after = new("blur", "", null, 8, 8, 3, 0, Resampling.Down, Activated: false);
            op.Layers(_ => { }, (layers, x) => layers.BlurBefore(after, x));
        }),
        ("minibatch_stddev", op => op.Layers(_ => { }, (layers, x) => DiscriminatorPass.Deviation(layers.Tape, x, passes: 1))),
        ("modconv1_nodemod", op => op.Modulated(Modulation("", 3, 1, Resampling.None, demodulated: false), bias: null)),
        ("modconv3", op => op.Modulated(Modulation("", 6, 3, Resampling.None), bias: null)),
        ("modconv3_up", op => op.Modulated(Modulation("", 6, 3, Resampling.Up), bias: null)),
        ("styled_conv", op => op.Modulated(Modulation("conv.", 6, 3, Resampling.None), "activate.bias")),
        ("styled_conv_up", op => op.Modulated(Modulation("conv.", 6, 3, Resampling.Up), "activate.bias")),
        ("to_flow_first", op => op.Flow(hasPrevious: false)),
        ("to_flow", op => op.Flow(hasPrevious: true)),
        ("equal_linear", op => op.Linear()),
        ("direction", op => op.Direction()),
        ("softplus_mean", op => op.Softplus()),
        ("l1", op => op.AbsoluteDistance()),
        ("anti_alias_2", op => op.Pyramid(2)),
        ("anti_alias_4", op => op.Pyramid(4)),
        ("anti_alias_8", op => op.Pyramid(8)),
        ("max_pool", op => op.Pool()),
        ("upsample", op => op.Up()),
    ];

    private static ModulatedConvolutionLayer Modulation(string prefix, int outputs, int kernel, Resampling resampling,
        bool demodulated = true) => Synthesis.CreateModulated("modulated", prefix, 8, outputs, 16, kernel, resampling, demodulated);

    private void Convolution(string weight, string? bias, int kernel, int padding, bool isActivated)
    {
        ConvolutionLayer layer = new("layer", weight, bias, 8, 6, kernel, padding, Resampling.None, isActivated);
        Layers(parameters => parameters.Add(layer), (layers, x) => layers.Convolution(layer, x));
    }

    private void Strided(ConvolutionLayer layer) =>
        Layers(parameters => parameters.Add(layer), (layers, x) => layers.Convolution(layer, layers.BlurBefore(layer, x)));

    private void Modulated(ModulatedConvolutionLayer layer, string? bias) => Modulated(layer, (layers, x) =>
        layer.Resampling == Resampling.Up ? layers.Upsampled(layer, bias, x) : layers.Modulated(layer, bias, x));

    private void Linear()
    {
        int[] shape = Shape("in0"), matrix = Shape("w.weight");
        (int frames, int inputs, int outputs) = (shape[0], shape[1], matrix[0]);
        using NetworkParameters parameters = Parameters([]);
        ArrayView<float> x = Upload(Read("in0")), y = Room(frames * outputs), dx = Room(frames * inputs);
        float scale = TrainedConvolution.Equalised(inputs, 1);
        Run(LinearKernel.PrepareScaled(_loader, new()
        {
            Layer = LinearRows.Dense(parameters.Value("weight"), parameters.Value("bias"), x, inputs, y, outputs, frames),
            Scale = scale,
            BiasScale = 1,
        }));
        Run(LinearGradient.Prepare(_loader, LinearRows.Dense(new LinearGradientArguments
        {
            Input = x,
            OutputGradient = Upload(Read("ct0")),
            Weights = parameters.Value("weight"),
            InputGradient = dx,
            WeightGradient = parameters.Gradient("weight"),
            BiasGradient = parameters.Gradient("bias"),
            Workspace = Room(LinearGradient.WorkspaceLength(frames, inputs, outputs)),
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            Scale = scale,
            BiasScale = 1,
        })));
        Compare("out0", Download(y));
        Compare("grad.in0", Download(dx));
        CompareParameters(parameters);
    }

    // alpha to Q alpha.
    private void Direction()
    {
        int[] shape = Shape("w.weight");
        (int rows, int columns, int frames) = (shape[0], shape[1], Shape("in0")[0]);
        using NetworkParameters parameters = Parameters([]);
        ArrayView<float> alpha = Upload(Read("in0")), basis = Room(rows * columns), basisGradient = Room(rows * columns);
        ArrayView<float> y = Room(frames * rows), alphaGradient = Room(frames * columns);
        ArrayView<double> work = Own(_loader.Allocate1D<double>(HouseholderQr.WorkspaceLength(rows, columns))).View;
        ArrayView<double> room = Own(_loader.Allocate1D<double>(QrGradient.WorkspaceLength(rows, columns))).View;
        Run(HouseholderQr.Prepare(_loader, new()
        {
            Input = parameters.Value("weight"),
            Reflectors = work.SubView(0, rows * columns),
            Basis = work.SubView(rows * columns, rows * columns),
            Factors = work.SubView(2 * rows * columns, columns),
            Output = basis,
            Rows = rows,
            Columns = columns,
            Offset = GeneratorLayers.MotionBasisOffset,
        }), LinearKernel.PrepareScaled(_loader, new()
        {
            Layer = LinearRows.Dense(basis, default, alpha, columns, y, rows, frames),
            Scale = 1,
        }));
        Run(LinearGradient.Prepare(_loader, LinearRows.Dense(new LinearGradientArguments
        {
            Input = alpha,
            OutputGradient = Upload(Read("ct0")),
            Weights = basis,
            InputGradient = alphaGradient,
            WeightGradient = basisGradient,
            Workspace = Room(LinearGradient.WorkspaceLength(frames, columns, rows)),
            Frames = frames,
            Inputs = columns,
            Outputs = rows,
            Scale = 1,
        })));
        Run(QrGradient.Prepare(_loader, new()
        {
            Input = parameters.Value("weight"),
            Basis = work.SubView(rows * columns, rows * columns),
            BasisGradient = basisGradient,
            Gradient = parameters.Gradient("weight"),
            Workspace = room,
            Rows = rows,
            Columns = columns,
            Offset = GeneratorLayers.MotionBasisOffset,
        }));
        Compare("out0", Download(y));
        Compare("grad.in0", Download(alphaGradient));
        CompareParameters(parameters);
    }

    private void Softplus()
    {
        int images = Shape("in0")[0];
        ArrayView<float> gradient = Room(images), value = Room(1);
        Run(SoftplusMean.Prepare(_loader, new()
            { Input = Upload(Read("in0")), Gradient = gradient, Value = value, Passes = 1, Images = images, Scale = 1 }));
        Compare("out0", Download(value));
        Compare("grad.in0", Scaled(Download(gradient)));
    }

    private void AbsoluteDistance()
    {
        int[] shape = Shape("in0");
        int pixels = shape[2] * shape[3], length = shape[0] * shape[1] * pixels;
        ArrayView<float> value = Room(1), first = Room(length), second = Room(length);
        Run(L1.Prepare(_loader, new()
        {
            Values = Upload(Read("in0")),
            Targets = Upload(Read("in1")),
            Gradient = first,
            TargetGradient = second,
            Partials = Own(_loader.Allocate1D<double>(L1.PartialsLength(shape[0], shape[1], pixels))).View,
            Value = value,
            Frames = shape[0],
            Channels = shape[1],
            Pixels = pixels,
            Scale = 1,
        }));
        Compare("out0", Download(value));
        Compare("grad.in0", Scaled(Download(first)));
        Compare("grad.in1", Scaled(Download(second)));
    }

    // A loss' gradient times the file's cotangent, one number.
    private float[] Scaled(float[] gradient)
    {
        float cotangent = Read("ct0")[0];
        return [.. gradient.Select(value => value * cotangent)];
    }

    private void Pyramid(int factor)
    {
        int[] shape = Shape("in0");
        ArrayView<float> output = Room(Read("out0").Length), gradient = Room(Read("in0").Length);
        AntiAliasArguments arguments = new()
        {
            Input = Upload(Read("in0")),
            Output = output,
            OutputGradient = Upload(Read("ct0")),
            Gradient = gradient,
            Taps = Upload(AntiAlias.Taps(factor)),
            Images = shape[0] * shape[1],
            Height = shape[2],
            Width = shape[3],
            Factor = factor,
        };
        Run(AntiAlias.Prepare(_loader, arguments), AntiAlias.PrepareGradient(_loader, arguments));
        Compare("out0", Download(output));
        Compare("grad.in0", Download(gradient));
    }

    private void Pool()
    {
        TrainedMap input = Map("in0");
        ActivationMap x = input.Value, y = new(Room(x.Length / 4), x.Frames, x.Height / 2, x.Width / 2, x.Channels);
        ArrayView<float> gradient = Room(x.Length);
        MaxPoolArguments arguments = new()
        {
            Input = x.View,
            Output = y.View,
            OutputGradient = Upload(Laid("ct0", y)),
            Gradient = gradient,
            Frames = x.Frames,
            Height = x.Height,
            Width = x.Width,
            Channels = x.Channels,
        };
        Run(MaxPool.Prepare(_loader, arguments), MaxPool.PrepareGradient(_loader, arguments));
        Compare("out0", y.Read(_stream));
        Compare("grad.in0", (x with { View = gradient }).Read(_stream));
    }

    // The way back alone: forward it is a part of ToFlow.
    private void Up()
    {
        int[] shape = Shape("in0");
        ArrayView<float> gradient = Room(Read("in0").Length);
        Run(UpsampleGradient.Prepare(_loader, new()
        {
            OutputGradient = Upload(Read("ct0")),
            InputGradient = gradient,
            Planes = shape[0] * shape[1],
            Height = shape[2],
            Width = shape[3],
        }));
        Compare("grad.in0", Download(gradient));
    }

    private ArrayView<float> Room(long length) => Upload(new float[length]);

    private void Run(params ReadOnlySpan<KernelLaunch> launches)
    {
        foreach (KernelLaunch launch in launches) launch.Enqueue(_stream);
    }
}
