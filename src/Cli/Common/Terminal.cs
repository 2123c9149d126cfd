using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Lia.Cli;

/// <summary>The terminal that standard error may be.</summary>
internal static partial class Terminal
{
    private const int UsualWidth = 80, StandardError = 2;

    /// <summary>Whether standard error is a terminal on which a line can be drawn over: not one called dumb, nor one of Windows before
    /// version 10, which know no control sequences.</summary>
    public static bool CanRedraw() => !Console.IsErrorRedirected
        && (OperatingSystem.IsWindows() ? ObeysSequences() : Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"));

    /// <summary>Columns of standard error, whatever the other streams are: the console of the class library asks those.</summary>
    public static int Width()
    {
        try
        {
            if (OperatingSystem.IsWindows()) return Console.BufferWidth;
            return WindowSize(StandardError, out Extent extent) == 0 && extent.Columns > 0 ? extent.Columns : UsualWidth;
        }
        catch (Exception e) when (e is IOException or DllNotFoundException or EntryPointNotFoundException)
        {
            return UsualWidth;
        }
    }

    /// <summary>Consoles of Windows obey control sequences when they are told to.</summary>
    [SupportedOSPlatform("windows")]
    private static bool ObeysSequences()
    {
        const int StandardError = -12;
        const uint ObeySequences = 4; // ENABLE_VIRTUAL_TERMINAL_PROCESSING
        nint console = GetStdHandle(StandardError);
        return GetConsoleMode(console, out uint mode) && SetConsoleMode(console, mode | ObeySequences);
    }

    // libc's function has another way of being called on each processor; the runtime's own has one.
    [UnsupportedOSPlatform("windows"), LibraryImport("libSystem.Native", EntryPoint = "SystemNative_GetWindowSize")]
    private static partial int WindowSize(nint file, out Extent extent);

    [SupportedOSPlatform("windows"), LibraryImport("kernel32")]
    private static partial nint GetStdHandle(int number);

    [SupportedOSPlatform("windows"), LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetConsoleMode(nint console, out uint mode);

    [SupportedOSPlatform("windows"), LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool SetConsoleMode(nint console, uint mode);

    /// <summary>The runtime's WinSize.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Extent
    {
        public readonly ushort Rows, Columns, PixelsAcross, PixelsDown;
    }
}
