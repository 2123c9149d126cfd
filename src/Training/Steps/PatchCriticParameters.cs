using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Network.Graph;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>The patch critic's parameters, the power iteration of each weight, and the divided weights that it judges with.</summary>
internal sealed class PatchCriticParameters : IDisposable
{
    private const string LeftSuffix = ".u";

    private readonly KernelLoader _loader;
    private readonly List<IDisposable> _owned = [];
    private readonly NetworkParameters _learned;
    private readonly ParameterLayout _lefts;
    private readonly SpectralNormArguments _norm;

    /// <param name="loader">The device.</param>
    /// <param name="network">Its layers.</param>
    /// <param name="arithmetic">How its convolutions multiply.</param>
    public PatchCriticParameters(KernelLoader loader, PatchCritic network, ConvolutionArithmetic arithmetic)
    {
        _loader = loader;
        try
        {
            ParameterLayout layout = new(network.Parameters());
            _learned = Own(new NetworkParameters(loader, new(loader, layout), arithmetic));
            foreach (ConvolutionLayer layer in network.Layers) _learned.Add(layer);
            _lefts = new(network.Layers.Select(layer => new TensorInfo(layer.Weight + LeftSuffix, DType.Float32, [layer.Outputs])));
            List<SpectralRow> rows = [];
            int right = 0;
            foreach (ConvolutionLayer layer in network.Layers)
            {
                int inputs = layer.Inputs * layer.Kernel * layer.Kernel;
                rows.Add(new()
                {
                    Weight = layout[layer.Weight].Offset,
                    Outputs = layer.Outputs,
                    Inputs = inputs,
                    Left = _lefts[layer.Weight + LeftSuffix].Offset,
                    Right = right,
                });
                right += inputs;
            }
            _norm = new()
            {
                Values = _learned.Bank.Values,
                Normalized = Allocate(layout.Length),
                Gradients = _learned.Bank.Gradients,
                Lefts = Allocate(_lefts.Length),
                Rights = Allocate(right),
                Norms = Allocate(rows.Count),
                Rows = Own(loader.Allocate1D(rows.ToArray())).View,
            };
            Judging = _learned.Of(_norm.Normalized);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is learned.</summary>
    public ParameterBank Bank => _learned.Bank;

    /// <summary>The divided weights, to walk with. Gradients by them lie where those by the learned ones do.</summary>
    public NetworkParameters Judging { get; }

    /// <summary>The vectors that the power iterations go on from.</summary>
    public IEnumerable<(TensorInfo Info, ArrayView<float> View)> Iterations => _lefts.Tensors.Select(tensor =>
        (tensor, _norm.Lefts.SubView(_lefts[tensor.Name].Offset, _lefts[tensor.Name].Length)));

    /// <summary>Appends a step of each power iteration, and packs the divided weights.</summary>
    public void Pack(Tape tape)
    {
        // Biases are as they are; weights are written over.
        tape.Add("critic", AddScaled.Prepare(_loader, new() { First = _norm.Values, Output = _norm.Normalized, Gain = 1 }),
            SpectralNorm.Prepare(_loader, _norm));
        Judging.Pack(tape);
    }

    /// <summary>Appends the way back through the division.</summary>
    public void GoBack(Tape tape) => tape.Add("critic, back", SpectralNorm.PrepareGradient(_loader, _norm));

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _owned.Clear();
    }

    private ArrayView<float> Allocate(int length) => Own(_loader.Allocate1D(new float[length])).View;

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
