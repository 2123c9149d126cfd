using System.Diagnostics;
using Lia.Weights;

namespace Lia.Cli.Tests;

/// <summary>The program as a process: its streams, its exit status, and what it does when it is told to stop.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-process-")
        .FullName, _inputs = Directory.CreateTempSubdirectory("lia-inputs-").FullName;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_inputs, recursive: true);
    }

    [Theory]
    [InlineData("info", ExitCode.Success)]
    [InlineData("inspect nothing.pt", ExitCode.BadInput)]
    public async Task The_exit_status_reaches_the_shell(string line, int expected)
    {
        using Process process = CliRunner.Start(_folder, line.Split(' '));
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(expected, process.ExitCode);
        Assert.Equal(expected == ExitCode.Success, (await output).Length > 0);
        Assert.Equal(expected == ExitCode.Success, (await error).Length == 0);
    }

    /// <summary>The signal comes in the middle of the work: after the first frames, long before the last.</summary>
    [Theory]
    [InlineData(CliRunner.Interrupt, "clip.png")]
    [InlineData(CliRunner.Terminate, "clip.png")]
    [InlineData(CliRunner.Terminate, "clip.y4m")]
    public async Task Ctrl_C_stops_cleanly_and_leaves_no_file(int signal, string clip)
    {
        string frames = Path.Combine(_inputs, "frames");
        Directory.CreateDirectory(frames);
        RgbImage.Load(DemoFiles.Driving).Save(Path.Combine(frames, "0000.png"));
        for (int i = 1; i < 2000; i++) File.CreateSymbolicLink(Path.Combine(frames, $"{i:d4}.png"), Path.Combine(frames, "0000.png"));
        using Process process = CliRunner.Start(_folder, "animate", DemoFiles.Source, frames, "-o", clip, "--dump",
            "dump.safetensors", "-m", DemoFiles.Model);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string? line;
        do line = await process.StandardError.ReadLineAsync();
        while (line is not null && !line.Contains("/2000 frames"));
        Assert.NotNull(line);
        Assert.Equal(2, Directory.GetFiles(_folder, ".*.part").Length);

        CliRunner.Signal(process, signal);
        string rest = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(ExitCode.Cancelled, process.ExitCode);
        Assert.EndsWith("lia: stopped; nothing was written\n", rest);
        Assert.Equal("", await output);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_closed_pipe_is_no_catastrophe()
    {
        string model = Path.Combine(_folder, "model.safetensors");
        using (SyntheticCheckpoint weights = new(Workspace.Narrow, 1)) SafetensorsWriter.Write(model, weights, weights.Metadata);
        using Process process = CliRunner.Start(_folder, "inspect", model);
        process.StandardOutput.Close();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.DoesNotContain("internal error", error);
    }
}
