using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>Which instructions an fp16 convolution is made of.</summary>
internal enum ConvolutionMachine
{
    /// <summary>sm_75: `mma.sync` of 8 of K, copies through registers.</summary>
    Turing,

    /// <summary>sm_80 and up: `mma.sync` of 16 of K, asynchronous copies.</summary>
    Ampere,

    /// <summary>sm_90a: `wgmma` and the copy engine.</summary>
    Hopper,
}

/// <summary>The device arrays of an fp16 convolution.</summary>
/// <param name="Input">x.</param>
/// <param name="Output">y.</param>
/// <param name="Epilogue">What follows the sum; its factors are the weights'.</param>
internal sealed record HalfConvolutionOperands(HalfMap Input, HalfMap Output, HalfEpilogue Epilogue)
{
    /// <summary>ToFlow's operands where its sums replace the map (<see cref="HalfConvolutionLauncher.CanEndInFlow"/>); the output then only says the extents.</summary>
    public FlowOperands? Flow { get; init; }

    /// <summary>The skip's input of <see cref="HalfConvolutionKind.Down"/>.</summary>
    public HalfMap? Skip { get; init; }
}

/// <summary>How a convolution is cut into work for the device.</summary>
/// <param name="TileN">Output channels of a tile.</param>
/// <param name="Blocks">Blocks of 8 x 8 pixels of a tile: the product of the next three.</param>
/// <param name="BlocksX">Blocks of 8 x 8 pixels of a tile along x.</param>
/// <param name="BlocksY">Along y.</param>
/// <param name="TileFrames">Frames of a tile.</param>
/// <param name="Splits">Parts of K.</param>
internal readonly record struct ConvolutionCut(int TileN, int Blocks, int BlocksX, int BlocksY, int TileFrames, int Splits);

/// <summary>Chooses how an fp16 convolution is cut and binds its launches.</summary>
/// <remarks>Not thread-safe. Disposing releases what launches read: use none afterwards.</remarks>
internal sealed class HalfConvolutionLauncher(Accelerator accelerator, ConvolutionMachine machine) : IDisposable
{
    private readonly TensorMapTable _maps = new(accelerator);

    /// <summary>The machine of a device.</summary>
    public static ConvolutionMachine MachineOf(Accelerator accelerator) =>
        accelerator.Target is { Sm: 90, ArchitectureSpecific: true } ? ConvolutionMachine.Hopper
        : accelerator.Properties.Sm >= 80 ? ConvolutionMachine.Ampere
        : ConvolutionMachine.Turing;

    /// <summary>The deepest step of this machine's kernel: what weights must be packed for.</summary>
    public int MostChunk => machine == ConvolutionMachine.Hopper ? WgmmaConvolution.MostChunk : MmaConvolution.MostChunk;

    /// <summary>How to cut a convolution for so many frames. More parts of K for fewer frames: results then differ in the order of additions.</summary>
    /// <param name="weights">The convolution.</param>
    /// <param name="output">Its output.</param>
    /// <param name="isWhole">Whether a tile must hold all channels and all of K.</param>
    public ConvolutionCut Cut(HalfConvolutionWeights weights, HalfMap output, bool isWhole = false)
    {
        int outputs = weights.PaddedOutputs;
        int tileN = outputs % 128 == 0 ? 128 : outputs % 64 == 0 ? 64 : outputs % 32 == 0 ? 32 : 16;
        ConvolutionCut best = default;
        double least = double.MaxValue;
        (int N, int Blocks)[] tiles = IsFused(weights) ? [(Math.Min(tileN, 64), WgmmaUpConvolution.Blocks)] : machine == ConvolutionMachine.Hopper ? WgmmaTiles(tileN) : [(tileN, 2)];
        foreach ((int n, int blocks) in tiles)
        {
            if (isWhole && n != outputs) continue;
            int mostSplits = isWhole ? 1 : Math.Min(8, IsFused(weights) ? weights.Chunks : weights.MostSplits);
            foreach (ConvolutionCut shape in Shapes(output, n, blocks))
            {
                for (int splits = 1; splits <= mostSplits; splits *= 2)
                {
                    double time = Time(weights, output, shape with { Splits = splits });
                    if (time < least) (least, best) = (time, shape with { Splits = splits });
                }
            }
        }
        return best;
    }

