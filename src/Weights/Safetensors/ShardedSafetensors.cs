using System.Text.Json;

namespace Lia.Weights;

/// <summary>
/// A checkpoint in several safetensors files with an index, <c>model.safetensors.index.json</c>, that says which tensor is in which. The
/// files are opened for an index that was named itself, and no other are: its names are plain names of safetensors files beside it, which
/// may be links to files in the same folder only.
/// </summary>
internal sealed class ShardedSafetensors : ITensorSource, IMappedTensors
{
    /// <summary>Bytes of an index, and files that it may name.</summary>
    public const int LongestIndex = 16 << 20, MostFiles = 256;

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _homes = [];
    private readonly Dictionary<string, TensorInfo> _tensors = [];
    private readonly Dictionary<string, string> _metadata = [];

    /// <summary>Opens the files of an index.</summary>
    /// <param name="path">The index.</param>
    /// <param name="index">Its content.</param>
    /// <param name="name">What error messages call it.</param>
    /// <exception cref="WeightsException">It is no index, names a file that it may not, or does not agree with the files.</exception>
    public ShardedSafetensors(string path, ReadOnlySpan<byte> index, string name)
    {
        Name = name;
        try
        {
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Dictionary<string, string> map = Parse(index);
            foreach (string file in map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                if (_files.Count == MostFiles) throw Broken($"it names more than {MostFiles} files");
                SafetensorsFile shard = new(Beside(folder, file));
                _files.Add(shard);
                foreach (TensorInfo tensor in shard.Tensors.Values)
                {
                    if (!map.TryGetValue(tensor.Name, out string? home) || home != file)
                        throw Broken($"tensor {Text.Quote(tensor.Name)} is in {Text.Quote(file)}, where it has no place");
                    _tensors.Add(tensor.Name, tensor);
                    _homes.Add(tensor.Name, shard);
                }
                foreach ((string key, string value) in shard.Metadata) _metadata.TryAdd(key, value);
            }
            foreach ((string tensor, string file) in map)
                if (!_tensors.ContainsKey(tensor)) throw Broken($"tensor {Text.Quote(tensor)} is not in {Text.Quote(file)}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name { get; }

    /// <summary>What the files say of themselves; where they differ, the first.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public string Format => $"safetensors in {_files.Count} {(_files.Count == 1 ? "file" : "files")}";

    public void CopyTo(string name, Span<float> destination) => Home(name).CopyTo(name, destination);

    public void CopyBytesTo(string name, Span<byte> destination) => Home(name).CopyBytesTo(name, destination);

    public ReadOnlyMemory<float>? Singles(string name) => _homes.GetValueOrDefault(name)?.Singles(name);

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files) file.Dispose();
    }

    private SafetensorsFile Home(string name) => _homes.GetValueOrDefault(name) ?? throw TensorSourceExtensions.Missing(this, name);

    private Dictionary<string, string> Parse(ReadOnlySpan<byte> index)
    {
        Dictionary<string, string> map = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(index.ToArray());
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("weight_map", out JsonElement weights) || weights.ValueKind != JsonValueKind.Object)
            {
                throw Broken("it has no weight_map");
            }
            foreach (JsonProperty weight in weights.EnumerateObject())
            {
                if (weight.Value.ValueKind != JsonValueKind.String)
                    throw Broken($"it names no file for tensor {Text.Quote(weight.Name)}");
                if (!map.TryAdd(weight.Name, weight.Value.GetString()!)) throw Broken($"tensor {Text.Quote(weight.Name)} occurs twice");
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException) // the latter of text that is not UTF-8
        {
            throw new WeightsException($"{Name}: unusable index of safetensors files: it is damaged JSON", failure);
        }
        return map.Count > 0 ? map : throw Broken("it names no tensors");
    }

    /// <summary>A file beside the index.</summary>
    private string Beside(string folder, string file)
    {
        bool isPlain = file.Length is > 12 and <= 255 && file[0] != '.' && file.EndsWith(".safetensors", StringComparison.Ordinal)
            && !file.Any(c => char.IsControl(c) || c is '/' or '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|');
        if (!isPlain) throw Broken($"{Text.Quote(file)} is not the plain name of a safetensors file");
        string path = Path.Combine(folder, file);
        try
        {
            if (File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target
                && !string.Equals(Path.GetDirectoryName(target.FullName), folder, StringComparison.Ordinal))
            {
                throw Broken($"{Text.Quote(file)} is a link that leads out of the folder; copy the file itself there");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{Name}: unusable index of safetensors files: {Text.Quote(file)}: there is no such file", failure);
        }
        return path;
    }

    private WeightsException Broken(string what) => new($"{Name}: unusable index of safetensors files: {what}");
}
