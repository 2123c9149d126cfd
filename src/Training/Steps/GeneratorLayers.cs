using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using Lia.Kernels.MotionBasis;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Training.Parameters;

namespace Lia.Training.Steps;

/// <summary>What the generator reads and writes outside the arena.</summary>
/// <param name="Pictures">
/// Planar [picture, 3, S, S]: sources, pictures that drive, and with <paramref name="IsRelative"/> pictures that the movement starts from.
/// </param>
/// <param name="Result">Receives planar [pair, 3, S, S].</param>
/// <param name="ResultGradient">The loss' gradient by it.</param>
/// <param name="Grids">linspace(-1, 1) for each level.</param>
/// <param name="Pairs">Pairs.</param>
/// <param name="Styles">Where styles lie.</param>
/// <param name="DemodulationTable">Its rows, on the device.</param>
/// <param name="IsRelative">Whether alpha = alpha(driving) - alpha(start) + alpha(source), and not alpha(driving).</param>
/// <param name="FixesDirections">Whether the motion directions take no gradient, and so stay as they are.</param>
internal sealed record GeneratorOperands(ArrayView<float> Pictures, ArrayView<float> Result, ArrayView<float> ResultGradient,
    IReadOnlyList<ArrayView<float>> Grids, StyleLayout Styles, ArrayView<DemodulationRow> DemodulationTable, int Pairs, bool IsRelative,
    bool FixesDirections = false)
{
    /// <summary>What is known of the pictures' movement, or null.</summary>
    public LabelGuide? Labels { get; init; }

    /// <summary>Where surfaces lie, or null.</summary>
    public SurfaceGuide? Surfaces { get; init; }
}

/// <summary>
/// The generator in float32 with its way back. Encoder, motion and decoder are one walk: the features of the sources get their gradients
/// from the warps and from the next block.
/// </summary>
internal sealed partial class GeneratorLayers : TrainingLayers, ILayers<TrainedMap>
{
    /// <summary>What the official program adds to the direction matrix.</summary>
    public const float MotionBasisOffset = 1e-8f;

    private readonly LiaGraph _graph;
    private readonly GeneratorOperands _operands;
    private ArrayView<float> _styles, _styleGradients, _demodulations, _squares, _codes, _codeGradients;
    private TrainedMap? _code;

    /// <param name="tape">What is appended to.</param>
    /// <param name="parameters">The generator's.</param>
    /// <param name="graph">The network.</param>
    /// <param name="operands">What it reads and writes.</param>
    public GeneratorLayers(Tape tape, NetworkParameters parameters, LiaGraph graph, GeneratorOperands operands) : base(tape, parameters) =>
        (_graph, _operands) = (graph, operands);

    /// <summary>The latents [pair, style]: set, or made by <see cref="Displace"/>.</summary>
    public ArrayView<float> Latents { get; set; }

    /// <summary>The loss' gradient by them, once the walk back has reached them.</summary>
    public ArrayView<float> LatentGradients { get; private set; }

    /// <summary>Receives the warped feature of a level that is looked at alone; empty in training, where nothing reads it.</summary>
    public ArrayView<float> Warped { get; init; }

    /// <summary>The gradient by that.</summary>
    public ArrayView<float> WarpedGradient { get; init; }

    private int Pairs => _operands.Pairs;

    private StyleLayout Styles => _operands.Styles;

    private int Style => _graph.Architecture.Style;

    private int Motion => _graph.Architecture.Motion;

    // alpha is made of these pictures.
    private int FirstCoded => _operands.IsRelative ? 0 : Pairs;

    private int CodedCount => _operands.IsRelative ? 3 * Pairs : Pairs;

    /// <summary>Adds the convolutions that are looked up here.</summary>
    public static void AddConvolutions(NetworkParameters parameters, LiaGraph graph)
    {
        parameters.Add(graph.Encoder.First);
        foreach (ResBlock block in graph.Encoder.Blocks) parameters.Add(block);
        parameters.Add(graph.Encoder.Last);
        parameters.Add(graph.Synthesis.Conv1.Convolution);
        foreach (SynthesisLevel level in graph.Synthesis.Levels)
        {
            parameters.Add(level.Up.Convolution);
            parameters.Add(level.Conv.Convolution);
        }
    }