    /// <summary>Whether a convolution's tile can hold all channels of its pixels, so that ToFlow's sums can be made at its end.</summary>
    public bool CanEndInFlow(HalfConvolutionWeights weights) => machine == ConvolutionMachine.Hopper && weights.PaddedOutputs is 16 or 32 or 64 or 128;

    // The ways to lay out a tile's blocks: a square of them, or the same block of several frames, which wastes less where pictures end just behind a block.
    private static IEnumerable<ConvolutionCut> Shapes(HalfMap output, int tileN, int blocks)
    {
        int x = output.Width > 8 ? 2 : 1, y = output.Height > 8 ? Math.Max(1, blocks / x) : 1;
        yield return new(tileN, blocks, x, y, blocks / (x * y), 1);
        if (x * y > 1 && output.Frames >= blocks) yield return new(tileN, blocks, 1, 1, blocks, 1);
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
        KernelLaunch launch = IsFused(weights) ? BindUp(weights, operands, arguments, cut) : (machine, cut.TileN) switch
        {
            (ConvolutionMachine.Hopper, 128) when cut.Blocks == 4 => BindWgmma<Wgmma256x128>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 128) => BindWgmma<Wgmma128x128>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 64) when cut.Blocks == 4 => BindWgmma<Wgmma256x64>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 64) => BindWgmma<Wgmma128x64>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 32) => BindWgmma<Wgmma256x32>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, _) => BindWgmma<Wgmma256x16>(weights, operands, arguments, cut),
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
                Epilogue = arguments.Epilogue with { Parts = Parts(weights, operands) },
                Splits = cut.Splits,
                Pairs = pairs,
                PairsPerOctet = pairsPerOctet,
                Octets = output.Octets,
            }),
        ];
    }

    /// <summary>Makes the tensor maps of what was prepared known to the device; before the first launch.</summary>
    public void Commit() => _maps.Upload();

    /// <summary>Forgets what was prepared: its launches must not be used any more.</summary>
    public void Clear() => _maps.Clear();

    public void Dispose() => _maps.Dispose();

    private KernelLaunch BindMma<TTile, TMachine>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int threads = 32 * default(TTile).Blocks * default(TTile).WarpsN;
        int shared = MmaConvolution.SharedLength<TTile>(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk);
        KernelConfig config = new(new Index1D(arguments.Items), new Index1D(threads), SharedMemoryConfig.RequestDynamic<Half>(shared));
        (double operations, double bytes) = Cost(weights, operands);
        return weights.Chunk == 32
            ? KernelLaunch.CreateOverlapping(accelerator, MmaConvolution.Run<TTile, TMachine, Chunk32>, config, arguments, operations, bytes)
            : KernelLaunch.CreateOverlapping(accelerator, MmaConvolution.Run<TTile, TMachine, Chunk16>, config, arguments, operations, bytes);
    }

    private KernelLaunch BindWgmma<TTile>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile => weights.Chunk switch
        {
            64 => BindWgmma<TTile, Chunk64>(weights, operands, arguments, cut),
            32 => BindWgmma<TTile, Chunk32>(weights, operands, arguments, cut),
            _ => BindWgmma<TTile, Chunk16>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindWgmma<TTile, TChunk>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            EpilogueParts.Partial => BindWgmma<TTile, TChunk, PartialResult>(weights, operands, arguments, cut),
            EpilogueParts.Activation => BindWgmma<TTile, TChunk, ActivatedResult>(weights, operands, arguments, cut),
            EpilogueParts.Skip | EpilogueParts.Gain => BindWgmma<TTile, TChunk, SkipResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation => BindWgmma<TTile, TChunk, StyledResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Flow => BindWgmma<TTile, TChunk, FlowResult>(weights, operands, arguments, cut),
            _ => BindWgmma<TTile, TChunk, AnyResult>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindWgmma<TTile, TChunk, TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        arguments.Steps = weights.WgmmaSteps(cut);
        int stage = weights.TileShapes.Max(shape => WgmmaConvolution.InputStage(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk, shape.Halo));
        WgmmaConvolutionArguments all = new()
        {
            Convolution = arguments,
            InputMaps = _maps.Add(weights.TileShapes.Select(shape => InputMap(shape.Source == 0 ? operands.Input : operands.Skip!, arguments, weights.Chunk, shape.Halo))),
            WeightMap = _maps.Add([WeightMap(weights, default(TTile).N)]),
            InputStage = stage,
        };
        int groups = Math.Min(arguments.Items, default(TTile).Groups * accelerator.Properties.Multiprocessors);
        KernelConfig config = new(
            new Index1D(groups), new Index1D(WgmmaConvolution.Threads), SharedMemoryConfig.RequestDynamic<Half>(WgmmaConvolution.SharedLength<TTile>(stage, weights.Chunk)));
        (double operations, double bytes) = Cost(weights, operands);
        return default(TTile).Groups == 1
            ? KernelLaunch.CreateOverlapping(accelerator, WgmmaConvolution.RunAlone<TTile, TChunk, TResult>, config, all, operations, bytes)
            : KernelLaunch.CreateOverlapping(accelerator, WgmmaConvolution.RunInPairs<TTile, TChunk, TResult>, config, all, operations, bytes);
    }

    private KernelLaunch BindUp(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut) => (cut.TileN, weights.Chunk) switch
    {
        (64, 64) => BindUp<WgmmaUp64, Chunk64>(weights, operands, arguments),
        (64, 32) => BindUp<WgmmaUp64, Chunk32>(weights, operands, arguments),
        (64, _) => BindUp<WgmmaUp64, Chunk16>(weights, operands, arguments),
        (32, 64) => BindUp<WgmmaUp32, Chunk64>(weights, operands, arguments),
        (32, 32) => BindUp<WgmmaUp32, Chunk32>(weights, operands, arguments),
        (32, _) => BindUp<WgmmaUp32, Chunk16>(weights, operands, arguments),
        (_, 64) => BindUp<WgmmaUp16, Chunk64>(weights, operands, arguments),
        (_, 32) => BindUp<WgmmaUp16, Chunk32>(weights, operands, arguments),
        _ => BindUp<WgmmaUp16, Chunk16>(weights, operands, arguments),
    };

    private KernelLaunch BindUp<TTile, TChunk>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            0 => BindUp<TTile, TChunk, RawResult>(weights, operands, arguments),
            EpilogueParts.Partial => BindUp<TTile, TChunk, PartialResult>(weights, operands, arguments),
            _ => BindUp<TTile, TChunk, AnyResult>(weights, operands, arguments),
        };

    private KernelLaunch BindUp<TTile, TChunk, TResult>(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        const int Halo = 257; // A row and a column.
        WgmmaUpArguments all = new()
        {
            Convolution = arguments,
            InputMap = _maps.Add([InputMap(operands.Input, arguments, weights.Chunk, Halo)]),
            WeightMap = _maps.Add([WeightMap(weights, default(TTile).N)]),
            Chunks = weights.Chunks,
            Passes = weights.Passes,
        };
        int stage = WgmmaConvolution.InputStage(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk, Halo);
        KernelConfig config = new(
            new Index1D(Math.Min(arguments.Items, accelerator.Properties.Multiprocessors)), new Index1D(WgmmaUpConvolution.Threads),
            SharedMemoryConfig.RequestDynamic<Half>(WgmmaUpConvolution.SharedLength<TTile>(stage, weights.Chunk)));
        (double operations, double bytes) = Cost(weights, operands);
        return KernelLaunch.CreateOverlapping(accelerator, WgmmaUpConvolution.Run<TTile, TChunk, TResult>, config, all, operations, bytes);
    }

    // [frame][octet][plane][row][8 columns]; a box is the tile with its halo.
    private static TensorMapDescription InputMap(HalfMap map, HalfConvolutionArguments a, int chunk, int halo)
    {
        long row = map.Width * 16L, plane = row * map.Height, octet = plane * map.Planes;
        return new()
        {
            Element = TensorElement.Half,
            Address = map.View.Address,
            Dimensions = [map.Width * 8, map.Height, map.Planes, map.Octets, map.Frames],
            Strides = [row, plane, octet, octet * map.Octets],
            Box = [(8 * a.BlocksX + (halo & 255)) * 8, 8 * a.BlocksY + (halo >> 8), 1, chunk / 8, a.TileFrames],
        };
    }

    // Rows of core matrices; a box is a step of a tile's channels.
    private static TensorMapDescription WeightMap(HalfConvolutionWeights weights, int n) => new()
    {
        Element = TensorElement.Half,
        Address = weights.View.Address,
        Dimensions = [64, weights.View.Length / 64],
        Strides = [128],
        Box = [64, n / 8 * (weights.Chunk / 8)],
    };

    // The tiles that could serve, as channels and blocks.
    private static (int N, int Blocks)[] WgmmaTiles(int tileN) => tileN switch
    {
        128 => [(128, 4), (128, 2), (64, 2)],
        64 => [(64, 4), (64, 2)],
        _ => [(tileN, 4)],
    };

    // Cycles, roughly: rounds of work items, each with its products at the rate of the tensor cores and a fixed cost; then the sum of the parts.
    private double Time(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        int multiprocessors = accelerator.Properties.Multiprocessors, pixels = 64 * cut.Blocks;
        bool isAlone = cut is { TileN: 128, Blocks: 4 } || machine != ConvolutionMachine.Hopper || IsFused(weights);
        int places = multiprocessors * (isAlone ? 1 : 2);
        double rounds = Math.Ceiling((double)Items(weights, output, cut) / places);
        double steps = (double)weights.Steps.Count / (IsFused(weights) ? 1 : weights.PhaseStarts.Count) / cut.Splits;
        // A step moves its weights from L2 (32 bytes a cycle) while it multiplies (8192 operations a cycle, shared by the groups that run together).
        double products = pixels * cut.TileN * weights.Chunk * 2.0 / 6500, weightsIn = cut.TileN * weights.Chunk * 2.0 / 32;
        double item = steps * Math.Max(products, weightsIn) * (isAlone ? 1 : Math.Min(2, Math.Ceiling((double)Items(weights, output, cut) / multiprocessors))) + 3000;
        double reduction = cut.Splits == 1 ? 0 : 3000 + output.Length * (8.0 * cut.Splits + 2) / (multiprocessors * 12);
        return rounds * item + reduction;
    }

    private HalfConvolutionArguments Arguments(HalfConvolutionWeights weights, HalfConvolutionOperands operands, ConvolutionCut cut, ArrayView<float> workspace)
    {
        HalfMap output = operands.Output;
        HalfEpilogue epilogue = operands.Epilogue with { Factor = weights.Factor, SecondFactor = weights.SecondFactor, Parts = Parts(weights, operands) };
        if (cut.Splits > 1) epilogue.Parts = EpilogueParts.Partial;
        (int x, int y, int frames) = Tiles(output, cut);
        return new()
        {
            Input0 = InputOf(operands.Input),
            Input1 = operands.Skip is { } skip ? InputOf(skip) : default,
            Weights = weights.View,
            Output = output.View,
            Workspace = cut.Splits == 1 ? default : workspace,
            Steps = weights.StepView,
            Parts = weights.Upload(Parts(weights, cut.Splits), cut.Splits),
            Epilogue = epilogue,
            Flow = operands.Flow ?? default,
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
            PartCount = Parts(weights, cut.Splits).Count,
            SkipStep = weights.SkipStep,
            Items = Items(weights, output, cut),
        };
    }

    private static ConvolutionInput InputOf(HalfMap map) => new() { View = map.View, Octets = map.Octets, Planes = map.Planes, Height = map.Height, Width = map.Width };

    private int Items(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        (int x, int y, int frames) = Tiles(output, cut);
        return checked(x * y * frames * TilesN(weights, cut) * Parts(weights, cut.Splits).Count);
    }

    private static (int X, int Y, int Frames) Tiles(HalfMap output, ConvolutionCut cut) => (
        Ceiling(output.Width, 8 * cut.BlocksX), Ceiling(output.Height, 8 * cut.BlocksY), Ceiling(output.Frames, cut.TileFrames));

    private static int Parts(HalfConvolutionWeights weights, HalfConvolutionOperands operands)
    {
        HalfEpilogue epilogue = operands.Epilogue;
        bool hasSkip = weights.Kind == HalfConvolutionKind.Down;
        return (epilogue.Scale.Length != 0 ? EpilogueParts.Scale : 0) | (epilogue.Bias.Length != 0 && !hasSkip ? EpilogueParts.Activation : 0)
            | (epilogue.NextStyle.Length != 0 ? EpilogueParts.Style : 0) | (hasSkip ? EpilogueParts.Skip : 0) | (epilogue.Gain != 1 ? EpilogueParts.Gain : 0)
            | (operands.Flow != null ? EpilogueParts.Flow : 0);
    }

    private bool IsFused(HalfConvolutionWeights weights) => machine == ConvolutionMachine.Hopper && weights.Kind == HalfConvolutionKind.Up;

    private IReadOnlyList<ConvolutionPart> Parts(HalfConvolutionWeights weights, int splits) => IsFused(weights) ? weights.ChunkParts(splits) : weights.Parts(splits);

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
