using System.Collections.Immutable;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <content>The kernels of Hopper and the tensor maps they read.</content>
internal sealed partial class HalfConvolutionLauncher
{
    private KernelLaunch BindWgmma<TTile>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile => weights.Chunk switch
        {
            64 => BindWgmma<TTile, Chunk64>(weights, operands, arguments, cut),
            32 => BindWgmma<TTile, Chunk32>(weights, operands, arguments, cut),
            _ => BindWgmma<TTile, Chunk16>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindWgmma<TTile, TChunk>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            EpilogueParts.Float32 => BindWgmma<TTile, TChunk, Float32MapResult>(weights, operands, arguments, cut),
            EpilogueParts.Float32OfAny => BindWgmma<TTile, TChunk, AnyFloat32MapResult>(weights, operands, arguments, cut),
            EpilogueParts.Partial => BindWgmma<TTile, TChunk, PartialResult>(weights, operands, arguments, cut),
            EpilogueParts.Activation => BindWgmma<TTile, TChunk, ActivatedResult>(weights, operands, arguments, cut),
            EpilogueParts.Skip | EpilogueParts.Gain => BindWgmma<TTile, TChunk, SkipResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation => BindWgmma<TTile, TChunk, StyledResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Flow =>
                BindWgmma<TTile, TChunk, FlowResult>(weights, operands, arguments, cut),
            _ => BindWgmma<TTile, TChunk, AnyResult>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindWgmma<TTile, TChunk, TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        WgmmaConvolutionArguments all = TileArguments(weights, operands, arguments, cut);
        int sharedHalves = WgmmaConvolution.SharedLength<TTile>(all.InputStage, weights.Chunk), groups = default(TTile).Groups;
        if (groups == 1)
            return BindAlone(
                WgmmaConvolution.RunAlone<TTile, TChunk, TResult>, all, sharedHalves, weights, operands, arguments.Items);
        KernelConfig config = new(
            new Index1D(Math.Min(arguments.Items, groups * loader.Properties.Multiprocessors)),
            new Index1D(WgmmaConvolution.ThreadsInPairs), SharedMemoryConfig.RequestDynamic<Half>(sharedHalves));
        (double operations, double bytes) = Cost(weights, operands);
        return KernelLaunch.CreateOverlapping(loader, WgmmaConvolution.RunInPairs<TTile, TChunk, TResult>, config, all, operations, bytes);
    }

    private KernelLaunch BindWide(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments,
        ConvolutionCut cut) => arguments.Epilogue.Parts switch
    {
        _ when cut.IsFlat =>
            arguments.Epilogue.Parts == 0 ? BindFlatUp<RawResult>(weights, operands, arguments)
                : BindFlatUp<AnyResult>(weights, operands, arguments),
        _ when IsFused(weights) =>
            arguments.Epilogue.Parts == 0 ? BindWideUp<RawResult>(weights, operands, arguments)
                : BindWideUp<AnyResult>(weights, operands, arguments),
        EpilogueParts.Activation => BindWide<ActivatedResult>(weights, operands, arguments, cut),
        EpilogueParts.Scale | EpilogueParts.Activation => BindWide<StyledResult>(weights, operands, arguments, cut),
        EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Flow =>
            BindWide<FlowResult>(weights, operands, arguments, cut),
        _ => BindWide<AnyResult>(weights, operands, arguments, cut),
    };

    private KernelLaunch BindWide<TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TResult : struct, IConvolutionResult
    {
        WgmmaConvolutionArguments all = TileArguments(weights, operands, arguments, cut);
        return BindAlone(
            WgmmaWideConvolution.Run<TResult>, all, WgmmaWideConvolution.SharedLength(all.InputStage), weights, operands, arguments.Items);
    }

    private static IWgmmaTile PairTile(ConvolutionCut cut) => (cut.TileN, cut.Blocks) switch
    {
        (128, _) => default(WgmmaPair128x128),
        (64, 4) => default(WgmmaPair256x64),
        (64, _) => default(WgmmaPair128x64),
        (32, _) => default(WgmmaPair256x32),
        _ => default(WgmmaPair256x16),
    };

