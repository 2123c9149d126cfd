using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels.Modulation;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>
/// Every parameter of the network on the device, laid out as the kernels read them. The checkpoint is read once, here. What does not depend on the
/// precision is here; derived classes hold the convolutions.
/// </summary>
internal abstract class CudaWeights : IDisposable
{
    private readonly Dictionary<string, MemoryBuffer1D<float, Stride1D.Dense>> _vectors = [];
    private readonly Dictionary<string, int> _styleOffsets = [], _demodulationOffsets = [];
    private readonly List<IDisposable> _owned = [];
    private readonly int _channelGranule;

    /// <param name="loader">Where they live.</param>
    /// <param name="channelGranule">What vectors over channels are padded to with zeros.</param>
    protected CudaWeights(KernelLoader loader, int channelGranule) => (Loader, _channelGranule) = (loader, channelGranule);

    /// <summary>Values of all modulations of one frame.</summary>
    public int StyleLength { get; private set; }

    /// <summary>Values of all demodulations of one frame.</summary>
    public int DemodulationLength { get; private set; }

    /// <summary>The stacked modulation matrices [<see cref="StyleLength"/>, style].</summary>
    public ArrayView<float> Modulation { get; private set; }

    /// <summary>Their biases.</summary>
    public ArrayView<float> ModulationBias { get; private set; }

    /// <summary>The demodulated layers among the modulations.</summary>
    public ArrayView<StyleLayer> DemodulatedLayers { get; private set; }

    /// <summary>Squared weights of all demodulated layers.</summary>
    public ArrayView<float> SquaredWeights { get; private set; }

    /// <summary>The rows of all demodulations.</summary>
    public ArrayView<DemodulationRow> DemodulationRows { get; private set; }

    /// <summary>The folded motion head [motion, style].</summary>
    public ArrayView<float> Head { get; private set; }

    /// <summary>Its offset [motion].</summary>
    public ArrayView<float> HeadOffset { get; private set; }

    /// <summary>The constant the decoder starts from [4, 4, channel].</summary>
    public ArrayView<float> Constant { get; private set; }

    protected KernelLoader Loader { get; }

    /// <summary>A vector by the name of its parameter.</summary>
    public ArrayView<float> Vector(string parameter) => _vectors[parameter].View;

    /// <summary>Where a layer's modulation starts among all modulations.</summary>
    public int StyleOffset(ModulatedConvolutionLayer layer) => _styleOffsets[layer.Name];

    /// <summary>Where a layer's demodulation starts among all demodulations.</summary>
    public int DemodulationOffset(ModulatedConvolutionLayer layer) => _demodulationOffsets[layer.Name];

    /// <summary>Places a source's features, from 8x8 up, in the layout the plans work in.</summary>
    public abstract ICudaActivation[] PlaceFeatures(ArenaLayout layout, LiaGraph graph);

    /// <summary>A plan builder that reads these weights.</summary>
    public abstract CudaPlanBuilder CreateBuilder(LiaGraph graph, ArenaLayout arena, int frames, bool isTapped);

    /// <summary>Puts what plans need besides their launches onto the device; after building, before running.</summary>
    public virtual void Commit()
    {
    }

    /// <summary>Releases what <see cref="Commit"/> put there; no plan built so far may be used any more.</summary>
    public virtual void ForgetPlans()
    {
    }

    public virtual void Dispose()
    {
        foreach (MemoryBuffer1D<float, Stride1D.Dense> vector in _vectors.Values) vector.Dispose();
        foreach (IDisposable owned in _owned) owned.Dispose();
    }

