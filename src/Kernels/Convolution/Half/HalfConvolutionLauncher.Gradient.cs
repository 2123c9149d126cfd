using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the gradient by a 3x3 convolution's weights reads and writes.</summary>
/// <param name="Input">The convolution's input, packed; phase-separated where its stride is 2.</param>
/// <param name="OutputGradient">The gradient by its sums, packed; phase-separated where it is transposed.</param>
/// <param name="OperandScale">What the output's gradient was multiplied by, and 1 over it.</param>
/// <param name="InputScale">What the input was multiplied by, and 1 over it; empty for 1.</param>
/// <param name="Gradient">The parameter's gradient [O, I, 3, 3].</param>
/// <param name="Scale">What the convolution multiplies the parameter by, and what besides.</param>
internal sealed record PackedWeightGradientOperands(HalfMap Input, HalfMap OutputGradient, ArrayView<float> OperandScale,
    ArrayView<float> InputScale, ArrayView<float> Gradient, float Scale);

/// <content>Gradients by the weights, on Hopper.</content>
internal sealed partial class HalfConvolutionLauncher
{
    // Multiprocessors of a large GPU. The parts decide the order of additions, so they depend on shapes alone.
    private const int WantedGradientBlocks = 132;

    /// <summary>Floats of partial sums of a gradient by weights.</summary>
    /// <param name="input">The convolution's input, packed.</param>
    /// <param name="outputGradient">The gradient by its sums, packed.</param>
    public static long GradientWorkspaceLength(HalfMap input, HalfMap outputGradient)
    {
        (HalfMap map, HalfMap shifted) = MapsOf(input, outputGradient);
        return (long)GradientSplits(map, shifted) * map.Channels * WgmmaWeightGradient.Kernel * WgmmaWeightGradient.Kernel
            * PaddedShifted(shifted);
    }

    /// <summary>The two launches that compute a gradient by weights: the parts, and their sum in the parameter's layout.</summary>
    /// <param name="operands">The arrays.</param>
    /// <param name="workspace"><see cref="GradientWorkspaceLength"/> floats.</param>
    public KernelLaunch[] PrepareGradient(PackedWeightGradientOperands operands, ArrayView<float> workspace)
    {
        const int Taps = WgmmaWeightGradient.Kernel * WgmmaWeightGradient.Kernel;
        (HalfMap map, HalfMap shifted) = MapsOf(operands.Input, operands.OutputGradient);
        bool isTransposed = ReferenceEquals(map, operands.Input);
        return
        [
            (shifted.Parts, shifted.Planes) switch
            {
                (1, 1) => BindGradient<PlainHalves>(map, shifted, workspace),
                (1, _) => BindGradient<StridedHalves>(map, shifted, workspace),
                (_, 1) => BindGradient<PlainPairs>(map, shifted, workspace),
                _ => BindGradient<StridedPairs>(map, shifted, workspace),
            },
            WeightGradientReduction.Prepare(loader, new()
            {
                Parts = workspace,
                Gradient = operands.Gradient,
                Splits = GradientSplits(map, shifted),
                BaseChannels = map.Channels,
                ShiftedChannels = shifted.Channels,
                PaddedShifted = PaddedShifted(shifted),
                Taps = Taps,
                BaseStride = isTransposed ? Taps : shifted.Channels * Taps,
                ShiftedStride = isTransposed ? map.Channels * Taps : Taps,
                Scale = operands.Scale,
                OperandScale = operands.OperandScale,
                SecondScale = operands.InputScale,
            }),
        ];
    }

    // The map whose pixels are counted, and the one that taps shift: of a transposed convolution the gradient.
    private static (HalfMap Base, HalfMap Shifted) MapsOf(HalfMap input, HalfMap outputGradient) =>
        outputGradient.Planes > 1 ? (input, outputGradient) : (outputGradient, input);

    private static int PaddedShifted(HalfMap shifted) => Ceiling(shifted.Channels, Octet.Size) * Octet.Size;

    private static int GradientTiles(HalfMap map) =>
        map.Frames * Ceiling(map.Height, WgmmaWeightGradient.Side) * Ceiling(map.Width, WgmmaWeightGradient.Side);

    private static int GradientBlocks(HalfMap map, HalfMap shifted) =>
        Ceiling(map.Channels, WgmmaWeightGradient.M) * Ceiling(shifted.Channels, map.Parts == 1 ? 64 : 32);

    private static int GradientSplits(HalfMap map, HalfMap shifted) =>
        Math.Clamp(WantedGradientBlocks / GradientBlocks(map, shifted), 1, GradientTiles(map));

    private KernelLaunch BindGradient<TMaps>(HalfMap map, HalfMap shifted, ArrayView<float> workspace) where TMaps : struct, IGradientMaps
    {
        int n = default(TMaps).N, side = WgmmaWeightGradient.ShiftedSide<TMaps>();
        WgmmaWeightGradientArguments arguments = new()
        {
            BaseMap = Maps(map, () => [GradientMap(map, WgmmaWeightGradient.M, WgmmaWeightGradient.Side)]),
            ShiftedMap = Maps(map, () => [GradientMap(shifted, n, side)]),
            Parts = workspace,
            BaseChannels = map.Channels,
            PaddedShifted = PaddedShifted(shifted),
            Padding = default(TMaps).Planes == 1 ? 1 : 0,
            Tiles = GradientTiles(map),
            TilesX = Ceiling(map.Width, WgmmaWeightGradient.Side),
            TilesY = Ceiling(map.Height, WgmmaWeightGradient.Side),
            TilesN = Ceiling(shifted.Channels, n),
            Splits = GradientSplits(map, shifted),
        };
        KernelConfig config = new(
            new Index2D(GradientBlocks(map, shifted), arguments.Splits), new Index2D(WgmmaWeightGradient.Threads, 1),
            SharedMemoryConfig.RequestDynamic<Half>(default(TMaps).Stages * WgmmaWeightGradient.Stage<TMaps>()));
        double operations = 2.0 * map.Frames * map.Height * map.Width * map.Channels * shifted.Channels
            * WgmmaWeightGradient.Kernel * WgmmaWeightGradient.Kernel;
        return KernelLaunch.Create(loader, WgmmaWeightGradient.Run<TMaps>, config, arguments, operations,
            2.0 * (map.Length + shifted.Length) + sizeof(float) * (double)workspace.Length);
    }

    // All planes of a tile of channels and pixels at once.
    private static TensorMapDescription GradientMap(HalfMap map, int channels, int side) =>
        MapOf(map, [side * 8, side, map.StoredPlanes, channels / 8, 1]);
}
