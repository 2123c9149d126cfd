using Microsoft.Win32.SafeHandles;

namespace Lia.Cli;

/// <summary>The standard streams as raw bytes.</summary>
internal static class StandardStreams
{
    private const int UnixBrokenPipe = 32, WindowsBrokenPipe = unchecked((int)0x8007006D), WindowsPipeClosing = unchecked((int)0x800700E8);

    /// <exception cref="ArgumentException">It is a terminal.</exception>
    public static Stream OpenInput()
    {
        if (!Console.IsInputRedirected) throw new ArgumentException("DRIVING is -, standard input, and that is a terminal: pipe raw video into it.");
        return Console.OpenStandardInput();
    }

    /// <exception cref="ArgumentException">It is a terminal.</exception>
    public static Stream OpenOutput()
    {
        if (!Console.IsOutputRedirected) throw new ArgumentException("The output is -, standard output, and that is a terminal: pipe it into a program or a file.");
        if (OperatingSystem.IsWindows()) return Console.OpenStandardOutput();
        // The console's own stream keeps silent when nobody reads any more, and this program would go on for nobody.
        FileStream stream = new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }

    /// <summary>Whether a failure only says that the reader of a pipe has gone, as <c>head</c> and a closed player do.</summary>
    public static bool IsReaderGone(MediaException failure) =>
        failure.InnerException is IOException { HResult: UnixBrokenPipe or WindowsBrokenPipe or WindowsPipeClosing };
}
