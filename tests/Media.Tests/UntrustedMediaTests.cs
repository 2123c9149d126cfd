using System.Diagnostics;
using System.Text;
using Lia.Media.Ffmpeg;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Png;

namespace Lia.Tests;

/// <summary>Files that want more than to be looked at: other files, other programs, hours of work.</summary>
public class UntrustedMediaTests
{
    private const string Dash = """
        <?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static"
        mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period><AdaptationSet><Representation id="1" mimeType="video/mp4" codecs="avc1"
        bandwidth="1000"><BaseURL>secret.mp4</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>
        """;

    private static readonly Dictionary<string, string> Playlists = new()
    {
        ["HLS"] = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        ["ffconcat"] = "ffconcat version 1.0\nfile secret.mp4\n",
        ["DASH"] = Dash,
    };

    public static MatrixTheoryData<string, string> NamedPlaylists => new([.. Playlists.Keys], ["mp4", "jpg", "m3u8", "mpd", "txt", "mkv"]);

    [Theory, MemberData(nameof(NamedPlaylists))]
    public void Playlists_are_refused_by_name_whatever_they_are_called(string kind, string extension)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 5", folder["secret.mp4"]);
        string file = folder["a." + extension];
        File.WriteAllText(file, Playlists[kind]);
        Refused(() => FrameReaders.Open(file, default, default).Dispose());
        Refused(() => RgbImage.Load(file));

