using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Training.Parameters;

namespace Lia.Training.Steps;

/// <summary>
/// Layers of convolutions in float32 that keep what the way back reads. Modulated layers are in <see cref="GeneratorLayers"/>.
/// </summary>
/// <param name="tape">What is appended to.</param>
/// <param name="parameters">The network's.</param>
internal class TrainingLayers(Tape tape, NetworkParameters parameters) : IResidualLayers<TrainedMap>
{
    private readonly Dictionary<int, TrainedMap> _features = [];

    public Tape Tape => tape;

    protected KernelLoader Loader => tape.Loader;

    protected NetworkParameters Parameters => parameters;

    /// <summary>The results of the first layer and the blocks by their numbers: what the decoder warps.</summary>
    public Dictionary<int, TrainedMap> Features => _features;

    /// <summary>Whether gradients of the parameters are wanted; else of activations alone.</summary>
    public bool Learns { get; init; } = true;

    /// <summary>Pictures in planes as neighboring channels; the gradient of the way back is added in planes.</summary>
    /// <param name="planes">[picture, 3, pixel].</param>
    /// <param name="frames">Pictures.</param>
    /// <param name="size">Side.</param>
    /// <param name="gradient">What the gradient by the planes is added to; empty where it is not wanted.</param>
    public TrainedMap Pictures(ArrayView<float> planes, int frames, int size, ArrayView<float> gradient = default)
    {
        TrainedMap map = new(tape.Reserve(frames, size, size, 3), needsGradient: gradient.Length > 0);
        ChannelOrderArguments order = new()
            { Input = planes, Output = map.Value.View, Frames = frames, Pixels = size * size, Channels = 3 };
        tape.Add("pictures", ChannelOrder.Prepare(Loader, order));
        tape.Push(() =>
        {
            if (map.Gradient is { } channels)
                tape.Add("pictures, back", ChannelOrder.Prepare(Loader,
                    order with { Input = channels.View, Output = gradient, ToPlanar = 1, Accumulates = 1 }));
            tape.Release(map);
        });
        return map;
    }

    /// <summary>A convolution, its bias and activation.</summary>
    public TrainedMap Convolution(ConvolutionLayer layer, TrainedMap input)
    {
        TrainedMap output = ConvolveForward(layer, input);
        tape.Push(() =>
        {
            ConvolveBack(layer, input, output, output.Gradient!);
            tape.Release(output);
        });
        return output;
    }

    /// <summary>The blur in front of a strided convolution.</summary>
    public TrainedMap BlurBefore(ConvolutionLayer strided, TrainedMap input)
    {
        int border = 2 * strided.BlurPadding - 3;
        ActivationMap x = input.Value;
        TrainedMap output = new(tape.Reserve(x.Frames, x.Height + border, x.Width + border, x.Channels), input.NeedsGradient);
        tape.Add(strided.Name, BlurTo(x, output.Value, strided.BlurPadding, LiaGraph.FirGain));
        tape.Push(() =>
        {
            if (input.NeedsGradient)
                // The FIR kernel is symmetric, so the way back is the same blur with the padding that gives the input's size.
                AddGradient(input, (target, residual) => tape.Add($"{strided.Name} blur, back",
                    BlurTo(output.Gradient!, target, 3 - strided.BlurPadding, LiaGraph.FirGain, residual)));
            tape.Release(output);
        });
        return output;
    }

    /// <summary>A residual block's skip: a blur at every second pixel, and 1x1.</summary>
    public TrainedMap Skip(ConvolutionLayer layer, TrainedMap input)
    {
        ActivationMap wide = input.Value;
        TrainedMap small = new(tape.Reserve(wide.Frames, wide.Height / 2, wide.Width / 2, wide.Channels), input.NeedsGradient);
        tape.Add(layer.Name, BlurTo(wide, small.Value, layer.BlurPadding, LiaGraph.FirGain, stride: 2));
        tape.Push(() =>
        {
            if (input.NeedsGradient)
                AddGradient(input, (target, residual) => tape.Add($"{layer.Name} blur, back", BlurGradient.Prepare(Loader, new()
                {
                    OutputGradient = small.Gradient!.View,
                    InputGradient = target.View,
                    Gain = LiaGraph.FirGain,
                    Frames = wide.Frames,
                    InputHeight = wide.Height,
                    InputWidth = wide.Width,
                    OutputHeight = small.Value.Height,
                    OutputWidth = small.Value.Width,
                    Channels = wide.Channels,
                    Padding = layer.BlurPadding,
                    Accumulates = residual.Length > 0 ? 1 : 0,
                })));
            tape.Release(small);
        });
        return Convolution(layer, small);
    }