    /// <summary>Appends the whole way forward.</summary>
    public void Forward()
    {
        Encode();
        if (_operands.Labels is { } labels) Tell(labels);
        Displace();
        ForwardPass.Synthesize(_graph.Synthesis, this);
    }

    /// <summary>Appends the way to features and motion codes alone.</summary>
    /// <returns>The codes [picture, direction]; valid until something else is reserved.</returns>
    public ArrayView<float> Encode()
    {
        ForwardPass.Encode(_graph, this);
        return _codes;
    }

    public TrainedMap First(ConvolutionLayer layer, int feature)
    {
        int frames = (_operands.IsRelative ? 3 : 2) * Pairs;
        TrainedMap output = Convolution(layer, Pictures(_operands.Pictures, frames, _graph.Architecture.Size));
        Features[feature] = output;
        return output;
    }

    public TrainedMap Code(ConvolutionLayer layer, TrainedMap input) => _code = Convolution(layer, input);

    // Layer by layer: folded into one matrix they would have no gradients of their own.
    public void Head(MotionHead head, TrainedMap code)
    {
        List<ArrayView<float>> inputs = [code.Value.View.SubView(FirstCoded * Style, CodedCount * Style)];
        foreach (LinearLayer layer in head.Layers)
        {
            ArrayView<float> output = Tape.Reserve(CodedCount * layer.Outputs);
            Tape.Add(layer.Name, Linear(Parameters.Value(layer.Weight), Parameters.Value(layer.Bias), inputs[^1], layer.Inputs, output,
                layer.Outputs, CodedCount));
            inputs.Add(output);
        }
        _codes = inputs[^1];
        Tape.Push(() =>
        {
            ArrayView<float> gradient = _codeGradients;
            code.Gradient = Tape.ReserveLike(code.Value);
            for (int i = head.Layers.Length - 1; i >= 0; i--)
            {
                LinearLayer layer = head.Layers[i];
                ArrayView<float> below = i > 0 ? Tape.Reserve(CodedCount * layer.Inputs)
                    : code.Gradient.View.SubView(FirstCoded * Style, CodedCount * Style);
                LinearBack($"{layer.Name}, back", new()
                {
                    OutputGradient = gradient,
                    Input = inputs[i],
                    Weights = Parameters.Value(layer.Weight),
                    InputGradient = below,
                    WeightGradient = Parameters.Gradient(layer.Weight),
                    BiasGradient = Parameters.Gradient(layer.Bias),
                    Frames = CodedCount,
                    Inputs = layer.Inputs,
                    Outputs = layer.Outputs,
                    Scale = TrainedConvolution.Equalised(layer.Inputs, 1),
                    BiasScale = 1,
                });
                Tape.Release(gradient);
                Tape.Release(inputs[i + 1]);
                gradient = below;
            }
            // A source's code is its latent's too.
            ArrayView<float> sources = code.Gradient.View.SubView(0, Pairs * Style);
            Tape.Add("latent, back", Scaled(LatentGradients, _operands.IsRelative ? sources : default, sources, 1));
            Tape.Release(LatentGradients);
        });
    }

