using System.Text;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Raw;
using Raw = Lia.Media.IO.RawVideo;

namespace Lia.Tests;

/// <summary>yuv4mpeg and RGB24, in and out: against the formulas in double precision, and against ffmpeg.</summary>
public class RawVideoTests
{
    private static readonly FrameRate Rate = new(25);

    /// <summary>For each sampling, how many pixels across and down share a color; none where there is none.</summary>
    private static readonly Dictionary<string, (int Across, int Down)> Shares = new()
    {
        ["420jpeg"] = (2, 2),
        ["420mpeg2"] = (2, 2),
        ["420paldv"] = (2, 2),
        ["420"] = (2, 2),
        ["422"] = (2, 1),
        ["444"] = (1, 1),
        ["mono"] = (0, 0),
    };

    private static IFrameReader Open(Stream stream, Raw raw = default) => RawReaders.Open(stream, "pipe", raw, default);

    private static List<RgbImage> ReadAll(IFrameReader reader)
    {
        List<RgbImage> frames = [];
        while (reader.Read() is RgbImage frame) frames.Add(new RgbImage(frame.Width, frame.Height, [.. frame.Pixels]));
        return frames;
    }

    private static byte[] Write(RawOutput format, int width, int height, params RgbImage[] frames)
    {
        using MemoryStream stream = new();
        using RawWriter writer = RawWriter.ToStream(stream, "pipe", width, height, Rate, format, default);
        foreach (RgbImage frame in frames) writer.Write(frame.Pixels);
        writer.Complete();
        return stream.ToArray();
    }

    /// <summary>By its length: how many go together, and how long it takes, are known from the start. The last one may be cut
    /// off.</summary>
    [Theory]
    [InlineData("420jpeg")]
    [InlineData("422")]
    [InlineData("444")]
    [InlineData("mono")]
    [InlineData(null)] // RGB24, which has as many bytes as 4:4:4
    public void A_file_tells_how_many_frames_it_has_and_a_stream_does_not(string? sampling)
    {
        const int Width = 17, Height = 9;
        using TempFolder folder = new();
        (int across, int down) = Shares[sampling ?? "444"];
        byte[][] planes = [.. Enumerable.Range(0, 3).Select(i => RawVideo.Planes(Width, Height, across, down, i))];
        byte[] bytes = sampling is null ? [.. planes.SelectMany(frame => frame)]
            : RawVideo.Yuv($"W{Width} H{Height} F25:1 C{sampling}", planes);
        Raw raw = sampling is null ? new(RawInput.Rgb24, new(Width, Height), Rate) : default;
        foreach ((int cut, int whole) in new[] { (0, 3), (1, 2), (planes[0].Length + 7, 1) })
        {
            File.WriteAllBytes(folder["clip"], bytes[..^cut]);
            using IFrameReader file = RawReaders.Open(folder["clip"], raw, default);
            Assert.Equal(whole, file.Count);
            for (int i = 0; i < whole; i++) Assert.NotNull(file.Read());
            if (cut == 0) Assert.Null(file.Read());
            Assert.Equal(whole, file.Count);
        }
        Assert.Null(Open(new MemoryStream(bytes), raw).Count);
    }

    public static MatrixTheoryData<string, string, string> SamplingsSizesAndRanges =>
        new([.. Shares.Keys], ["16x8", "17x9", "1x1"], ["", "LIMITED", "FULL"]);

    public static MatrixTheoryData<string, string> SamplingsAndRanges => new([.. Shares.Keys], ["", " XCOLORRANGE=FULL"]);

    public static MatrixTheoryData<RawOutput, string> FormatsAndSizes =>
        new([RawOutput.Auto, RawOutput.Yuv4Mpeg, RawOutput.Yuv4Mpeg420], ["16x8", "17x9", "1x1"]);

