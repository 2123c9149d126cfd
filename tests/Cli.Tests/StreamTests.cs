using System.Diagnostics;

namespace Lia.Cli.Tests;

/// <summary>Pipes with and without a name, and standard streams that are not there.</summary>
public sealed class StreamTests(Workspace files) : IClassFixture<Workspace>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), ASecond = TimeSpan.FromSeconds(30); // on a busy machine

    private static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "lia.dll");

    private Process Shell(string line) =>
        Process.Start(new ProcessStartInfo("bash", ["-c", line]) { WorkingDirectory = files.Folder, RedirectStandardError = true })!;

    private string Pipe()
    {
        string pipe = files.At($"{Guid.NewGuid():N}.y4m");
        Process.Start("mkfifo", pipe).WaitForExit();
        return pipe;
    }

    [Theory]
    [InlineData("- -o out.png <&-", "DRIVING is -, standard input, and that is closed: pipe raw video into it.")]
    [InlineData("DRIVING -o - >&-", "The output is -, standard output, and that is closed: pipe it into a program or a file.")]
    public async Task A_closed_stream_is_told(string line, string message)
    {
        using Process lia = Shell(
            $"exec dotnet {Program} animate {files.Source} {line.Replace("DRIVING", files.Driving)} -m {files.Model}");
        Assert.Equal($"lia: {message}\n", await lia.StandardError.ReadToEndAsync().WaitAsync(Patience));
        await lia.WaitForExitAsync();
        Assert.Equal(ExitCode.BadInput, lia.ExitCode);
    }

    [Fact]
    public async Task Raw_video_comes_through_a_named_pipe()
    {
        string pipe = Pipe();
        CliRunner.Succeed("animate", files.Source, files.Driving, "-o", files.At("clip.y4m"), "-m", files.Model, "-q");
        CliRunner.Succeed("animate", files.Source, files.At("clip.y4m"), "-o", files.At("expected.rgb"), "-m", files.Model, "-q");
        using Process writer = Shell($"cat clip.y4m > {pipe}");
        Outcome outcome = await Task.Run(() =>
            CliRunner.Succeed("animate", files.Source, pipe, "-o", files.At("out.rgb"), "-m", files.Model, "-q")).WaitAsync(Patience);
        Assert.Equal("", outcome.Error);
        Assert.Equal(File.ReadAllBytes(files.At("expected.rgb")), File.ReadAllBytes(files.At("out.rgb")));
    }

    /// <summary>Nobody opens the pipe's other end; or somebody does and says nothing, or breaks off within the header.</summary>
    [Theory]
    [InlineData("true")]
    [InlineData("sleep 600 > PIPE &")]
    [InlineData("(printf 'YUV4MPEG2 W64 '; exec sleep 600) > PIPE &")]
    public async Task A_signal_ends_waiting_for_a_named_pipe(string other)
    {
        string pipe = Pipe();
        using Process writer = Shell(other.Replace("PIPE", pipe) + " wait; echo");
        using Process lia = Shell($"exec env --default-signal=INT dotnet {Program} animate {files.Source} {pipe} -o "
            + $"out-{Path.GetFileName(pipe)} -m {files.Model}");
        Task<string> error = lia.StandardError.ReadToEndAsync();
        while (!lia.HasExited && !Catches(lia, CliRunner.Terminate)) await Task.Delay(20);
        await Task.Delay(500); // Until it waits; a signal that comes before is obeyed as well.
        Stopwatch watch = Stopwatch.StartNew();
        CliRunner.Signal(lia, CliRunner.Terminate);
        await lia.WaitForExitAsync().WaitAsync(Patience);
        writer.Kill(entireProcessTree: true);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, ASecond);
        Assert.Equal((ExitCode.Cancelled, "lia: stopped; nothing was written\n"), (lia.ExitCode, await error));
    }

    /// <summary>Whether a program has made ready for a signal.</summary>
    private static bool Catches(Process process, int signal)
    {
        string mask = File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith("SigCgt:", StringComparison.Ordinal));
        return (Convert.ToUInt64(mask["SigCgt:".Length..].Trim(), 16) >> (signal - 1) & 1) != 0;
    }

    [Fact]
    public void Named_pipes_are_refused_where_they_cannot_serve()
    {
        string pipe = Pipe();
        foreach (string[] arguments in (string[][])
        [
            ["animate", pipe, files.Driving, "-o", files.At("x.png"), "-m", files.Model],
            ["manipulate", pipe, "-o", files.At("x.png"), "-m", files.Model, "--direction", "0"],
            ["evaluate", pipe, "-m", files.Model],
            ["animate", files.Source, pipe, "-o", files.At("x.png"), "-m", files.Model, "--driving-crop", "auto"],
        ])
        {
            Outcome outcome = CliRunner.Run(arguments);
            Assert.Equal(ExitCode.BadInput, outcome.Status);
            Assert.Contains($"lia: {pipe}: it is empty, or ", outcome.Error);
        }
    }
}