    /// <summary>(conv2(<paramref name="blurred"/>) + <paramref name="skip"/>) / sqrt(2).</summary>
    public TrainedMap Join(ResBlock block, TrainedMap blurred, TrainedMap skip, int feature)
    {
        TrainedMap inner = ConvolveForward(block.Conv2, blurred);
        TrainedMap output = new(tape.ReserveLike(inner.Value));
        tape.Add(block.Name, Scaled(inner.Value.View, skip.Value.View, output.Value.View, (float)LiaGraph.ResidualGain));
        tape.Push(() =>
        {
            // Both terms have the same gradient: the skip, whose way back comes later, takes this one over.
            ActivationMap gradient = output.Gradient!;
            tape.Add($"{block.Name}, back", Scaled(gradient.View, default, gradient.View, (float)LiaGraph.ResidualGain));
            skip.Gradient = gradient;
            inner.Gradient = tape.ReserveLike(inner.Value);
            tape.Release(output.Value.View);
            ConvolveBack(block.Conv2, blurred, inner, gradient, inner.Gradient);
            tape.Release(inner);
        });
        _features[feature] = output;
        return output;
    }

    /// <summary>Nothing is released on the way forward.</summary>
    public void Release(TrainedMap map)
    {
    }

    protected TrainedMap ConvolveForward(ConvolutionLayer layer, TrainedMap input)
    {
        TrainedConvolution convolution = parameters.Convolution(layer.Weight);
        ActivationMap x = input.Value;
        ConvolutionShape shape = convolution.Shape(x.Frames, x.Height, x.Width);
        TrainedMap output =
            new(tape.Reserve(x.Frames, shape.OutputHeight(layer.Kernel), shape.OutputWidth(layer.Kernel), layer.Outputs));
        output.Operand = ConvolveTo(layer.Name, convolution, x, output.Value, new()
        {
            Bias = layer.Bias is { } bias ? parameters.Value(bias) : default,
            Activate = layer.Activated ? 1 : 0,
        });
        return output;
    }

    /// <summary>The way back through a convolution: gradients of bias and weight, and of the input added to its own.</summary>
    /// <param name="layer">The convolution.</param>
    /// <param name="input">What it read.</param>
    /// <param name="result">What it wrote, activated.</param>
    /// <param name="gradient">The gradient by that.</param>
    /// <param name="inner">Receives the gradient before the activation; null to overwrite <paramref name="gradient"/>.</param>
    protected void ConvolveBack(
        ConvolutionLayer layer, TrainedMap input, TrainedMap result, ActivationMap gradient, ActivationMap? inner = null)
    {
        ActivationMap output = result.Value;
        string name = $"{layer.Name}, back";
        bool wantsBias = Learns && layer.Bias != null;
        TrainedConvolution convolution = parameters.Convolution(layer.Weight);
        ArrayView<int> largest = default;
        if (layer.Activated || wantsBias)
        {
            largest = LargestOf(convolution, output);
            ArrayView<float> sums = wantsBias ? tape.Reserve((long)output.Frames * output.Channels) : default;
            ActivationBack(name, output, gradient, inner ?? gradient, layer.Activated ? 1 : 0, sums, largest: largest);
            if (wantsBias)
            {
                tape.Add(name, BiasGradient.Prepare(Loader, new()
                {
                    GradientSums = sums,
                    Gradient = parameters.Gradient(layer.Bias!),
                    Factor = 1,
                    Frames = output.Frames,
                    Channels = output.Channels,
                }));
                tape.Release(sums);
            }
            gradient = inner ?? gradient;
        }
        GradientOperand operand =
            Operand(name, convolution, gradient, largest, isReadPacked: input.NeedsGradient || result.Operand != null);
        WeightBack(name, layer.Weight, convolution, input.Value, result.Operand, operand);
        DataBack(name, convolution, operand, input);
        Release(operand);
    }

