using System.Diagnostics;
using System.Text.Json;
using Lia.Weights;

namespace Lia.Cli.Tests;

public class AnimateCommandTests(Workspace files) : IClassFixture<Workspace>
{
    private Outcome Animate(string output, params string[] more) =>
        CliRunner.Succeed(["animate", files.Source, files.Driving, "-o", output, "--model", files.Model, .. more]);

    [Fact]
    public void A_clip_is_written_and_summed_up_in_one_line()
    {
        string output = files.At("clip.png");
        Outcome outcome = Animate(output);
        Assert.StartsWith($"{output}: 10 frames of 64x64 at 25/1 frames/s, relative motion, in ", Assert.Single(outcome.OutputLines));
        Assert.Contains(" on CPU (", outcome.Output);
        Assert.Equal((64, 64), (RgbImage.Load(output).Width, RgbImage.Load(output).Height));
    }

    [Fact]
    public void Size_and_quality_are_as_asked()
    {
        Outcome outcome = Animate(files.At("small.webp"), "--size", "32", "--side-by-side", "--frames", ":2", "--quality", "30");
        Assert.StartsWith($"{files.At("small.webp")}: 2 frames of 96x32 at ", Assert.Single(outcome.OutputLines));
        Animate(files.At("large.webp"), "--size", "32", "--side-by-side", "--frames", ":2");
        Assert.InRange(new FileInfo(files.At("small.webp")).Length, 1, new FileInfo(files.At("large.webp")).Length * 3 / 4);
    }

    [Fact]
    public void Progress_is_plain_lines_when_nobody_watches()
    {
        Outcome outcome = Animate(files.At("progress.png"), "--batch", "2");
        Assert.NotEmpty(outcome.ErrorLines);
        Assert.All(outcome.ErrorLines, line => Assert.Matches(@"^\d+/10 frames, \d+\.\d\d frames/s, \d+:\d\d left$", line));
        Assert.StartsWith("10/10 ", outcome.ErrorLines[^1]);
        Assert.DoesNotContain('\e', outcome.Error);
    }

    [Fact]
    public void Quiet_says_nothing()
    {
        Outcome outcome = Animate(files.At("quiet.png"), "--quiet");
        Assert.Equal("", outcome.Output + outcome.Error);
        Assert.True(File.Exists(files.At("quiet.png")));
    }

    [Fact]
    public void Json_is_for_machines()
    {
        Outcome outcome = Animate(files.At("json.png"), "--json", "--quiet", "--mode", "absolute", "--fps", "30000/1001", "--frames", "2:7",
            "--side-by-side");
        Assert.Equal("", outcome.Error);
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal(files.At("json.png"), json.GetProperty("output").GetString());
        Assert.Equal(5, json.GetProperty("frames").GetInt32());
        Assert.Equal("30000/1001", json.GetProperty("frameRate").GetString());
        Assert.Equal(192, json.GetProperty("width").GetInt32());
        Assert.Equal(64, json.GetProperty("height").GetInt32());
        Assert.Equal("absolute", json.GetProperty("mode").GetString());
        Assert.False(json.GetProperty("audio").GetBoolean());
    }

    [Fact]
    public void A_profile_tells_the_stages_and_the_way_to_the_first_frame()
    {
        string[] lines = Animate(files.At("profile.png"), "--profile").OutputLines;
        Assert.StartsWith("stage ", lines[1]);
        foreach (string stage in new[] { "decode", "resize", "network", "upload", "compute", "download", "encode" })
            Assert.Single(lines, line => line.StartsWith(stage + " ", StringComparison.Ordinal));
        Assert.Matches(@"^of \d+\.\d{3} s; stages run beside each other$", lines[11]);
        Assert.StartsWith("program started", lines[14]);
        Assert.StartsWith("first frame written", lines[^2]);
        Assert.Matches(@"^ended \d+ ms after the start; compiled on the way: \d+ methods, \d+ ms; collections: \d+, \d+ ms$", lines[^1]);
        Assert.DoesNotContain("decode", Animate(files.At("profile.png")).Output);
    }

    [Fact]
    public void The_profile_in_json_is_in_seconds()
    {
        JsonElement profile = JsonDocument.Parse(Animate(files.At("profile.png"), "--profile", "--json", "-q").Output)
            .RootElement.GetProperty("profile");
        double wall = profile.GetProperty("wall").GetDouble();
        Assert.Equal(8, profile.GetProperty("stages").GetArrayLength());
        foreach (JsonElement stage in profile.GetProperty("stages").EnumerateArray())
            Assert.InRange(stage.GetProperty("busy").GetDouble(), 0, wall);
        JsonElement[] steps = [.. profile.GetProperty("firstFrame").EnumerateArray()];
        Assert.Equal("program started", steps[0].GetProperty("name").GetString());
        Assert.Equal("first frame written", steps[^1].GetProperty("name").GetString());
        Assert.All(steps, step => Assert.True(step.GetProperty("seconds").GetDouble() >= 0));
        Assert.InRange(profile.GetProperty("end").GetDouble(), wall, 3600);
    }