    private KernelLaunch BindPair(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments,
        ConvolutionCut cut) => PairTile(cut) switch
    {
        WgmmaPair128x128 => BindPair<WgmmaPair128x128>(weights, operands, arguments, cut),
        WgmmaPair256x64 => BindPair<WgmmaPair256x64>(weights, operands, arguments, cut),
        WgmmaPair128x64 => BindPair<WgmmaPair128x64>(weights, operands, arguments, cut),
        WgmmaPair256x32 => BindPair<WgmmaPair256x32>(weights, operands, arguments, cut),
        _ => BindPair<WgmmaPair256x16>(weights, operands, arguments, cut),
    };

    private KernelLaunch BindPair<TTile>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile => weights.Chunk switch
        {
            64 => BindPair<TTile, Chunk64>(weights, operands, arguments, cut),
            32 => BindPair<TTile, Chunk32>(weights, operands, arguments, cut),
            _ => BindPair<TTile, Chunk16>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindPair<TTile, TChunk>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            0 => BindPair<TTile, TChunk, RawResult>(weights, operands, arguments, cut),
            EpilogueParts.Float32 => BindPair<TTile, TChunk, Float32MapResult>(weights, operands, arguments, cut),
            EpilogueParts.Float32OfAny => BindPair<TTile, TChunk, AnyFloat32MapResult>(weights, operands, arguments, cut),
            EpilogueParts.Partial => BindPair<TTile, TChunk, PartialResult>(weights, operands, arguments, cut),
            EpilogueParts.Activation => BindPair<TTile, TChunk, ActivatedResult>(weights, operands, arguments, cut),
            EpilogueParts.Skip | EpilogueParts.Gain => BindPair<TTile, TChunk, SkipResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation => BindPair<TTile, TChunk, StyledResult>(weights, operands, arguments, cut),
            EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Flow =>
                BindPair<TTile, TChunk, FlowResult>(weights, operands, arguments, cut),
            _ => BindPair<TTile, TChunk, AnyResult>(weights, operands, arguments, cut),
        };

