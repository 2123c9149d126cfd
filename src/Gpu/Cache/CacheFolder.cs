using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Lia.Gpu.Cache;

/// <summary>
/// A folder of files found by key:
/// <code>
///     name      the first 20 bytes of the key's SHA-256 in hexadecimal, .kernel
///     content   magic (8 bytes), SHA-256 of the rest (32), length of the key (4, little-endian), the key (UTF-8), what is kept
/// </code>
/// A file appears complete, under a name of its own until then, so that readers and other writers may be at work. One whose checksum or key
/// is not right counts as absent and is written anew.
/// </summary>
internal sealed class CacheFolder(string path, long mostBytes)
{
    private const string Extension = ".kernel", UnfinishedExtension = ".part";
    private const int NameBytes = 20, HashStart = 8, KeyStart = HashStart + SHA256.HashSizeInBytes + sizeof(int);
    /// <summary>Bytes of a file that is read; the longest kernel's machine code has some 200,000.</summary>
    public const long MostFileBytes = 16L << 20;

    private const int MostAttempts = 32;

    private static readonly TimeSpan UnfinishedAge = TimeSpan.FromHours(1), UseResolution = TimeSpan.FromHours(12);

    private readonly Lock _pruning = new();
    private string? _problem;

    // The last digit is the version of this layout.
    private static ReadOnlySpan<byte> Magic => "liaker\n1"u8;

    public string FullName { get; } = path;

    /// <summary>The first failure, or null.</summary>
    public string? Problem => _problem;

    /// <summary>Files of the cache and their bytes; none where the folder cannot be read.</summary>
    public (int Files, long Bytes) Usage
    {
        get
        {
            try
            {
                FileInfo[] files = Files();
                return (files.Length, files.Sum(static file => file.Length));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return default;
            }
        }
    }

    /// <summary>What is kept under a key, or null.</summary>
    public byte[]? Find(string key)
    {
        string path = PathOf(key);
        try
        {
            if (!IsOurs()) return null;
            // A pipe is not opened, which would wait for its other end.
            if (!File.Exists(path) || new FileInfo(path).Length < KeyStart) return null;
            byte[] file;
            using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0))
            {
                if (stream.Length is < KeyStart or > MostFileBytes) return null;
                file = new byte[stream.Length];
                if (stream.ReadAtLeast(file, file.Length, throwOnEndOfStream: false) < file.Length) return null;
            }
            if (Content(file, key) is not { } content) return null;
            MarkUsed(path);
            return content;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report("read", e);
            return null;
        }
    }

    /// <summary>Keeps content under a key, in place of what was there. Where that cannot be done, nothing is.</summary>
    public void Store(string key, ReadOnlySpan<byte> content)
    {
        if (_problem is not null) return; // Said once, not tried again for every kernel.
        byte[] file = Compose(key, content);
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (!IsOurs()) return;
                Write(PathOf(key), file);
                Prune(keep: PathOf(key));
                return;
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && attempt < MostAttempts)
            {
                // Somebody has just deleted the folder.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Report("written to", e);
                return;
            }
        }
    }

    /// <summary>Deletes what is kept under a key: it is whole and yet cannot be used.</summary>
    public void Remove(string key)
    {
        try
        {
            File.Delete(PathOf(key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report("written to", e);
        }
    }

    internal string PathOf(string key) =>
        Path.Combine(FullName, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, NameBytes)) + Extension);

    private static byte[] Compose(string key, ReadOnlySpan<byte> content)
    {
        byte[] name = Encoding.UTF8.GetBytes(key), file = new byte[KeyStart + name.Length + content.Length];
        Magic.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(KeyStart - sizeof(int)), name.Length);
        name.CopyTo(file, KeyStart);
        content.CopyTo(file.AsSpan(KeyStart + name.Length));
        SHA256.HashData(file.AsSpan(HashStart + SHA256.HashSizeInBytes), file.AsSpan(HashStart));
        return file;
    }

    /// <summary>What a file keeps, or null when it is not whole or not this key's.</summary>
    private static byte[]? Content(ReadOnlySpan<byte> file, string key)
    {
        ReadOnlySpan<byte> hashed = file[(HashStart + SHA256.HashSizeInBytes)..], name = Encoding.UTF8.GetBytes(key);
        if (!file.StartsWith(Magic) || !file.Slice(HashStart, SHA256.HashSizeInBytes).SequenceEqual(SHA256.HashData(hashed))) return null;
        if (BinaryPrimitives.ReadInt32LittleEndian(hashed) != name.Length || !file[KeyStart..].StartsWith(name)) return null;
        return file[(KeyStart + name.Length)..].ToArray();
    }

    private void Write(string path, byte[] file)
    {
        // What runs on the device is as private as the user's programs.
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(FullName);
        else Directory.CreateDirectory(FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string unfinished = Path.Combine(FullName, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}{UnfinishedExtension}");
        try
        {
            File.WriteAllBytes(unfinished, file);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    /// <summary>Deletes the files not used for the longest time until the rest fits, and what dead processes left unfinished.</summary>
    private void Prune(string keep)
    {
        try
        {
            lock (_pruning)
            {
                var folder = new DirectoryInfo(FullName);
                foreach (FileInfo file in folder.EnumerateFiles($".*{Extension}.*{UnfinishedExtension}",
                    new EnumerationOptions { AttributesToSkip = 0 }))
                {
                    if (DateTime.UtcNow - file.LastWriteTimeUtc > UnfinishedAge) file.Delete();
                }
                FileInfo[] files = Files();
                long bytes = files.Sum(static file => file.Length);
                foreach (FileInfo file in files.OrderBy(static file => file.LastWriteTimeUtc))
                {
                    if (bytes <= mostBytes) break;
                    if (file.FullName == keep) continue;
                    bytes -= file.Length;
                    file.Delete();
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process is at the same work.
        }
    }

    private FileInfo[] Files() => [.. new DirectoryInfo(FullName).EnumerateFiles("*" + Extension).Where(static file =>
        file.Name.Length == 2 * NameBytes + Extension.Length && file.Name[..(2 * NameBytes)].All(char.IsAsciiHexDigitLower))];

    /// <summary>A file's time is that of its last use, to half a day, so that a use seldom writes.</summary>
    private static void MarkUsed(string path)
    {
        try
        {
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > UseResolution) File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Of a folder that may only be read nothing is deleted either.
        }
    }

    /// <summary>Whether the folder is the user's alone, or not there yet: nothing is read from another's, nor written to it.</summary>
    private bool IsOurs()
    {
        if (FolderOwner.Complaint(FullName) is not { } complaint) return true;
        Report($"the kernel cache {FullName} is not used, so kernels are compiled anew: it {complaint}");
        return false;
    }

    private void Report(string done, Exception e) =>
        Report($"the kernel cache {FullName} cannot be {done}, so kernels are compiled anew: {e.Message.ReplaceLineEndings(" ")}");

    private void Report(string problem) => Interlocked.CompareExchange(ref _problem, problem, null);
}
