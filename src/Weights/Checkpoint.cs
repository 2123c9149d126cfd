namespace Lia.Weights;

/// <summary>Opens checkpoint files of any known format.</summary>
public static class Checkpoint
{
    /// <summary>Opens a checkpoint: safetensors, or PyTorch's zip or stream format, told apart by content.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The tensors, to be disposed.</returns>
    /// <exception cref="WeightsException">The file is absent, of no known format, damaged or hostile; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was signalled.</exception>
    public static ITensorSource Open(string path, CancellationToken cancellation = default)
    {
        MappedFile file = new(path);
        ReadOnlySpan<byte> start = file.Slice(0, (int)Math.Min(64, file.Length));
        if (ZipDirectory.IsZip(file)) return new PyTorchCheckpoint(file, cancellation);
        if (start.Length > 8 && start[8] == '{') return new SafetensorsFile(file);
        if (start[0] == 0x80) return new PyTorchCheckpoint(file, cancellation);

        string found = start.StartsWith("version https://git-lfs"u8)
            ? "this is a Git LFS pointer; the file itself has to be fetched (git lfs pull)"
            : IsHtml(start) ? "this is a web page; the download went wrong"
            : path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? "the safetensors header is missing or damaged"
            : "neither a safetensors file nor a PyTorch checkpoint";
        string name = file.Name;
        file.Dispose();
        throw new WeightsException($"{name}: {found}");
    }

    private static bool IsHtml(ReadOnlySpan<byte> start)
    {
        start = start.TrimStart(" \t\r\n"u8);
        return start.StartsWith("<!doctype"u8) || start.StartsWith("<!DOCTYPE"u8) || start.StartsWith("<html"u8);
    }
}
