namespace Lia.Weights.Tests;

/// <summary>Synthetic weights with something wrong.</summary>
internal sealed class EditedSource(ModelArchitecture architecture) : ITensorSource
{
    private readonly SyntheticCheckpoint _original = new(architecture, 1);
    private readonly Dictionary<string, TensorInfo> _tensors = architecture.Layout().ToDictionary(tensor => tensor.Name);
    private readonly Dictionary<string, string> _metadata = [];

    public Dictionary<string, float[]> Values { get; } = [];

    public string Name => "edited";

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public void Remove(string name) => _tensors.Remove(name);

    public void Set(TensorInfo tensor) => _tensors[tensor.Name] = tensor;

    public void Tag(string key, string value) => _metadata[key] = value;

    public void CopyTo(string name, Span<float> destination)
    {
        if (Values.TryGetValue(name, out float[]? values)) values.CopyTo(destination);
        else _original.CopyTo(name, destination);
    }

    public void CopyBytesTo(string name, Span<byte> destination) => _original.CopyBytesTo(name, destination);

    public void Dispose() => _original.Dispose();
}
