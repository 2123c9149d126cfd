using System.Diagnostics;
using System.Text.Json;
using Lia.Cli.Commands;
using Lia.Testing;

namespace Lia.Cli.Tests;

/// <summary>help, info and demo.</summary>
public class GeneralCommandTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Help_lists_the_commands_and_the_exit_statuses(params string[] arguments)
    {
        string help = CliRunner.Succeed(arguments).Output;
        string[] commands =
        [
            "animate", "batch", "motion", "manipulate", "evaluate", "verify", "convert", "inspect", "synthesize", "info", "demo",
        ];
        Assert.All(commands, command => Assert.Contains($"  {command} ", help));
        string[] statuses = ["0 done", "1 a verification failed", "2 something given cannot be used", "130 stopped by Ctrl-C"];
        Assert.All(statuses, status => Assert.Contains(status, help));
    }

    [Fact]
    public void Help_of_a_command_shows_the_choices_and_defaults()
    {
        string help = CliRunner.Succeed("animate", "--help").Output;
        Assert.Contains("--device <auto|cpu|cuda|cuda:N|cuda:N,M|cuda:all|ilgpu>", help);
        Assert.Contains("[default: crop]", help);
        Assert.DoesNotContain("[default: 0]", help);
    }

    [Fact]
    public void Info_tells_about_the_machine()
    {
        string[] lines = CliRunner.Succeed("info").OutputLines;
        foreach (string key in new[] { "lia", "runtime", "cpu", "memory", "kernels", "ffmpeg", "models" })
            Assert.Contains(lines, line => line.StartsWith(key + " ", StringComparison.Ordinal));
        Assert.Contains($"{Environment.ProcessorCount} thread", string.Concat(lines));
        JsonElement json = JsonDocument.Parse(CliRunner.Succeed("info", "--json").Output).RootElement;
        Assert.Contains("vox (256)", json.GetProperty("models").GetString());
        // ILGPU's simulator on the processor is everywhere, and last.
        Assert.Contains("simulated on the processor", lines.Last(line => line.StartsWith("ilgpu ", StringComparison.Ordinal)));
        Assert.Contains("32 lanes", json.GetProperty("ilgpu 0").GetString());
    }

    [Theory]
    [InlineData(new[] { 0 }, "--device cuda:0 names the GPU")]
    [InlineData(new[] { 0, 2 }, "--device cuda:2 names one GPU, cuda:0,2 several, cuda:all each of them")]
    public void Info_says_how_to_name_the_devices(int[] ordinals, string told) => Assert.Equal(told, InfoCommand.HowToName(ordinals));

    [Theory]
    [InlineData("sm_75", "kernels for sm_75, which LIA_CUDA_TARGET names")]
    [InlineData("sm_12", "LIA_CUDA_TARGET is 'sm_12', which is none of sm_75, sm_80")]
    public void Info_tells_what_kernels_are_compiled_for_where_the_environment_says_so(string target, string told)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "lia.dll"), "info"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["LIA_CUDA_TARGET"] = target;
        using Process info = Process.Start(start)!;
        Assert.Contains(told, info.StandardOutput.ReadToEnd());
        info.WaitForExit();
        Assert.Equal(ExitCode.Success, info.ExitCode);
    }

    /// <summary>truth.png holds every sixth frame as the renderer draws it: the person of source.png with the motion of
    /// driving.png.</summary>
    [Fact]
    public void Demo_moves_the_portrait_as_the_renderer_would_draw_it()
    {
        string output = files.At("demo.png");
        Outcome outcome = CliRunner.Succeed("demo", "-o", output);
        Assert.Contains("48 frames", outcome.Output);
        Assert.True(File.Exists(files.At("demo-sheet.png")));

        RgbImage[] shown = Frames(output), truth = Frames(TestData.Sample("truth.png"));
        Assert.Equal(48, shown.Length);
        Assert.Equal(8, truth.Length);
        RgbImage source = RgbImage.Load(TestData.Sample("source.png"));
        double result = 0, still = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            result += MeanSquare(Square(shown[6 * i], 256), truth[i].Pixels);
            still += MeanSquare(source.Pixels, truth[i].Pixels);
        }
        double gain = 10 * Math.Log10(still / result);
        Assert.True(gain >= 12, $"{gain:0.0} dB nearer to the truth than the still source");
    }

    /// <summary>The frames of an animated PNG, read by ffmpeg, which has a decoder of its own.</summary>
    private RgbImage[] Frames(string path)
    {
        string folder = files.At($"frames of {Path.GetFileName(path)}");
        Directory.CreateDirectory(folder);
        using (Process ffmpeg = Process.Start("ffmpeg",
            ["-v", "error", "-i", path, "-vsync", "passthrough", Path.Combine(folder, "%04d.png")]))
        {
            ffmpeg.WaitForExit();
            Assert.Equal(0, ffmpeg.ExitCode);
        }
        return [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(RgbImage.Load)];
    }

    /// <summary>The square of a wide picture that begins at a column.</summary>
    private static byte[] Square(RgbImage image, int column)
    {
        byte[] square = new byte[3 * image.Height * image.Height];
        for (int row = 0; row < image.Height; row++)
            image.Pixels.AsSpan(3 * (row * image.Width + column), 3 * image.Height).CopyTo(square.AsSpan(3 * row * image.Height));
        return square;
    }

    private static double MeanSquare(byte[] a, byte[] b) => a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Average();

    [Fact]
    public void A_cancelled_run_leaves_nothing_and_ends_with_130()
    {
        string[] before = Directory.GetFileSystemEntries(files.Folder);
        foreach (string[] arguments in (string[][])[["demo", "-o", files.At("no.png")],
            ["synthesize", "--size", "64", "-o", files.At("no.safetensors")],
            ["motion", "extract", files.Driving, "-o", files.At("no.safetensors"), "-m", files.Model], ["batch", files.Source, "--driving",
                files.Driving, "-o", files.At("no"), "-m", files.Model],
            ["manipulate", files.Source, "-o", files.At("no.png"), "-s", "1", "-m", files.Model], ["convert", files.Model,
                files.At("no.safetensors")], ["animate", files.Source, files.Driving, "-o", files.At("no.png"), "-m", files.Model]])
        {
            Outcome outcome = CliRunner.Run(new CancellationToken(true), arguments);
            Assert.Equal(ExitCode.Cancelled, outcome.Status);
            Assert.EndsWith("lia: stopped; nothing was written\n", outcome.Error);
        }
        Assert.Equal(before.Order(), Directory.GetFileSystemEntries(files.Folder).Order());
    }

    [Theory]
    [InlineData(0.2, "0:01")]
    [InlineData(59.5, "1:00")]
    [InlineData(125, "2:05")]
    [InlineData(3723, "1:02:03")]
    [InlineData(90_000, "25:00:00")]
    public void Times_are_shown_to_the_second(double seconds, string expected) =>
        Assert.Equal(expected, ProgressReport.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(true, "animate a.png b.mp4 -o c.mp4")]
    [InlineData(true, "animate a.png b.mp4 -o c.mp4 --device cuda:1")]
    [InlineData(true, "demo -o c.png --device=AUTO")]
    [InlineData(true, "manipulate a.png -o c.png --device:cuda")]
    [InlineData(false, "animate a.png b.mp4 -o c.mp4 --device cpu")]
    [InlineData(false, "animate a.png b.mp4 -o c.mp4 --device=ilgpu")]
    [InlineData(false, "animate a.png b.mp4 --device")]
    [InlineData(false, "animate --help")]
    [InlineData(false, "animate help")]
    [InlineData(false, "inspect model.safetensors")]
    [InlineData(false, "")]
    public void The_driver_starts_ahead_only_where_a_gpu_may_be_meant(bool expected, string line) =>
        Assert.Equal(expected, DriverStart.IsWorthwhile(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
}
