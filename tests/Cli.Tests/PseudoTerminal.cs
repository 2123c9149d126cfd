using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Lia.Cli.Tests;

/// <summary>A terminal that a program runs on, with a screen that is looked at. Only on Linux.</summary>
internal sealed partial class PseudoTerminal : IDisposable
{
    private readonly FileStream _master;
    private readonly Lock _gate = new();
    private readonly Screen _screen;

    /// <param name="columns">Its width.</param>
    /// <param name="breaksAnew">What it does with long lines when it becomes narrower (<see cref="Screen"/>).</param>
    public PseudoTerminal(int columns, bool breaksAnew)
    {
        const int ReadWriteNoControl = 0x102;
        SafeFileHandle handle = new(Open(ReadWriteNoControl), ownsHandle: true);
        _master = new FileStream(handle, FileAccess.ReadWrite, 0);
        _screen = new Screen(columns, breaksAnew);
        byte[] name = new byte[64];
        int master = (int)handle.DangerousGetHandle();
        Assert.Equal((0, 0, 0), (Grant(master), Unlock(master), NameOf(master, name, (nuint)name.Length)));
        Name = Encoding.ASCII.GetString(name.AsSpan(0, name.IndexOf((byte)0)));
        Resize(columns);
    }

    /// <summary>Its file.</summary>
    public string Name { get; }

    /// <summary>What is on the screen, without empty rows.</summary>
    public string[] Rows
    {
        get
        {
            lock (_gate) return _screen.Rows;
        }
    }

    /// <summary>Starts a program whose standard input and error are the terminal; standard output is a file.</summary>
    public Process Start(string folder, string output, params string[] command)
    {
        // Whoever starts tests in the background has them ignore Ctrl-C, and what they start.
        string line = $"exec setsid --ctty --wait env --default-signal=INT {string.Join(' ', command)} < {Name} > {output} 2> {Name}";
        Process process = Process.Start(new ProcessStartInfo("bash", ["-c", line])
            { WorkingDirectory = folder, Environment = { ["TERM"] = "xterm-256color" } })!;
        new Thread(Watch) { IsBackground = true }.Start();
        return process;
    }

    /// <summary>Makes it narrower or wider, as somebody who pulls at its window.</summary>
    public void Resize(int columns)
    {
        const nuint SetWindowSize = 0x5414;
        lock (_gate)
        {
            _screen.Resize(columns);
            Assert.Equal(0, Control((int)_master.SafeFileHandle.DangerousGetHandle(), SetWindowSize, [24, (ushort)columns, 0, 0]));
        }
    }

    /// <summary>Presses a key.</summary>
    public void Type(char key) => _master.Write([(byte)key]);

    public void Dispose() => _master.Dispose();

    private void Watch()
    {
        byte[] bytes = new byte[4096];
        try
        {
            while (_master.Read(bytes) is > 0 and int count)
            {
                lock (_gate) _screen.Write(Encoding.Latin1.GetString(bytes, 0, count));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The program has ended.
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_openpt")]
    private static partial int Open(int flags);

    [LibraryImport("libc", EntryPoint = "grantpt")]
    private static partial int Grant(int master);

    [LibraryImport("libc", EntryPoint = "unlockpt")]
    private static partial int Unlock(int master);

    [LibraryImport("libc", EntryPoint = "ptsname_r")]
    private static partial int NameOf(int master, [Out] byte[] name, nuint length);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int file, nuint request, [In] ushort[] size);
}
