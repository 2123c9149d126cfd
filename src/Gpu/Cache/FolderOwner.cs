using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Lia.Gpu.Cache;

/// <summary>
/// Whose a folder is. Kernels found in the cache run on the device and their PTX goes to the driver, so whoever can write to the folder is
/// trusted like the programs of the user: nobody may but the user and the administrator, who can replace the programs anyway. On Windows
/// the folder lies in the user's profile and inherits its rights.
/// </summary>
internal static partial class FolderOwner
{
    private const UnixFileMode WritableByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
    private const int MostAttempts = 32;

    /// <summary>Why a folder is not to be used, in words that follow "it"; null when it may be, or does not exist.</summary>
    public static string? Complaint(string folder)
    {
        if (OperatingSystem.IsWindows() || !Directory.Exists(folder)) return null;
        UnixFileMode others = File.GetUnixFileMode(folder) & WritableByOthers;
        if (others != 0) return $"can be written to by other users (chmod go-w {folder})";
        try
        {
            uint user = GetEUid();
            // Somebody may delete it meanwhile, and somebody else make it again.
            FileStatus status;
            for (int attempt = 0; Stat(folder, out status) != 0; attempt++)
            {
                if (!Directory.Exists(folder)) return null;
                if (attempt == MostAttempts) return "cannot be asked for its owner";
            }
            return status.Owner == user || status.Owner == 0 ? null
                : $"belongs to another user (number {status.Owner}, and this is {user})";
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return $"cannot be asked for its owner: {e.Message}";
        }
    }

    // The class library tells a file's mode and not its owner. The runtime's own library has one layout for every Unix, where libc has one
    // for each.
    [UnsupportedOSPlatform("windows"), LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat",
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, out FileStatus status);

    [UnsupportedOSPlatform("windows"), LibraryImport("libSystem.Native", EntryPoint = "SystemNative_GetEUid")]
    private static partial uint GetEUid();

    /// <summary>The beginning of the runtime's FileStatus, which takes some 120 bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private struct FileStatus
    {
        public int Flags;
        public int Mode;
        public uint Owner;
        public uint Group;
    }
}
