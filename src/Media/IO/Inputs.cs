namespace Lia.Media.IO;

/// <summary>What all inputs have in common: opening files and pipes, and the limit of pictures.</summary>
internal static class Inputs
{
    private const int MaxSide = 65535;

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="MediaException">It is missing, or may not be read.</exception>
    public static FileStream OpenFile(string path)
    {
        // Asked before opening, because opening a pipe waits for its other end. Pipes and devices have no length.
        if (IsPipe(path)) throw new MediaException($"{path}: it is empty, or not a regular file.");
        return Open(path, new() { BufferSize = 1 << 16, Options = FileOptions.SequentialScan });
    }

    private static FileStream Open(string path, FileStreamOptions options)
    {
        try
        {
            return new FileStream(path, options);
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

    /// <summary>Whether a path is that of a pipe or a device, which have no length and can be read once, or of an empty file.</summary>
    public static bool IsPipe(string path)
    {
        if (!File.Exists(path)) return false;
        // A link has the length of its text. One of /dev/fd leads to what has no name at all: a pipe.
        FileSystemInfo target = File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);
        return target is not FileInfo { Exists: true, Length: > 0 };
    }

    /// <summary>Refuses what can be read only once, where it has to be read twice.</summary>
    /// <exception cref="MediaException">It is a pipe or a device, or an empty file.</exception>
    public static void RefusePipe(string path)
    {
        if (IsPipe(path)) throw new MediaException($"{path}: it is empty, or a pipe, and has to be read twice here; a file is needed.");
    }

    /// <summary>Opens a pipe (or a device, or an empty file) for reading. Opening a pipe waits for somebody who writes.</summary>
    /// <exception cref="MediaException">It may not be read.</exception>
    /// <exception cref="OperationCanceledException">Nobody came in time.</exception>
    public static FileStream OpenPipe(string path, CancellationToken cancellationToken) =>
        OpenPipe(path, () => Open(path, new() { Share = FileShare.ReadWrite, BufferSize = 0 }), cancellationToken);

    /// <summary>Opens a pipe by a step that waits for somebody at its other end.</summary>
    /// <exception cref="OperationCanceledException">Nobody came in time.</exception>
    internal static FileStream OpenPipe(string path, Func<FileStream> open, CancellationToken cancellationToken)
    {
        Task<FileStream> opening = Task.Run(open, CancellationToken.None);
        try
        {
            return opening.WaitAsync(cancellationToken).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Whoever opens a pipe for both ends waits for nobody, and the one who waits finds the other end he waits for.
            if (!OperatingSystem.IsWindows()) Wake(path);
            opening.ContinueWith(
                static late =>
                {
                    if (late.IsCompletedSuccessfully) late.Result.Dispose();
                    else _ = late.Exception; // seen
                },
                TaskScheduler.Default);
            throw;
        }

        static void Wake(string path)
        {
            try
            {
                using FileStream both = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Then a thread waits on for somebody who writes.
            }
        }
    }

    /// <summary>Refuses pictures beyond the limit, before memory is taken for them.</summary>
    /// <exception cref="MediaException">The picture is too large.</exception>
    public static void RefuseTooLarge(string path, long width, long height)
    {
        if (width > MaxSide || height > MaxSide || width * height > RgbImage.MaxPixels)
            throw new MediaException($"{path}: {width}x{height} is too large; pictures have at most {RgbImage.MaxPixels:N0} pixels "
                + $"(8192x8192, say) and {MaxSide:N0} a side.");
    }
}
