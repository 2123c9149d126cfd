namespace Lia.Weights;

/// <summary>Opens checkpoint files of any known format.</summary>
public static class Checkpoint
{
    /// <summary>
    /// Opens a checkpoint: safetensors, in one file or in several with an index, or PyTorch's zip or stream format, told apart by content.
    /// </summary>
    /// <param name="path">The file; of several safetensors files, their index (<c>model.safetensors.index.json</c>).</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>
    /// The tensors, to be disposed. Those of a generator have the names of the official program whatever stood before them in the file
    /// (<see cref="ITensorSource.Location"/> tells what was taken off), and what is beside it is left out.
    /// </returns>
    /// <exception cref="WeightsException">The file is absent, of no known format, damaged or hostile, or holds several generators: the
    /// message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was signaled.</exception>
    public static ITensorSource Open(string path, CancellationToken cancellation = default) => Open(path, null, cancellation);

    /// <inheritdoc cref="Open(string, CancellationToken)"/>
    /// <param name="path">The file; of several safetensors files, their index (<c>model.safetensors.index.json</c>).</param>
    /// <param name="weights">
    /// Which of several generators is wanted: its name, such as <c>g_ema</c>; null for the only one, or <c>gen</c>.
    /// </param>
    /// <param name="cancellation">Stops it.</param>
    public static ITensorSource Open(string path, string? weights, CancellationToken cancellation = default)
    {
        ITensorSource whole = OpenWhole(path, weights, cancellation);
        try
        {
            if (whole is PyTorchCheckpoint { Prefix: var prefix }) // which has chosen among its dictionaries
                return prefix.Length == 0 ? whole : new RenamedTensors(whole, prefix, whole.Location);
            IReadOnlyList<string> prefixes = GeneratorChoice.Prefixes(whole.Tensors.Keys);
            if (prefixes.Count == 0 && weights is null) return whole; // of another network, perhaps
            string[] names = [.. prefixes.Select(prefix => prefix.TrimEnd('.'))];
            int chosen = GeneratorChoice.Choose(names, weights, whole.Name);
            return prefixes[chosen].Length == 0 ? whole : new RenamedTensors(whole, prefixes[chosen], names[chosen]);
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    /// <summary>Opens a safetensors file for whatever is in it, under the names that are in it: for files that are no checkpoint, though
    /// names in them may end as a generator's do.</summary>
    /// <param name="path">The file, or the index of several.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The tensors, to be disposed.</returns>
    /// <exception cref="WeightsException">The file is absent, of another format, or damaged; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was signaled.</exception>
    public static ITensorSource OpenTensors(string path, CancellationToken cancellation = default)
    {
        ITensorSource whole = OpenWhole(path, null, cancellation);
        if (whole is not PyTorchCheckpoint) return whole;
        string name = whole.Name;
        whole.Dispose();
        throw new WeightsException($"{name}: this is a PyTorch checkpoint; a safetensors file is needed");
    }

    private static ITensorSource OpenWhole(string path, string? weights, CancellationToken cancellation)
    {
        MappedFile file = new(path);
        ReadOnlySpan<byte> start = file.Slice(0, (int)Math.Min(64, file.Length));
        if (ZipDirectory.IsZip(file)) return new PyTorchCheckpoint(file, weights, cancellation);
        if (start.Length > 8 && start[8] == '{' && !IsIndex(path)) return new SafetensorsFile(file);
        if (start[0] == 0x80) return new PyTorchCheckpoint(file, weights, cancellation);
        if (start.TrimStart(" \t\r\n"u8).StartsWith("{"u8) && IsIndex(path))
        {
            using (file)
            {
                return file.Length <= ShardedSafetensors.LongestIndex
                    ? new ShardedSafetensors(path, file.Slice(0, (int)file.Length), file.Name)
                    : throw new WeightsException(
                        $"{file.Name}: an index of safetensors files has at most {ShardedSafetensors.LongestIndex} bytes");
            }
        }

        string found = start.StartsWith("version https://git-lfs"u8)
            ? "this is a Git LFS pointer; the file itself has to be fetched (git lfs pull)"
            : IsHtml(start) ? "this is a web page; the download went wrong"
            : path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? "the safetensors header is missing or damaged"
            : "neither a safetensors file nor a PyTorch checkpoint";
        string name = file.Name;
        file.Dispose();
        throw new WeightsException($"{name}: {found}");
    }

    private static bool IsIndex(string path) => path.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase);

    private static bool IsHtml(ReadOnlySpan<byte> start)
    {
        start = start.TrimStart(" \t\r\n"u8);
        return start.StartsWith("<!doctype"u8) || start.StartsWith("<!DOCTYPE"u8) || start.StartsWith("<html"u8);
    }
}
