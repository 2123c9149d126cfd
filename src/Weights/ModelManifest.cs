using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;

namespace Lia.Weights;

/// <summary>A checkpoint we know.</summary>
/// <param name="Name">Its name, for example <c>vox</c>; a safetensors file tells it in the metadata entry <c>variant</c>.</param>
/// <param name="About">What it was trained on.</param>
/// <param name="Architecture">Its extents.</param>
/// <param name="Relative">Whether it is meant for relative motion; absolute otherwise.</param>
/// <param name="Tensors">Every tensor's name, type and shape.</param>
/// <param name="Sha256">Lower-case hash of the file we ship, or null.</param>
/// <param name="Length">Bytes of the file we ship, or null.</param>
public sealed record ModelVariant(
    string Name, string About, ModelArchitecture Architecture, bool Relative, IReadOnlyList<TensorInfo> Tensors, string? Sha256,
    long? Length);

/// <summary>What a checkpoint turned out to be.</summary>
/// <param name="Architecture">Its extents; every tensor has been checked against them.</param>
/// <param name="Variant">The variant, or null when it is none we know.</param>
public sealed record ModelIdentity(ModelArchitecture Architecture, ModelVariant? Variant)
{
    /// <summary>The mode to use unless told otherwise: the variant's, or relative.</summary>
    public bool Relative => Variant?.Relative ?? true;
}

/// <summary>The checkpoints we know: <c>weights-manifest.json</c>, which is part of this assembly.</summary>
public static class ModelManifest
{
    private const string VariantKey = "variant";

    private static readonly Lazy<IReadOnlyList<ModelVariant>> Loaded = new(Load);

    /// <summary>Every variant.</summary>
    public static IReadOnlyList<ModelVariant> Variants => Loaded.Value;

    /// <summary>Looks a variant up by its name.</summary>
    /// <param name="name">For example <c>vox</c>.</param>
    /// <returns>The variant, or null.</returns>
    public static ModelVariant? Find(string name) => Variants.FirstOrDefault(variant => variant.Name == name);

    /// <summary>Tells what a checkpoint is and checks it completely, its weights' values apart.</summary>
    /// <remarks>
    /// A variant is recognized by the file's metadata (<c>variant</c>), by its hash, or by its file name where the size agrees
    /// (<c>vox.pt</c>, <c>lia-ted.safetensors</c>), in this order. Its tensors are then checked against the manifest; those of other files
    /// against the architecture read off their shapes.
    /// </remarks>
    /// <param name="source">The checkpoint.</param>
    /// <param name="path">Its file, or null when there is none.</param>
    /// <exception cref="WeightsException">It is not a LIA generator, or not the variant its metadata claims; tensors are named with what
    /// was expected.</exception>
    public static ModelIdentity Identify(ITensorSource source, string? path = null)
    {
        ModelVariant? variant = source.Metadata.TryGetValue(VariantKey, out string? name) ? Find(name) : null;
        variant ??= path is null ? null : FindByHash(path);
        ModelArchitecture architecture;
        if (variant is null)
        {
            architecture = ModelArchitecture.Infer(source);
            bool isSynthetic = source.Metadata.ContainsKey(SyntheticCheckpoint.MetadataKey); // Whatever the file is called.
            variant = path is null || isSynthetic ? null : FindByFileName(path, architecture);
        }
        else
        {
            architecture = variant.Architecture;
        }
        if (variant is null) architecture.Validate(source);
        else ModelArchitecture.Validate(source, variant.Tensors,
            $"the variant {variant.Name}, a LIA generator for size {architecture.Size}");
        return new(architecture, variant);
    }

    private static ModelVariant? FindByHash(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists || !Variants.Any(variant => variant.Length == file.Length)) return null;
        using FileStream stream = file.OpenRead();
        string hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        return Variants.FirstOrDefault(variant => variant.Sha256 == hash);
    }

    /// <summary>A variant's name must be a word of the file name; two variants' names mean neither.</summary>
    private static ModelVariant? FindByFileName(string path, ModelArchitecture architecture)
    {
        string[] words = Path.GetFileNameWithoutExtension(path).ToLowerInvariant()
            .Split(['-', '_', '.', ' ', '@', '(', ')'], StringSplitOptions.RemoveEmptyEntries);
        ModelVariant[] found = [.. Variants.Where(variant => words.Contains(variant.Name) && variant.Architecture == architecture)];
        return found.Length == 1 ? found[0] : null;
    }

    private static List<ModelVariant> Load()
    {
        using Stream stream = typeof(ModelManifest).Assembly.GetManifestResourceStream("weights-manifest.json")!;
        using JsonDocument manifest = JsonDocument.Parse(stream);
        Dictionary<string, (ModelArchitecture Architecture, IReadOnlyList<TensorInfo> Tensors)> architectures = [];
        foreach (JsonProperty property in manifest.RootElement.GetProperty("architectures").EnumerateObject())
        {
            JsonElement value = property.Value;
            ImmutableArray<int> channels = [.. value.GetProperty("channels").EnumerateArray().Select(item => item.GetInt32())];
            if (!DTypeExtensions.TryParseSafetensors(value.GetProperty("dtype").GetString(), out DType type))
                throw new InvalidDataException($"weights-manifest.json: unknown dtype in {property.Name}");
            ModelArchitecture architecture = new(value.GetProperty("size").GetInt32(), value.GetProperty("style")
                .GetInt32(), value.GetProperty("motion").GetInt32(), channels);
            architectures.Add(property.Name, (architecture, [.. value.GetProperty("tensors").EnumerateObject()
                .Select(tensor => new TensorInfo(tensor.Name, type, tensor.Value.EnumerateArray().Select(item => item.GetInt32())
                    .ToArray()))]));
        }
        List<ModelVariant> variants = [];
        foreach (JsonElement value in manifest.RootElement.GetProperty("variants").EnumerateArray())
        {
            (ModelArchitecture architecture, IReadOnlyList<TensorInfo> tensors) =
                architectures[value.GetProperty("architecture").GetString()!];
            string? sha256 = value.TryGetProperty("sha256", out JsonElement hash) ? hash.GetString() : null;
            long? length = value.TryGetProperty("length", out JsonElement bytes) ? bytes.GetInt64() : null;
            variants.Add(new(value.GetProperty("name").GetString()!, value.GetProperty("about").GetString()!, architecture,
                value.GetProperty("mode").GetString() == "relative", tensors, sha256, length));
        }
        return variants;
    }
}