    [Fact]
    public void What_runs_beside_each_other_is_in_a_profile_of_the_program()
    {
        using Process process = CliRunner.Start(files.Folder, "animate", files.Source, files.Driving, "-o", "beside.rgb",
            "--model", files.Model, "--profile", "--json", "-q");
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == ExitCode.Success, error);
        JsonElement profile = JsonDocument.Parse(output).RootElement.GetProperty("profile");
        JsonElement written = Assert.Single(profile.GetProperty("activities").EnumerateArray(),
            activity => activity.GetProperty("name").GetString() == "output through to the disk");
        Assert.Equal(1, written.GetProperty("times").GetInt32());
        double from = written.GetProperty("from").GetDouble(), to = written.GetProperty("to").GetDouble();
        Assert.True(from > profile.GetProperty("firstFrame").EnumerateArray().Sum(step => step.GetProperty("seconds").GetDouble()) - 0.1);
        Assert.InRange(to, from, profile.GetProperty("end").GetDouble());
        Assert.Equal(to - from, written.GetProperty("seconds").GetDouble(), 3);
    }

    [Theory]
    [InlineData("0:4", 4)]
    [InlineData("7:", 3)]
    [InlineData(":2", 2)]
    [InlineData("8:100", 2)]
    public void Frame_ranges_count_from_zero_and_exclude_the_end(string range, int frames)
    {
        string folder = files.At($"frames {range.Replace(':', '-')}") + "/";
        Animate(folder, "--frames", range, "-q");
        Assert.Equal(frames, Directory.GetFiles(folder).Length);
    }

    [Fact]
    public void Dump_holds_the_frames_before_clamping()
    {
        string dump = files.At("dump.safetensors");
        Animate(files.At("dumped.png"), "--dump", dump, "-q");
        using SafetensorsFile file = new(dump);
        Assert.Equal([10, 3, 64, 64], file.Tensors["frames"].Shape);
        float[] frames = file.Read("frames");
        // The first dumped frame, mapped to colours, is the first frame of the clip.
        RgbImage first = RgbImage.Load(files.At("dumped.png"));
        for (int pixel = 0; pixel < 64 * 64; pixel++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                double color = Math.Clamp((frames[channel * 4096 + pixel] + 1.0) / 2 * 255, 0, 255);
                Assert.Equal(color, first.Pixels[3 * pixel + channel], 0.5001);
            }
        }
    }

    /// <summary>Options that change the numbers change the dump, so they have reached the network.</summary>
    [Theory]
    [InlineData("--mode", "absolute")]
    [InlineData("--strength", "0.5")]
    public void Options_reach_the_network(params string[] option)
    {
        Animate(files.At("plain.png"), "-q", "--dump", files.At("plain.safetensors"));
        Animate(files.At("option.png"), ["-q", "--dump", files.At("option.safetensors"), .. option]);
        using SafetensorsFile plain = new(files.At("plain.safetensors")), changed = new(files.At("option.safetensors"));
        Assert.NotEqual(plain.Read("frames"), changed.Read("frames"));
    }

    [Theory]
    [InlineData("--batch", "3")]
    [InlineData("--threads", "1")]
    [InlineData("--device", "cpu")]
    [InlineData("--precision", "exact")]
    [InlineData("--fit", "stretch")] // The pictures are square.
    [InlineData("--normalize", "minmax")]
    [InlineData("--normalise", "minmax")] // Its name before 0.2.
    public void Options_that_do_not_change_the_numbers_do_not(string option, string value)
    {
        Animate(files.At("plain.png"), "-q", "--dump", files.At("same.safetensors"));
        Animate(files.At("option.png"), "-q", "--dump", files.At("other.safetensors"), option, value);
        using SafetensorsFile plain = new(files.At("same.safetensors")), changed = new(files.At("other.safetensors"));
        float[] a = plain.Read("frames"), b = changed.Read("frames");
        for (int i = 0; i < a.Length; i++) Assert.Equal(a[i], b[i], 1e-4f * Math.Max(1, Math.Abs(a[i])));
    }

    /// <summary>The checkpoint is damaged, which a parser that knows nothing of Ctrl-C would say.</summary>
    [Fact]
    public void Ctrl_C_stops_the_parsing_of_a_checkpoint()
    {
        string damaged = files.At("damaged.pt");
        File.WriteAllBytes(damaged, [0x80, 2, (byte)'}', (byte)'.']);
        string[] arguments = ["animate", files.Source, files.Driving, "-o", files.At("stopped.png"), "-m", damaged];
        Assert.Equal(ExitCode.BadInput, CliRunner.Run(arguments).Status);
        Assert.Equal(ExitCode.Cancelled, CliRunner.Run(new CancellationToken(true), arguments).Status);
    }

    [Fact]
    public void A_model_known_for_absolute_motion_is_used_so()
    {
        // The name decides for a checkpoint that says nothing itself; this one names its variant, which must then fit.
        using SafetensorsFile model = new(files.Model);
        SafetensorsWriter.Write(files.At("claims.safetensors"), model, new Dictionary<string, string> { ["variant"] = "ted" });
        Outcome outcome = CliRunner.Run("animate", files.Source, files.Driving, "-o", files.At("x.png"), "-m",
            files.At("claims.safetensors"));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains("not the variant ted, a LIA generator for size 256", Assert.Single(outcome.ErrorLines));
    }
}