    /// <summary>Room for what <see cref="ActivationBack"/> finds of a gradient that a convolution then reads, where it has use for
    /// it.</summary>
    protected ArrayView<int> LargestOf(TrainedConvolution convolution, ActivationMap output) => HasScale(convolution)
        ? tape.Reserve(ActivationGradient.LargestLength(output.Frames, output.Height * output.Width, output.Channels)).Cast<int>()
        : default;

    /// <summary>A gradient as convolutions read it, to be given back by <see cref="Release(GradientOperand)"/>.</summary>
    /// <param name="name">The layer.</param>
    /// <param name="convolution">Its convolution.</param>
    /// <param name="gradient">The gradient.</param>
    /// <param name="largest">From <see cref="LargestOf"/>, filled and released here; empty to look for it.</param>
    /// <param name="isReadPacked">Whether anyone reads it as halves; not where a first layer's weights take their gradient from the
    /// map.</param>
    protected GradientOperand Operand(string name, TrainedConvolution convolution, ActivationMap gradient,
        ArrayView<int> largest = default, bool isReadPacked = true)
    {
        ArrayView<float> scale = HasScale(convolution) ? ScaleOf(name, gradient, largest) : default;
        if (largest.Length > 0) tape.Release(largest.Cast<float>());
        HalfMap? packed = isReadPacked && convolution.Adjoint.Halves is { } weights
            ? Packed(name, gradient, gradient.Frames, weights.HasPhases, scale) : null;
        return new(gradient, scale, packed);
    }

    /// <summary>Gives it back.</summary>
    protected void Release(GradientOperand operand)
    {
        if (operand.Scale.Length > 0) tape.Release(operand.Scale);
        if (operand.Packed is { } packed) tape.Release(packed);
    }

    /// <summary>The gradient through an activation, and its sums over the pixels.</summary>
    protected void ActivationBack(string name, ActivationMap output, ActivationMap gradient, ActivationMap result, int activation,
        ArrayView<float> sums, ArrayView<float> products = default, ArrayView<float> scale = default, int scaleStride = 0,
        ArrayView<int> largest = default)
    {
        int pixels = output.Height * output.Width;
        long length = sums.Length > 0 ? ActivationGradient.PartialsLength(output.Frames, pixels, output.Channels) : 0;
        tape.AddWith(name, length, partials => ActivationGradient.Prepare(Loader, new()
        {
            Output = output.View,
            Gradient = gradient.View,
            Result = result.View,
            Scale = scale,
            ScaleStride = scaleStride,
            GradientSums = sums,
            ProductSums = products,
            Largest = largest,
            Partials = partials,
            Frames = output.Frames,
            Pixels = pixels,
            Channels = output.Channels,
            Activation = activation,
        }));
    }

    /// <summary>The gradient by a weight; what the convolution read is given back, if it was packed.</summary>
    protected void WeightBack(string name, string weight, TrainedConvolution convolution, ActivationMap input, PackedMap? inputOperand,
        GradientOperand operand, ArrayView<float> style = default, int styleStride = 0)
    {
        if (!Learns) return;
        ActivationMap gradient = operand.Map;
        if (inputOperand is { } x && operand.Packed is { } packed)
        {
            tape.AddWith(name, HalfConvolutionLauncher.GradientWorkspaceLength(x.Map, packed), workspace =>
                tape.Packed.PrepareGradient(new(x.Map, packed, operand.Scale, x.Scale, parameters.Gradient(weight),
                    convolution.Scale * x.Unit), workspace));
            Release(x);
            return;
        }
        ConvolutionShape shape = convolution.Shape(gradient.Frames, input.Height, input.Width);
        long length = WeightGradient.WorkspaceLength(Loader, convolution.Outputs, convolution.Inputs, convolution.Kernel, shape);
        tape.AddWith(name, length, workspace =>
            WeightGradient.Prepare(Loader, convolution.Outputs, convolution.Inputs, convolution.Kernel, shape, new()
            {
                Input = input.View,
                SharesInput = input.Frames != gradient.Frames,
                InputScale = style,
                InputScaleStride = styleStride,
                OutputGradient = gradient.View,
                Workspace = workspace,
                Gradient = parameters.Gradient(weight),
                Scale = convolution.Scale,
                Arithmetic = tape.Arithmetic,
                OperandScale = operand.Scale,
            }));
    }