    [Theory, MemberData(nameof(SamplingsSizesAndRanges))]
    public void Colors_are_those_of_the_formulas(string sampling, string size, string range)
    {
        (int across, int down) = Shares[sampling];
        Assert.True(FrameSize.TryParse(size, out FrameSize parsed));
        (int width, int height) = (parsed.Width, parsed.Height);
        bool isFull = range == "FULL" || range == "" && across == 0; // grey that says nothing is full
        byte[] planes = RawVideo.Planes(width, height, across, down, 7);
        RgbImage image = Open(new MemoryStream(
            RawVideo.Yuv($"W{width} H{height} F25:1 C{sampling}{(range == "" ? "" : " XCOLORRANGE=" + range)}", planes))).Read()!;
        int columns = across == 0 ? 0 : (width + across - 1) / across, plane = across == 0 ? 0
            : columns * ((height + down - 1) / down);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = width * height + (across == 0 ? 0 : y / down * columns + x / across);
                double[] expected = RawVideo.Color(planes[y * width + x], across == 0 ? 128 : planes[at], across == 0 ? 128
                    : planes[at + plane], isFull);
                for (int c = 0; c < 3; c++) Assert.Equal(expected[c], image.Pixels[3 * (y * width + x) + c], 0.502);
            }
        }
    }

    /// <summary>ffmpeg's conversion is asked to be exact; it then rounds what we round. (Colours far out of range overflow in
    /// it.)</summary>
    [Theory, MemberData(nameof(SamplingsAndRanges))]
    public void Colors_are_those_of_ffmpeg_to_one_level(string sampling, string range)
    {
        (int across, int down) = Shares[sampling];
        using TempFolder folder = new();
        File.WriteAllBytes(folder["in.y4m"],
            RawVideo.Yuv($"W64 H32 F25:1 C{sampling}{range}", RawVideo.Planes(64, 32, across, down, 3, isMild: true),
                RawVideo.Planes(64, 32, across, down, 4, isMild: true)));
        Ff.Mpeg($"-i {folder["in.y4m"]} -sws_flags neighbor+accurate_rnd+full_chroma_int+full_chroma_inp -f rawvideo -pix_fmt rgb24",
            folder["out.rgb"]);
        byte[] expected = File.ReadAllBytes(folder["out.rgb"]), actual = ReadAll(Open(File.OpenRead(folder["in.y4m"]))).Pixels();
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    [Theory, MemberData(nameof(FormatsAndSizes))]
    public void What_is_written_is_what_the_formulas_say(RawOutput format, string size)
    {
        (string sampling, int share) = format == RawOutput.Yuv4Mpeg420 ? ("420jpeg", 2) : ("444", 1);
        Assert.True(FrameSize.TryParse(size, out FrameSize parsed));
        (int width, int height) = (parsed.Width, parsed.Height);
        RgbImage image = Pictures.Noise(width, height, 5);
        byte[] file = Write(format, width, height, image);
        byte[] header = Encoding.ASCII.GetBytes($"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{sampling} XCOLORRANGE=LIMITED\nFRAME\n");
        Assert.Equal(header, file[..header.Length]);
        int columns = (width + share - 1) / share, rows = (height + share - 1) / share, plane = columns * rows;
        byte[] planes = file[header.Length..];
        Assert.Equal(width * height + 2 * plane, planes.Length);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) Assert.Equal(Mean(x, y, 1)[0], planes[y * width + x], 0.502);
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                double[] expected = Mean(share * x, share * y, share);
                Assert.Equal(expected[1], planes[width * height + y * columns + x], 0.502);
                Assert.Equal(expected[2], planes[width * height + plane + y * columns + x], 0.502);
            }
        }

        double[] Mean(int left, int top, int side)
        {
            double[] sum = new double[3];
            for (int i = 0; i < side * side; i++)
            {
                int at = 3 * (Math.Min(top + i / side, height - 1) * width + Math.Min(left + i % side, width - 1));
                for (int c = 0; c < 3; c++) sum[c] += image.Pixels[at + c] / (double)(side * side);
            }
            return RawVideo.Limited(sum[0], sum[1], sum[2]);
        }
    }

    /// <summary>Large pictures are divided among threads. Small ones, which are not, are held against the formulas above.</summary>
    [Theory, InlineData(1, 1, true), InlineData(1, 0, true), InlineData(0, 0, true), InlineData(0, 0, false)]
    public void Rows_of_a_large_picture_are_what_they_are_in_a_small_one(int across, int down, bool hasColor)
    {
        const int Width = 644, Height = 411;
        Chroma chroma = new(across, down, hasColor);
        int columns = chroma.Width(Width), plane = columns * chroma.Height(Height);
        byte[] planes = new byte[chroma.FrameBytes(Width, Height)];
        new Random(8).NextBytes(planes);
        RgbImage large = new(Width, Height);
        YuvColors.Limited.ToRgb(planes, chroma, large);
        bool isWritten = hasColor && across == down;
        byte[] back = new byte[planes.Length];
        if (isWritten) YuvColors.FromRgb(large.Pixels, Width, Height, chroma, back);
        for (int y = 0; y < Height; y += 2)
        {
            int rows = Math.Min(2, Height - y), row = (y >> down) * columns, colors = chroma.Height(rows) * columns;
            RgbImage small = new(Width, rows);
            YuvColors.Limited.ToRgb(Rows(planes), chroma, small);
            Span<byte> pixels = large.Pixels.AsSpan(3 * Width * y, 3 * Width * rows);
            Assert.True(pixels.SequenceEqual(small.Pixels), $"to RGB, row {y}");
            if (!isWritten) continue;
            byte[] alone = new byte[chroma.FrameBytes(Width, rows)];
            YuvColors.FromRgb(pixels, Width, rows, chroma, alone);
            Assert.True(alone.AsSpan().SequenceEqual(Rows(back)), $"from RGB, row {y}");

            byte[] Rows(byte[] of) =>
            [
                .. of.AsSpan(Width * y, Width * rows), .. of.AsSpan(Width * Height + row, colors),
                .. of.AsSpan(Width * Height + plane + row, colors),
            ];
        }
    }

    [Fact]
    public void Ffmpeg_reads_what_is_written_and_makes_the_same_of_the_same_colors()
    {
        using TempFolder folder = new();
        RgbImage[] frames = [Pictures.Noise(64, 48, 1), Pictures.Noise(64, 48, 2)];
        foreach (string name in new[] { "a.y4m", "a.rgb" })
        {
            using IFrameWriter writer = FrameWriters.Open(
                folder[name], 64, 48, new FrameRate(30000, 1001), null, RawOutput.Auto, null, default);
            foreach (RgbImage frame in frames) writer.Write(frame.Pixels);
            writer.Complete();
        }
        Assert.Equal(frames.Pixels(), File.ReadAllBytes(folder["a.rgb"]));
        Assert.Equal(("30000/1001", "yuv444p", 2),
            (Ff.Stream("v", "r_frame_rate", folder["a.y4m"]), Ff.Stream("v", "pix_fmt", folder["a.y4m"]), Ff.CountFrames(folder["a.y4m"])));
        Ff.Mpeg($"-f rawvideo -pix_fmt rgb24 -s 64x48 -r 30000/1001 -i {folder["a.rgb"]} -pix_fmt yuv444p -f yuv4mpegpipe -strict -1",
            folder["b.y4m"]);
        byte[] ours = Ff.Decode(folder["a.y4m"], "yuv444p"), theirs = Ff.Decode(folder["b.y4m"], "yuv444p");
        Assert.All(ours.Zip(theirs), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    /// <summary>Limited range has 219 steps for 255, and colour 224: what comes back is off by two at most.</summary>
    [Fact]
    public void Full_color_survives_the_way_out_and_in()
    {
        RgbImage image = Pictures.Noise(64, 64, 9);
        RgbImage back = Open(new MemoryStream(Write(RawOutput.Yuv4Mpeg, 64, 64, image))).Read()!;
        Assert.All(image.Pixels.Zip(back.Pixels), pair => Assert.InRange(pair.First - pair.Second, -2, 2));
        Assert.Equal(image.Pixels, Write(RawOutput.Rgb24, 64, 64, image));
        for (int gray = 0; gray < 256; gray++)
        {
            RgbImage flat = new(1, 1, [(byte)gray, (byte)gray, (byte)gray]);
            byte[] seen = Open(new MemoryStream(Write(RawOutput.Yuv4Mpeg, 1, 1, flat))).Read()!.Pixels;
            Assert.True(seen[0] == seen[1] && seen[1] == seen[2]); // grey stays grey
        }
    }

    [Fact]
    public void The_header_is_read_whatever_its_order_and_company()
    {
        byte[] planes = RawVideo.Planes(6, 4, 2, 2, 1);
        IFrameReader reader = Open(new MemoryStream(RawVideo.Yuv("XYSCSS=420JPEG A128:117 F30000:1001 It XODD=1 H4 W6", planes)));
        Assert.Equal(new FrameRate(30000, 1001), reader.Rate);
        Assert.Equal(Open(new MemoryStream(RawVideo.Yuv("W6 H4 F25:1 C420jpeg", planes))).Read()!.Pixels, reader.Read()!.Pixels);
        Assert.Null(reader.Read());
        Assert.Equal(new FrameRate(12), Open(new MemoryStream(RawVideo.Yuv("W6 H4 F0:0", planes)), new() { Rate = new(12) }).Rate);
    }

    [Fact]
    public void Frames_may_have_parameters_and_arrive_in_any_portions()
    {
        byte[] first = RawVideo.Planes(6, 4, 1, 1, 1), second = RawVideo.Planes(6, 4, 1, 1, 2);
        byte[] file = [.. "YUV4MPEG2 W6 H4 F25:1 C444\nFRAME Ip XANY=thing\n"u8, .. first, .. "FRAME\n"u8, .. second];
        byte[] expected = ReadAll(Open(new MemoryStream(RawVideo.Yuv("W6 H4 F25:1 C444", first, second)))).Pixels();
        foreach (int portion in new[] { 1, 7, 100, 10_000 }) Assert.Equal(expected, ReadAll(Open(new Dribble(file, portion))).Pixels());
        RgbImage[] frames = [Pictures.Noise(40, 50, 1), Pictures.Noise(40, 50, 2)];
        Raw raw = new() { Size = new(40, 50), Rate = Rate };
        foreach (int portion in new[] { 1, 4095, 4097 })
            Assert.Equal(frames.Pixels(), ReadAll(Open(new Dribble(frames.Pixels(), portion), raw)).Pixels());
    }

    [Fact]
    public void A_stream_of_unsaid_kind_is_told_by_how_it_begins()
    {
        Raw sized = new() { Size = new(6, 4), Rate = Rate };
        byte[] planes = RawVideo.Planes(6, 4, 1, 1, 1);
        Assert.IsType<Yuv4MpegReader>(Open(new MemoryStream(RawVideo.Yuv("W6 H4 F25:1 C444", planes)), sized));
        Assert.IsType<Rgb24Reader>(Open(new MemoryStream(planes), sized));
        // Told what it is, a stream is not looked at: these pixels happen to read YUV4MPEG2.
        byte[] odd = [.. RawVideo.Yuv("W6 H4 F25:1 C444", planes)[..72]];
        Assert.Equal(odd, Open(new MemoryStream(odd), sized with { Format = RawInput.Rgb24 }).Read()!.Pixels);
    }

    [Theory]
    [InlineData("", "pipe: it is empty.")]
    [InlineData("RIFF....AVI ", "at byte 0: it is not a yuv4mpeg stream")]
    [InlineData("YUV4MPEG2 W6 H4 F25:1", "at byte 21: the stream ends within a line")]
    [InlineData("YUV4MPEG2 H4 F25:1\n", "at byte 0: the yuv4mpeg header does not say how large the frames are")]
    [InlineData("YUV4MPEG2 W6 Hx F25:1\n", "at byte 13: Hx of the yuv4mpeg header is not an extent")]
    [InlineData("YUV4MPEG2 W6 H0 F25:1\n", "at byte 13: H0 of the yuv4mpeg header is not an extent")]
    [InlineData("YUV4MPEG2 W6 H4 F25\u002d1\n", "at byte 16: F25-1 of the yuv4mpeg header is not a frame rate")]
    [InlineData("YUV4MPEG2 W6 H4\n", "does not say the frame rate; give one (--fps)")]
    [InlineData("YUV4MPEG2 W6 H4 F25:1 C420p10\n", "the colour format C420p10 is not read")]
    [InlineData("YUV4MPEG2 W20000 H20000 F25:1\n", "20000x20000 is too large")]
    public void A_bad_header_is_named_with_its_place(string file, string reason)
    {
        MediaException refusal = Assert.Throws<MediaException>(() =>
            Open(new MemoryStream(Encoding.ASCII.GetBytes(file)), new() { Format = RawInput.Yuv4Mpeg }));
        Assert.StartsWith("pipe: ", refusal.Message);
        Assert.Contains(reason, refusal.Message);
    }

    [Fact]
    public void A_header_without_end_is_given_up()
    {
        byte[] file = [.. "YUV4MPEG2 W6 H4 F25:1 X"u8, .. Enumerable.Repeat((byte)'x', 1 << 20)];
        Assert.Contains("at byte 0: there is no line", Assert.Throws<MediaException>(() => Open(new MemoryStream(file))).Message);
    }

    [Fact]
    public void A_stream_that_breaks_off_is_told_with_frame_and_byte()
    {
        byte[] planes = RawVideo.Planes(6, 4, 1, 1, 1), file = RawVideo.Yuv("W6 H4 F25:1 C444", planes, planes);
        IFrameReader reader = Open(new MemoryStream(file[..^10]));
        Assert.NotNull(reader.Read());
        Assert.Equal($"pipe: at byte {file.Length - 10}: the stream ends within frame 1, of which 62 of 72 bytes are there.",
            Assert.Throws<MediaException>(() => reader.Read()).Message);

        reader = Open(new MemoryStream([.. file, .. "FRUME\n"u8]));
        ReadTwo(reader);
        Assert.Equal($"pipe: at byte {file.Length}: frame 2 of the yuv4mpeg stream does not begin with FRAME.",
            Assert.Throws<MediaException>(() => reader.Read()).Message);

        reader = Open(new MemoryStream(new byte[150]), new() { Size = new(6, 4), Rate = Rate });
        ReadTwo(reader);
        Assert.Equal("pipe: at byte 150: the stream ends within frame 2, of which 6 of 72 bytes are there.",
            Assert.Throws<MediaException>(() => reader.Read()).Message);

        static void ReadTwo(IFrameReader reader) => Assert.True(reader.Read() is not null && reader.Read() is not null);
    }

    [Fact]
    public void What_raw_video_does_not_say_must_be_given()
    {
        byte[] pixels = new byte[72];
        Assert.Contains("it is not a yuv4mpeg stream; raw RGB24 needs the size", Refusal(new()));
        Assert.Contains("raw RGB24 needs the size of its frames (--input-size)", Refusal(new() { Format = RawInput.Rgb24 }));
        Assert.Contains("raw RGB24 needs a frame rate (--fps)", Refusal(new() { Size = new(6, 4) }));
        Assert.Contains("its frames are 6x4, and the input size given is 4x6", Assert.Throws<MediaException>(() =>
            Open(new MemoryStream(RawVideo.Yuv("W6 H4 F25:1")), new() { Size = new(4, 6) })).Message);

        string Refusal(Raw raw) => Assert.Throws<MediaException>(() => Open(new MemoryStream(pixels), raw)).Message;
    }

    [Theory]
    [InlineData("640x480", true)]
    [InlineData("1x1", true)]
    [InlineData("0x480", false)]
    [InlineData("640", false)]
    [InlineData("640x480x3", false)]
    [InlineData("-1x4", false)]
    [InlineData("99999999999x4", false)]
    public void Sizes_are_read(string text, bool isSize)
    {
        Assert.Equal(isSize, FrameSize.TryParse(text, out FrameSize size));
        if (isSize) Assert.Equal(text, $"{size}");
    }
}
