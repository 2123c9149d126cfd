using Lia.Media.Png;

namespace Lia.Tests;

/// <summary>Animated PNG: reading against ffmpeg's decoder and hand-made frames, writing against ffmpeg and the reader.</summary>
public class PngAnimationTests
{
    private static byte[][] ReadAll(string path)
    {
        using PngReader reader = new(path);
        List<byte[]> frames = [];
        while (reader.Read() is RgbImage frame) frames.Add([.. frame.Pixels]);
        return [.. frames];
    }

    /// <summary>ffmpeg's encoder chooses rectangles, disposal and blending itself.</summary>
    [Theory]
    [InlineData("rgb24", 24, 1)]
    [InlineData("rgba", 30000, 1001)]
    public void Animations_of_ffmpegs_encoder_are_read(string format, int numerator, int denominator)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc2=size=64x48:rate={numerator}/{denominator} -frames:v 12 -pix_fmt {format} -f apng", folder["a.png"]);
        byte[] expected = Ff.Decode(folder["a.png"], "rgb24");
        byte[][] frames = ReadAll(folder["a.png"]);
        Assert.Equal(12, frames.Length);
        Assert.Equal(expected, frames.SelectMany(frame => frame));
        using PngReader reader = new(folder["a.png"]);
        Assert.Equal(new FrameRate(numerator, denominator), reader.Rate);
        Assert.Equal(12, reader.Count);
    }

    /// <summary>Every disposal with both blendings, on rectangles with all kinds of transparency.</summary>
    [Fact]
    public void Disposal_and_blending_are_those_of_ffmpegs_decoder()
    {
        using TempFolder folder = new();
        Random random = new(3);
        const int width = 24, height = 16;
        byte[] Frame(int w, int h)
        {
            int seed = random.Next();
            return PngBuilder.Compress(w, h, 8, 4, false, (x, y, c) =>
                c == 3 ? new[] { 0, 255, 128, 77 }[(x + y + seed) & 3] : (seed + 31 * x + 17 * y + 50 * c) & 255);
        }
        PngBuilder png = new PngBuilder().Header(width, height, 8, 6).Animation(13).FrameControl(width, height, 0, 0, 1, 10, 0, 0)
            .Data(Frame(width, height));
        for (int i = 0; i < 12; i++)
        {
            int w = random.Next(1, width + 1), h = random.Next(1, height + 1);
            png.FrameControl(w, h, random.Next(width - w + 1), random.Next(height - h + 1), 1, 10, i % 3, i / 3 % 2).FrameData(Frame(w, h));
        }
        File.WriteAllBytes(folder["a.png"], png.End().ToArray());

        byte[] rgba = Ff.Decode(folder["a.png"], "rgba");
        byte[][] frames = ReadAll(folder["a.png"]);
        Assert.Equal(13, frames.Length);
        for (int i = 0; i < rgba.Length; i += 4)
            for (int c = 0; c < 3; c++)
                // Blending divides; programs round the quotient differently. What is fully transparent has no colour to compare.
                if (rgba[i + 3] != 0)
                    Assert.InRange(frames[i / (4 * width * height)][i / 4 % (width * height) * 3 + c] - rgba[i + c], -2, 2);
    }

    [Fact]
    public void A_picture_for_other_programs_is_not_a_frame()
    {
        using TempFolder folder = new();
        byte[] Flat(int value) => PngBuilder.Compress(2, 2, 8, 1, false, (_, _, _) => value);
        File.WriteAllBytes(folder["a.png"], new PngBuilder().Header(2, 2, 8, 0).Animation(2).Data(Flat(9))
            .FrameControl(2, 2, 0, 0, 1, 5).FrameData(Flat(10)).FrameControl(2, 2, 0, 0, 1, 5).FrameData(Flat(20)).End().ToArray());
        Assert.Equal([10, 20], ReadAll(folder["a.png"]).Select(frame => (int)frame[0]));
    }

    [Theory]
    [InlineData(1, 10, 1, 10, "10/1")]
    [InlineData(1001, 30000, 1001, 30000, "30000/1001")]
    [InlineData(41, 1000, 42, 1000, "2000/83")]
    [InlineData(1, 10, 1, 20, "10/1")]
    [InlineData(1, 20, 1, 20, "20/1")]
    [InlineData(5, 0, 5, 0, "20/1")]
    [InlineData(0, 10, 0, 10, "25/1")]
    public void The_rate_comes_from_the_delays(int delay1, int unit1, int delay2, int unit2, string expected)
    {
        using TempFolder folder = new();
        byte[] data = PngBuilder.Compress(1, 1, 8, 1, false, (_, _, _) => 0);
        File.WriteAllBytes(folder["a.png"], new PngBuilder().Header(1, 1, 8, 0).Animation(2)
            .FrameControl(1, 1, 0, 0, delay1, unit1).Data(data).FrameControl(1, 1, 0, 0, delay2, unit2).FrameData(data).End().ToArray());
        using PngReader reader = new(folder["a.png"]);
        Assert.True(FrameRate.TryParse(expected, out FrameRate rate));
        Assert.Equal(rate.Value, reader.Rate!.Value.Value, 0.001);
        if (unit1 == unit2) Assert.Equal(rate, reader.Rate);
    }

    /// <summary>Frames stay for as many places of the clip's grid as they show.</summary>
    [Theory]
    [InlineData("10/100 20/100 10/100 40/100", 10, "0 1 1 2 3 3 3 3")]
    [InlineData("5/100 5/100 10/100 5/100 5/100", 20, "0 1 2 2 3 4")]
    [InlineData("1/10 1/5 1/30 1/15", 30, "0 0 0 1 1 1 1 1 1 2 3 3")] // in several units
    [InlineData("3/100 4/100 3/100 4/100 3/100 4/100", 28.571, "0 1 2 3 4 5")] // nearly even
    [InlineData("0/100 4/100 4/100 0/100 8/100", 25, "1 2 4 4")] // what shows for no time is not seen
    [InlineData("4/100 4/100 0/100", 25, "0 1 2")] // but at the end, where nothing takes its place
    public void Uneven_delays_keep_their_time(string delays, double rate, string expected)
    {
        using TempFolder folder = new();
        string[] all = delays.Split(' ');
        WriteUneven(folder["a.png"], [.. all.Select(delay => Array.ConvertAll(delay.Split('/'), int.Parse)).Select(d => (d[0], d[1]))]);
        using PngReader reader = new(folder["a.png"]);
        Assert.Equal(rate, reader.Rate!.Value.Value, 0.001);
        int[] shown = [.. ReadAll(folder["a.png"]).Select(frame => frame[0] / 8)];
        Assert.Equal(expected, string.Join(' ', shown));
        Assert.Equal(shown.Length, reader.Count);
        Assert.Equal(all.Where(delay => !delay.StartsWith("0/", StringComparison.Ordinal)).Select(delay => delay.Split('/'))
            .Sum(delay => double.Parse(delay[0]) / double.Parse(delay[1])), reader.Rate.Value.Seconds(shown.Length), 1 / rate);
    }

    /// <summary>An animated PNG, the same as a GIF, and the PNG as ffmpeg reads it last equally long and show the same.</summary>
    [Fact]
    public void Uneven_delays_are_those_of_gifs()
    {
        using TempFolder folder = new();
        Random random = new(11);
        for (int trial = 0; trial < 4; trial++)
        {
            (int, int)[] delays = [.. Enumerable.Range(0, 30).Select(_ => (random.Next(1, 5 + 5 * trial) * (2 + trial), 100))];
            WriteUneven(folder["a.png"], delays);
            Ff.Mpeg("-i", folder["a.png"], "-fps_mode", "passthrough", folder["a.gif"]);
            RgbImage[] frames = Clip.Read(folder["a.png"]), gif = Clip.Read(folder["a.gif"]);
            using Lia.Media.Ffmpeg.FfmpegReader other = Lia.Media.Ffmpeg.FfmpegReader.Video(folder["a.png"], null, default);
            using PngReader own = new(folder["a.png"]);
            Assert.Equal(other.Rate, own.Rate);
            Assert.InRange(own.Rate!.Value.Seconds(frames.Length), delays.Sum(delay => delay.Item1) / 100.0 - 1 / own.Rate.Value.Value,
                delays.Sum(delay => delay.Item1) / 100.0 + 1 / own.Rate.Value.Value);
            // How long the last stays, GIFs forget.
            int last = Array.FindLastIndex(frames, frame => frame.Pixels[0] != frames[^1].Pixels[0]);
            Assert.Equal(frames[..(last + 2)].Pixels(), gif[..(last + 2)].Pixels());
            for (int i = 0; i <= last + 1; i++) Assert.Equal(frames[i].Pixels, other.Read()!.Pixels);
        }
    }

    [Fact]
    public void Frames_that_stay_for_ever_are_refused()
    {
        using TempFolder folder = new();
        WriteUneven(folder["a.png"], [(1, 60), .. Enumerable.Repeat((65535, 1), 20), (1, 60)]);
        Assert.Contains("too many for a file of", Assert.Throws<MediaException>(() => new PngReader(folder["a.png"])).Message);
        using PngReader first = new(folder["a.png"], 3);
        Assert.Equal(0, first.Read()!.Pixels[0]);
    }

    /// <summary>Frame i is of the gray 8 i.</summary>
    private static void WriteUneven(string path, (int Delay, int Unit)[] delays)
    {
        PngBuilder png = new PngBuilder().Header(4, 4, 8, 0).Animation(delays.Length);
        for (int i = 0; i < delays.Length; i++)
        {
            byte[] data = PngBuilder.Compress(4, 4, 8, 1, false, (_, _, _) => 8 * i);
            png.FrameControl(4, 4, 0, 0, delays[i].Delay, delays[i].Unit);
            if (i == 0) png.Data(data);
            else png.FrameData(data);
        }
        File.WriteAllBytes(path, png.End().ToArray());
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 31, 17)]
    [InlineData(3, 64, 64)]
    public void What_is_written_is_read_back_and_by_ffmpeg_too(int count, int width, int height)
    {
        using TempFolder folder = new();
        Random random = new(7);
        byte[][] frames = [.. Enumerable.Range(0, count).Select(_ => new byte[3 * width * height])];
        foreach (byte[] frame in frames) random.NextBytes(frame.AsSpan(0, frame.Length / 2)); // half noise, half flat
        using (PngWriter writer = new(folder["a.png"], width, height, new FrameRate(30000, 1001)))
        {
            foreach (byte[] frame in frames) writer.Write(frame);
            Assert.Single(folder.Entries, entry => entry.StartsWith('.'));
            writer.Complete();
        }
        Assert.Equal(["a.png"], folder.Entries);
        Assert.Equal(frames, ReadAll(folder["a.png"]));
        Assert.Equal(frames.SelectMany(frame => frame), Ff.Decode(folder["a.png"], "rgb24"));
        if (count > 1) Assert.Equal("30000/1001", Ff.Stream("v", "r_frame_rate", folder["a.png"]));
    }

    [Theory]
    [InlineData(25, 1, 1, 25)]
    [InlineData(30000, 1001, 1001, 30000)]
    [InlineData(1, 3, 3, 1)]
    [InlineData(120000, 1001, 0, 0)] // beyond 16 bits
    [InlineData(65535, 65534, 65534, 65535)]
    public void A_delay_is_exact_if_it_can_be_and_the_nearest_otherwise(int numerator, int denominator, int delay, int unit)
    {
        (ushort p, ushort q) = PngWriter.Delay(new FrameRate(numerator, denominator));
        if (numerator <= ushort.MaxValue) Assert.Equal((delay, unit), (p, q));
        Assert.Equal(1, (double)p / q * numerator / denominator, 1e-6);
    }
}
