namespace Lia.Media.IO;

/// <summary>What all inputs have in common: opening files, and the limit of pictures.</summary>
internal static class Inputs
{
    private const int MaxSide = 65535;

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="MediaException">It is missing, or may not be read.</exception>
    public static FileStream OpenFile(string path)
    {
        // Asked before opening, because opening a pipe waits for its other end. Pipes and devices have no length.
        if (new FileInfo(path) is { Exists: true, Length: 0 }) throw new MediaException($"{path}: it is empty, or not a regular file.");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MediaException($"{path}: there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    /// <summary>Refuses pictures beyond the limit, before memory is taken for them.</summary>
    /// <exception cref="MediaException">The picture is too large.</exception>
    public static void RefuseTooLarge(string path, long width, long height)
    {
        if (width > MaxSide || height > MaxSide || width * height > RgbImage.MaxPixels)
            throw new MediaException($"{path}: {width}x{height} is too large; pictures have at most {RgbImage.MaxPixels:N0} pixels (8192x8192, say) and {MaxSide:N0} a side.");
    }
}
