using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>Which instructions an fp16 convolution is made of.</summary>
internal enum ConvolutionMachine
{
    /// <summary>sm_75: `mma.sync` of 8 of K, copies through registers.</summary>
    Turing,

    /// <summary>sm_80 and up: `mma.sync` of 16 of K, asynchronous copies.</summary>
    Ampere,
}

/// <summary>The device arrays of an fp16 convolution.</summary>
/// <param name="Input">x.</param>
/// <param name="Output">y.</param>
/// <param name="Epilogue">What follows the sum; its factors are the weights'.</param>
internal sealed record HalfConvolutionOperands(HalfMap Input, HalfMap Output, HalfEpilogue Epilogue)
{
    /// <summary>The skip's input of <see cref="HalfConvolutionKind.Down"/>.</summary>
    public HalfMap? Skip { get; init; }
}

/// <summary>How a convolution is cut into work for the device.</summary>
/// <param name="TileN">Output channels of a tile.</param>
/// <param name="BlocksX">Blocks of 8 x 8 pixels of a tile along x.</param>
/// <param name="BlocksY">Along y.</param>
/// <param name="TileFrames">Frames of a tile.</param>
/// <param name="Splits">Parts of K.</param>
internal readonly record struct ConvolutionCut(int TileN, int BlocksX, int BlocksY, int TileFrames, int Splits);

/// <summary>Chooses how an fp16 convolution is cut and binds its launches.</summary>
internal sealed class HalfConvolutionLauncher(Accelerator accelerator, ConvolutionMachine machine)
{
    /// <summary>The machine of a device.</summary>
    public static ConvolutionMachine MachineOf(Accelerator accelerator) => accelerator.Properties.Sm >= 80 ? ConvolutionMachine.Ampere : ConvolutionMachine.Turing;

    /// <summary>The deepest step of the kernels: what weights must be packed for.</summary>
    public const int MostChunk = MmaConvolution.MostChunk;

    /// <summary>How to cut a convolution for so many frames. More parts of K for fewer frames: results then differ in the order of additions.</summary>
    public ConvolutionCut Cut(HalfConvolutionWeights weights, HalfMap output)
    {
        int outputs = weights.PaddedOutputs;
        int tileN = outputs % 128 == 0 ? 128 : outputs % 64 == 0 ? 64 : outputs % 32 == 0 ? 32 : 16;
        ConvolutionCut cut = output.Width > 8 ? new(tileN, 2, 1, 1, 1) : new(tileN, 1, 1, 2, 1);
        int most = Math.Min(8, weights.MostSplits);
        while (2 * cut.Splits <= most && Items(weights, output, cut) < accelerator.Properties.Multiprocessors) cut = cut with { Splits = 2 * cut.Splits };
        return cut;
    }

    /// <summary>Floats of partial sums.</summary>
    public static long WorkspaceLength(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut) => weights.PartialSums(cut.Splits) * output.Length;

    /// <summary>The launches that compute a convolution: one, or two when K is cut.</summary>
    /// <param name="weights">Packed for this machine.</param>
    /// <param name="operands">The arrays.</param>
    /// <param name="cut">From <see cref="Cut"/>.</param>
    /// <param name="workspace"><see cref="WorkspaceLength"/> floats.</param>
    public KernelLaunch[] Prepare(HalfConvolutionWeights weights, HalfConvolutionOperands operands, ConvolutionCut cut, ArrayView<float> workspace)
    {
        HalfConvolutionArguments arguments = Arguments(weights, operands, cut, workspace);
        KernelLaunch launch = (machine, cut.TileN) switch
        {
            (ConvolutionMachine.Ampere, 128) => BindMma<Mma128x128, AmpereMachine>(weights, operands, arguments),
            (ConvolutionMachine.Ampere, 64) => BindMma<Mma128x64, AmpereMachine>(weights, operands, arguments),
            (ConvolutionMachine.Ampere, 32) => BindMma<Mma128x32, AmpereMachine>(weights, operands, arguments),
            (ConvolutionMachine.Ampere, _) => BindMma<Mma128x16, AmpereMachine>(weights, operands, arguments),
            (_, 128) => BindMma<Mma128x128, TuringMachine>(weights, operands, arguments),
            (_, 64) => BindMma<Mma128x64, TuringMachine>(weights, operands, arguments),
            (_, 32) => BindMma<Mma128x32, TuringMachine>(weights, operands, arguments),
            _ => BindMma<Mma128x16, TuringMachine>(weights, operands, arguments),
        };
        if (cut.Splits == 1) return [launch];
        HalfMap output = operands.Output;
        int pairs = checked((int)(output.Length / 2)), pairsPerOctet = output.Planes * output.Height * output.Width * 4;
        return
        [
            launch,
            HalfSplitReduction.Prepare(accelerator, new()
            {
                Parts = workspace,
                Output = output.View,
                Epilogue = arguments.Epilogue,
                Splits = cut.Splits,
                Pairs = pairs,
                PairsPerOctet = pairsPerOctet,
                Octets = output.Octets,
            }),
        ];
    }

