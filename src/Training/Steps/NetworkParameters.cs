using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;
using Lia.Training.Parameters;

namespace Lia.Training.Steps;

/// <summary>A network that learns: its parameters, and its convolutions packed from them.</summary>
/// <param name="loader">The device.</param>
/// <param name="bank">The parameters.</param>
/// <param name="arithmetic">How its convolutions multiply.</param>
internal sealed class NetworkParameters(KernelLoader loader, ParameterBank bank, ConvolutionArithmetic arithmetic) : IDisposable
{
    private Dictionary<string, TrainedConvolution> _convolutions = [];

    public ParameterBank Bank => bank;

    public TrainedConvolution Convolution(string weight) => _convolutions[weight];

    /// <summary>The values of all parameters that are computed with.</summary>
    public ArrayView<float> Values { get; private init; } = bank.Values;

    public ArrayView<float> Value(string name) => bank.Part(Values, name);

    public ArrayView<float> Gradient(string name) => bank.Gradient(name);

    /// <summary>
    /// The same network with the averages in place of the values, if there are any. It packs into the same room, so what was packed before
    /// is packed again before it is used.
    /// </summary>
    public NetworkParameters OfAverages() => bank.Averages.Length == 0 ? this : Of(bank.Averages);

    /// <summary>
    /// The same network with other values, that lie as the bank's do: it packs into the same room, has the same gradients, and owns
    /// nothing.
    /// </summary>
    public NetworkParameters Of(ArrayView<float> values) =>
        new(loader, bank, arithmetic) { Values = values, _convolutions = _convolutions };

    public void Add(ConvolutionLayer layer) => _convolutions.Add(layer.Weight, TrainedConvolution.Of(loader, layer, arithmetic));

    public void Add(string weight, TrainedConvolution convolution) => _convolutions.Add(weight, convolution);

    public void Add(ResBlock block)
    {
        Add(block.Conv1);
        Add(block.Conv2);
        Add(block.Skip);
    }

    public void Add(ModulatedConvolutionLayer layer) => _convolutions.Add(layer.Weight, TrainedConvolution.Of(loader, layer, arithmetic));

    /// <summary>Appends the packing of all convolutions.</summary>
    public void Pack(Tape tape)
    {
        foreach ((string weight, TrainedConvolution convolution) in _convolutions)
            tape.Add($"pack {weight}", convolution.Pack(Value(weight)));
    }

    public void Dispose()
    {
        foreach (TrainedConvolution convolution in _convolutions.Values) convolution.Dispose();
        bank.Dispose();
    }
}