    /// <summary>latent = appearance of the source + Q alpha.</summary>
    private void Displace()
    {
        int basisLength = Style * Motion;
        ArrayView<float> basis = Tape.Reserve(basisLength), direction = Parameters.Value(_graph.Direction);
        ArrayView<float> workspace = Tape.Reserve(2 * HouseholderQr.WorkspaceLength(Style, Motion));
        ArrayView<double> doubles = workspace.Cast<double>();
        Tape.Add(_graph.Direction, HouseholderQr.Prepare(Loader, new()
        {
            Input = direction,
            Reflectors = doubles.SubView(0, basisLength),
            Basis = doubles.SubView(basisLength, basisLength),
            Factors = doubles.SubView(2 * basisLength, Motion),
            Output = basis,
            Rows = Style,
            Columns = Motion,
            Offset = MotionBasisOffset,
        }));

        ArrayView<float> alpha = _codes;
        if (_operands.IsRelative)
        {
            ArrayView<float> moved = _codes.SubView(Pairs * Motion, Pairs * Motion), start = _codes.SubView(2 * Pairs * Motion);
            alpha = Tape.Reserve(Pairs * Motion);
            ArrayView<float> negative = Tape.Reserve(Pairs * Motion);
            Tape.Add("alpha", Scaled(start, default, negative, -1), Scaled(_codes.SubView(0, Pairs * Motion), moved, alpha, 1),
                Scaled(alpha, negative, alpha, 1));
            Tape.Release(negative);
        }
        Latents = Tape.Reserve(Pairs * Style);
        Tape.Add("latent", LinearKernel.PrepareScaled(Loader, new()
        {
            Layer = LinearRows.Dense(basis, default, alpha, Motion, Latents, Style, Pairs),
            Addend = _code!.Value.View.SubView(0, Pairs * Style),
            Scale = 1,
        }));

        Tape.Push(() =>
        {
            const string Name = "latent, back";
            bool learnsBasis = !_operands.FixesDirections;
            ArrayView<float> alphaGradient = Tape.Reserve(Pairs * Motion);
            ArrayView<float> basisGradient = learnsBasis ? Tape.Reserve(basisLength) : default;
            LinearBack(Name, new()
            {
                OutputGradient = LatentGradients,
                Input = alpha,
                Weights = basis,
                InputGradient = alphaGradient,
                WeightGradient = basisGradient,
                Frames = Pairs,
                Inputs = Motion,
                Outputs = Style,
                Scale = 1,
            });
            if (learnsBasis) Tape.AddWithDoubles($"{_graph.Direction}, back", QrGradient.WorkspaceLength(Style, Motion), room =>
                QrGradient.Prepare(Loader, new()
                {
                    Input = direction,
                    Basis = doubles.SubView(basisLength, basisLength),
                    BasisGradient = basisGradient,
                    Gradient = Parameters.Gradient(_graph.Direction),
                    Workspace = room,
                    Rows = Style,
                    Columns = Motion,
                    Offset = MotionBasisOffset,
                }));
            Tape.Release(workspace);
            _codeGradients = alphaGradient;
            if (_operands.IsRelative)
            {
                _codeGradients = Tape.Reserve(CodedCount * Motion);
                Tape.Add(Name, Enumerable.Range(0, 3).Select(i => Scaled(alphaGradient, default,
                    _codeGradients.SubView(i * Pairs * Motion, Pairs * Motion), i < 2 ? 1 : -1)));
                Tape.Release(alphaGradient);
                Tape.Release(alpha);
            }
            if (learnsBasis) Tape.Release(basisGradient);
            Tape.Release(basis);
            Tape.Release(Latents);
        });
    }

    public void Modulate(Synthesis synthesis)
    {
        const string Name = "dec.modulation";
        _styles = Tape.Reserve((long)Pairs * Styles.StyleLength);
        _demodulations = Tape.Reserve((long)Pairs * Styles.DemodulationLength);
        _squares = Tape.Reserve(Styles.SquaresLength);
        Tape.Add(Name, Linear(Matrix(Parameters.Values), Offsets(Parameters.Values), Latents, Style, _styles,
            Styles.StyleLength, Pairs));
        foreach (ModulatedConvolutionLayer layer in Styles.Layers.Where(layer => layer.Demodulated))
            Tape.Add(layer.Name, WeightPacking.PrepareSquares(Loader, Parameters.Value(layer.Weight), Squares(layer), layer.Outputs,
                layer.Inputs, layer.Kernel, TrainedConvolution.Equalised(layer.Inputs, layer.Kernel)));
        if (Styles.DemodulationLength > 0)
            Tape.Add("dec.demodulation", Demodulation.Prepare(Loader, new()
            {
                Styles = _styles,
                SquaredWeights = _squares,
                Rows = _operands.DemodulationTable,
                Output = _demodulations,
                Frames = Pairs,
                RowCount = _operands.DemodulationTable.IntLength,
                StyleStride = Styles.StyleLength,
                OutputStride = Styles.DemodulationLength,
            }));
        Tape.Push(() =>
        {
            LatentGradients = Tape.Reserve((long)Pairs * Style);
            LinearBack($"{Name}, back", new()
            {
                OutputGradient = _styleGradients,
                Input = Latents,
                Weights = Matrix(Parameters.Values),
                InputGradient = LatentGradients,
                WeightGradient = Matrix(Parameters.Bank.Gradients),
                BiasGradient = Offsets(Parameters.Bank.Gradients),
                Frames = Pairs,
                Inputs = Style,
                Outputs = Styles.StyleLength,
                Scale = TrainedConvolution.Equalised(Style, 1),
                BiasScale = 1,
            });
            foreach (ArrayView<float> view in (ArrayView<float>[])[_styleGradients, _styles, _demodulations, _squares]) Tape.Release(view);
        });
    }