    /// <summary>The gradient by a convolution's input, added to what the input has.</summary>
    protected void DataBack(string name, TrainedConvolution convolution, GradientOperand operand, TrainedMap input)
    {
        if (!input.NeedsGradient) return;
        AddGradient(input, (target, residual) => DataBackTo(name, convolution, operand, target,
            residual.Length > 0 ? new() { Residual = residual, ResidualGain = 1 } : default));
    }

    /// <summary>The same to where it is wanted.</summary>
    protected void DataBackTo(
        string name, TrainedConvolution convolution, GradientOperand operand, ActivationMap target, Epilogue epilogue = default)
    {
        ActivationMap gradient = operand.Map;
        ConvolutionShape shape = convolution.AdjointShape(gradient.Frames, gradient.Height, gradient.Width);
        if (operand.Packed is { } packed)
            ConvolvePacked(name, convolution.Adjoint.Halves!, packed, target, epilogue, operand.Scale);
        else
            ConvolveRows(name, convolution.Adjoint.Rows!, shape, gradient, target, epilogue, scale: operand.Scale);
    }

    /// <summary>Has a gradient written, or added to the one that is there.</summary>
    /// <param name="map">Whose gradient.</param>
    /// <param name="write">Is given where it goes, and the same once more if it is to be added to what is there.</param>
    protected void AddGradient(TrainedMap map, Action<ActivationMap, ArrayView<float>> write)
    {
        bool isThere = map.Gradient != null;
        map.Gradient ??= tape.ReserveLike(map.Value);
        write(map.Gradient, isThere ? map.Gradient.View : default);
    }

    /// <summary>A convolution forward.</summary>
    /// <returns>What it read, where the gradient by its weights reads the same: to be released.</returns>
    protected PackedMap? ConvolveTo(
        string name, TrainedConvolution convolution, ActivationMap input, ActivationMap output, Epilogue epilogue,
        ArrayView<float> style = default, int styleStride = 0)
    {
        if (convolution.Forward.Halves is not { } weights)
        {
            ConvolveRows(name, convolution.Forward.Rows!, convolution.Shape(output.Frames, input.Height, input.Width), input, output,
                epilogue, style, styleStride);
            return null;
        }
        PackedMap packed = Pack(name, convolution, input, output.Frames, style, styleStride);
        ConvolvePacked(name, weights, packed.Map, output, epilogue, packed.Scale, packed.Unit);
        if (Learns && convolution.Kernel == WgmmaWeightGradient.Kernel) return packed;
        Release(packed);
        return null;
    }

    // A convolution's input as it reads it; to be released.
    private PackedMap Pack(string name, TrainedConvolution convolution, ActivationMap input, int frames, ArrayView<float> style,
        int styleStride)
    {
        bool isExact = tape.Arithmetic != ConvolutionArithmetic.Half;
        // Styles are multiplied to what was brought close to the largest half.
        float unit = isExact && style.Length > 0 ? 64 : 1;
        ArrayView<float> scale = isExact ? ScaleOf(name, input) : default;
        return new(
            Packed(name, input, frames, convolution.Forward.Halves!.HasPhases, scale, style, styleStride, 1 / unit), scale, unit);
    }

    private void Release(PackedMap map)
    {
        tape.Release(map.Map);
        if (map.Scale.Length > 0) tape.Release(map.Scale);
    }

    private bool HasScale(TrainedConvolution convolution) => tape.Arithmetic == ConvolutionArithmetic.Half || convolution.IsPacked;

    // The power of two that brings a map among the halves, and 1 over it; to be released.
    private ArrayView<float> ScaleOf(string name, ActivationMap map, ArrayView<int> largest = default)
    {
        ArrayView<float> scale = tape.Reserve(2);
        if (largest.Length > 0) tape.Add(name, OperandScale.Prepare(Loader, largest, scale));
        else tape.AddWith(name, OperandScale.PartialsLength, room => OperandScale.Prepare(Loader, map.View, room.Cast<int>(), scale));
        return scale;
    }

