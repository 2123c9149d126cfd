using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>
/// Every parameter of the network on the device, laid out as the kernels read them. The checkpoint is read once, here. What does not depend
/// on the precision is here; derived classes hold the convolutions.
/// </summary>
internal abstract class CudaWeights : IDisposable
{
    private readonly Dictionary<string, MemoryBuffer1D<float, Stride1D.Dense>> _vectors = [];
    private readonly Dictionary<string, int> _styleOffsets = [], _demodulationOffsets = [];
    private readonly List<IDisposable> _owned = [];
    private readonly List<Task<Action>> _parts = [];
    private readonly int _channelGranule;
    private KernelLoader? _loader;
    private Exception? _failure;

    /// <param name="channelGranule">What vectors over channels are padded to with zeros.</param>
    /// <param name="loader">Where they live, for those whose parts ask for it.</param>
    protected CudaWeights(int channelGranule, KernelLoader? loader = null) => (_channelGranule, _loader) = (channelGranule, loader);

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

    protected KernelLoader Loader => _loader!; // from Place on, or from the beginning

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

    /// <summary>Puts everything onto a device, as the parts become ready; once. Nothing reads the checkpoint after it.</summary>
    /// <exception cref="WeightsException">A tensor is missing, has another shape or holds a NaN.</exception>
    public virtual void Place(KernelLoader loader)
    {
        _loader = loader;
        // All are waited for, and all that succeeded is kept: the checkpoint may be gone after this, and what is on the device has to be
        // found. The first failure in the order of the network is told.
        for (int i = 0; i < _parts.Count; i++) // Parts may begin others.
        {
            try
            {
                _parts[i].GetAwaiter().GetResult()();
            }
            catch (Exception e)
            {
                _failure ??= e;
            }
        }
        _parts.Clear();
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>Releases what is on the device. What was never put there is no longer read from the checkpoint.</summary>
    public virtual void Dispose()
    {
        for (int i = 0; i < _parts.Count; i++) _parts[i].ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
        _parts.Clear();
        foreach (MemoryBuffer1D<float, Stride1D.Dense> vector in _vectors.Values) vector.Dispose();
        foreach (IDisposable owned in _owned) owned.Dispose();
    }

    /// <summary>Begins to read everything, layers side by side on all cores.</summary>
    protected void Read(ITensorSource weights, LiaGraph graph)
    {
        try
        {
            AddEncoder(weights, graph);
            AddSynthesis(weights, graph.Synthesis);
        }
        catch (Exception e)
        {
            _failure = e; // told by Place, when what has begun has ended
        }
    }

    /// <summary>Adds a residual block's convolutions.</summary>
    protected abstract void AddBlock(ITensorSource weights, ResBlock block);

    /// <summary>The encoder's 4x4 convolution of a 4x4 map.</summary>
    protected abstract void AddLast(ITensorSource weights, ConvolutionLayer layer);

    /// <summary>
    /// Packs a modulated convolution, on any thread; what is returned keeps it and is called as <see cref="Begin"/> says.
    /// </summary>
    /// <param name="layer">3x3.</param>
    /// <param name="resolution">Side of its output.</param>
    /// <param name="weight">[outputs, inputs, 3, 3].</param>
    protected abstract Action PackModulated(ModulatedConvolutionLayer layer, int resolution, ReadOnlyMemory<float> weight);

    /// <summary>Begins a part of loading on the thread pool.</summary>
    /// <param name="part">Reads and packs beside other parts; what it returns is called by the thread that has a device
    /// (<see cref="Place"/>), in the order of the beginnings.</param>
    protected void Begin(Func<Action> part) => _parts.Add(Task.Run(() =>
    {
        using Activity? packing = Activities.Begin("weights packed");
        return part();
    }));

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
        Begin(() =>
        {
            (double[] head, double[] offset) = graph.MotionHead.Fold(weights);
            return () =>
            {
                Head = Upload(ToSingle(head));
                HeadOffset = Upload(ToSingle(offset));
            };
        });

        static float[] ToSingle(double[] values) => Array.ConvertAll(values, static value => (float)value);
    }