    /// <summary>Has the walk back begin: the layers add to the styles' gradients. To be called when all is forward.</summary>
    public void BeginBack() => Tape.Push(() =>
    {
        _styleGradients = Tape.Reserve((long)Pairs * Styles.StyleLength);
        Tape.Add("styles, back", Fill.Prepare(Loader, _styleGradients));
    });

    public TrainedMap Constant(Synthesis synthesis)
    {
        int channels = synthesis.Conv1.Convolution.Inputs;
        TrainedMap constant = new(Tape.Reserve(1, 4, 4, channels));
        ChannelOrderArguments order = new()
            { Input = Parameters.Value(synthesis.Constant), Output = constant.Value.View, Frames = 1, Pixels = 16, Channels = channels };
        Tape.Add(synthesis.Constant, ChannelOrder.Prepare(Loader, order));
        Tape.Push(() =>
        {
            Tape.Add($"{synthesis.Constant}, back", ChannelOrder.Prepare(Loader,
                order with { Input = constant.Gradient!.View, Output = Parameters.Gradient(synthesis.Constant), ToPlanar = 1 }));
            Tape.Release(constant);
        });
        return constant;
    }

    public TrainedMap Styled(StyledConvolutionLayer layer, TrainedMap input, ModulatedConvolutionLayer? next) =>
        Modulated(layer.Convolution, layer.Bias, input);

    /// <summary>A modulated convolution at one resolution; with a bias it is activated.</summary>
    public TrainedMap Modulated(ModulatedConvolutionLayer layer, string? bias, TrainedMap input)
    {
        TrainedConvolution convolution = Parameters.Convolution(layer.Weight);
        ActivationMap x = input.Value;
        TrainedMap output = new(Tape.Reserve(Pairs, x.Height, x.Width, layer.Outputs));
        output.Operand = ConvolveTo(
            layer.Name, convolution, x, output.Value, Activated(layer, bias), StyleOf(layer), Styles.StyleLength);
        Tape.Push(() =>
        {
            ArrayView<int> largest = LargestOf(convolution, output.Value);
            (ArrayView<float> sums, ArrayView<float> products) = ActivatedBack(layer, bias, output, largest);
            ModulatedBack(layer, bias, input, output.Operand, output.Gradient!, sums, products, largest);
            Tape.Release(output);
        });
        return output;
    }

    public TrainedMap Upsampled(StyledConvolutionLayer layer, TrainedMap input, ModulatedConvolutionLayer next) =>
        Upsampled(layer.Convolution, layer.Bias, input);

    /// <summary>
    /// A modulated convolution that doubles the resolution, transposed, then blurred; with a bias it is activated. A factor per channel
    /// passes through the blur, so demodulation, bias and activation come behind it.
    /// </summary>
    public TrainedMap Upsampled(ModulatedConvolutionLayer layer, string? bias, TrainedMap input)
    {
        TrainedConvolution convolution = Parameters.Convolution(layer.Weight);
        ActivationMap x = input.Value;
        ActivationMap wide = Tape.Reserve(Pairs, 2 * x.Height + 1, 2 * x.Width + 1, layer.Outputs);
        PackedMap? operand = ConvolveTo(layer.Name, convolution, x, wide, default, StyleOf(layer), Styles.StyleLength);
        TrainedMap output = new(Tape.Reserve(Pairs, 2 * x.Height, 2 * x.Width, layer.Outputs));
        Tape.Add(layer.Name, BlurTo(wide, output.Value, padding: 1, LiaGraph.UpsamplingFirGain, epilogue: Activated(layer, bias)));
        Tape.Release(wide.View);
        Tape.Push(() =>
        {
            (ArrayView<float> sums, ArrayView<float> products) = ActivatedBack(layer, bias, output);
            ActivationMap gradient = Tape.ReserveLike(wide);
            Tape.Add($"{layer.Name}, back", BlurTo(output.Gradient!, gradient, padding: 2, LiaGraph.UpsamplingFirGain));
            Tape.Release(output);
            ModulatedBack(layer, bias, input, operand, gradient, sums, products);
            Tape.Release(gradient.View);
        });
        return output;
    }

