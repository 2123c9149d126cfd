using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>The device arrays of an fp16 convolution.</summary>
/// <param name="Input">x.</param>
/// <param name="Output">y.</param>
/// <param name="Epilogue">What follows the sum; its factors are the weights'.</param>
internal sealed record HalfConvolutionOperands(HalfMap Input, HalfMap Output, HalfEpilogue Epilogue)
{
    /// <summary>
    /// ToFlow's operands where its sums replace the map (<see cref="HalfConvolutionLauncher.CanEndInFlow"/>); the output then only says the
    /// extents, whole blocks of 8 columns.
    /// </summary>
    public FlowOperands? Flow { get; init; }

    /// <summary>The skip's input of <see cref="HalfConvolutionKind.Down"/>.</summary>
    public HalfMap? Skip { get; init; }

    /// <summary>
    /// Where a float32 map replaces the half map, and what it goes through; on Hopper. The output then only says the extents: those of the
    /// convolution's result, phase-separated behind a transposed one.
    /// </summary>
    public Float32Result? Map { get; init; }
}

/// <summary>Chooses how an fp16 convolution is cut and binds its launches.</summary>
/// <remarks>Not thread-safe. Disposing releases what launches read: use none afterwards.</remarks>
internal sealed partial class HalfConvolutionLauncher(KernelLoader loader, ConvolutionMachine machine) : IDisposable
{
    private readonly TensorMapTable _maps = new(loader);

    /// <summary>The machine that a device's kernels are compiled for.</summary>
    public static ConvolutionMachine MachineOf(KernelLoader loader) => MachineOf(loader.Target);

    /// <summary>The machine that kernels of a target are written for.</summary>
    public static ConvolutionMachine MachineOf(CompileTarget target) =>
        target is { Sm: 90, ArchitectureSpecific: true } ? ConvolutionMachine.Hopper
        : target.Sm >= 80 ? ConvolutionMachine.Ampere
        : ConvolutionMachine.Turing;

    /// <summary>
    /// Whether a device's tensor cores multiply pairs of halves (<see cref="WeightPrecision.Pair"/>) by a kernel of ours.
    /// </summary>
    public static bool MultipliesPairs(ConvolutionMachine machine) => machine == ConvolutionMachine.Hopper;

    /// <summary>The deepest step of this machine's kernel: what weights must be packed for.</summary>
    public int MostChunk => MostChunkOf(machine);

    /// <summary>The deepest step of a machine's kernel.</summary>
    public static int MostChunkOf(ConvolutionMachine machine) =>
        machine == ConvolutionMachine.Hopper ? WgmmaConvolution.MostChunk : MmaConvolution.MostChunk;

    /// <summary>Whether a convolution's tile can hold all channels of its pixels, so that ToFlow's sums can be made at its end.</summary>
    public bool CanEndInFlow(HalfConvolutionWeights weights) =>
        machine == ConvolutionMachine.Hopper && weights.PaddedOutputs is 16 or 32 or 64 or 128;

    /// <summary>Floats of partial sums.</summary>
    public static long WorkspaceLength(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut) =>
        weights.PartialSums(cut.Splits) * (output.Length / output.Parts);

    /// <summary>Floats of partial sums of a float32 map.</summary>
    public static long MapWorkspaceLength(Float32Result map, int frames, ConvolutionCut cut) =>
        cut.Splits == 1 ? 0 : (long)cut.Splits * frames * map.Height * map.Width * map.Channels;

