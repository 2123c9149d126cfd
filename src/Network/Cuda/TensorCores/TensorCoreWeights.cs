using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;
using Lia.Weights;
using Half = ILGPU.Half;

namespace Lia.Network.Cuda.TensorCores;

/// <summary>The parameters with convolutions in fp16, packed for the device's tensor cores.</summary>
internal sealed class TensorCoreWeights : CudaWeights
{
    /// <summary>
    /// Up to this resolution weights are sums of two halves. What the encoder's last layers and the decoder's first lose displaces every
    /// warp behind them, and their products are few: three per cent more time at 32 frames, and on the reference files up to a third less
    /// error of the frames.
    /// </summary>
    private const int FinestResolution = 16;

    private readonly Dictionary<string, HalfConvolutionWeights> _convolutions = [];
    private readonly ConvolutionMachine _machine;

    /// <param name="weights">The checkpoint.</param>
    /// <param name="graph">The network.</param>
    /// <param name="machine">Whose kernels read them.</param>
    /// <param name="isExact">Whether weights and activations are sums of two halves.</param>
    public TensorCoreWeights(ITensorSource weights, LiaGraph graph, ConvolutionMachine machine, bool isExact)
        : base(HalfMap.ChannelGranule)
    {
        Parts = isExact ? 2 : 1;
        _machine = machine;
        Read(weights, graph);
    }

    /// <summary>Halves of a value.</summary>
    public int Parts { get; }

    /// <summary>What launches the convolutions.</summary>
    public HalfConvolutionLauncher Launcher { get; private set; } = null!; // until they have a place

    private int MostChunk => HalfConvolutionLauncher.MostChunkOf(_machine);

    /// <summary>
    /// The encoder's last convolution as a matrix [style, octet, part, row, column, 8], divided by <see cref="LastFactor"/>.
    /// </summary>
    public ArrayView<Half> Last { get; private set; }

    /// <summary>What its sums are multiplied by.</summary>
    public float LastFactor { get; private set; }

    /// <summary>A convolution by the name of its weight; a residual block's second one holds its skip too.</summary>
    public HalfConvolutionWeights Convolution(string weight) => _convolutions[weight];

    public override void Place(KernelLoader loader)
    {
        Launcher = new(loader, _machine);
        base.Place(loader);
    }

    /// <summary>Behind the features, the projection to RGB of each [row, column, 4].</summary>
    public override ICudaActivation[] PlaceFeatures(ArenaLayout layout, LiaGraph graph)
    {
        IEnumerable<ICudaActivation> features = graph.Synthesis.Levels.Select(level =>
        {
            int size = level.Resolution, channels = graph.Architecture.ChannelsAt(size);
            return new HalfActivation(HalfActivation.Reserve(layout, 1, channels, size, size, 1, Parts));
        });
        IEnumerable<ICudaActivation> projections = graph.Synthesis.Levels.Select(level => new ActivationMap(
            layout.Reserve(4L * level.Resolution * level.Resolution), 1, level.Resolution, level.Resolution, 4));
        return [.. features, .. projections];
    }

    public override CudaPlanBuilder CreateBuilder(LiaGraph graph, ArenaLayout arena, int frames, bool isTapped) =>
        new TensorCorePlanBuilder(Loader, this, graph, arena, frames, isTapped);

    public override void Commit() => Launcher.Commit();

    public override void ForgetPlans() => Launcher.Clear();

    public override void Dispose()
    {
        Launcher?.Dispose();
        base.Dispose();
    }

    protected override void AddBlock(ITensorSource weights, ResBlock block)
    {
        ConvolutionLayer first = block.Conv1, second = block.Conv2;
        WeightPrecision precision = PrecisionAt(block.Resolution);
        Begin(() => Keep(first.Weight,
            HalfConvolutionWeights.Same(null, Read(weights, first), first.Outputs, first.Inputs, first.Kernel, MostChunk,
            precision)));
        Begin(() => Keep(second.Weight, HalfConvolutionWeights.Down(
            null, Read(weights, second), Read(weights, block.Skip), second.Outputs, second.Inputs, MostChunk, precision)));
    }

    protected override void AddLast(ITensorSource weights, ConvolutionLayer layer) => Begin(() =>
    {
        ReadOnlyMemory<float> weight = Read(weights, layer);
        int pixels = layer.Kernel * layer.Kernel, padded = HalfMap.PaddedChannels(layer.Inputs);
        float peak = HalfConvolutionWeights.PowerAbove(weight.Span);
        if (Parts == 2) peak /= 1 << 14; // As of pairs elsewhere: what is left over of most is a normal number.
        Half[] matrix = new Half[layer.Outputs * padded * pixels * Parts];
        int run = Parts * pixels * HalfPacking.Width, row = padded / HalfPacking.Width * run;
        Parallel.For(0, layer.Outputs, output => HalfPacking.PackRow(
            weight.Span.Slice(output * layer.Inputs * pixels, layer.Inputs * pixels), pixels, [.. Enumerable.Range(0, pixels)], peak,
            output * row, run, padded / HalfPacking.Width, row, HalfPacking.Width, Parts == 2 ? pixels * HalfPacking.Width : 0, matrix));
        return () =>
        {
            Last = Upload(matrix);
            LastFactor = (float)(peak / Math.Sqrt(layer.Inputs * pixels));
        };
    });

    protected override Action PackModulated(ModulatedConvolutionLayer layer, int resolution, ReadOnlyMemory<float> weight) =>
        Keep(layer.Weight, layer.Resampling == Resampling.Up
        ? HalfConvolutionWeights.Up(null, weight, layer.Outputs, layer.Inputs, MostChunk, PrecisionAt(resolution))
        : HalfConvolutionWeights.Same(null, weight, layer.Outputs, layer.Inputs, layer.Kernel, MostChunk,
            Parts == 2 ? WeightPrecision.Pair : WeightPrecision.Half));

    private WeightPrecision PrecisionAt(int resolution) =>
        Parts == 2 ? WeightPrecision.Pair : resolution <= FinestResolution ? WeightPrecision.Fine : WeightPrecision.Half;

    private static ReadOnlyMemory<float> Read(ITensorSource weights, ConvolutionLayer layer) =>
        weights.ViewParameter(layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel);

    private Action Keep(string name, HalfConvolutionWeights weights) => () => _convolutions.Add(name, Own(weights).Place(Loader));
}
