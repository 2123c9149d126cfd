using System.Text.Json;

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
        foreach (string command in new[] { "animate", "verify", "convert", "inspect", "synthesize", "info", "demo" }) Assert.Contains($"  {command} ", help);
        foreach (string status in new[] { "0 done", "1 a verification failed", "2 something given cannot be used", "130 stopped by Ctrl-C" }) Assert.Contains(status, help);
    }

    [Fact]
    public void Help_of_a_command_shows_the_choices_and_defaults()
    {
        string help = CliRunner.Succeed("animate", "--help").Output;
        Assert.Contains("--device <auto|cpu|cuda>", help);
        Assert.Contains("[default: crop]", help);
        Assert.DoesNotContain("[default: 0]", help);
    }

    [Fact]
    public void Info_tells_about_the_machine()
    {
        string[] lines = CliRunner.Succeed("info").OutputLines;
        foreach (string key in new[] { "lia", "runtime", "cpu", "memory", "ffmpeg", "models" }) Assert.Contains(lines, line => line.StartsWith(key + " ", StringComparison.Ordinal));
        Assert.Contains($"{Environment.ProcessorCount} thread", string.Concat(lines));
        JsonElement json = JsonDocument.Parse(CliRunner.Succeed("info", "--json").Output).RootElement;
        Assert.Contains("vox (256)", json.GetProperty("models").GetString());
    }

    /// <summary>The sample's first driving frame is where relative motion starts: the result is then the source again, as well as the model can.</summary>
    [Fact]
    public void Demo_animates_the_sample_with_the_model_beside_the_program()
    {
        string output = files.At("demo.png");
        Outcome outcome = CliRunner.Succeed("demo", "-o", output, "--frames", "0:3");
        Assert.Contains("3 frames of 384x128", outcome.Output);
        RgbImage first = RgbImage.Load(output);
        Assert.Equal((384, 128), (first.Width, first.Height));
        Assert.InRange(Difference(first, 0, 128), 5, 255); // Source and driving frame show two people.
        Assert.InRange(Difference(first, 0, 256), 0.1, 5);
    }

    [Fact]
    public void A_cancelled_run_leaves_nothing_and_ends_with_130()
    {
        string[] before = Directory.GetFileSystemEntries(files.Folder);
        foreach (string[] arguments in (string[][])[["demo", "-o", files.At("no.png")], ["synthesize", "--size", "64", "-o", files.At("no.safetensors")],
            ["convert", files.Model, files.At("no.safetensors")], ["animate", files.Source, files.Driving, "-o", files.At("no.png"), "-m", files.Model]])
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
    public void Times_are_shown_to_the_second(double seconds, string expected) => Assert.Equal(expected, ProgressReport.Duration(TimeSpan.FromSeconds(seconds)));

    /// <summary>Mean absolute difference of two of the three pictures that lie side by side.</summary>
    private static double Difference(RgbImage image, int x1, int x2) =>
        Enumerable.Range(0, 128 * 128 * 3).Average(i => Math.Abs(image.Pixels[i / 384 * 3 * image.Width + 3 * x1 + i % 384] - image.Pixels[i / 384 * 3 * image.Width + 3 * x2 + i % 384]));
}
