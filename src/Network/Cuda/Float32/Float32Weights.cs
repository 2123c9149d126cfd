using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda.Float32;

/// <summary>The parameters in float32.</summary>
internal sealed class Float32Weights : CudaWeights
{
    private readonly Dictionary<string, ConvolutionWeights> _convolutions = [];

    public Float32Weights(KernelLoader loader, ITensorSource weights, LiaGraph graph)
        : base(channelGranule: 1, loader) => Read(weights, graph);

    /// <summary>A convolution by the name of its weight.</summary>
    public ConvolutionWeights Convolution(string weight) => _convolutions[weight];

    public override ICudaActivation[] PlaceFeatures(ArenaLayout layout, LiaGraph graph) => [.. graph.Synthesis.Levels.Select(level =>
    {
        int size = level.Resolution, channels = graph.Architecture.ChannelsAt(size);
        return new ActivationMap(layout.Reserve((long)size * size * channels), 1, size, size, channels);
    })];

    public override CudaPlanBuilder CreateBuilder(LiaGraph graph, ArenaLayout arena, int frames, bool isTapped) =>
        new Float32PlanBuilder(Loader, this, graph, arena, frames, isTapped);

    protected override void AddBlock(ITensorSource weights, ResBlock block)
    {
        foreach (ConvolutionLayer layer in new[] { block.Conv1, block.Conv2, block.Skip }) AddConvolution(weights, layer);
    }

    protected override void AddLast(ITensorSource weights, ConvolutionLayer layer) => AddConvolution(weights, layer);

    protected override Action PackModulated(ModulatedConvolutionLayer layer, int resolution, ReadOnlyMemory<float> weight) =>
        Pack(layer.Weight, weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Resampling == Resampling.Up);

    private void AddConvolution(ITensorSource weights, ConvolutionLayer layer) => Begin(() =>
        Pack(layer.Weight, weights.ViewParameter(layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel), layer.Outputs,
            layer.Inputs, layer.Kernel, transposed: false));

    private Action Pack(string name, ReadOnlyMemory<float> weight, int outputs, int inputs, int kernel, bool transposed)
    {
        ConvolutionWeights packed = new(Loader, weight, outputs, inputs, kernel, transposed);
        return () => _convolutions.Add(name, Own(packed));
    }
}