    public LevelEnd<TrainedMap> Warp(
        SynthesisLevel level, int feature, TrainedMap input, LevelEnd<TrainedMap>? below, ModulatedConvolutionLayer? next)
    {
        ActivationMap x = input.Value;
        TrainedMap source = Features[feature];
        TrainedMap flow = new(Tape.Reserve(Pairs, x.Height, x.Width, 3, isPlanar: true));
        TrainedMap rgb = new(next == null ? new(_operands.Result, Pairs, x.Height, x.Width, 3, IsPlanar: true)
            : Tape.Reserve(Pairs, x.Height, x.Width, 3, isPlanar: true));
        TrainedMap? blended = next == null ? null : new(Tape.ReserveLike(x));
        float flowScale = TrainedConvolution.Equalised(level.ToFlow.Convolution.Inputs, 1);
        float rgbScale = TrainedConvolution.Equalised(level.ToRgb.Convolution.Inputs, 1);
        ArrayView<float> flowWeights = Tape.Reserve(3 * x.Channels), rgbWeights = Tape.Reserve(3 * x.Channels);
        FlowWarpArguments forward = new()
        {
            Input = x.View,
            Feature = source.Value.View,
            FeatureStride = x.Height * x.Width * x.Channels,
            Style = StyleOf(level.ToFlow.Convolution),
            FlowWeights = flowWeights,
            FlowBias = Parameters.Value(level.ToFlow.Bias),
            RgbWeights = rgbWeights,
            RgbBias = Parameters.Value(level.ToRgb.Convolution.Bias!),
            RgbOffset = Parameters.Value(level.ToRgb.Bias),
            PreviousFlow = below?.Flow.Value.View ?? default,
            PreviousRgb = below?.Rgb.Value.View ?? default,
            GridX = _operands.Grids[feature],
            GridY = _operands.Grids[feature],
            Flow = flow.Value.View,
            Rgb = rgb.Value.View,
            Blended = blended?.Value.View ?? default,
            Warped = Warped,
            Frames = Pairs,
            Height = x.Height,
            Width = x.Width,
            Channels = x.Channels,
            StyleStride = Styles.StyleLength,
        };
        Tape.Add(level.ToFlow.Name, Scaled(Parameters.Value(level.ToFlow.Convolution.Weight), default, flowWeights, flowScale),
            Scaled(Parameters.Value(level.ToRgb.Convolution.Weight), default, rgbWeights, rgbScale), FlowWarp.Prepare(Loader, forward));
        Tape.Push(() =>
        {
            string name = $"{level.ToFlow.Name}, back";
            if (source.Gradient == null)
            {
                // Pictures that drive are of the same map and have no warp.
                source.Gradient = Tape.ReserveLike(source.Value);
                Tape.Add(name, Fill.Prepare(Loader, source.Gradient.View));
            }
            ArrayView<float> upper = flow.Gradient?.View ?? default, whole = upper.Length > 0 ? upper : Tape.Reserve(flow.Value.Length);
            if (_operands.Surfaces is { } surfaces)
            {
                FollowSurfaces(surfaces, name, forward, whole, isFirst: upper.Length == 0, isLast: below == null);
                upper = whole;
            }
            ArrayView<float> rgbGradient = rgb.Gradient?.View ?? _operands.ResultGradient, rgbSums = Tape.Reserve(rgb.Value.Length);
            // Nobody reads the blend's gradient after this: the one by x takes its place.
            input.Gradient = blended?.Gradient ?? Tape.ReserveLike(x);
            long partials = FlowWarpGradient.PartialsLength(Pairs, x.Height, x.Width, x.Channels);
            long scatter = FlowWarpGradient.ScatterLength(Pairs, x.Height, x.Width, x.Channels);
            ArrayView<float> room = Tape.Reserve(partials), longs = Tape.Reserve(2 * scatter);
            Tape.Add(name, FlowWarpGradient.Prepare(Loader, new()
            {
                Input = forward.Input,
                Feature = forward.Feature,
                FeatureStride = forward.FeatureStride,
                Style = forward.Style,
                StyleStride = forward.StyleStride,
                FlowWeights = flowWeights,
                RgbWeights = rgbWeights,
                RgbBias = forward.RgbBias,
                GridX = forward.GridX,
                GridY = forward.GridY,
                Flow = forward.Flow,
                BlendedGradient = blended?.Gradient!.View ?? default,
                WarpedGradient = WarpedGradient,
                RgbGradient = rgbGradient,
                UpperFlowGradient = upper,
                FlowGradient = whole,
                RgbSumGradient = rgbSums,
                InputGradient = input.Gradient.View,
                FeatureGradient = source.Gradient.View,
                AccumulatesFeature = 1,
                StyleGradient = _styleGradients.SubView(Styles[level.ToFlow.Convolution].Style),
                StyleGradientStride = Styles.StyleLength,
                FlowWeightGradient = Parameters.Gradient(level.ToFlow.Convolution.Weight),
                FlowBiasGradient = Parameters.Gradient(level.ToFlow.Bias),
                RgbWeightGradient = Parameters.Gradient(level.ToRgb.Convolution.Weight),
                RgbBiasGradient = Parameters.Gradient(level.ToRgb.Convolution.Bias!),
                RgbOffsetGradient = Parameters.Gradient(level.ToRgb.Bias),
                FlowScale = flowScale,
                RgbScale = rgbScale,
                Partials = room,
                Scatter = longs.Cast<long>(),
                Frames = Pairs,
                Height = x.Height,
                Width = x.Width,
                Channels = x.Channels,
            }));
            if (below != null)
            {
                SkipBack(name, whole, below.Flow);
                SkipBack(name, rgbGradient, below.Rgb);
            }
            foreach (ArrayView<float> view in (ArrayView<float>[])
                [room, longs, whole, rgbSums, flowWeights, rgbWeights, flow.Value.View]) Tape.Release(view);
            if (blended != null) Tape.Release(blended.Value.View);
            if (next != null) Tape.Release(rgb);
        });
        return new(flow, rgb, blended);
    }

