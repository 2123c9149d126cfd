using Lia.Media.Ffmpeg;
using Lia.Media.Imaging;

namespace Lia.Tests;

/// <summary>Size and quality of what is written.</summary>
public class OutputOptionsTests
{
    private static readonly RgbImage Picture = Pictures.Noise(100, 60, 1);
    private static readonly RgbImage[] Driving = [.. Enumerable.Range(0, 3).Select(i => Pictures.Noise(64, 64, 200 + i))];

    private static Animator Animator() => new FakeExecutor(64).Animator(batch: 2);

    [Theory]
    [InlineData(false, false, 96, 96, 96)]
    [InlineData(false, false, 20, 20, 20)]
    [InlineData(true, false, 33, 99, 33)]
    [InlineData(false, true, 31, 52, 31)] // 51.7 columns
    [InlineData(false, true, 60, 100, 60)]
    [InlineData(false, false, 96, 96, 96, Normalization.MinMax)]
    public void Frames_are_as_high_as_asked_and_keep_their_shape(
        bool sideBySide, bool pasteBack, int asked, int width, int height, Normalization normalization = Normalization.Fixed)
    {
        AnimationOptions options = new()
        {
            SideBySide = sideBySide, PasteBack = pasteBack, Crop = new(10, 5, 50, 50), Normalization = normalization,
        };
        using Animator animator = Animator();
        IReadOnlyList<RgbImage> own = animator.All(Picture, Driving, options);
        IReadOnlyList<RgbImage> resized = animator.All(Picture, Driving, options with { OutputHeight = asked });
        Assert.Equal(3, resized.Count);
        PillowResize resize = new(own[0].Width, own[0].Height, width, height);
        foreach ((RgbImage from, RgbImage to) in own.Zip(resized))
        {
            byte[] expected = new byte[3 * width * height];
            resize.Run(from.Pixels, 3 * from.Width, expected, 3 * width);
            Assert.Equal((width, height), (to.Width, to.Height));
            Assert.Equal(expected, to.Pixels);
        }

        using TempFolder folder = new();
        Picture.Save(folder["source.png"]);
        options = options with { OutputHeight = asked };
        AnimationSummary summary = animator.Animate(folder["source.png"], Driving, folder["out.y4m"], options);
        Assert.Equal((width, height), (summary.Width, summary.Height));
        Assert.Equal($"{width},{height}", Ff.Probe("-show_entries stream=width,height -of csv=p=0", folder["out.y4m"]));
    }

    /// <summary>A large picture with a small square that moves: everything else is the picture's own, pixel for pixel.</summary>
    [Fact]
    public void Pasted_back_a_picture_keeps_its_resolution()
    {
        using TempFolder folder = new();
        RgbImage picture = Pictures.Noise(1203, 801, 5);
        picture.Save(folder["source.png"]);
        PixelBox box = new(700, 300, 200, 200);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(
            folder["source.png"], Driving, folder["out.png"], new() { Crop = box, PasteBack = true });
        Assert.Equal((1203, 801, 3), (summary.Width, summary.Height, summary.Frames));
        int changed = 0;
        foreach (RgbImage frame in Clip.Read(folder["out.png"]))
        {
            for (int i = 0; i < frame.Pixels.Length; i++)
            {
                (int x, int y) = (i / 3 % 1203, i / 3 / 1203);
                if (frame.Pixels[i] == picture.Pixels[i]) continue;
                Assert.True(x >= box.X && x < box.X + box.Width && y >= box.Y && y < box.Y + box.Height, $"({x}, {y})");
                changed++;
            }
        }
        Assert.True(changed > 100_000);
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mov")]
    [InlineData("out.mkv")]
    [InlineData("out.webm")]
    [InlineData("out.webp")]
    [InlineData("out.gif")]
    [InlineData("out.jpg")]
    public void Quality_trades_likeness_for_bytes(string name)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 1", folder["source.png"]);
        RgbImage[] driving = [.. Driving[..(name == "out.jpg" || name == "out.webp" ? 1 : 3)]];
        using Animator animator = Animator();
        byte[] frames = animator.All(RgbImage.Load(folder["source.png"]), driving).Pixels();
        (long bytes, double off) = (0, double.MaxValue);
        foreach (int quality in (int[])[5, 50, 98])
        {
            animator.Animate(folder["source.png"], driving, folder[name], new() { Quality = quality });
            byte[] shown = Ff.Decode(folder[name], "rgb24");
            double error = frames.Zip(shown, (a, b) => (double)(a - b) * (a - b)).Average();
            long length = new FileInfo(folder[name]).Length;
            Assert.True(length > bytes && error < off, $"{quality}: {length} bytes after {bytes}, {error} after {off}");
            (bytes, off) = (length, error);
        }
    }

    [Theory]
    [InlineData(".mp4", 68, "-crf", "17")]
    [InlineData(".webm", 68, "-crf", "20")]
    [InlineData(".webp", 90, "-quality", "90")]
    public void Unset_it_is_what_it_has_always_been(string format, int quality, string option, string value)
    {
        string[] arguments = FfmpegWriter.Encoding(format, null);
        Assert.Equal(value, arguments[Array.IndexOf(arguments, option) + 1]);
        Assert.Equal(arguments, FfmpegWriter.Encoding(format, quality));
        foreach (int any in Enumerable.Range(1, 100))
            Assert.InRange(int.Parse(FfmpegWriter.Encoding(format, any)[Array.IndexOf(arguments, option) + 1]), 0, format switch
            {
                ".mp4" => 51,
                ".webm" => 63,
                _ => 100,
            });
    }

    [Theory]
    [InlineData("out.png")]
    [InlineData("out.apng")]
    [InlineData("out%05d.png")]
    [InlineData("out.y4m")]
    [InlineData("out")]
    [InlineData("out.jpg/")]
    public void Where_every_pixel_is_kept_there_is_no_quality(string name)
    {
        using TempFolder folder = new();
        Picture.Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationOptions options = new() { Quality = 50 };
        Assert.Contains("--quality", Assert.Throws<ArgumentException>(() =>
            animator.Animate(Picture, Driving, folder[name], options)).Message);
        Assert.Contains("--quality", Assert.Throws<ArgumentException>(() =>
            animator.Animate(Picture, Driving, new MemoryStream(), options)).Message);
        if (!name.Contains('%')) Assert.Contains("--quality", Assert.Throws<ArgumentException>(() =>
            animator.AnimateMany([new(folder["source.png"], folder[name])], Driving, options: options)).Message);
        Assert.Equal(["source.png"], folder.Entries);
        Assert.Equal(3, animator.All(Picture, Driving, options).Count); // not written
    }

    [Fact]
    public void Values_out_of_range_are_refused()
    {
        using Animator animator = Animator();
        foreach (int height in (int[])[0, -5, 8193])
            Assert.Contains("from 1 to 8192", Assert.Throws<ArgumentException>(() =>
                animator.All(Picture, Driving, new() { OutputHeight = height })).Message);
        foreach (int quality in (int[])[0, 101])
            Assert.Contains("from 1 to 100", Assert.Throws<ArgumentException>(() =>
                animator.All(Picture, Driving, new() { Quality = quality })).Message);
        // 8192 rows of a picture three times as wide are more than any picture has.
        Assert.Contains("the output: 24576x8192 is too large", Assert.Throws<MediaException>(() =>
            animator.All(Picture, Driving, new() { OutputHeight = 8192, SideBySide = true })).Message);
    }
}