    /// <summary>The launches that compute a convolution: one, or two when K is cut.</summary>
    /// <param name="weights">Packed for this machine.</param>
    /// <param name="operands">The arrays.</param>
    /// <param name="cut">From <see cref="Cut"/>.</param>
    /// <param name="workspace"><see cref="WorkspaceLength"/> floats.</param>
    public KernelLaunch[] Prepare(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, ConvolutionCut cut, ArrayView<float> workspace)
    {
        // Warps sum their pixels' channels together: none may hold pixels outside.
        if (operands.Flow != null && operands.Output.Width % 8 != 0)
            throw new ArgumentException($"ToFlow's sums need whole blocks of 8 columns, the picture has {operands.Output.Width}");
        if (cut.IsWide && operands.Map != null) throw new ArgumentException("weights as the first operand make no float32 maps");
        HalfConvolutionArguments arguments = Arguments(weights, operands, cut, workspace);
        KernelLaunch launch = weights.Precision == WeightPrecision.Pair ? BindPair(weights, operands, arguments, cut)
            : cut.IsWide ? BindWide(weights, operands, arguments, cut)
            : IsFused(weights) ? BindUp(weights, operands, arguments, cut)
            : (machine, cut.TileN) switch
        {
            (ConvolutionMachine.Hopper, 128) when cut.Blocks == 4 => BindWgmma<Wgmma256x128>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 128) => BindWgmma<Wgmma128x128>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 64) when cut.Blocks == 4 => BindWgmma<Wgmma256x64>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 64) => BindWgmma<Wgmma128x64>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, 32) => BindWgmma<Wgmma256x32>(weights, operands, arguments, cut),
            (ConvolutionMachine.Hopper, _) => BindWgmma<Wgmma256x16>(weights, operands, arguments, cut),
            (ConvolutionMachine.Ampere, _) => BindMma<AmpereMachine>(weights, operands, arguments, cut),
            _ => BindMma<TuringMachine>(weights, operands, arguments, cut),
        };
        if (cut.Splits == 1) return [launch];
        if (operands.Map is { } map) return [launch, MapReduction(map, operands.Output.Frames, cut, workspace)];
        HalfMap output = operands.Output;
        int pairs = checked((int)(output.Length / output.Parts / 2)), pairsPerOctet = output.Planes * output.Height * output.Width * 4;
        HalfSplitReductionArguments reduction = new()
        {
            Parts = workspace,
            Output = output.View,
            Epilogue = arguments.Epilogue with { Parts = Parts(weights, operands) },
            Splits = cut.Splits,
            Pairs = pairs,
            PairsPerOctet = pairsPerOctet,
            Octets = output.Octets,
        };
        return
        [
            launch,
            output.Parts == 1
                ? HalfSplitReduction.Prepare(loader, reduction)
                : HalfSplitReduction.PreparePairs(loader, new() { Reduction = reduction, Height = output.Height, Width = output.Width }),
        ];
    }

    /// <summary>Makes the tensor maps of what was prepared known to the device; before the first launch.</summary>
    public void Commit() => _maps.Upload();

    /// <summary>Forgets what was prepared: its launches must not be used any more.</summary>
    public void Clear() => _maps.Clear();

    public void Dispose() => _maps.Dispose();

    private KernelLaunch BindMma<TMachine>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TMachine : struct, IMmaMachine => (cut.TileN, cut.Blocks) switch
        {
            (128, _) => BindMma<Mma128x128, TMachine>(weights, operands, arguments),
            (64, 4) => BindMma<Mma256x64, TMachine>(weights, operands, arguments),
            (64, _) => BindMma<Mma128x64, TMachine>(weights, operands, arguments),
            (32, 4) => BindMma<Mma256x32, TMachine>(weights, operands, arguments),
            (32, _) => BindMma<Mma128x32, TMachine>(weights, operands, arguments),
            (_, 4) => BindMma<Mma256x16, TMachine>(weights, operands, arguments),
            _ => BindMma<Mma128x16, TMachine>(weights, operands, arguments),
        };

    private KernelLaunch BindMma<TTile, TMachine>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine => weights.Chunk == 32
            ? BindMma<TTile, TMachine, Chunk32>(weights, operands, arguments)
            : BindMma<TTile, TMachine, Chunk16>(weights, operands, arguments);

    private KernelLaunch BindMma<TTile, TMachine, TChunk>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            0 => BindMma<TTile, TMachine, TChunk, RawResult>(weights, operands, arguments),
            EpilogueParts.Partial => BindMma<TTile, TMachine, TChunk, PartialResult>(weights, operands, arguments),
            EpilogueParts.Activation => BindMma<TTile, TMachine, TChunk, ActivatedResult>(weights, operands, arguments),
            EpilogueParts.Skip | EpilogueParts.Gain => BindMma<TTile, TMachine, TChunk, SkipResult>(weights, operands, arguments),
            EpilogueParts.Scale | EpilogueParts.Activation => BindMma<TTile, TMachine, TChunk, StyledResult>(weights, operands, arguments),
            _ => BindMma<TTile, TMachine, TChunk, AnyResult>(weights, operands, arguments),
        };

    private KernelLaunch BindMma<TTile, TMachine, TChunk, TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        int threads = 32 * default(TTile).Blocks * default(TTile).WarpsN;
        int shared = MmaConvolution.SharedLength(
            default(TTile).WarpsN * default(TTile).WarpN, arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk);
        KernelConfig config = new(new Index1D(arguments.Items), new Index1D(threads), SharedMemoryConfig.RequestDynamic<Half>(shared));
        (double operations, double bytes) = Cost(weights, operands);
        return KernelLaunch.CreateOverlapping(
            loader, MmaConvolution.Run<TTile, TMachine, TChunk, TResult>, config, arguments, operations, bytes);
    }

    private HalfConvolutionArguments Arguments(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, ConvolutionCut cut, ArrayView<float> workspace)
    {
        HalfMap output = operands.Output;
        HalfEpilogue epilogue = operands.Epilogue with
        {
            Factor = weights.Factor,
            SecondFactor = weights.SecondFactor,
            SecondInverse = 1f / weights.SecondFactor,
            Parts = Parts(weights, operands),
        };
        if (operands.Map is { } map) epilogue.Parts = IsVector(map) ? EpilogueParts.Float32 : EpilogueParts.Float32OfAny;
        else if (cut.Splits > 1) epilogue.Parts = EpilogueParts.Partial;
        (int x, int y, _) = Tiles(output, cut);
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
            Map = operands.Map is { } result && cut.Splits > 1 ? result with { Output = workspace, IsCut = 1 } : operands.Map ?? default,
            Frames = output.Frames,
            OutputOctets = output.Octets,
            OutputPlanes = cut.Splits > 1 ? output.Planes : output.StoredPlanes,
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            Rows = output.Height,
            Columns = output.Width,
            BlocksX = cut.BlocksX,
            BlocksY = cut.BlocksY,
            TileFrames = cut.TileFrames,
            TilesX = x,
            TilesY = y,
            TilesN = TilesN(weights, cut),
            PartCount = Parts(weights, cut.Splits).Count,
            SkipStep = weights.SkipStep,
            Items = Items(weights, output, cut),
        };
    }

    private static bool IsVector(Float32Result map) => map.Channels % 4 == 0;

    private KernelLaunch MapReduction(Float32Result map, int frames, ConvolutionCut cut, ArrayView<float> parts)
    {
        SplitReductionArguments reduction = new()
        {
            Parts = parts,
            Output = map.Output,
            Epilogue = map.Epilogue,
            Splits = cut.Splits,
            Pixels = frames * map.Height * map.Width,
            PixelsPerFrame = map.Height * map.Width,
            Channels = map.Channels,
        };
        return IsVector(map) ? SplitReduction.Prepare<VectorAccess>(loader, reduction)
            : SplitReduction.Prepare<ScalarAccess>(loader, reduction);
    }

    private static ConvolutionInput InputOf(HalfMap map) =>
        new() { View = map.View, Octets = map.Octets, Planes = map.StoredPlanes, Height = map.Height, Width = map.Width };

    private static int Parts(HalfConvolutionWeights weights, HalfConvolutionOperands operands)
    {
        HalfEpilogue epilogue = operands.Epilogue;
        bool hasSkip = weights.Kind == HalfConvolutionKind.Down;
        return (epilogue.Scale.Length != 0 ? EpilogueParts.Scale : 0)
            | (epilogue.Bias.Length != 0 && !hasSkip ? EpilogueParts.Activation : 0)
            | (epilogue.NextStyle.Length != 0 ? EpilogueParts.Style : 0) | (hasSkip ? EpilogueParts.Skip : 0)
                | (epilogue.Gain != 1 ? EpilogueParts.Gain : 0)
            | (operands.Flow != null ? EpilogueParts.Flow : 0);
    }

    private bool IsFused(HalfConvolutionWeights weights) =>
        machine == ConvolutionMachine.Hopper && weights.Kind == HalfConvolutionKind.Up && weights.Precision != WeightPrecision.Pair;

    private IReadOnlyList<ConvolutionPart> Parts(HalfConvolutionWeights weights, int splits) =>
        IsFused(weights) ? weights.ChunkParts(splits) : weights.Parts(splits);

    // Operations without padding; every operand once.
    private static (double Operations, double Bytes) Cost(HalfConvolutionWeights weights, HalfConvolutionOperands operands)
    {
        HalfMap input = operands.Input, output = operands.Output;
        double inputs = (double)input.Frames * input.Height * input.Width, outputs = (double)output.Frames * output.Height * output.Width;
        double products = weights.Kind == HalfConvolutionKind.Up ? 9 * inputs
            : outputs * (weights.Kernel * weights.Kernel + (operands.Skip != null ? 1 : 0));
        return (2 * products * weights.Inputs * weights.Outputs,
            2.0 * (input.Length + output.Length + (operands.Skip?.Length ?? 0)) + weights.Bytes);
    }
}
