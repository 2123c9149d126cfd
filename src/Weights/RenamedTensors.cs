namespace Lia.Weights;

/// <summary>The tensors of a checkpoint whose names begin in a way, without that beginning.</summary>
internal sealed class RenamedTensors : ITensorSource, IMappedTensors
{
    private readonly ITensorSource _whole;
    private readonly string _prefix;
    private readonly Dictionary<string, TensorInfo> _tensors = [];

    /// <param name="whole">The checkpoint, which is disposed with this.</param>
    /// <param name="prefix">With its last point.</param>
    /// <param name="location">What <see cref="Location"/> says.</param>
    public RenamedTensors(ITensorSource whole, string prefix, string location)
    {
        (_whole, _prefix, Location) = (whole, prefix, location);
        foreach ((string name, TensorInfo tensor) in whole.Tensors)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            string rest = name[prefix.Length..];
            _tensors.Add(rest, tensor with { Name = rest });
        }
    }

    public string Name => _whole.Name;

    public IReadOnlyDictionary<string, string> Metadata => _whole.Metadata;

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public string Format => _whole.Format;

    public string Location { get; }

    public IReadOnlyList<string> Skipped => _whole.Skipped;

    public void CopyTo(string name, Span<float> destination)
    {
        this.Find(name, destination.Length);
        _whole.CopyTo(_prefix + name, destination);
    }

    public void CopyBytesTo(string name, Span<byte> destination)
    {
        if (!_tensors.ContainsKey(name)) throw TensorSourceExtensions.Missing(this, name);
        _whole.CopyBytesTo(_prefix + name, destination);
    }

    public ReadOnlyMemory<float>? Singles(string name) =>
        _tensors.ContainsKey(name) ? (_whole as IMappedTensors)?.Singles(_prefix + name) : null;

    public void Dispose() => _whole.Dispose();
}
