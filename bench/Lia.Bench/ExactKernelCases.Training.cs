using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Losses;
using Lia.Kernels.Modulation;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;

namespace Lia.Bench;

/// <content>Training: what goes back through convolutions, their ends, modulations, resampling and warping, and between
/// them.</content>
internal sealed partial class ExactKernelCases
{
    private void WeightGradients(int channels, int side)
    {
        ConvolutionShape shape = new(1, side, side, 1, 1);
        int values = side * side * channels, weights = 9 * channels * channels;
        WeightGradientOperands operands = new()
        {
            Input = Upload(values),
            OutputGradient = Upload(values),
            Workspace = Allocate<float>(WeightGradient.WorkspaceLength(_memory, channels, channels, 3, shape)),
            Gradient = Allocate<float>(weights),
            Scale = 0.1f,
            Arithmetic = ConvolutionArithmetic.Float32,
        };
        WeightGradients<Gradient128x128>(channels, shape, operands);
        WeightGradients<Gradient64x192>(channels, shape, operands);
        WeightGradients<Gradient64x64>(channels, shape, operands);
        WeightGradients<Gradient32x32>(channels, shape, operands);
        if (channels % 4 != 0) return;

        // Not a kernel's parts, which the cases before this one may not have computed yet.
        WeightGradientOperands parts = operands with { Workspace = Upload((int)operands.Workspace.Length) };
        Add($"{nameof(WeightGradientReduction)}_{nameof(WeightGradientReduction.Run)}",
            loader => WeightGradient.Prepare(loader, channels, channels, 3, shape, parts)[1], parts.Gradient);
        ConvolutionWeights packed = Own(new ConvolutionWeights(_memory, channels, channels, 3));
        ArrayView<float> weight = Upload(weights), sums = Allocate<float>(channels * channels);
        Add($"{nameof(WeightPacking)}_{nameof(WeightPacking.Run)}",
            loader => WeightPacking.Prepare(loader, packed, weight, 0.1f, WeightUse.MirroredAdjoint), packed.View);
        Add($"{nameof(WeightPacking)}_{nameof(WeightPacking.RunSquares)}",
            loader => WeightPacking.PrepareSquares(loader, weight, sums, channels, channels, 3, 0.1f), sums);

        ArrayView<int> found = Allocate<int>(OperandScale.PartialsLength), largest = Own(_memory.Allocate1D(
            [.. Floats(OperandScale.PartialsLength, 1f, 2f).Select(BitConverter.SingleToInt32Bits)])).View;
        ArrayView<float> scale = Allocate<float>(2);
        Add($"{nameof(OperandScale)}_{nameof(OperandScale.RunMagnitude)}",
            loader => OperandScale.Prepare(loader, operands.OutputGradient, found, scale)[0], found);
        Add($"{nameof(OperandScale)}_{nameof(OperandScale.Run)}",
            loader => OperandScale.Prepare(loader, operands.OutputGradient, largest, scale)[1], scale);
    }

    private void WeightGradients<TTile>(int channels, ConvolutionShape shape, WeightGradientOperands operands)
        where TTile : struct, IWeightGradientTile =>
        Add($"{nameof(WeightGradientKernel)}_{nameof(WeightGradientKernel.Run)}_{typeof(TTile).Name}_{Access(channels)}",
            loader => WeightGradient.Prepare<TTile>(loader, channels, channels, 3, shape, operands)[0], operands.Workspace);

    private void LayerGradients(int channels, int side, int frames)
    {
        int pixels = side * side, values = frames * pixels * channels;
        ActivationGradientArguments end = new()
        {
            Output = Upload(values),
            Gradient = Upload(values),
            Scale = Upload(frames * channels),
            Result = Allocate<float>(values),
            GradientSums = Allocate<float>(frames * channels),
            ProductSums = Allocate<float>(frames * channels),
            Partials = Allocate<float>(ActivationGradient.PartialsLength(frames, pixels, channels)),
            Activation = 1,
            Frames = frames,
            Pixels = pixels,
            Channels = channels,
            ScaleStride = channels,
        };
        Add($"{nameof(ActivationGradient)}_Run_{Access(channels)}", loader => ActivationGradient.Prepare(loader, end)[0], end.Result);

        StyleGradientArguments style = new()
        {
            Input = end.Output,
            Gradient = end.Gradient,
            Style = end.Scale,
            Result = Allocate<float>(values),
            StyleGradient = Allocate<float>(frames * channels),
            Partials = Allocate<float>(StyleGradient.PartialsLength(frames, pixels, channels)),
            Frames = frames,
            Pixels = pixels,
            Channels = channels,
            StyleStride = channels,
            StyleGradientStride = channels,
        };
        Add($"{nameof(StyleGradient)}_Run_{Access(channels)}", loader => StyleGradient.Prepare(loader, style)[0], style.Result);
        StyleGradientArguments shared =
            style with { Result = Allocate<float>(pixels * channels), StyleGradient = default, SharesInput = 1 };
        Add($"{nameof(StyleGradient)}_{nameof(StyleGradient.AddFrames)}_{Access(channels)}",
            loader => StyleGradient.Prepare(loader, shared).Single(), shared.Result);

        int odd = channels % 4 == 0 ? 0 : 1;
        AddScaledArguments sum = new()
        {
            First = Upload(values - odd),
            Second = Upload(values - odd),
            Output = Allocate<float>(values - odd),
            Gain = 0.7f,
        };
        Add($"{nameof(AddScaled)}_Run_{Access(values - odd)}", loader => AddScaled.Prepare(loader, sum), sum.Output);
    }

