using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Lia.Cli.Tests;

/// <summary>What a run of the program came to.</summary>
internal sealed record Outcome(int Status, string Output, string Error)
{
    /// <summary>The lines of standard error.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The lines of standard output.</summary>
    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the program, in this process or as one of its own.</summary>
internal static partial class CliRunner
{
    public static Outcome Run(params string[] arguments) => Run(CancellationToken.None, arguments);

    public static Outcome Run(CancellationToken cancellation, params string[] arguments)
    {
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int status = Application.Run(arguments, new CliContext(output, error, ErrorIsTerminal: false, cancellation));
        return new(status, output.ToString(), error.ToString());
    }

    /// <summary>Runs the program and asserts that it went well.</summary>
    public static Outcome Succeed(params string[] arguments)
    {
        Outcome outcome = Run(arguments);
        Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
        return outcome;
    }

    /// <summary>Starts the program; Ctrl-C works in it even where the tests run in the background.</summary>
    public static Process Start(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("/usr/bin/env")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string argument in (string[])["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "lia.dll"),
            .. arguments]) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    public const int Interrupt = 2, Terminate = 15;

    /// <summary>Sends a signal.</summary>
    public static void Signal(Process process, int signal) => Assert.Equal(0, Kill(process.Id, signal));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