    private HalfMap Packed(string name, ActivationMap map, int frames, bool hasPhases, ArrayView<float> scale,
        ArrayView<float> style = default, int styleStride = 0, float factor = 1)
    {
        HalfMap packed = tape.ReserveHalves(frames, map.Channels, map.Height, map.Width, hasPhases);
        tape.Add(name, MapPacking.Prepare(Loader, packed, new()
        {
            Input = map.View,
            Style = style,
            StyleStride = styleStride,
            Scale = scale,
            Factor = factor,
            FrameStride = map.Frames == frames ? map.Height * map.Width * map.Channels : 0,
            Height = map.Height,
            Width = map.Width,
        }));
        return packed;
    }

    private void ConvolvePacked(string name, HalfConvolutionWeights weights, HalfMap packed, ActivationMap output, Epilogue epilogue,
        ArrayView<float> scale, float unit = 1)
    {
        bool isUp = weights.Kind == HalfConvolutionKind.Up;
        HalfMap extents = new(default, output.Frames, output.Channels, isUp ? packed.Height + 1 : output.Height,
            isUp ? packed.Width + 1 : output.Width, isUp ? 4 : 1);
        ConvolutionCut cut = tape.Packed.Cut(weights, extents, isMap: true);
        Float32Result result = new()
        {
            Output = output.View,
            OperandScale = scale,
            Factor = unit,
            Epilogue = epilogue,
            Height = output.Height,
            Width = output.Width,
            Channels = output.Channels,
        };
        tape.AddWith(name, HalfConvolutionLauncher.MapWorkspaceLength(result, output.Frames, cut), workspace =>
            tape.Packed.Prepare(weights, new(packed, extents, new() { Gain = 1 }) { Map = result }, cut, workspace));
    }

    private void ConvolveRows(string name, ConvolutionWeights weights, ConvolutionShape shape, ActivationMap input, ActivationMap output,
        Epilogue epilogue, ArrayView<float> style = default, int styleStride = 0, ArrayView<float> scale = default) =>
        tape.AddWith(name, ConvolutionLauncher.WorkspaceLength(Loader, weights, shape, tape.Arithmetic), workspace =>
            ConvolutionLauncher.Prepare(Loader, weights, shape, new()
            {
                Input = input.View,
                SharesInput = input.Frames != output.Frames,
                Output = output.View,
                InputScale = style,
                InputScaleStride = styleStride,
                InputFactor = scale.Length > 0 ? scale.SubView(0, 1) : default,
                Workspace = workspace,
                Epilogue = epilogue,
            }, tape.Arithmetic));

    /// <summary>(a + b) * gain, b empty for none.</summary>
    protected KernelLaunch Scaled(ArrayView<float> a, ArrayView<float> b, ArrayView<float> output, float gain) =>
        AddScaled.Prepare(Loader, new() { First = a, Second = b, Output = output, Gain = gain });

    protected KernelLaunch BlurTo(ActivationMap input, ActivationMap output, int padding, float gain, ArrayView<float> residual = default,
        int stride = 1, Epilogue epilogue = default)
    {
        if (residual.Length > 0) epilogue = epilogue with { Residual = residual, ResidualGain = 1 };
        return Blur.Prepare(Loader, new()
        {
            Input = input.View,
            Output = output.View,
            Epilogue = epilogue,
            Gain = gain,
            Frames = input.Frames,
            InputHeight = input.Height,
            InputWidth = input.Width,
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            Channels = input.Channels,
            Padding = padding,
        }, stride);
    }
}

/// <summary>A gradient as the convolutions of the way back read it.</summary>
/// <param name="Map">The gradient.</param>
/// <param name="Scale">The power of two that brings it among the halves, and 1 over it; empty where nothing is rounded to halves.</param>
/// <param name="Packed">The gradient times that, as halves; null for convolutions that read float32 maps.</param>
internal sealed record GradientOperand(ActivationMap Map, ArrayView<float> Scale, HalfMap? Packed);

/// <summary>A map as halves.</summary>
/// <param name="Map">The halves.</param>
/// <param name="Scale">What its values were multiplied by, and 1 over it; empty for 1.</param>
/// <param name="Unit">What they were divided by besides.</param>
internal sealed record PackedMap(HalfMap Map, ArrayView<float> Scale, float Unit);