    private KernelLaunch BindPair<TTile, TChunk, TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        WgmmaConvolutionArguments all = TileArguments(weights, operands, arguments, cut);
        all.InputStage *= 2; // Both parts, each at a multiple of 128 bytes.
        return BindAlone(WgmmaPairConvolution.Run<TTile, TChunk, TResult>, all,
            WgmmaConvolution.SharedLength<TTile>(all.InputStage, weights.Chunk), weights, operands, arguments.Items);
    }

    private WgmmaConvolutionArguments TileArguments(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, ConvolutionCut cut) => new()
        {
            Convolution = arguments with { Steps = weights.WgmmaSteps(cut) },
            InputMaps = Maps(operands.Input, () => weights.TileShapes.Select(
                shape => InputMap(shape.Source == 0 ? operands.Input : operands.Skip!, arguments, weights.Chunk, shape.Halo))),
            WeightMap = Maps(operands.Input, () => [WeightMap(weights, cut.TileN)]),
            InputStage = weights.TileShapes.Max(shape =>
                WgmmaConvolution.InputStage(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk, shape.Halo)),
        };

    private KernelLaunch BindUp(HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments,
        ConvolutionCut cut) => (cut.TileN, weights.Chunk) switch
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

    private KernelLaunch BindUp<TTile, TChunk>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk => arguments.Epilogue.Parts switch
        {
            0 => BindUp<TTile, TChunk, RawResult>(weights, operands, arguments),
            EpilogueParts.Float32 => BindUp<TTile, TChunk, Float32MapResult>(weights, operands, arguments),
            EpilogueParts.Float32OfAny => BindUp<TTile, TChunk, AnyFloat32MapResult>(weights, operands, arguments),
            EpilogueParts.Partial => BindUp<TTile, TChunk, PartialResult>(weights, operands, arguments),
            _ => BindUp<TTile, TChunk, AnyResult>(weights, operands, arguments),
        };

    private KernelLaunch BindUp<TTile, TChunk, TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        WgmmaUpArguments all = UpArguments(weights, operands, arguments, default(TTile).N, weights.Chunk);
        int stage = WgmmaConvolution.InputStage(arguments.BlocksX, arguments.BlocksY, arguments.TileFrames, weights.Chunk, UpHalo);
        return BindAlone(WgmmaUpConvolution.Run<TTile, TChunk, TResult>, all,
            WgmmaUpConvolution.SharedLength<TTile>(stage, weights.Chunk), weights, operands, arguments.Items);
    }

    private KernelLaunch BindWideUp<TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TResult : struct, IConvolutionResult =>
        BindAlone(WgmmaWideUpConvolution.Run<TResult>,
            UpArguments(weights, operands, arguments, WgmmaWideConvolution.Channels, weights.Chunks * weights.Chunk),
            WgmmaWideUpConvolution.SharedLength, weights, operands, arguments.Items);

    private KernelLaunch BindFlatUp<TResult>(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments)
        where TResult : struct, IConvolutionResult
    {
        HalfMap input = operands.Input;
        int rows = WgmmaFlatUpConvolution.TileRows(input.Width);
        WgmmaFlatUpArguments all = new()
        {
            Convolution = arguments,
            InputMap = Maps(input, () => [FlatMap(input, rows)]),
            WeightMap = Maps(input, () => [WeightMap(weights, WgmmaFlatUpConvolution.Channels)]),
            Chunks = weights.Chunks,
            Passes = weights.Passes,
            TileRows = rows,
        };
        return BindAlone(WgmmaFlatUpConvolution.Run<TResult>, all, WgmmaFlatUpConvolution.SharedLength(input.Width), weights, operands,
            arguments.Items);
    }

    // Persistent groups, each with a multiprocessor to itself.
    private KernelLaunch BindAlone<TArguments>(Action<TArguments> kernel, TArguments arguments, int sharedHalves,
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, int items)
        where TArguments : struct
    {
        KernelConfig config = new(new Index1D(Math.Min(items, loader.Properties.Multiprocessors)), new Index1D(CopyRing.ThreadsAlone),
            SharedMemoryConfig.RequestDynamic<Half>(sharedHalves));
        (double operations, double bytes) = Cost(weights, operands);
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, operations, bytes);
    }

    private const int UpHalo = 257; // A row and a column.

    private WgmmaUpArguments UpArguments(
        HalfConvolutionWeights weights, HalfConvolutionOperands operands, HalfConvolutionArguments arguments, int n, int channels) => new()
        {
            Convolution = arguments,
            InputMap = Maps(operands.Input, () => [InputMap(operands.Input, arguments, channels, UpHalo)]),
            WeightMap = Maps(operands.Input, () => [WeightMap(weights, n)]),
            Chunks = weights.Chunks,
            Passes = weights.Passes,
        };

    // While a plan is measured its arrays have no place: there is nothing to describe, and nothing will be launched.
    private ArrayView<TensorMap> Maps(HalfMap map, Func<IEnumerable<TensorMapDescription>> describe) =>
        map.View.IsValid ? _maps.Add(describe()) : default;

    // A box is the tile with its halo.
    private static TensorMapDescription InputMap(HalfMap map, HalfConvolutionArguments a, int chunk, int halo) =>
        MapOf(map, [(8 * a.BlocksX + (halo & 255)) * 8, 8 * a.BlocksY + (halo >> 8), 1, chunk / 8, a.TileFrames]);

    // Whole rows, in elements of half an octet, of which a box may have 256.
    private static TensorMapDescription FlatMap(HalfMap map, int rows) =>
        MapOf(map, [WgmmaFlatUpConvolution.Pitch(map.Width) * 2, rows, 1, WgmmaFlatUpConvolution.Chunk / 8, 1], elementBytes: 8);

    // [frame][octet][plane][row][column, octet's channel].
    private static TensorMapDescription MapOf(HalfMap map, ImmutableArray<int> box, int elementBytes = sizeof(ushort))
    {
        const int Pixel = Octet.Size * sizeof(ushort);
        long row = map.Width * (long)Pixel, plane = row * map.Height, octet = plane * map.StoredPlanes;
        return new()
        {
            Address = map.View.LoadEffectiveAddressAsPtr(),
            Dimensions = [map.Width * (Pixel / elementBytes), map.Height, map.StoredPlanes, map.Octets, map.Frames],
            Strides = [row, plane, octet, octet * map.Octets],
            Box = box,
            ElementBytes = elementBytes,
        };
    }

    // Rows of core matrices; a box is a step of a tile's channels.
    private static TensorMapDescription WeightMap(HalfConvolutionWeights weights, int n) => new()
    {
        Address = weights.View.LoadEffectiveAddressAsPtr(),
        Dimensions = [64, weights.View.Length / 64],
        Strides = [128],
        Box = [64, n / 8 * (weights.Chunk / 8)],
    };
}
