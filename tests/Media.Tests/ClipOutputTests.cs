using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Clips as they are written.</summary>
public class ClipOutputTests
{
    [Theory]
    [InlineData("out.mp4", "h264", "aac")]
    [InlineData("out.mov", "h264", "aac")]
    [InlineData("out.mkv", "h264", "aac")]
    [InlineData("out.webm", "vp9", "opus")]
    public void Clips_have_the_colours_they_say_and_their_sound(string name, string video, string audio)
    {
        using TempFolder folder = new();
        Ff.Mpeg(
            "-f lavfi -i color=0xc83c1e:size=64x64:rate=30000/1001 -f lavfi -i sine=1000:sample_rate=44100 "
            + "-ac 6 -t 1 -c:v libx264 -crf 5 -pix_fmt yuv444p -c:a flac", folder["in.mkv"]);
        (int frames, FrameRate rate, _) = Clip.Copy(folder["in.mkv"], folder[name]);
        Assert.Equal((30, new FrameRate(30000, 1001)), (frames, rate));
        Assert.Equal((video, audio), (Ff.Stream("v", "codec_name", folder[name]), Ff.Stream("a", "codec_name", folder[name])));
        Assert.Equal("30000/1001", Ff.Stream("v", "r_frame_rate", folder[name]));
        Assert.Equal(30, Ff.CountFrames(folder[name]));
        foreach (string entry in (string[])["color_space", "color_primaries", "color_transfer"])
            Assert.Equal("bt709", Ff.Stream("v", entry, folder[name]));
        Assert.Equal("tv", Ff.Stream("v", "color_range", folder[name]));
        byte[] shown = Ff.Decode(folder[name], "rgb24");
        for (int i = 0; i < 3; i++) Assert.InRange(shown[i] - new[] { 0xc8, 0x3c, 0x1e }[i], -5, 5);
    }

    [Theory]
    [InlineData(60, 1)]
    [InlineData(60000, 1001)]
    [InlineData(100, 1)]
    [InlineData(240, 1)]
    [InlineData(50, 1)]
    [InlineData(30, 1)]
    public void A_gif_has_no_delay_that_browsers_do_not_keep(int numerator, int denominator)
    {
        using TempFolder folder = new();
        FrameRate rate = new(numerator, denominator);
        int frames = (int)Math.Round(rate.Value);
        using (IFrameWriter writer = FrameWriters.Open(folder["out.gif"], 16, 16, rate, null, RawOutput.Auto, null, default))
        {
            for (int i = 0; i < frames; i++) writer.Write(Pictures.Noise(16, 16, i).Pixels);
            writer.Complete();
        }
        int[] delays = Delays(File.ReadAllBytes(folder["out.gif"]));
        Assert.All(delays, delay => Assert.True(delay >= 2));
        Assert.InRange(delays.Sum(), 98, 102);
    }

    [Fact]
    public void A_clip_of_60_frames_a_second_plays_as_long_as_a_gif()
    {
        using TempFolder folder = new();
        Clip.Copy(Clip.Data("sixty.mp4"), folder["out.gif"]);
        int[] delays = Delays(File.ReadAllBytes(folder["out.gif"]));
        Assert.Equal((100, 2), (delays.Sum(), delays.Min()));
    }

    /// <summary>Delays of a GIF's frames, from its graphic control extensions.</summary>
    private static int[] Delays(byte[] gif)
    {
        List<int> delays = [];
        int at = 13 + Palette(gif[10]);
        for (; gif[at] != 0x3b;)
        {
            if (gif[at] == 0x2c) at += 11 + Palette(gif[at + 9]);
            else if (gif[at + 1] == 0xf9) (at, _) = (at + 2, Add(gif[at + 4] | gif[at + 5] << 8));
            else at += 2;
            while (gif[at] != 0) at += gif[at] + 1;
            at++;
        }
        return [.. delays];

        int Palette(byte flags) => (flags & 0x80) != 0 ? 3 << ((flags & 7) + 1) : 0;

        int Add(int delay)
        {
            delays.Add(delay);
            return 0;
        }
    }
}