    private void StyleGradients(int width, int frames)
    {
        int parts = Of(64, 9);
        OrderedSumArguments sum = new()
        {
            Partials = Upload(frames * parts * width),
            Output = Allocate<float>(frames * width),
            Rows = frames,
            Parts = parts,
            Columns = width,
            OutputStride = width,
            Factor = 0.5f,
        };
        Add($"{nameof(OrderedSum)}_Run", loader => OrderedSum.Prepare(loader, sum), sum.Output);

        DemodulationGradientArguments demodulation = new()
        {
            GradientSums = Upload(frames * width),
            ProductSums = Upload(frames * width),
            Bias = Upload(width),
            Demodulation = Upload(frames * width, offset: 2f),
            Style = Upload(frames * width),
            SquaredWeights = Upload(width * width, offset: 1f),
            Weights = Upload(9 * width * width),
            Frames = frames,
            Outputs = width,
            Inputs = width,
            DemodulationStride = width,
            StyleStride = width,
            StyleGradientStride = width,
            Taps = 9,
            Scale = 0.1f,
        };
        DemodulationGradientArguments toStyle = demodulation with { StyleGradient = Allocate<float>(frames * width) };
        Add($"{nameof(DemodulationGradient)}_{nameof(DemodulationGradient.ToStyle)}",
            loader => DemodulationGradient.Prepare(loader, toStyle).Single(), toStyle.StyleGradient,
            reset: () => toStyle.StyleGradient.MemSetToZero());
        DemodulationGradientArguments toWeight = demodulation with { WeightGradient = Allocate<float>(9 * width * width) };
        Add($"{nameof(DemodulationGradient)}_{nameof(DemodulationGradient.ToWeight)}",
            loader => DemodulationGradient.Prepare(loader, toWeight).Single(), toWeight.WeightGradient,
            reset: () => toWeight.WeightGradient.MemSetToZero());
    }

    private void BlurGradients(int channels, int side)
    {
        int output = (side - 2) / 2;
        BlurGradientArguments arguments = new()
        {
            OutputGradient = Upload(output * output * channels),
            InputGradient = Allocate<float>(side * side * channels),
            Gain = 1f / 64f,
            Frames = 1,
            InputHeight = side,
            InputWidth = side,
            OutputHeight = output,
            OutputWidth = output,
            Channels = channels,
            Padding = 1,
        };
        Add($"{nameof(BlurGradient)}_Run_{Access(channels)}", loader => BlurGradient.Prepare(loader, arguments), arguments.InputGradient);
    }

