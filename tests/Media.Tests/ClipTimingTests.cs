using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Clips keep their time: length to a frame, sound within 20 ms of the picture to the end.</summary>
public class ClipTimingTests
{
    private const double Sync = 0.02;

    /// <summary>Clips that flash and beep at every full second, with frames that do not come evenly.</summary>
    [Theory]
    [InlineData("uneven.mp4", 180)]
    [InlineData("uneven.webm", 180)]
    [InlineData("dropped.mkv", 1200)]
    [InlineData("repeated.ogv", 100)]
    [InlineData("sound.flv", 100)]
    public void Uneven_frames_keep_their_time_and_their_sound(string name, int frames)
    {
        using TempFolder folder = new();
        (int count, FrameRate rate, string? warning) = Clip.Copy(Clip.Data(name), folder["out.mp4"]);
        Assert.Null(warning);
        Assert.InRange(count, frames - 1, frames + 1);
        double[] expected = [.. Enumerable.Range(1, (int)rate.Seconds(frames) - 1).Select(second => (double)second)];
        double[] flashes = Beeps.Flashes(folder["out.mp4"]), beeps = Beeps.Onsets(folder["out.mp4"]);
        Assert.Equal(expected.Length, flashes.Length);
        Assert.Equal(expected.Length, beeps.Length);
        Assert.All(expected.Zip(flashes, beeps), moment => Assert.True(
            Math.Abs(moment.Second - moment.First) <= Sync && Math.Abs(moment.Third - moment.First) <= Sync,
            $"{moment.First} s: flash at {moment.Second}, beep at {moment.Third}"));
    }

    [Fact]
    public void The_track_marked_default_is_heard()
    {
        using TempFolder folder = new();
        Clip.Copy(Clip.Data("two-sound-tracks.mkv"), folder["out.mp4"]);
        short[] sound = Ff.DecodeSound(folder["out.mp4"], 8000);
        int crossings = Enumerable.Range(1, sound.Length - 1).Count(i => sound[i - 1] < 0 && sound[i] >= 0);
        Assert.Equal(900, crossings * 8000.0 / sound.Length, 30.0);
    }

