using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using Lia.Media.IO;
using Microsoft.Win32.SafeHandles;

namespace Lia.Cli.Manifests;

/// <summary>
/// A file of JSON lines that tells what a shard's run does. A line is a single write to the end of the file: whole, even where several
/// write to it, and where the one who writes is killed.
/// </summary>
internal sealed partial class StatusFile : IDisposable
{
    /// <summary>How much of a reason is told: a line is shorter than a page, which the system writes in one piece.</summary>
    private const int LongestText = 900;

    private readonly string? _path;
    private readonly SafeFileHandle? _file;
    private readonly string _run = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}";
    private bool _isTorn;

    /// <param name="path">The file, which is made when it is missing; null tells nobody.</param>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public StatusFile(string? path)
    {
        _path = path;
        if (path is null) return;
        _file = Outputs.Guard(path, () =>
        {
            using (FileStream old = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                // The disk was full, or another program wrote; or another's line is halfway there, which the next look tells.
                _isTorn = IsTorn(old);
                for (int i = 0; i < 5 && _isTorn; i++)
                {
                    Thread.Sleep(10);
                    _isTorn = IsTorn(old);
                }
            }
            if (OperatingSystem.IsWindows()) return File.OpenHandle(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
            SafeFileHandle file = new(Open(path, WriteOnly | CloseOnExecute | Append), ownsHandle: true);
            return file.IsInvalid ? throw new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()) : file;
        });
    }

    /// <summary>Writes a line.</summary>
    /// <param name="what">The event.</param>
    /// <param name="members">What is told of it.</param>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public void Write(string what, Action<Utf8JsonWriter> members)
    {
        if (_file is null) return;
        using MemoryStream line = new();
        bool wasTorn = Interlocked.Exchange(ref _isTorn, false);
        if (wasTorn) line.WriteByte((byte)'\n');
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteString("time", DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("event", what);
            json.WriteString("run", _run);
            members(json);
            json.WriteEndObject();
        }
        line.WriteByte((byte)'\n');
        Outputs.Guard(_path!, () => Write(line.GetBuffer().AsSpan(0, (int)line.Length)));
    }

    /// <summary>A text that fits into a line.</summary>
    public static string Cut(string text) => text.Length <= LongestText ? text : text[..LongestText] + "...";

    public void Dispose() => _file?.Dispose();

    private static bool IsTorn(FileStream file)
    {
        if (!file.CanSeek || file.Length == 0) return false;
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() != '\n';
    }

    private void Write(ReadOnlySpan<byte> line)
    {
        if (OperatingSystem.IsWindows())
        {
            RandomAccess.Write(_file!, line, RandomAccess.GetLength(_file!));
            return;
        }
        const int Interrupted = 4;
        nint written;
        do written = Write(_file!, line, line.Length);
        while (written < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        if (written < 0) throw new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError());
        if (written == line.Length) return;
        _isTorn = true;
        const int DiskFull = 28;
        throw new IOException("No space left on device", DiskFull);
    }

    private const int WriteOnly = 1;

    private static int Append => OperatingSystem.IsLinux() ? 0x400 : 0x8;

    private static int CloseOnExecute => OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8,
        SetLastError = true)]
    private static partial int Open(string path, int flags);

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle file, ReadOnlySpan<byte> data, nint length);
}