    private void WarpGradients(int channels, int side)
    {
        float[] grid = [.. Enumerable.Range(0, side).Select(i => -1 + 2f * i / (side - 1))];
        int plane = side * side, values = plane * channels;
        FlowWarpGradientArguments arguments = new()
        {
            Input = Upload(values),
            Feature = Upload(values),
            Style = Upload(channels),
            FlowWeights = Upload(3 * channels),
            RgbWeights = Upload(3 * channels, 0.01f),
            RgbBias = Upload(3, offset: 3f), // All sums lie above the activation's kink, where the last bit would decide.
            GridX = Own(_memory.Allocate1D(grid)).View,
            GridY = Own(_memory.Allocate1D(grid)).View,
            Flow = Upload(3 * plane, 0.1f),
            BlendedGradient = Upload(values),
            RgbGradient = Upload(3 * plane),
            UpperFlowGradient = Upload(3 * plane),
            FlowGradient = Upload(3 * plane),
            RgbSumGradient = Upload(3 * plane),
            InputGradient = Allocate<float>(values),
            FeatureGradient = Allocate<float>(values),
            StyleGradient = Allocate<float>(channels),
            FlowWeightGradient = Allocate<float>(3 * channels),
            RgbWeightGradient = Allocate<float>(3 * channels),
            FlowBiasGradient = Allocate<float>(3),
            RgbBiasGradient = Allocate<float>(3),
            RgbOffsetGradient = Allocate<float>(3),
            Partials = Upload((int)FlowWarpGradient.PartialsLength(1, side, side, channels)),
            Frames = 1,
            Height = side,
            Width = side,
            Channels = channels,
            StyleStride = channels,
            FeatureStride = values,
            StyleGradientStride = channels,
            FlowScale = 0.1f,
            RgbScale = 0.1f,
        };
        long[] scattered = [BitConverter.SingleToInt32Bits(1.5f), .. Floats(
            (int)FlowWarpGradient.ScatterLength(1, side, side, channels) - 1, 1L << 40).Select(value => (long)value)];
        FlowWarpGradientArguments Scattering() => arguments with { Scatter = Own(_memory.Allocate1D(scattered)).View };

        // Of o's gradient what does not jump where a position is a whole pixel, as the last bit of a tanh decides.
        FlowWarpGradientArguments toFlow = Scattering() with { FlowGradient = Allocate<float>(3 * plane) };
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.ToFlow)}_{Access(channels)}",
            loader => FlowWarpGradient.Prepare(loader, toFlow)[1], toFlow.FlowGradient.SubView(2 * plane, plane));
        FlowWarpGradientArguments toMaps = Scattering();
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.ToMaps)}_{Access(channels)}",
            loader => FlowWarpGradient.Prepare(loader, toMaps)[2], toMaps.InputGradient);
        FlowWarpGradientArguments collect = Scattering();
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.Collect)}_{Access(channels)}",
            loader => FlowWarpGradient.Prepare(loader, collect)[3], collect.FeatureGradient,
            reset: () => collect.Scatter.CopyFromCPU(_memory.Accelerator.DefaultStream, scattered));
        if (channels % 4 != 0) return;

        // A value behind what is cleared stays, for the differences to be a part of.
        ArrayView<long> all = Own(_memory.Allocate1D([.. scattered, 1L << 40])).View;
        FlowWarpGradientArguments clear = arguments with { Scatter = all };
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.Clear)}", loader => FlowWarpGradient.Prepare(loader, clear)[0], all,
            reset: () => all.CopyFromCPU(_memory.Accelerator.DefaultStream, [.. scattered, 1L << 40]));
        FlowWarpGradientArguments planes = arguments with { Partials = Upload((int)arguments.Partials.Length), Scatter = toMaps.Scatter };
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.SumPlanes)}", loader => FlowWarpGradient.Prepare(loader, planes)[4],
            planes.Partials);
        Add($"{nameof(FlowWarpGradient)}_{nameof(FlowWarpGradient.Finish)}", loader => FlowWarpGradient.Prepare(loader, planes)[6],
            planes.FlowWeightGradient);
    }

    private void PictureGradients(int side, int pictures)
    {
        int planes = 3 * pictures, plane = side * side, values = planes * plane;
        UpsampleGradientArguments skip = new()
        {
            OutputGradient = Upload(4 * values),
            InputGradient = Allocate<float>(values),
            Planes = planes,
            Height = side,
            Width = side,
        };
        Add($"{nameof(UpsampleGradient)}_Run", loader => UpsampleGradient.Prepare(loader, skip), skip.InputGradient);

        ArrayView<float> filled = Allocate<float>(values);
        Add($"{nameof(Fill)}_Run", loader => Fill.Prepare(loader, filled, 1.5f), filled);

        ChannelOrderArguments order = new()
        {
            Input = Upload(values),
            Output = Allocate<float>(values),
            Frames = pictures,
            Pixels = plane,
            Channels = 3,
            ToPlanar = 1,
        };
        Add($"{nameof(ChannelOrder)}_Run", loader => ChannelOrder.Prepare(loader, order), order.Output);

        PictureDistanceArguments distance = new()
        {
            Values = Upload(values),
            Targets = Upload(values),
            Weights = Upload(pictures * plane, offset: 1f),
            Coarser = Upload(values / 4, 1e-3f),
            Gradient = Allocate<float>(values),
            Partials = Allocate<double>(PictureDistance.PartialsLength(planes, side, side)),
            Value = Allocate<float>(1),
            Planes = planes,
            Height = side,
            Width = side,
            PixelWeight = 1f,
            EdgeWeight = 0.7f,
        };
        Add($"{nameof(PictureDistance)}_{nameof(PictureDistance.Run)}", loader => PictureDistance.Prepare(loader, distance)[0],
            distance.Gradient);
        AveragePoolArguments pool = new()
        {
            Input = distance.Values,
            Output = Allocate<float>(values / 4),
            Planes = planes,
            Height = side,
            Width = side,
        };
        Add($"{nameof(PictureDistance)}_{nameof(PictureDistance.Pool)}", loader => PictureDistance.PreparePool(loader, pool), pool.Output);
    }
}
