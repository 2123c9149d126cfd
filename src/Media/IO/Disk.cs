using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Lia.Media.IO;

/// <summary>What the class library does not ask of a Unix system: locks that tell whether the owner of a file still lives, and folders
/// written through to the disk.</summary>
internal static partial class Disk
{
    private const int LockExclusive = 2, LockNoWait = 4;

    /// <summary>Locks a file for as long as it is open; programs that do not ask are not hindered. The lock ends with its process, however
    /// that ends.</summary>
    /// <returns>Whether it is ours; not on a file system without locks, nor on Windows, where an open file cannot be deleted
    /// anyway.</returns>
    public static bool TryLock(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows()) return false;
        bool added = false;
        try
        {
            file.DangerousAddRef(ref added);
            return FLock((int)file.DangerousGetHandle(), LockExclusive | LockNoWait) == 0;
        }
        finally
        {
            if (added) file.DangerousRelease();
        }
    }

    /// <summary>Has the names in a folder written to the disk, where the system can be asked to. The files themselves are not.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        const int ReadOnly = 0;
        int file = Open(folder, ReadOnly);
        if (file < 0) return; // It may be written to and not be read.
        _ = FSync(file); // File systems that cannot do this do it anyway, or never.
        _ = Close(file);
    }

    /// <summary>Has a file written to the disk. A failure that was put off comes to light here: a full disk, a quota, a server that has
    /// gone.</summary>
    /// <exception cref="IOException">It cannot be.</exception>
    public static void FlushFile(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Whether a file is a pipe. To ask neither waits for its other end nor lets somebody who waits for a writer go on.</summary>
    public static bool IsPipe(string path)
    {
        if (OperatingSystem.IsWindows()) return false;
        int readNoWait = OperatingSystem.IsLinux() ? 0x800 : 0x4;
        using SafeFileHandle file = new(Open(path, readNoWait), ownsHandle: true);
        if (file.IsInvalid) return false; // opening it for writing will say why
        using FileStream stream = new(file, FileAccess.Read, bufferSize: 0);
        return !stream.CanSeek;
    }

    /// <summary>Gives a file room on the disk for bytes that will be written, and makes it that long; they are zeros until then.</summary>
    /// <returns>Whether it has it. Not where the system cannot be asked, on a disk that has no more room, on file systems that have no such
    /// thing, and on those in memory, which would write the zeros; nothing is lost then.</returns>
    public static bool TryReserve(SafeFileHandle file, string path, long offset, long length)
    {
        if (!OperatingSystem.IsLinux() || nint.Size < sizeof(long)) return false;
        bool added = false;
        try
        {
            if (new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(path))!).DriveFormat is "tmpfs" or "ramfs") return false;
            file.DangerousAddRef(ref added);
            return FAllocate((int)file.DangerousGetHandle(), 0, offset, length) == 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false; // The folder has gone, or the like.
        }
        finally
        {
            if (added) file.DangerousRelease();
        }
    }

    /// <summary>Who may read and write a file; nothing on Windows, where folders tell.</summary>
    public static UnixFileMode Mode(string path) => OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(path);

    /// <summary>Sets who may read and write a file; does nothing on Windows.</summary>
    public static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
    }

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "flock")]
    private static partial int FLock(int file, int operation);

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    // Not the library's posix_fallocate, which writes into every block where the file system has no such thing.
    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "fallocate")]
    private static partial int FAllocate(int file, int mode, long offset, long length);

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FSync(int file);

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
