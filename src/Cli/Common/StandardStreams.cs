using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Lia.Cli;

/// <summary>The standard streams as raw bytes.</summary>
internal static partial class StandardStreams
{
    private const int UnixBrokenPipe = 32, WindowsBrokenPipe = unchecked((int)0x8007006D), WindowsPipeClosing = unchecked((int)0x800700E8);

    /// <exception cref="ArgumentException">It is a terminal, or closed.</exception>
    public static Stream OpenInput()
    {
        if (IsClosed(0)) throw new ArgumentException("DRIVING is -, standard input, and that is closed: pipe raw video into it.");
        if (!Console.IsInputRedirected)
            throw new ArgumentException("DRIVING is -, standard input, and that is a terminal: pipe raw video into it.");
        return Console.OpenStandardInput();
    }

    /// <exception cref="ArgumentException">It is a terminal, or closed.</exception>
    public static Stream OpenOutput()
    {
        if (IsClosed(1))
            throw new ArgumentException("The output is -, standard output, and that is closed: pipe it into a program or a file.");
        if (!Console.IsOutputRedirected)
            throw new ArgumentException("The output is -, standard output, and that is a terminal: pipe it into a program or a file.");
        if (OperatingSystem.IsWindows()) return Console.OpenStandardOutput();
        // The console's own stream keeps silent when nobody reads any more, and this program would go on for nobody.
        FileStream stream = new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }

    /// <summary>
    /// Whether a standard stream was closed when the program began. Its number is then given to whatever is opened first, so that it may
    /// well be readable and never end;
    /// but what a program opens itself it keeps from the programs it starts, and what it was started with cannot be so marked.
    /// </summary>
    private static bool IsClosed(int number)
    {
        const int GetDescriptorFlags = 1, CloseOnExecute = 1;
        if (OperatingSystem.IsWindows()) return false;
        int flags = Control(number, GetDescriptorFlags);
        return flags < 0 || (flags & CloseOnExecute) != 0;
    }

    [UnsupportedOSPlatform("windows"), LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command);

    /// <summary>Whether a failure only says that the reader of a pipe has gone, as <c>head</c> and a closed player do.</summary>
    public static bool IsReaderGone(MediaException failure) =>
        failure.InnerException is IOException { HResult: UnixBrokenPipe or WindowsBrokenPipe or WindowsPipeClosing };
}
