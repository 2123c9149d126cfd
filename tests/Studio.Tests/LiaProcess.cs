using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lia.Studio.Tests;

/// <summary>Real processes: what a kill and a signal do cannot be seen within one.</summary>
internal sealed class LiaProcess : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _errors = [];

    private LiaProcess(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors) if (line.Data is not null) _errors.Add(line.Data);
        };
        _process.BeginErrorReadLine();
    }

    public string Errors
    {
        get
        {
            lock (_errors) return string.Join('\n', _errors);
        }
    }

    public HttpClient Client { get; private set; } = new();

    public Uri Address => Client.BaseAddress!;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public long WorkingSet
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    private static string Dotnet =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>The command line as it was built, with the studio beside it.</summary>
    private static string Lia => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "src", "Cli",
        Path.GetRelativePath(Path.Combine(AppContext.BaseDirectory, "..", ".."), AppContext.BaseDirectory).Insert(0, "bin/"), "lia.dll"));

    /// <summary>Starts the service's program itself.</summary>
    public static Task<LiaProcess> ServeAsync(string data, params string[] arguments) =>
        ListeningAsync(new(Dotnet, [Path.Combine(AppContext.BaseDirectory, "lia-studio.dll"), "--port=0", $"--data={data}", .. arguments]));

    /// <summary>Starts <c>lia</c>, which starts it.</summary>
    public static Task<LiaProcess> CommandAsync(params string[] arguments) => ListeningAsync(new(Dotnet, [Lia, .. arguments]));

    /// <summary>Starts the service's program, which is expected to refuse.</summary>
    public static LiaProcess Refusing(params string[] arguments) =>
        new(new(Dotnet, [Path.Combine(AppContext.BaseDirectory, "lia-studio.dll"), .. arguments]));

    /// <summary>Runs a line that begins with <c>lia</c> as a shell would.</summary>
    public static void Shell(string folder, string line)
    {
        ProcessStartInfo start = new("sh", ["-c", $"lia() {{ \"{Dotnet}\" \"{Lia}\" \"$@\"; }}; {line}"])
        {
            WorkingDirectory = folder, RedirectStandardError = true, RedirectStandardOutput = true,
        };
        using Process shell = Process.Start(start)!;
        Task<string> output = shell.StandardOutput.ReadToEndAsync();
        string errors = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        Assert.True(shell.ExitCode == 0, $"{line}: {errors}{output.Result}");
    }

    /// <summary>How long a process may take to end that was asked to: a second, and what a busy machine makes of it.</summary>
    public static readonly TimeSpan Ending = TimeSpan.FromSeconds(30);

    public void Kill() => Signal(9);

    public void Terminate() => Signal(15);

    public void CloseInput() => _process.StandardInput.Close();

    public async Task<int> ExitedAsync()
    {
        await _process.WaitForExitAsync(StudioFixture.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        Client.Dispose();
        _process.Dispose();
    }

    private static async Task<LiaProcess> ListeningAsync(ProcessStartInfo start)
    {
        LiaProcess process = new(start);
        string? address = await process._process.StandardOutput.ReadLineAsync(StudioFixture.Token);
        Assert.True(address?.StartsWith("http://", StringComparison.Ordinal) == true, $"'{address}' {process.Errors}");
        process.Client.Dispose();
        process.Client = new() { BaseAddress = new(address!) };
        return process;
    }

    private void Signal(int signal) => Assert.Equal(0, kill(_process.Id, signal));

    [DllImport("libc", SetLastError = true)]
#pragma warning disable SYSLIB1054, CA5392, IDE1006 // A test's own call of a function that every Unix has.
    private static extern int kill(int process, int signal);
#pragma warning restore SYSLIB1054, CA5392, IDE1006
}