    private KernelLaunch BindMma<TTile, TMachine>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int threads = 32 * default(TTile).Blocks * default(TTile).WarpsN;
        int shared = MmaConvolution.SharedLength<TTile>(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk);
        KernelConfig config = new(new Index1D(arguments.Items), new Index1D(threads), SharedMemoryConfig.RequestDynamic<Half>(shared));
        (double operations, double bytes) = Cost(weights, operands);
        return weights.Chunk == 32
            ? KernelLaunch.Create(accelerator, MmaConvolution.Run<TTile, TMachine, Chunk32>, config, arguments, operations, bytes)
            : KernelLaunch.Create(accelerator, MmaConvolution.Run<TTile, TMachine, Chunk16>, config, arguments, operations, bytes);
    }

    private static HalfConvolutionArguments Arguments(HalfConvolutionWeights weights, HalfConvolutionOperands operands, ConvolutionCut cut, ArrayView<float> workspace)
    {
        HalfMap output = operands.Output;
        HalfEpilogue epilogue = operands.Epilogue;
        epilogue.Factor = weights.Factor;
        epilogue.SecondFactor = weights.SecondFactor;
        epilogue.HasSkip = weights.Kind == HalfConvolutionKind.Down ? 1 : 0;
        (int x, int y, int frames) = Tiles(output, cut);
        return new()
        {
            Input0 = InputOf(operands.Input),
            Input1 = operands.Skip is { } skip ? InputOf(skip) : default,
            Weights = weights.View,
            Output = output.View,
            Workspace = cut.Splits == 1 ? default : workspace,
            Steps = weights.StepView,
            Parts = weights.PartView(cut.Splits),
            Epilogue = epilogue,
            Frames = output.Frames,
            OutputOctets = output.Octets,
            OutputPlanes = output.Planes,
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            Rows = output.Height,
            Columns = output.Width,
            BlocksX = cut.BlocksX,
            BlocksY = cut.BlocksY,
            TileFrames = cut.TileFrames,
            TilesX = x,
            TilesY = y,
            TilesFrames = frames,
            TilesN = TilesN(weights, cut),
            PartCount = weights.Parts(cut.Splits).Count,
            Items = Items(weights, output, cut),
        };
    }

    private static ConvolutionInput InputOf(HalfMap map) => new() { View = map.View, Octets = map.Octets, Planes = map.Planes, Height = map.Height, Width = map.Width };

    private static int Items(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        (int x, int y, int frames) = Tiles(output, cut);
        return checked(x * y * frames * TilesN(weights, cut) * weights.Parts(cut.Splits).Count);
    }

    private static (int X, int Y, int Frames) Tiles(HalfMap output, ConvolutionCut cut) => (
        Ceiling(output.Width, 8 * cut.BlocksX), Ceiling(output.Height, 8 * cut.BlocksY), Ceiling(output.Frames, cut.TileFrames));

    private static int TilesN(HalfConvolutionWeights weights, ConvolutionCut cut) => Ceiling(weights.PaddedOutputs, cut.TileN);

    private static int Ceiling(int value, int granule) => (value + granule - 1) / granule;

    // Operations without padding; every operand once.
    private static (double Operations, double Bytes) Cost(HalfConvolutionWeights weights, HalfConvolutionOperands operands)
    {
        HalfMap input = operands.Input, output = operands.Output;
        double inputs = (double)input.Frames * input.Height * input.Width, outputs = (double)output.Frames * output.Height * output.Width;
        double products = weights.Kind == HalfConvolutionKind.Up ? 9 * inputs : outputs * (weights.Kernel * weights.Kernel + (operands.Skip != null ? 1 : 0));
        return (2 * products * weights.Inputs * weights.Outputs, 2.0 * (input.Length + output.Length + (operands.Skip?.Length ?? 0)) + weights.Bytes);
    }
}