    // The way back of what is upsampled and added: o and the running RGB of the level below.
    private void SkipBack(string name, ArrayView<float> gradient, TrainedMap below)
    {
        below.Gradient = Tape.ReserveLike(below.Value);
        Tape.Add(name, UpsampleGradient.Prepare(Loader, new()
        {
            OutputGradient = gradient,
            InputGradient = below.Gradient.View,
            Planes = 3 * Pairs,
            Height = below.Value.Height,
            Width = below.Value.Width,
        }));
    }

    // Through the activation and the demodulation's factor, in place; sums of what is before that factor go on to ModulatedBack.
    private (ArrayView<float> Sums, ArrayView<float> Products) ActivatedBack(ModulatedConvolutionLayer layer, string? bias,
        TrainedMap output, ArrayView<int> largest = default)
    {
        string name = $"{layer.Name}, back";
        int length = Pairs * layer.Outputs;
        ArrayView<float> sums = Tape.Reserve(length), products = Tape.Reserve(length);
        ActivationBack(name, output.Value, output.Gradient!, output.Gradient!, activation: bias != null ? 1 : 0, sums, products,
            DemodulationOf(layer), Styles.DemodulationLength, largest);
        if (bias != null)
            Tape.Add(name, BiasGradient.Prepare(Loader, new()
                { GradientSums = sums, Gradient = Parameters.Gradient(bias), Factor = 1, Frames = Pairs, Channels = layer.Outputs }));
        return (sums, products);
    }

