using Lia.Media.IO;
using Lia.Weights;

namespace Lia.Cli;

/// <summary>What several commands say about and ask of files.</summary>
internal static class Files
{
    /// <exception cref="ArgumentException">The name has another extension.</exception>
    /// <exception cref="MediaException">This system cannot have such a name.</exception>
    public static void RequireSafetensors(string path)
    {
        if (!path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"{path}: the output is a safetensors file; its name must end in .safetensors");
        Outputs.RefuseName(path);
    }

    /// <summary><c>185 tensors, 45.1 M values, 180.5 MB</c></summary>
    public static string Describe(IEnumerable<TensorInfo> tensors)
    {
        List<TensorInfo> list = [.. tensors];
        long bits = list.Sum(tensor => tensor.ElementCount * tensor.DType.BitSize());
        return $"{Nouns.Count(list.Count, "tensor")}, {Count(list.Sum(tensor => tensor.ElementCount))} values, "
            + $"{Bytes(bits / 8)}";
    }

    /// <summary><c>45.1 M</c></summary>
    public static string Count(long count) => count < 100_000 ? $"{count}" : $"{count / 1e6:0.0} M";

    /// <summary><c>180.5 MB</c></summary>
    public static string Bytes(long bytes) =>
        bytes < 100_000 ? $"{bytes} bytes" : bytes < 10_000_000_000 ? $"{bytes / 1e6:0.0} MB" : $"{bytes / 1e9:0.0} GB";
}