        void Refused(Action opening) =>
            Assert.Equal($"{file}: it is a playlist ({kind}), which names other files; these are not opened. Give the video itself.",
                Assert.Throws<MediaException>(opening).Message);
    }

    /// <summary>What is in the list of formats and what the pages promise is read.</summary>
    [Theory]
    [InlineData("clip.mp4")]
    [InlineData("clip.mov")]
    [InlineData("clip.mkv")]
    [InlineData("clip.webm")]
    [InlineData("clip.avi")]
    [InlineData("clip.mpg")]
    [InlineData("clip.ts")]
    [InlineData("clip.wmv")]
    [InlineData("clip.flv")]
    [InlineData("clip.ogv")]
    [InlineData("clip.gif")]
    [InlineData("clip.mjpeg")]
    [InlineData("clip.h264")]
    public void Clips_are_read(string name)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 5", folder[name]);
        using IFrameReader reader = FrameReaders.Open(folder[name], default, default);
        Assert.Equal(64, reader.Read()!.Width);
    }

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.bmp")]
    [InlineData("a.webp")]
    [InlineData("a.tif")]
    [InlineData("a.gif")]
    [InlineData("a.tga")]
    [InlineData("a.ppm")]
    [InlineData("a.jp2")]
    [InlineData("a%03d.jpg")]
    public void Pictures_are_read(string name)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x48 -frames:v 1 -update 1", folder[name.Replace("%03d", "")]);
        if (name.Contains('%')) File.Move(folder["a.jpg"], folder[name]);
        RgbImage picture = RgbImage.Load(folder[name]);
        Assert.Equal((64, 48), (picture.Width, picture.Height));
    }

    /// <summary>Frames that each change a pixel of the largest canvas.</summary>
    private static byte[] CanvasBomb(int frames)
    {
        byte[] pixel = PngBuilder.Compress(1, 1, 8, 3, false, (_, _, _) => 0);
        PngBuilder png = new PngBuilder().Header(8192, 8192, 1, 0).Animation(frames);
        // A canvas of one bit a pixel, all zero, is a megabyte that deflates to a thousand bytes; the file is filled up so that it may
        // hold it.
        byte[] canvas = PngBuilder.Compress(1, 1, 8, 1, false, (_, _, _) => 0);
        png.FrameControl(1, 1, 0, 0, 1, 25).Chunk("IDAT", canvas).Chunk("teXt", new byte[10_000]);
        for (int i = 1; i < frames; i++) png.FrameControl(1, 1, 0, 0, 1, 25).FrameData(pixel);
        return png.End().ToArray();
    }

    [Fact]
    public void A_clip_makes_no_more_work_than_its_file_is_long()
    {
        using TempFolder folder = new();
        byte[] bomb = CanvasBomb(300);
        File.WriteAllBytes(folder["bomb.png"], bomb);
        Stopwatch watch = Stopwatch.StartNew();
        MediaException refusal = Assert.Throws<MediaException>(() => FrameReaders.Open(folder["bomb.png"], default, default));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.StartsWith($"{folder["bomb.png"]}: 300 frames of 8192x8192 are 20,132,659,200 pixels, too many for a file of "
            + $"{bomb.Length:N0} bytes, which may have ", refusal.Message);
        // The first of them are no work, and a still picture is one frame.
        FrameReaders.Open(folder["bomb.png"], new(10, default), default).Dispose();
    }

    [Fact]
    public void The_limit_counts_what_comes_and_lets_long_clips_pass()
    {
        // An hour of 1920 x 1080 at 25 frames a second and 100 kbit/s: a slide with a voice.
        new WorkLimit("slide.mp4", 45_000_000).Take(90_000, 1920, 1080);
        new WorkLimit("huge.mp4", long.MaxValue).Take(int.MaxValue, 8192, 8192);
        WorkLimit limit = new("empty.gif", 0);
        for (int i = 0; i < 64; i++) limit.Take(1, 8192, 8192);
        MediaException refusal = Assert.Throws<MediaException>(() => limit.Take(1, 8192, 8192));
        Assert.Equal("empty.gif: 65 frames of 8192x8192 are 4,362,076,160 pixels, too many for a file of 0 bytes, which may have "
            + "4,294,967,296.", refusal.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("[]")]
    [InlineData("3")]
    [InlineData("{\"streams\": 3}")]
    [InlineData("{\"streams\": [3, null, []]}")]
    [InlineData("{\"streams\": [{\"codec_type\": \"\\ud800\"}]}")]
    [InlineData("{\"streams\": [{\"codec_type\": \"video\", \"width\": 1e99, \"r_frame_rate\": \"0/0\", \"duration\": \"inf\"}], "
        + "\"format\": 7}", false)]
    public void What_ffprobe_says_may_be_anything(string json, bool isRefused = true)
    {
        Exception? failure = Record.Exception(() => VideoProbe.Parse(Encoding.UTF8.GetBytes(json), "clip.mp4"));
        if (isRefused) Assert.StartsWith("clip.mp4: ", Assert.IsType<MediaException>(failure).Message);
        else Assert.Null(failure);
    }

    [Fact]
    public void What_ffprobe_says_need_not_be_text()
    {
        byte[] json = [.. "{\"streams\": [{\"codec_type\": \""u8, 0xff, .. "\"}]}"u8];
        Assert.Throws<MediaException>(() => VideoProbe.Parse(json, "clip.mp4"));
    }

    [Fact]
    public void Programs_are_those_of_absolute_folders_that_may_be_run()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Its programs are told by their extension.");
        using TempFolder folder = new();
        foreach (string name in (string[])["a/tool", "b/tool", "c/tool/x"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder[name])!);
            File.WriteAllText(folder[name], "");
        }
        Disk.SetMode(folder["b/tool"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, folder["b"]);
        Assert.Equal(folder["b/tool"],
            Programs.Find("tool", $":.:{relative}:{folder["none"]}:{folder["c"]}:{folder["a"]}:{folder["b"]}", null));
        Assert.Null(Programs.Find("tool", $"{relative}:.::", null));
        Assert.Null(Programs.Find("tool", null, null));
        // As on Windows: what a shell would run is not looked for.
        File.Copy(folder["b/tool"], folder["b/tool.exe"]);
        File.Copy(folder["b/tool"], folder["b/tool.bat"]);
        Assert.Equal(folder["b/tool.exe"], Programs.Find("tool", folder["b"], ".COM;.BAT;.EXE"));
        Assert.Null(Programs.Find("tool", folder["b"], ".BAT;.CMD"));
    }

    /// <summary>Cut off anywhere, a file is known not to be whole; and whole, to have its frames.</summary>
    [Theory]
    [InlineData(".mp4", "-c:v libx264 -movflags +faststart")]
    [InlineData(".mp4", "-c:v libx264")]
    [InlineData(".mov", "-c:v libx264 -movflags +faststart")]
    [InlineData(".mkv", "-c:v libx264")]
    [InlineData(".webm", "-c:v libvpx")]
    [InlineData(".gif", "")]
    [InlineData(".webp", "-c:v libwebp")]
    public void An_encoded_file_is_whole_or_refused(string format, string how)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc2=size=32x32:rate=25 -frames:v 5 {how}", folder["clip" + format]);
        byte[] whole = File.ReadAllBytes(folder["clip" + format]);
        using FileStream file = new(folder["cut"], FileMode.Create);
        file.Write(whole);
        file.Flush();
        EncodedClip.Check("clip", file, format, 5, "");
        Assert.Contains("it has 5 of 6 frames",
            Assert.Throws<MediaException>(() => EncodedClip.Check("clip", file, format, 6, "")).Message);
        for (int length = whole.Length - 1; length >= 0; length -= 1 + length / 200)
        {
            file.SetLength(length);
            string message = Assert.Throws<MediaException>(() => EncodedClip.Check("clip", file, format, 5, "said")).Message;
            Assert.StartsWith("clip: cannot be written: the encoder reported no error, but the file it made is not whole: it ", message);
            Assert.EndsWith(" (said).", message);
        }
    }
}
