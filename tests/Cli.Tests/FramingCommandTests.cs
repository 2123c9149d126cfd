using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>lia animate --crop, --driving-crop, --paste-back and --source-video do what the library does.</summary>
public sealed class FramingCommandTests(Workspace files) : IClassFixture<Workspace>
{
    private byte[][] Animate(string name, params string[] options)
    {
        string folder = files.At(name);
        CliRunner.Succeed(["animate", files.Source, files.Driving, "-o", folder, "-m", files.Model, "-q", .. options]);
        return [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => RgbImage.Load(path).Pixels)];
    }

    private IReadOnlyList<byte[]> Expected(AnimationOptions options, bool isClip = false)
    {
        using Animator animator = new(new ModelOptions { Model = files.Model });
        IEnumerable<RgbImage> driving = Directory.GetFiles(files.Driving).Order(StringComparer.Ordinal).Select(RgbImage.Load);
        RgbImage[] frames = [.. driving];
        return [.. animator.Frames(isClip ? Source.Clip(frames) : files.Source, Driving.From(frames), options).Select(frame =>
            frame.Pixels)];
    }

    [Fact]
    public void Crops_and_pasting_back()
    {
        AnimationOptions options = new() { Crop = new(4, 6, 50, 40), DrivingCrop = new(10, 0, 30, 31), Fit = Fit.Pad, PasteBack = true };
        Assert.Equal(Expected(options),
            Animate("framed", "--crop", "4,6,50,40", "--driving-crop", "10,0,30,31", "--fit", "pad", "--paste-back"));
    }

    [Fact]
    public void A_driving_crop_that_is_found_is_told()
    {
        PixelBox box = MotionFraming.Find(files.Driving);
        Outcome outcome = CliRunner.Succeed("animate", files.Source, files.Driving, "-o", files.At("auto"), "-m", files.Model,
            "--driving-crop", "auto");
        Assert.Contains($", driving crop {box}, in ", outcome.Output);
        outcome = CliRunner.Succeed("animate", files.Source, files.Driving, "-o", files.At("auto.png"), "-m", files.Model, "--driving-crop",
            "auto", "--json", "-q");
        Assert.Equal($"{box}", JsonDocument.Parse(outcome.Output).RootElement.GetProperty("drivingCrop").GetString());
        Assert.Equal(Expected(new() { DrivingCrop = box }),
            Directory.GetFiles(files.At("auto")).Order(StringComparer.Ordinal).Select(path => RgbImage.Load(path).Pixels));
    }

    [Fact]
    public void Many_pictures_are_framed_alike()
    {
        CliRunner.Succeed("batch", files.Source, "--driving", files.Driving, "-o", files.At("many"), "--format", "frames", "-m",
            files.Model, "-q", "--crop", "4,6,50,40", "--paste-back");
        string folder = Assert.Single(Directory.GetDirectories(files.At("many")));
        Assert.Equal(Expected(new() { Crop = new(4, 6, 50, 40), PasteBack = true }),
            Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => RgbImage.Load(path).Pixels));
    }

    [Fact]
    public void A_source_clip_moves_frame_by_frame()
    {
        string folder = files.At("edited");
        CliRunner.Succeed("animate", files.Driving, files.Driving, "-o", folder, "-m", files.Model, "-q", "--source-video");
        Assert.Equal(Expected(new(), isClip: true),
            Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => RgbImage.Load(path).Pixels));
    }
}
