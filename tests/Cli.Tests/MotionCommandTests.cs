using System.Text.Json;
using Lia.Testing;

namespace Lia.Cli.Tests;

/// <summary>lia motion extract, lia animate --motion, and the options that edit motion.</summary>
public class MotionCommandTests(Workspace files) : IClassFixture<Workspace>
{
    private string Extract(params string[] arguments)
    {
        string output = files.At($"{Guid.NewGuid():N}.safetensors");
        CliRunner.Succeed(["motion", "extract", files.Driving, "-o", output, "-m", files.Model, "-q", .. arguments]);
        return output;
    }

    private byte[] Animate(params string[] arguments)
    {
        string output = files.At($"{Guid.NewGuid():N}.png");
        CliRunner.Succeed(["animate", files.Source, "-o", output, "-m", files.Model, "-q", .. arguments]);
        return File.ReadAllBytes(output);
    }

    [Theory]
    [InlineData]
    [InlineData("--frames", "2:8", "--strength", "1.5")]
    [InlineData("--smooth", "5", "--start-frame", "best")]
    [InlineData("--loop", "2", "--ping-pong", "--mode", "absolute")]
    public void A_motion_file_animates_as_the_clip_does(params string[] options) =>
        Assert.Equal(Animate([files.Driving, .. options]), Animate(["--motion", Extract("--batch", "3"), .. options]));

    [Theory]
    [InlineData("--smooth", "3")]
    [InlineData("--start-frame", "5")]
    [InlineData("--loop", "2")]
    [InlineData("--ping-pong")]
    public void Options_that_edit_motion_reach_the_library(params string[] option)
    {
        byte[] plain = Animate(files.Driving), edited = Animate([files.Driving, .. option]);
        Assert.NotEqual(plain, edited);
        using Animator animator = new(new ModelOptions { Model = files.Model });
        animator.Animate(files.Source, files.Driving, files.At("expected.png"), new()
        {
            SmoothingWindow = option[0] == "--smooth" ? 3 : 1,
            StartFrame = option[0] == "--start-frame" ? StartFrame.At(5) : null,
            Loops = option[0] == "--loop" ? 2 : 1,
            PingPong = option[0] == "--ping-pong",
        });
        Assert.Equal(File.ReadAllBytes(files.At("expected.png")), edited);
    }

    [Fact]
    public void Options_of_extract_reach_the_library()
    {
        MotionClip clip = MotionClip.Load(Extract("--frames", "2:9", "--start-frame", "5", "--fps", "30000/1001"));
        Assert.Equal((7, 3, "30000/1001", 5), (clip.Count, clip.Start, clip.FrameRate.ToString(), clip.Directions));
        using Animator animator = new(new ModelOptions { Model = files.Model });
        Assert.Equal(animator.ExtractMotion(files.Driving, new() { Frames = 2..9 }).Codes.ToArray(), clip.Codes.ToArray());
    }

    [Fact]
    public void Extract_sums_up_in_one_line_or_in_json()
    {
        string output = files.At("m.safetensors");
        Outcome text = CliRunner.Succeed("motion", "extract", files.Driving, "-o", output, "-m", files.Model);
        Assert.StartsWith($"{output}: the motion of 10 frames at 25/1 frames/s, 5 values each, in ", Assert.Single(text.OutputLines));
        Assert.All(text.ErrorLines, line => Assert.Matches(@"^\d+/10 driving frames encoded, \d+\.\d\d frames/s, \d+:\d\d left$", line));
        JsonElement json = JsonDocument.Parse(
            CliRunner.Succeed("motion", "extract", files.Driving, "-o", output, "-m", files.Model, "-q", "--json").Output).RootElement;
        MotionClip clip = MotionClip.Load(output);
        Assert.Equal((output, clip.Fingerprint, 10, 0),
            (json.GetProperty("output").GetString(), json.GetProperty("fingerprint").GetString(), json.GetProperty("frames").GetInt32(),
                json.GetProperty("start").GetInt32()));
    }

    /// <summary>The demonstration: the trained model, its sample clip and its portrait, from the clip and from its codes alone.</summary>
    [Fact]
    public void The_demonstration_portrait_moves_the_same_without_the_driving_pictures()
    {
        string model = TestData.Model("demo.safetensors"), source = TestData.Sample("source.png"), motion = files.At("demo.safetensors");
        CliRunner.Succeed("motion", "extract", TestData.Sample("driving.png"), "-o", motion, "-m", model, "-q", "--frames", ":12");
        Assert.True(new FileInfo(motion).Length < 12 * 20 * sizeof(float) + 1024);
        CliRunner.Succeed("animate", source, TestData.Sample("driving.png"), "-o", files.At("video.png"), "-m", model, "-q", "--frames",
            ":12");
        Outcome outcome = CliRunner.Succeed("animate", source, "--motion", motion, "-o", files.At("motion.png"), "-m", model, "-q",
            "--json");
        Assert.Equal(File.ReadAllBytes(files.At("video.png")), File.ReadAllBytes(files.At("motion.png")));
        Assert.Equal(0, JsonDocument.Parse(outcome.Output).RootElement.GetProperty("startFrame").GetInt32());

        Outcome refused = CliRunner.Run("animate", files.Source, "--motion", motion, "-o", files.At("x.png"), "-m", files.Model);
        Assert.Equal(ExitCode.BadInput, refused.Status);
        Assert.Contains("its motion codes have 20 values, and those of", Assert.Single(refused.ErrorLines));
    }
}