    /// <summary>Reads everything; on failure what was allocated is released.</summary>
    protected void Load(ITensorSource weights, LiaGraph graph)
    {
        try
        {
            AddEncoder(weights, graph);
            AddSynthesis(weights, graph.Synthesis);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    protected abstract void AddBlock(ITensorSource weights, ResBlock block);

    /// <summary>The encoder's 4x4 convolution of a 4x4 map.</summary>
    protected abstract void AddLast(ITensorSource weights, ConvolutionLayer layer);

    /// <param name="layer">3x3.</param>
    /// <param name="resolution">Side of its output.</param>
    /// <param name="weight">[outputs, inputs, 3, 3].</param>
    protected abstract void AddModulated(ModulatedConvolutionLayer layer, int resolution, float[] weight);

    protected T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }

    protected ArrayView<T> Upload<T>(T[] values) where T : unmanaged => Own(Loader.Allocate1D(values)).View;

    private int Padded(int channels) => (channels + _channelGranule - 1) / _channelGranule * _channelGranule;

    private void AddEncoder(ITensorSource weights, LiaGraph graph)
    {
        ConvolutionLayer first = graph.Encoder.First;
        AddRows(weights, first.Weight, first.Outputs, first.Inputs, transpose: true);
        AddVector(weights, first.Bias!, first.Outputs);
        foreach (ResBlock block in graph.Encoder.Blocks)
        {
            AddBlock(weights, block);
            foreach (ConvolutionLayer layer in new[] { block.Conv1, block.Conv2 }) AddVector(weights, layer.Bias!, layer.Outputs);
        }
        AddLast(weights, graph.Encoder.Last);
        (double[] head, double[] offset) = graph.MotionHead.Fold(weights);
        Head = Upload<float>([.. head.Select(value => (float)value)]);
        HeadOffset = Upload<float>([.. offset.Select(value => (float)value)]);
    }

    private void AddSynthesis(ITensorSource weights, Synthesis synthesis)
    {
        int channels = synthesis.Conv1.Convolution.Inputs, padded = Padded(channels);
        float[] planar = weights.ReadParameter(synthesis.Constant, channels, 4, 4), constant = new float[16 * padded];
        for (int i = 0; i < planar.Length; i++) constant[i % 16 * padded + i / 16] = planar[i];
        Constant = Upload(constant);

        ModulationStack stack = new(weights, Math.Max(ModulationStack.LeastGranule, _channelGranule));
        AddStyled(weights, synthesis.Conv1, 4, stack);
        foreach (SynthesisLevel level in synthesis.Levels)
        {
            AddStyled(weights, level.Up, level.Resolution, stack);
            AddStyled(weights, level.Conv, level.Resolution, stack);
            _styleOffsets[level.ToFlow.Convolution.Name] = stack.AddModulation(level.ToFlow.Convolution.Modulation);
            AddRows(weights, level.ToFlow.Convolution.Weight, 3, level.ToFlow.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToFlow.Bias, 3);
            AddRows(weights, level.ToRgb.Convolution.Weight, 3, level.ToRgb.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToRgb.Convolution.Bias!, 3);
            AddVector(weights, level.ToRgb.Bias, 3);
        }
        (StyleLength, DemodulationLength) = (stack.Bias.Count, stack.DemodulationLength);
        Modulation = Upload<float>([.. stack.Matrix]);
        ModulationBias = Upload<float>([.. stack.Bias]);
        SquaredWeights = Upload<float>([.. stack.Squared]);
        DemodulationRows = Upload<DemodulationRow>([.. stack.Rows]);
        DemodulatedLayers = Upload<StyleLayer>([.. stack.Layers]);
    }

    private void AddStyled(ITensorSource weights, StyledConvolutionLayer layer, int resolution, ModulationStack stack)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        float[] weight = weights.ReadParameter(convolution.Weight, convolution.Outputs, convolution.Inputs, convolution.Kernel, convolution.Kernel);
        AddModulated(convolution, resolution, weight);
        AddVector(weights, layer.Bias, convolution.Outputs);
        int style = stack.AddModulation(convolution.Modulation);
        _styleOffsets[convolution.Name] = style;
        _demodulationOffsets[convolution.Name] = stack.AddDemodulation(convolution, style, weight);
    }

    /// <summary>A 1x1 convolution as a scaled matrix [outputs, inputs], or transposed; the channels of the network are padded.</summary>
    private void AddRows(ITensorSource weights, string name, int outputs, int inputs, bool transpose)
    {
        float[] weight = weights.ReadParameter(name, outputs, inputs, 1, 1);
        int columns = Padded(transpose ? outputs : inputs);
        float[] rows = new float[(transpose ? inputs : outputs) * columns];
        double scale = 1 / Math.Sqrt(inputs);
        for (int i = 0; i < weight.Length; i++)
        {
            int output = i / inputs, input = i % inputs;
            rows[transpose ? input * columns + output : output * columns + input] = (float)(weight[i] * scale);
        }
        _vectors.Add(name, Loader.Allocate1D(rows));
    }

    private void AddVector(ITensorSource weights, string name, int length)
    {
        float[] values = weights.ReadParameter(name, length);
        Array.Resize(ref values, Padded(length));
        _vectors.Add(name, Loader.Allocate1D(values));
    }
}