    [Theory]
    [InlineData("cover.m4a", "-i", "COVER", "-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "mjpeg", "-disposition:v", "attached_pic")]
    [InlineData("cover.mkv", "-c:a", "aac", "-attach", "COVER", "-metadata:s:t", "mimetype=image/jpeg")]
    public void A_cover_is_no_clip(string name, params string[] how)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i color=red:size=64x64:duration=0.04 -frames:v 1", folder["cover.jpg"]);
        Ff.Mpeg("-f lavfi -i sine=duration=1", [.. how.Select(word => word == "COVER" ? folder["cover.jpg"] : word), folder[name]]);
        Assert.Equal("1", Ff.Probe("-select_streams v:0 -show_entries stream_disposition=attached_pic -of csv=p=0", folder[name]));
        MediaException refusal = Assert.Throws<MediaException>(() => FrameReaders.Open(folder[name], default, default));
        Assert.Equal($"{folder[name]}: there is no video in it, only a cover picture.", refusal.Message);
    }

    /// <summary>Sound that begins half a second after the picture, and sound that begins half a second before it.</summary>
    [Theory]
    [InlineData("late.mkv", "-itsoffset 0.5", "", 1.0)]
    [InlineData("early.mkv", "", "-itsoffset 0.5", 0.0)]
    [InlineData("late.mp4", "-itsoffset 0.5", "", 1.0)]
    [InlineData("early.ts", "", "-itsoffset 0.5", 0.0)]
    public void Sound_starts_where_the_picture_does(string name, string soundShift, string pictureShift, double beep)
    {
        using TempFolder folder = new();
        Ff.Mpeg(
            $"{pictureShift} -f lavfi -i color=gray:size=64x64:rate=25:duration=2 {soundShift} "
            + "-f lavfi -i aevalsrc=0.8*sin(6283*t)*gte(t\\,0.5):s=48000:d=2 -c:v mpeg4 -c:a ac3", folder[name]);
        foreach (string output in (string[])["out.mp4", "out.mov", "out.mkv", "out.webm"])
        {
            (int frames, _, _) = Clip.Copy(folder[name], folder[output]);
            Assert.Equal(50, frames);
            Assert.InRange(Assert.Single(Beeps.Onsets(folder[output])), beep - Sync, beep + Sync);
        }
    }

    /// <summary>What is known to be in a clip: red on the left, flashes and beeps of a fifth of a second at the full seconds.</summary>
    [Theory]
    [InlineData("clip.mp4", "-c:v libx264 -pix_fmt yuv420p -c:a aac")]
    [InlineData("clip.mov", "-c:v mpeg4 -q:v 2 -c:a pcm_s16le")]
    [InlineData("clip.mkv", "-c:v libx264 -pix_fmt yuv420p -c:a libmp3lame")]
    [InlineData("clip.webm", "-c:v libvpx -b:v 1M -c:a libopus")]
    [InlineData("clip.avi", "-c:v mpeg4 -q:v 2 -c:a libmp3lame")]
    [InlineData("bframes.avi", "-c:v mpeg4 -q:v 2 -bf 2 -c:a pcm_s16le")]
    [InlineData("clip.flv", "-c:v flv -q:v 2 -c:a libmp3lame -ar 44100")]
    [InlineData("clip.ogv", "-c:v libtheora -q:v 9 -c:a libvorbis")]
    [InlineData("clip.ts", "-c:v libx264 -pix_fmt yuv420p -c:a aac")]
    [InlineData("clip.mpg", "-c:v mpeg2video -q:v 2 -c:a mp2")]
    [InlineData("clip.wmv", "-c:v wmv2 -q:v 2 -c:a wmav2")]
    [InlineData("clip.nut", "-c:v mpeg4 -q:v 2 -c:a mp2")]
    [InlineData("clip.mxf", "-c:v mpeg2video -q:v 2 -c:a pcm_s16le -ar 48000")]
    [InlineData("clip.y4m", "-an -pix_fmt yuv420p", false)]
    [InlineData("clip.gif", "-an", false)]
    [InlineData("clip.apng", "-an", false)]
    public void One_clip_is_the_same_through_every_container(string name, string how, bool hasSound = true)
    {
        using TempFolder folder = new();
        Ff.Mpeg(
            "-f lavfi -i color=0xc04020:size=96x64:rate=25:duration=3.2,"
            + "drawbox=x=48:w=48:h=64:t=fill:c=white:enable='gte(t,1)*lt(mod(t,1),0.2)' "
            + $"-f lavfi -i aevalsrc=0.8*sin(6283*t)*gte(t\\,1)*lt(mod(t\\,1)\\,0.2):s=48000:d=3.2 {how}", folder[name]);
        (int frames, FrameRate rate, string? warning) = Clip.Copy(folder[name], folder["out.mp4"]);
        Assert.Null(warning);
        Assert.Equal(25, rate.Value);
        Assert.InRange(frames, 79, 81);
        double[] flashes = Beeps.Flashes(folder["out.mp4"]);
        Assert.Equal(3, flashes.Length);
        // What a container does not keep at its start, it does not keep for the sound either.
        Assert.All(flashes, (flash, i) => Assert.Equal(i + 1, flash, 0.041));
        if (hasSound)
        {
            double[] beeps = Beeps.Onsets(folder["out.mp4"]);
            Assert.Equal(3, beeps.Length);
            Assert.All(flashes.Zip(beeps), moment => Assert.Equal(moment.First, moment.Second, Sync));
        }
        RgbImage[] shown = Clip.Read(folder["out.mp4"]);
        foreach (RgbImage frame in (RgbImage[])[shown[0], shown[40], shown[^1]])
        {
            ReadOnlySpan<byte> red = frame.Pixels.AsSpan(3 * (32 * frame.Width + 20), 3);
            Assert.True(
                Math.Abs(red[0] - 0xc0) <= 8 && Math.Abs(red[1] - 0x40) <= 8 && Math.Abs(red[2] - 0x20) <= 8,
                $"{red[0]} {red[1]} {red[2]}");
        }
    }

    [Theory]
    [InlineData(50, 25, "0 2 4 6")]
    [InlineData(25, 50, "0 0 1 1 2 2 3 3 4 4 5 5 6 6 7 7")]
    [InlineData(25, 25, "0 1 2 3 4 5 6 7")]
    [InlineData(30, 20, "0 1 3 4 6 7")]
    public void Frames_of_a_clip_are_given_at_the_times_of_another(int own, int others, string expected)
    {
        using TempFolder folder = new();
        RgbImage[] frames = Pictures.Brightening(8);
        Ff.Mpeg(
            $"-f rawvideo -pixel_format rgb24 -video_size 64x64 -framerate {own} -i", Save(folder, frames), "-c:v", "ffv1",
            folder["clip.mkv"]);
        using RateMatchingReader reader = new(FrameReaders.Open(folder["clip.mkv"], default, default)) { Rate = new(others) };
        List<int> seen = [];
        while (reader.Read() is { } frame) seen.Add((frame.Pixels[0] - 40) / 4);
        Assert.Equal(expected, string.Join(' ', seen));
        Assert.Equal((seen.Count, new FrameRate(others)), (reader.Count, reader.Rate));
    }

    /// <summary>A source clip of 50 frames a second beside a driving clip of 25.</summary>
    [Fact]
    public void A_source_of_twice_the_rate_lasts_as_long()
    {
        RgbImage[] all = Clip.Read(Clip.Data("source-50.mp4"));
        using RateMatchingReader reader = new(FrameReaders.Open(Clip.Data("source-50.mp4"), default, default)) { Rate = new(25) };
        for (int i = 0; i < 50; i++) Assert.Equal(all[2 * i].Pixels, reader.Read()!.Pixels);
        Assert.Null(reader.Read());
    }

    private static string Save(TempFolder folder, RgbImage[] frames)
    {
        File.WriteAllBytes(folder["frames.rgb"], frames.Pixels());
        return folder["frames.rgb"];
    }
}