    // Gradients of weight, style and input, given the one by the convolution's own result.
    private void ModulatedBack(ModulatedConvolutionLayer modulated, string? bias, TrainedMap input, PackedMap? inputOperand,
        ActivationMap gradient, ArrayView<float> sums, ArrayView<float> products, ArrayView<int> largest = default)
    {
        string name = $"{modulated.Name}, back";
        TrainedConvolution convolution = Parameters.Convolution(modulated.Weight);
        ArrayView<float> style = StyleOf(modulated), styleGradient = _styleGradients.SubView(Styles[modulated].Style);
        GradientOperand operand = Operand(name, convolution, gradient, largest);
        WeightBack(name, modulated.Weight, convolution, input.Value, inputOperand, operand, style, Styles.StyleLength);
        if (modulated.Demodulated) Tape.Add(name, DemodulationGradient.Prepare(Loader, new()
        {
            GradientSums = sums,
            ProductSums = products,
            Bias = bias != null ? Parameters.Value(bias) : default,
            Demodulation = DemodulationOf(modulated),
            DemodulationStride = Styles.DemodulationLength,
            Style = style,
            StyleStride = Styles.StyleLength,
            SquaredWeights = Squares(modulated),
            Weights = Parameters.Value(modulated.Weight),
            StyleGradient = styleGradient,
            StyleGradientStride = Styles.StyleLength,
            WeightGradient = Parameters.Gradient(modulated.Weight),
            Frames = Pairs,
            Inputs = modulated.Inputs,
            Outputs = modulated.Outputs,
            Taps = modulated.Kernel * modulated.Kernel,
            Scale = convolution.Scale,
        }));
        Tape.Release(sums);
        Tape.Release(products);

        ActivationMap x = input.Value, inner = Tape.Reserve(Pairs, x.Height, x.Width, x.Channels);
        DataBackTo(name, convolution, operand, inner);
        Release(operand);
        bool isShared = x.Frames != Pairs, isFirst = input.Gradient == null, isInPlace = isFirst && !isShared;
        input.Gradient ??= isInPlace ? inner : Tape.ReserveLike(x);
        Tape.AddWith(name, StyleGradient.PartialsLength(Pairs, x.Height * x.Width, x.Channels), room =>
            StyleGradient.Prepare(Loader, new()
            {
                Input = x.View,
                SharesInput = isShared ? 1 : 0,
                Gradient = inner.View,
                Style = style,
                StyleStride = Styles.StyleLength,
                Result = input.Gradient.View,
                Accumulates = isFirst ? 0 : 1,
                StyleGradient = styleGradient,
                StyleGradientStride = Styles.StyleLength,
                Partials = room,
                Frames = Pairs,
                Pixels = x.Height * x.Width,
                Channels = x.Channels,
            }));
        if (!isInPlace) Tape.Release(inner.View);
    }

    private Epilogue Activated(ModulatedConvolutionLayer layer, string? bias) => new()
    {
        Scale = DemodulationOf(layer),
        ScaleStride = Styles.DemodulationLength,
        Bias = bias != null ? Parameters.Value(bias) : default,
        Activate = bias != null ? 1 : 0,
    };

    private ArrayView<float> StyleOf(ModulatedConvolutionLayer layer) => _styles.SubView(Styles[layer].Style);

    // Empty: none.
    private ArrayView<float> DemodulationOf(ModulatedConvolutionLayer layer) =>
        layer.Demodulated ? _demodulations.SubView(Styles[layer].Demodulation) : default;

    private ArrayView<float> Squares(ModulatedConvolutionLayer layer) =>
        _squares.SubView(Styles[layer].Squares, layer.Outputs * layer.Inputs);

    // The modulations of all layers in one of the bank's arrays.
    private ArrayView<float> Matrix(ArrayView<float> all) =>
        all.SubView(Parameters.Bank.Layout[Styles.Layers[0].Modulation.Weight].Offset, Styles.StyleLength * Style);

    private ArrayView<float> Offsets(ArrayView<float> all) =>
        all.SubView(Parameters.Bank.Layout[Styles.Layers[0].Modulation.Bias].Offset, Styles.StyleLength);

    // An equalised linear layer of parameters as they are learned.
    private KernelLaunch Linear(ArrayView<float> matrix, ArrayView<float> bias, ArrayView<float> input, int inputs,
        ArrayView<float> output, int outputs, int frames) => LinearKernel.PrepareScaled(Loader, new()
        {
            Layer = LinearRows.Dense(matrix, bias, input, inputs, output, outputs, frames),
            Scale = TrainedConvolution.Equalised(inputs, 1),
            BiasScale = 1,
        });

    private void LinearBack(string name, LinearGradientArguments layer) =>
        Tape.AddWith(name, LinearGradient.WorkspaceLength(layer.Frames, layer.Inputs, layer.Outputs), room =>
            LinearGradient.Prepare(Loader, LinearRows.Dense(layer) with { Workspace = room }));
}
