using System.Buffers.Binary;
using System.Globalization;
using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>From files to files, with ffmpeg making the inputs and judging the outputs. The network is the fake one.</summary>
public class FileAnimationTests
{
    private static readonly RgbImage Source = Pictures.Noise(64, 64, 4);

    private static Animator Animator() => new FakeExecutor(64).Animator();

    private static double Seconds(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("24", "24/1", "out.mp4")]
    [InlineData("30000/1001", "30000/1001", "out.mp4")]
    [InlineData("7", "7/1", "out.mp4")]
    [InlineData("24", "24/1", "out.apng")]
    [InlineData("30000/1001", "30000/1001", "out.apng")]
    [InlineData("7", "7/1", "out.apng")]
    public void The_rate_of_the_driving_clip_is_kept_as_an_exact_fraction(string rate, string expected, string output)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc2=size=96x64:rate={rate} -frames:v 10", folder["driving.mkv"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving.mkv"], folder[output]);
        Assert.Equal(10, summary.Frames);
        Assert.Equal(expected, summary.FrameRate.ToString());
        Assert.Equal(expected, Ff.Stream("v", "r_frame_rate", folder[output]));
        Assert.Equal(10, Ff.CountFrames(folder[output]));
        if (output == "out.mp4") Assert.Equal(expected, Ff.Stream("v", "avg_frame_rate", folder[output]));
    }

    /// <summary>The sound is a tone that gets a second one on top after 2 s; the excerpt is told by where that happens.</summary>
    [Theory]
    [InlineData(0, 50, 2.0)]
    [InlineData(40, 80, 1.6)]
    [InlineData(70, 100, 1.2)]
    public void The_excerpt_keeps_its_share_of_the_sound(int start, int end, double seconds)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i aevalsrc=0.3*gt(t\\,2)*sin(2764*t):s=44100 -t 4 -c:a aac",
            folder["driving.mov"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving.mov"], folder["out.mp4"],
            new() { Frames = start..end });
        Assert.True(summary.HasAudio);
        Assert.Equal(end - start, Ff.CountFrames(folder["out.mp4"]));
        Assert.Equal("aac", Ff.Stream("a", "codec_name", folder["out.mp4"]));
        Assert.Equal(seconds, Seconds(Ff.Stream("a", "duration", folder["out.mp4"])), 0.03); // an AAC frame is 0.023 s

        short[] samples = Ff.DecodeSound(folder["out.mp4"], 44100);
        Assert.Equal(seconds, samples.Length / 44100.0, 0.05);
        double onset = Math.Max(0, 2 - start / 25.0);
        int first = Array.FindIndex(samples, sample => Math.Abs((int)sample) > 3000);
        if (onset < seconds) Assert.Equal(onset, first / 44100.0, 0.03);
        else Assert.True(first < 0 || first / 44100.0 > seconds - 0.03);
    }

    [Fact]
    public void Sound_can_be_left_out_and_is_not_missed_where_there_is_none()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 1", folder["sound.mp4"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -t 1", folder["silent.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        Assert.False(animator.Animate(folder["source.png"], folder["sound.mp4"], folder["a.mp4"], new() { Audio = false }).HasAudio);
        Assert.False(animator.Animate(folder["source.png"], folder["silent.mp4"], folder["b.mp4"]).HasAudio);
        Assert.False(animator.Animate(folder["source.png"], folder["sound.mp4"], folder["c.mp4"], new() { FrameRate = new FrameRate(10) })
            .HasAudio);
        foreach (string name in new[] { "a.mp4", "b.mp4", "c.mp4" }) Assert.Equal("", Ff.Stream("a", "codec_name", folder[name]));
        Assert.Equal("10/1", Ff.Stream("v", "r_frame_rate", folder["c.mp4"]));
    }

    [Fact]
    public void A_clip_whose_sound_ends_early_gives_what_there_is()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25:duration=3 -f lavfi -i sine=duration=1", folder["driving.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        Assert.Equal(50, animator.Animate(folder["source.png"], folder["driving.mp4"], folder["late.mp4"], new() { Frames = 25.. }).Frames);
        Assert.Equal(50, Ff.CountFrames(folder["late.mp4"]));
    }

    [Fact]
    public void Mp4_is_H264_with_the_colors_it_says()
    {
        using TempFolder folder = new();
        Source.Save(folder["driving.png"]);
        Pictures.Flat(64, 200, 60, 30).Save(folder["source.png"]);
        using Animator animator = Animator();
        animator.Animate(folder["source.png"], folder["driving.png"], folder["out.mp4"]);
        Assert.Equal("h264", Ff.Stream("v", "codec_name", folder["out.mp4"]));
        Assert.Equal("yuv420p", Ff.Stream("v", "pix_fmt", folder["out.mp4"]));
        Assert.Equal("bt709", Ff.Stream("v", "color_space", folder["out.mp4"]));
        byte[] decoded = Ff.Decode(folder["out.mp4"], "rgb24"), expected = animator.All(Pictures.Flat(64, 200, 60, 30), [Source])[0].Pixels;
        Assert.All(Enumerable.Range(0, decoded.Length), i => Assert.InRange(decoded[i] - expected[i], -4, 4));
    }

    [Fact]
    public void Odd_extents_become_even_in_mp4()
    {
        using TempFolder folder = new();
        using (IFrameWriter writer = FrameWriters.Open(folder["out.mp4"], 33, 21, new FrameRate(25), null, RawOutput.Auto, null, default))
        {
            writer.Write(new byte[3 * 33 * 21]);
            writer.Complete();
        }
        Assert.Equal(("34", "22"), (Ff.Stream("v", "width", folder["out.mp4"]), Ff.Stream("v", "height", folder["out.mp4"])));
    }

    [Fact]
    public void Gif_and_webp_hold_every_frame()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=20 -frames:v 9 -vf fade=in:0:9", folder["driving.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.gif"]);
        Assert.Equal("gif", Ff.Stream("v", "codec_name", folder["out.gif"]));
        Assert.Equal("20/1", Ff.Stream("v", "r_frame_rate", folder["out.gif"]));
        Assert.Equal(9, Ff.CountFrames(folder["out.gif"]));

        animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.webp"]);
        byte[] webp = File.ReadAllBytes(folder["out.webp"]);
        Assert.Equal("RIFF", System.Text.Encoding.ASCII.GetString(webp, 0, 4));
        Assert.Equal([50, 50, 50, 50, 50, 50, 50, 50, 50], WebpDelays(webp));
        Assert.Equal(0, BitConverter.ToInt16(webp, webp.AsSpan().IndexOf("ANIM"u8) + 12)); // repetitions: for ever
    }

    [Theory]
    [InlineData("frames", "frames/00000.png", "frames/00002.png")]
    [InlineData("frames/", "frames/00000.png", "frames/00002.png")]
    [InlineData("a%05d.png", "a00000.png", "a00002.png")]
    [InlineData("a%02d b.PNG", "a00 b.PNG", "a02 b.PNG")]
    public void Numbered_pictures_are_written(string output, string first, string last)
    {
        using TempFolder folder = new();
        Source.Save(folder["source.png"]);
        RgbImage[] driving = Pictures.Brightening(3);
        for (int i = 0; i < 3; i++) driving[i].Save(Path.Combine(Directory.CreateDirectory(folder["driving"]).FullName, $"{i}.png"));
        using Animator animator = Animator();
        animator.Animate(folder["source.png"], folder["driving"], folder[output]);
        IReadOnlyList<RgbImage> expected = animator.All(Source, driving);
        Assert.Equal(expected[0].Pixels, RgbImage.Load(folder[first]).Pixels);
        Assert.Equal(expected[2].Pixels, RgbImage.Load(folder[last]).Pixels);
        Assert.DoesNotContain(folder.Entries, entry => entry.Contains(".part", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Files_memory_and_async_give_the_same_frames_bit_for_bit()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=90x70:rate=25 -frames:v 12", folder["driving.mp4"]);
        Ff.Mpeg("-f lavfi -i testsrc=size=100x80 -frames:v 1", folder["source.bmp"]);
        AnimationOptions options = new() { Frames = 2..9, Fit = Fit.Pad, SideBySide = true };
        using Animator animator = Animator();
        animator.Animate(folder["source.bmp"], folder["driving.mp4"], folder["out.png"], options);

        byte[] raw = Ff.Decode(folder["driving.mp4"], "rgb24");
        RgbImage[] driving = [.. raw.Chunk(3 * 90 * 70).Select(pixels => new RgbImage(90, 70, pixels))];
        byte[] expected = animator.All(RgbImage.Load(folder["source.bmp"]), driving, options).Pixels();
        Assert.Equal(expected, Ff.Decode(folder["out.png"], "rgb24"));

        List<RgbImage> frames = [];
        await foreach (RgbImage frame in animator.FramesAsync(folder["source.bmp"], folder["driving.mp4"], options)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());
        AnimationSummary summary = await animator.AnimateAsync(folder["source.bmp"], folder["driving.mp4"], folder["async.png"], options);
        Assert.Equal(7, summary.Frames);
        Assert.Equal(File.ReadAllBytes(folder["out.png"]), File.ReadAllBytes(folder["async.png"]));
    }

    [Theory]
    [InlineData("jpg", "")]
    [InlineData("webp", "-lossless 1")]
    [InlineData("bmp", "")]
    [InlineData("gif", "")]
    [InlineData("tiff", "")]
    public void Pictures_of_other_formats_are_read(string extension, string options)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i color=0xff0000:size=50x40 -frames:v 1 {options}", folder["a." + extension]);
        RgbImage image = RgbImage.Load(folder["a." + extension]);
        Assert.Equal((50, 40), (image.Width, image.Height));
        Assert.InRange(image.Pixels[0], 249, 255);
        Assert.InRange(image.Pixels[1], 0, 6);
        Assert.InRange(image.Pixels[2], 0, 6);
    }

    [Fact]
    public void A_folder_plays_its_pictures_in_the_order_of_their_numbers()
    {
        using TempFolder folder = new();
        string frames = Directory.CreateDirectory(folder["frames"]).FullName;
        foreach (int number in new[] { 10, 9, 1, 100 })
        {
            if (number == 9) Ff.Mpeg($"-f lavfi -i color=0x{number:x2}{number:x2}{number:x2}:size=64x64 -frames:v 1",
                Path.Combine(frames, "f9.bmp"));
            else Pictures.Flat(64, number, number, number).Save(Path.Combine(frames, $"f{number}.png"));
        }
        File.WriteAllText(Path.Combine(frames, "notes.txt"), "not a frame");
        File.WriteAllText(Path.Combine(frames, ".hidden.png"), "not a frame");
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], frames, folder["out.png"], new() { SideBySide = true });
        Assert.Equal((4, FrameRate.Default), (summary.Frames, summary.FrameRate));
        byte[] written = Ff.Decode(folder["out.png"], "rgb24");
        int[] seen = [.. Enumerable.Range(0, 4).Select(i => (int)written[i * 3 * 192 * 64 + 3 * 64])];
        Assert.Equal([1, 9, 10, 100], seen);
    }

    [Fact]
    public void A_single_driving_picture_gives_a_single_picture()
    {
        using TempFolder folder = new();
        Source.Save(folder["source.png"]);
        Pictures.Flat(30, 1, 2, 3).Save(folder["driving.png"]);
        using Animator animator = Animator();
        Assert.Equal(1, animator.Animate(folder["source.png"], folder["driving.png"], folder["out.png"]).Frames);
        Assert.Equal("png", Ff.Stream("v", "codec_name", folder["out.png"]));
    }

    /// <summary>Stored as 64x32 and to be shown turned by a quarter: the frames are 32x64.</summary>
    [Fact]
    public void Rotation_stored_in_a_video_is_applied()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x32:rate=25 -frames:v 3", folder["flat.mp4"]);
        byte[] file = File.ReadAllBytes(folder["flat.mp4"]);
        int matrix = file.AsSpan().IndexOf("tkhd"u8) + 44; // of the track header, 16.16 fixed point
        int[] quarterTurn = [0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30];
        for (int i = 0; i < 9; i++) BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(matrix + 4 * i), quarterTurn[i]);
        File.WriteAllBytes(folder["turned.mp4"], file);
        Assert.Contains("rotation", Ff.Probe("-show_entries stream_side_data=rotation -of default=nw=1", folder["turned.mp4"]));
        RgbImage flat = RgbImage.Load(folder["flat.mp4"]), turned = RgbImage.Load(folder["turned.mp4"]);
        Assert.Equal((64, 32), (flat.Width, flat.Height));
        Assert.Equal((32, 64), (turned.Width, turned.Height));
    }

    /// <summary>Ten frames at 20 a second, then ten at 10: 1.5 s for 20 frames.</summary>
    [Fact]
    public void A_clip_of_changing_rate_is_resampled_to_its_mean_rate_so_that_sound_stays_in_step()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=20 -frames:v 20 -vf settb=1/1000,setpts='if(lt(N,10),N/20,0.5+(N-10)/10)/TB' "
            + "-fps_mode vfr -enc_time_base -1", folder["driving.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"]);
        Assert.Equal(1.5, summary.FrameRate.Seconds(summary.Frames), 0.12);
    }

    [Theory]
    [InlineData("-y.bmp")]
    [InlineData("a%03d.bmp")]
    [InlineData("http:x.bmp")]
    [InlineData("concat:a|b.bmp")]
    [InlineData("it's a \"name\" é #1.bmp")]
    public void No_file_name_means_anything_to_ffmpeg(string name)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i color=red:size=20x20 -frames:v 1", folder["plain.bmp"]);
        File.Move(folder["plain.bmp"], folder[name]);
        Assert.Equal(20, RgbImage.Load(folder[name]).Width);
    }

    [Theory]
    [InlineData("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", "-vsync")]
    [InlineData("ffmpeg version 5.0.1 Copyright", "-vsync")]
    [InlineData("ffmpeg version 5.1.9-0+deb12u1 Copyright", "-fps_mode")]
    [InlineData("ffmpeg version n7.1-static", "-fps_mode")]
    [InlineData("ffmpeg version 10.0", "-fps_mode")]
    [InlineData("ffmpeg version N-125875-g5d4d3bdc61 Copyright", "-fps_mode")]
    public void The_name_of_an_option_depends_on_the_version(string version, string option) =>
        Assert.Equal(option, Lia.Media.Ffmpeg.FfmpegReader.SyncOptionOf(version));

    [Fact]
    public void A_playlist_cannot_open_what_is_not_a_file()
    {
        using TempFolder folder = new();
        File.WriteAllText(folder["a.m3u8"], "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n");
        Assert.Throws<MediaException>(() => RgbImage.Load(folder["a.m3u8"]));
    }

    /// <summary>Delays of the frames of an animated WebP in milliseconds, from its chunks ANMF (ffmpeg of today cannot decode
    /// them).</summary>
    private static int[] WebpDelays(byte[] file)
    {
        List<int> delays = [];
        for (int at = 12; at + 8 <= file.Length;)
        {
            int length = BitConverter.ToInt32(file, at + 4);
            if (System.Text.Encoding.ASCII.GetString(file, at, 4) == "ANMF")
                delays.Add(file[at + 20] | file[at + 21] << 8 | file[at + 22] << 16);
            at += 8 + length + (length & 1);
        }
        return [.. delays];
    }
}
