using System.Runtime.InteropServices;
using Lia.Weights;

namespace Lia.Training.Tests;

/// <summary>Tensors in memory that can be replaced.</summary>
internal sealed class Tensors : ITensorSource
{
    private readonly Dictionary<string, float[]> _values = [];
    private readonly Dictionary<string, TensorInfo> _tensors = [];

    public string Name => "tensors of a test";

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    IReadOnlyDictionary<string, TensorInfo> ITensorSource.Tensors => _tensors;

    /// <summary>Made by the recipe of synthetic weights, times a factor.</summary>
    public static Tensors Of(IEnumerable<TensorInfo> layout, ulong seed, float gain = 1)
    {
        Tensors tensors = new();
        foreach (TensorInfo tensor in layout)
        {
            float[] values = new float[tensor.ElementCount];
            if (ModelArchitecture.IsFirKernel(tensor.Name)) ModelArchitecture.FirKernel(tensor.Name).CopyTo(values, 0);
            else SyntheticCheckpoint.Fill(tensor.Name, seed, values);
            if (gain != 1) values = [.. values.Select(value => value * gain)];
            tensors.Add(tensor, values);
        }
        return tensors;
    }

    public void Add(TensorInfo tensor, float[] values)
    {
        _tensors.Add(tensor.Name, tensor);
        _values.Add(tensor.Name, values);
    }

    /// <summary>Their names.</summary>
    public IEnumerable<string> Names => _values.Keys;

    public float[] Read(string name) => [.. _values[name]];

    public void Replace(string name, float[] values) => _values[name] = values;

    public void CopyTo(string name, Span<float> destination) => _values[name].CopyTo(destination);

    public void CopyBytesTo(string name, Span<byte> destination) => MemoryMarshal.AsBytes(_values[name].AsSpan()).CopyTo(destination);

    public void Dispose()
    {
    }
}
