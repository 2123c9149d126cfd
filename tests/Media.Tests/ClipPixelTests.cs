using System.Buffers.Binary;
using Lia.Media.Ffmpeg;
using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Pixels of clips look as players show them.</summary>
public class ClipPixelTests
{
    [Fact]
    public void Frames_have_the_shape_that_players_give_them()
    {
        RgbImage[] frames = Clip.Read(Clip.Data("pixel-aspect.mp4"));
        Assert.All(frames, frame => Assert.Equal((128, 128), (frame.Width, frame.Height)));
        Assert.Equal(10, frames.Length);
        using TempFolder folder = new();
        Ff.Mpeg("-i", Clip.Data("pixel-aspect.mp4"), "-vf", "scale=iw*sar:ih", "-f", "rawvideo", "-pix_fmt", "rgb24", folder["shown"]);
        Assert.Equal(File.ReadAllBytes(folder["shown"]), frames.Pixels());
        // As a picture, too; and turned by a quarter, pixels are as high as they were wide.
        Assert.Equal(frames[0].Pixels, RgbImage.Load(Clip.Data("pixel-aspect.mp4")).Pixels);
        byte[] file = File.ReadAllBytes(Clip.Data("pixel-aspect.mp4"));
        int matrix = file.AsSpan().IndexOf("tkhd"u8) + 44; // of the track header, 16.16 fixed point
        int[] quarterTurn = [0, 1 << 16, 0, -1 << 16, 0, 0, 128 << 16, 0, 1 << 30];
        for (int i = 0; i < 9; i++) BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(matrix + 4 * i), quarterTurn[i]);
        File.WriteAllBytes(folder["turned.mp4"], file);
        RgbImage turned = Clip.Read(folder["turned.mp4"])[0], upright = frames[0];
        Assert.Equal((256, 256), (turned.Width, turned.Height)); // what was high is wide now
        double difference = 0;
        for (int y = 0; y < 128; y++)
            for (int x = 0; x < 128; x++)
                difference += Math.Abs(turned.Pixels[3 * (2 * x * 256 + 255 - 2 * y)] - upright.Pixels[3 * (y * 128 + x)]);
        Assert.InRange(difference / (128 * 128), 0, 6);
    }

    [Fact]
    public void Pixels_too_wide_are_refused()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i color=red:size=2000x64 -frames:v 2 -vf setsar=1000/1 -c:v mpeg4", folder["wide.mkv"]);
        Assert.Contains("is too large", Assert.Throws<MediaException>(() => Clip.Read(folder["wide.mkv"])).Message);
    }

    [Fact]
    public void Untagged_colours_of_720_lines_are_those_of_high_definition()
    {
        RgbImage right = RgbImage.Load(Clip.Data("untagged-hd.png"));
        foreach (RgbImage frame in (RgbImage[])[Clip.Read(Clip.Data("untagged-hd.mp4"))[0], RgbImage.Load(Clip.Data("untagged-hd.mp4"))])
        {
            // Eight by eight patches, in the clip as high as its picture and in the middle.
            Assert.Equal((1280, 720), (frame.Width, frame.Height));
            for (int i = 0; i < 64; i++)
            {
                (int x, int y) = (i % 8, i / 8);
                Span<byte> patch = right.Pixels.AsSpan(3 * ((16 * y + 8) * 128 + 16 * x + 8));
                Span<byte> seen = frame.Pixels.AsSpan(3 * ((90 * y + 45) * 1280 + 280 + 90 * x + 45));
                for (int c = 0; c < 3; c++) Assert.InRange(seen[c] - patch[c], -5, 5);
            }
        }
        // Fewer lines are BT.601 as ever.
        using TempFolder folder = new();
        Pictures.Flat(64, 200, 40, 30).Save(folder["flat.png"]);
        Ff.Mpeg(
            "-i", folder["flat.png"], "-vf", "scale=out_color_matrix=bt601", "-pix_fmt", "yuv444p", "-c:v", "ffv1", folder["small.mkv"]);
        Assert.InRange(ImageDifference(RgbImage.Load(folder["flat.png"]), Clip.Read(folder["small.mkv"])[0]), 0, 1.5);
    }

    /// <summary>Light in BT.709's primaries, in units of 203 cd/m2; below 0.3 it is shown as it is, by the curve of BT.1886.</summary>
    [Theory]
    [InlineData("smpte2084", 0.1, 0.1, 0.1)]
    [InlineData("smpte2084", 0.28, 0.05, 0.02)]
    [InlineData("smpte2084", 0.02, 0.2, 0.05)]
    [InlineData("smpte2084", 0.03, 0.05, 0.25)]
    [InlineData("arib-std-b67", 0.1, 0.1, 0.1)]
    [InlineData("arib-std-b67", 0.25, 0.25, 0.25)]
    public void High_dynamic_range_is_brought_down(string transfer, double red, double green, double blue)
    {
        using TempFolder folder = new();
        RgbImage shown = Show(folder, transfer, red, green, blue);
        double[] right = [.. new[] { red, green, blue }.Select(light => 255 * Math.Pow(light, 1 / 2.4))];
        for (int c = 0; c < 3; c++) Assert.Equal(right[c], shown.Pixels[c], 5.0);
    }

    [Fact]
    public void What_is_brighter_than_paper_stays_brighter()
    {
        using TempFolder folder = new();
        int[] grays = [.. new[] { 0.2, 0.5, 1, 2, 4 }.Select(light => (int)Show(folder, "smpte2084", light, light, light).Pixels[0])];
        Assert.Equal(grays.Order().Distinct(), grays);
        Assert.InRange(grays[2], 190, 230);
        Assert.InRange(grays[^1], 230, 255);
        // The clip that was grey has its colours again.
        RgbImage frame = Clip.Read(Clip.Data("hdr-pq.mp4"))[0];
        Assert.True(frame.Pixels.Chunk(3).Average(pixel => pixel.Max() - pixel.Min()) > 25);
    }

    [Fact]
    public void Without_the_filters_the_clip_is_read_as_it_is_and_a_warning_says_so()
    {
        VideoProbe probe = new(0, null, null, null, new(64, 64), null, null) { PixelFormat = "yuv420p10le", Transfer = "smpte2084" };
        (string[] filters, string? warning) = PixelFilters.Of("clip.mp4", probe, () => false);
        Assert.Empty(filters);
        Assert.Equal(
            "clip.mp4: its colours are of high dynamic range, and this ffmpeg cannot bring them down (it lacks zscale or tonemap); "
            + "they look pale.", warning);
        (filters, warning) = PixelFilters.Of("clip.mp4", probe, () => true);
        Assert.Contains(filters, filter => filter.StartsWith("tonemap", StringComparison.Ordinal));
        Assert.Null(warning);
    }

    /// <summary>A clip of one colour, as its light would be coded, and what is made of it.</summary>
    private static RgbImage Show(TempFolder folder, string transfer, double red, double green, double blue)
    {
        // BT.709's primaries to BT.2020's (ITU-R BT.2087).
        double[] wide =
        [
            0.6274 * red + 0.3293 * green + 0.0433 * blue,
            0.0691 * red + 0.9195 * green + 0.0114 * blue,
            0.0164 * red + 0.0880 * green + 0.8956 * blue,
        ];
        double[] coded = [.. wide.Select(light => transfer == "smpte2084" ? Pq(203 * light) : Hlg(203 * light))];
        double y = 0.2627 * coded[0] + 0.6780 * coded[1] + 0.0593 * coded[2];
        double cb = (coded[2] - y) / 1.8814, cr = (coded[0] - y) / 1.4746;
        ushort[] samples = [(ushort)Math.Round(64 + 876 * y), (ushort)Math.Round(512 + 896 * cb), (ushort)Math.Round(512 + 896 * cr)];
        File.WriteAllBytes(
            folder["planes"],
            [.. samples.SelectMany(sample => Enumerable.Repeat(BitConverter.GetBytes(sample), 64 * 64)).SelectMany(pair => pair)]);
        Ff.Mpeg(
            "-f rawvideo -pixel_format yuv444p10le -video_size 64x64 -i", folder["planes"],
            "-c:v", "ffv1", "-color_primaries", "bt2020", "-color_trc", transfer,
            "-colorspace", "bt2020nc", "-color_range", "tv", folder["hdr.mkv"]);
        return Clip.Read(folder["hdr.mkv"])[0];

        // SMPTE ST 2084.
        static double Pq(double nits)
        {
            double power = Math.Pow(nits / 10000, 0.1593017578125);
            return Math.Pow((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375);
        }

        // ARIB STD-B67 for a screen of 1000 cd/m2; of grey alone, where its system gamma of 1.2 is that of each channel.
        static double Hlg(double nits)
        {
            double scene = Math.Pow(nits / 1000, 1 / 1.2);
            return scene <= 1 / 12.0 ? Math.Sqrt(3 * scene) : 0.17883277 * Math.Log(12 * scene - 0.28466892) + 0.55991073;
        }
    }

    private static double ImageDifference(RgbImage a, RgbImage b) =>
        a.Pixels.Zip(b.Pixels).Average(pair => Math.Abs(pair.First - pair.Second));
}
