using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace Lia.Media.IO;

/// <summary>
/// Files of a run that nobody else is to see, and that go with it however it ends: on Unix they have no name once they are open, and are
/// readable by
/// their owner only. What runs that were killed have left all the same is swept by later ones.
/// </summary>
internal static partial class TemporaryFiles
{
    /// <summary>How folders with another name for an input begin (for ffmpeg).</summary>
    public const string AliasPrefix = "lia-input-";

    /// <summary>Readable and writable by the owner.</summary>
    public const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly TimeSpan AliasAge = TimeSpan.FromDays(1);

    private static int s_swept;

    /// <summary>Opens a new file for writing and reading, without a buffer.</summary>
    /// <param name="what">What it is for, for the error message.</param>
    /// <param name="extension">With its dot.</param>
    /// <exception cref="MediaException">It cannot be made.</exception>
    public static FileStream Open(string what, string extension)
    {
        string folder = Path.GetTempPath();
        if (Interlocked.Exchange(ref s_swept, 1) == 0) Sweep(folder);
        return Outputs.Guard($"the temporary file for {what} in {folder}", () =>
        {
            string path = Path.Combine(folder, $"lia-{Guid.NewGuid():N}{extension}");
            FileStreamOptions options = new()
            {
                Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0,
                Options = FileOptions.DeleteOnClose,
            };
            if (!OperatingSystem.IsWindows()) (options.UnixCreateMode, options.Options) = (Private, FileOptions.None);
            FileStream file = new(path, options);
            if (!OperatingSystem.IsWindows()) File.Delete(path);
            return file;
        });
    }

    /// <summary>Deletes what runs that are over have left in the folder for temporary files.</summary>
    internal static void Sweep(string folder)
    {
        foreach (string file in Entries(folder, "lia-*"))
        {
            if (Spooled().IsMatch(Path.GetFileName(file))) DeleteIfOver(file);
        }
        foreach (string alias in Entries(folder, AliasPrefix + "*"))
        {
            // Nothing tells whether its owner lives, but no clip takes so long to open.
            Quietly(() =>
            {
                if (Directory.Exists(alias) && DateTime.UtcNow - Directory.GetLastWriteTimeUtc(alias) > AliasAge)
                    Directory.Delete(alias, recursive: true);
            });
        }
    }

    /// <summary>Deletes files in the making whose makers are gone: <c>.NAME.0123456789abcdef0123456789abcdef.part</c> for a name.</summary>
    /// <param name="folder">Of the output.</param>
    /// <param name="name">Of the output.</param>
    internal static void SweepParts(string folder, string name)
    {
        foreach (string part in Entries(folder, ".*.part"))
        {
            string file = Path.GetFileName(part);
            if (Part().Match(file) is { Success: true } match && match.Groups["name"].Value == name) DeleteIfOver(part);
        }
    }

    /// <summary>Deletes a file, or a folder of pictures, unless its maker holds its lock.</summary>
    private static void DeleteIfOver(string path) => Quietly(() =>
    {
        if (new FileInfo(path).LinkTarget is not null) return; // None of ours.
        if (Directory.Exists(path))
        {
            string owner = Path.Combine(path, LockName);
            if (File.Exists(owner) && IsOver(owner)) Directory.Delete(path, recursive: true);
        }
        else if (IsOver(path))
        {
            File.Delete(path);
        }
    });

    /// <summary>The file in a folder in the making that its maker holds.</summary>
    public const string LockName = ".lock";

    private static bool IsOver(string path)
    {
        if (OperatingSystem.IsWindows()) return true; // What is open cannot be deleted.
        // Whoever opens both ends of a pipe waits for nobody.
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        return Disk.TryLock(file);
    }

    private static string[] Entries(string folder, string pattern)
    {
        try
        {
            return Directory.GetFileSystemEntries(folder, pattern, new EnumerationOptions { AttributesToSkip = 0 });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return []; // It may be written to and not be read.
        }
    }

    private static void Quietly(Action step)
    {
        try
        {
            step();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // In use, somebody else's, or gone in the meantime.
        }
    }

    [GeneratedRegex(@"^lia-[0-9a-f]{32}\.(frames|driving)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Spooled();

    [GeneratedRegex(@"^\.(?<name>.*)\.[0-9a-f]{32}\.part$", RegexOptions.Singleline)]
    private static partial Regex Part();
}