    private void AddSynthesis(ITensorSource weights, Synthesis synthesis)
    {
        Begin(() =>
        {
            int channels = synthesis.Conv1.Convolution.Inputs, padded = Padded(channels);
            float[] planar = weights.ReadParameter(synthesis.Constant, channels, 4, 4), constant = new float[16 * padded];
            for (int i = 0; i < planar.Length; i++) constant[i % 16 * padded + i / 16] = planar[i];
            return () => Constant = Upload(constant);
        });

        ModulationStack stack = new(Math.Max(ModulationStack.LeastGranule, _channelGranule));
        List<(ModulatedConvolutionLayer Layer, int Style)> modulations = [];
        List<(StyledConvolutionLayer Layer, int Resolution, int Squares)> styled = [];
        AddStyled(synthesis.Conv1, 4);
        foreach (SynthesisLevel level in synthesis.Levels)
        {
            AddStyled(level.Up, level.Resolution);
            AddStyled(level.Conv, level.Resolution);
            AddModulation(level.ToFlow.Convolution);
            AddRows(weights, level.ToFlow.Convolution.Weight, 3, level.ToFlow.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToFlow.Bias, 3);
            AddRows(weights, level.ToRgb.Convolution.Weight, 3, level.ToRgb.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToRgb.Convolution.Bias!, 3);
            AddVector(weights, level.ToRgb.Bias, 3);
        }
        (StyleLength, DemodulationLength) = (stack.StyleLength, stack.DemodulationLength);

        // Where each layer's share lies is known: they are filled side by side.
        float[] matrix = new float[stack.StyleLength * synthesis.Conv1.Convolution.Modulation.Inputs], bias = new float[stack.StyleLength],
            squares = new float[stack.SquaresLength];
        foreach ((ModulatedConvolutionLayer layer, int style) in modulations)
        {
            Begin(() =>
            {
                ModulationStack.Fill(weights, layer.Modulation, matrix.AsSpan(style * layer.Modulation.Inputs), bias.AsSpan(style));
                return static () => { };
            });
        }
        foreach ((StyledConvolutionLayer layer, int resolution, int start) in styled)
        {
            ModulatedConvolutionLayer convolution = layer.Convolution;
            Begin(() =>
            {
                ReadOnlyMemory<float> weight =
                    weights.ViewParameter(convolution.Weight, convolution.Outputs, convolution.Inputs, convolution.Kernel,
                    convolution.Kernel);
                ConvolutionWeights.SquareSums(weight.Span, convolution.Inputs, convolution.Kernel,
                    squares.AsSpan(start, convolution.Outputs * convolution.Inputs));
                return PackModulated(convolution, resolution, weight);
            });
        }
        // The last part: when it is kept, all before it are done.
        Begin(() => () =>
        {
            Modulation = Upload(matrix);
            ModulationBias = Upload(bias);
            SquaredWeights = Upload(squares);
            DemodulationRows = Upload<DemodulationRow>([.. stack.Rows]);
            DemodulatedLayers = Upload<StyleLayer>([.. stack.Layers]);
        });

        void AddStyled(StyledConvolutionLayer layer, int resolution)
        {
            AddVector(weights, layer.Bias, layer.Convolution.Outputs);
            int style = AddModulation(layer.Convolution);
            styled.Add((layer, resolution, stack.SquaresLength));
            _demodulationOffsets[layer.Convolution.Name] = stack.AddDemodulation(layer.Convolution, style);
        }

        int AddModulation(ModulatedConvolutionLayer layer)
        {
            int style = stack.AddModulation(layer.Modulation);
            modulations.Add((layer, style));
            return _styleOffsets[layer.Name] = style;
        }
    }

    /// <summary>A 1x1 convolution as a scaled matrix [outputs, inputs], or transposed; the channels of the network are padded.</summary>
    private void AddRows(ITensorSource weights, string name, int outputs, int inputs, bool transpose) => Begin(() =>
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
        return Keep(name, rows);
    });

    private void AddVector(ITensorSource weights, string name, int length) => Begin(() =>
    {
        float[] values = weights.ReadParameter(name, length);
        Array.Resize(ref values, Padded(length));
        return Keep(name, values);
    });

    private Action Keep(string name, float[] values) => () => _vectors.Add(name, Loader.Allocate1D(values));
}
