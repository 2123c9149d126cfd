using Lia.Media.Png;

namespace Lia.Tests;

/// <summary>The PNG reader against files built from the specification, with ffmpeg's decoder as a second opinion.</summary>
public class PngReaderTests
{
    public static TheoryData<int, int, bool, int, int> Kinds()
    {
        TheoryData<int, int, bool, int, int> kinds = [];
        foreach ((int color, int[] depths) in new[] { (0, new[] { 1, 2, 4, 8, 16 }), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]),
            (6, [8, 16]) })
            foreach (int depth in depths)
                foreach (bool interlaced in new[] { false, true })
                    foreach ((int width, int height) in new[] { (1, 1), (3, 2), (9, 7), (33, 21) })
                        kinds.Add(color, depth, interlaced, width, height);
        return kinds;
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_color_type_depth_and_interlacing_is_read(int color, int depth, bool interlaced, int width, int height)
    {
        using TempFolder folder = new();
        int channels = color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        int[,,] samples = RandomSamples(width, height, channels, 1 << depth, seed: width);
        byte[] palette = RandomBytes(3 << Math.Min(depth, 8), 5);
        PngBuilder png = new PngBuilder().Header(width, height, depth, color, interlaced).Chunk("gAMA", 0, 0, 0xb1, 0x8f);
        if (color == 3) png.Chunk("PLTE", palette);
        png.Data(PngBuilder.Compress(width, height, depth, channels, interlaced, (x, y, c) => samples[y, x, c]))
            .Chunk("tEXt", "Comment\0behind the data"u8).End();
        File.WriteAllBytes(folder["a.png"], png.ToArray());

        byte[] expected = new byte[3 * width * height];
        for (int i = 0; i < expected.Length; i++)
        {
            int x = i / 3 % width, y = i / 3 / width, c = i % 3;
            int sample = samples[y, x, color is 2 or 6 ? c : 0];
            expected[i] = (byte)(color == 3 ? palette[3 * sample + c] : depth == 16 ? sample >> 8 : sample * 255 / ((1 << depth) - 1));
        }
        RgbImage image = RgbImage.Load(folder["a.png"]);
        Assert.Equal((width, height), (image.Width, image.Height));
        Assert.Equal(expected, image.Pixels);

        string format = color switch
        {
            0 => depth == 16 ? "gray16be" : "gray",
            4 => depth == 16 ? "ya16be" : "ya8",
            6 => depth == 16 ? "rgba64be" : "rgba",
            _ => depth == 16 ? "rgb48be" : "rgb24",
        };
        int sampleBytes = depth == 16 ? 2 : 1, pixelBytes = sampleBytes * (color == 3 ? 3 : channels);
        byte[] decoded = Ff.Decode(folder["a.png"], format);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(decoded[i / 3 * pixelBytes + (color is 0 or 4 ? 0 : i % 3 * sampleBytes)], image.Pixels[i]);
    }

    [Theory]
    [InlineData("rgb24", "mixed", "")]
    [InlineData("rgba", "paeth", "")]
    [InlineData("rgb48be", "avg", "-flags +ildct")]
    [InlineData("gray", "sub", "-flags +ildct")]
    [InlineData("pal8", "none", "")]
    [InlineData("monob", "up", "-flags +ildct")]
    public void Pictures_of_ffmpegs_encoder_are_read(string format, string filter, string flags)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc=size=101x67 -frames:v 1 -pix_fmt {format} -pred {filter} {flags}", folder["a.png"]);
        bool wide = format == "rgb48be", gray = format is "gray" or "monob";
        byte[] decoded = Ff.Decode(folder["a.png"], wide ? format : gray ? "gray" : "rgb24");
        byte[] expected = [.. Enumerable.Range(0, 3 * 101 * 67).Select(i => decoded[wide ? 2 * i : gray ? i / 3 : i])];
        Assert.Equal(expected, RgbImage.Load(folder["a.png"]).Pixels);
    }

    [Fact]
    public void Transparency_is_dropped_and_the_stored_colors_show()
    {
        using TempFolder folder = new();
        File.WriteAllBytes(folder["rgba.png"], new PngBuilder().Header(2, 1, 8, 6)
            .Data(PngBuilder.Compress(2, 1, 8, 4, false, (x, _, c) => c == 3 ? 0 : 10 * x + c)).End().ToArray());
        Assert.Equal([0, 1, 2, 10, 11, 12], RgbImage.Load(folder["rgba.png"]).Pixels);

        File.WriteAllBytes(folder["palette.png"], new PngBuilder().Header(2, 1, 8, 3).Chunk("PLTE", 1, 2, 3, 4, 5, 6).Chunk("tRNS", 0, 128)
            .Data(PngBuilder.Compress(2, 1, 8, 1, false, (x, _, _) => 1 - x)).End().ToArray());
        Assert.Equal([4, 5, 6, 1, 2, 3], RgbImage.Load(folder["palette.png"]).Pixels);
    }

    [Fact]
    public void A_damaged_file_is_refused_with_its_name_and_the_reason()
    {
        byte[] data = PngBuilder.Compress(4, 4, 8, 3, false, (x, y, c) => x + y + c);
        byte[] good = new PngBuilder().Header(4, 4, 8, 2).Data(data).End().ToArray();
        byte[] wrongCrc = [.. good];
        wrongCrc[8 + 25 + 10] ^= 1;
        Refused(wrongCrc, "the checksum of the chunk IDAT is wrong");
        Refused(good[..^20], "ends");
        Refused(good[..48], "the file ends before");
        Refused(good[..10], "the file ends early");
        Refused([.. good[..8], .. good[33..]], "the first chunk is not IHDR");
        Refused(new PngBuilder().Header(4, 4, 3, 0).Data(data).End().ToArray(), "there is no colour type 0 with 3 bits");
        Refused(new PngBuilder().Header(4, 4, 8, 5).Data(data).End().ToArray(), "there is no colour type 5");
        Refused(new PngBuilder().Header(0, 4, 8, 2).Data(data).End().ToArray(), "its size is 0x4");
        Refused(new PngBuilder().Header(4, 5, 8, 2).Data(data).End().ToArray(), "the image data ends early");
        Refused(new PngBuilder().Header(4, 4, 8, 2).End().ToArray(), "there is no image data");
        Refused(new PngBuilder().Header(4, 4, 8, 2).Data([.. data[..4], .. data[6..]]).End().ToArray(), "");
        Refused(new PngBuilder().Header(4, 4, 8, 2).Chunk("ABCD", 1).Data(data).End().ToArray(), "the critical chunk ABCD");
        Refused(new PngBuilder().Header(4, 4, 8, 3).Data(PngBuilder.Compress(4, 4, 8, 1, false, (_, _, _) => 0)).End().ToArray(),
            "there is no palette");
        Refused(new PngBuilder().Header(4, 4, 8, 3).Chunk("PLTE", 1, 2, 3).Data(PngBuilder.Compress(4, 4, 8, 1, false, (_, _, _) => 1))
            .End().ToArray(), "there is no palette entry 1");
        Refused(new PngBuilder().Header(4, 4, 8, 2).Animation(2).FrameControl(4, 4, 0, 0, 1, 10).Data(data).FrameControl(4, 4, 1, 0, 1, 10)
            .FrameData(data).End().ToArray(), "is not on the canvas");
        Refused(new PngBuilder().Header(4, 4, 8, 2).Animation(3).FrameControl(4, 4, 0, 0, 1, 10).Data(data).End().ToArray(),
            "it says that it has 3 frames, but there are 1");
    }

    [Theory]
    [InlineData(20000, 20000)]
    [InlineData(8192, 8193)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(70000, 1)]
    public void A_picture_beyond_the_limit_is_refused_before_memory_is_taken_for_it(int width, int height)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(new PngBuilder().Header(width, height, 1, 0).Data(new byte[64]).End().ToArray(), $"{width}x{height} is too large");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_file_too_short_for_its_picture_is_refused_before_memory_is_taken_for_it()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(new PngBuilder().Header(8192, 8192, 8, 2).Data(new byte[64]).End().ToArray(), "cannot hold 8192x8192 pixels");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Deflate data that goes on for ever is read no further than the picture goes.</summary>
    [Fact]
    public void Data_beyond_the_picture_is_not_expanded()
    {
        using TempFolder folder = new();
        byte[] bomb = PngBuilder.Compress(1024, 4096, 8, 1, false, (_, _, _) => 0);
        File.WriteAllBytes(folder["bomb.png"], new PngBuilder().Header(2, 2, 8, 0).Data(bomb).End().ToArray());
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(2, RgbImage.Load(folder["bomb.png"]).Width);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Whatever happens to a file, the reader gives frames or says what is wrong.</summary>
    [Fact]
    public void Mutated_files_are_read_or_refused_and_nothing_else()
    {
        Random random = new(20);
        byte[] small = PngBuilder.Compress(5, 4, 8, 4, true, (x, y, c) => 40 * x + y * c);
        byte[][] seeds =
        [
            new PngBuilder().Header(5, 4, 8, 6, true).Data(small).End().ToArray(),
            new PngBuilder().Header(9, 3, 2, 3).Chunk("PLTE", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).Chunk("tRNS", 0, 1)
                .Data(PngBuilder.Compress(9, 3, 2, 1, false, (x, y, _) => x + y & 3)).End().ToArray(),
            new PngBuilder().Header(5, 4, 8, 6, true).Animation(3).FrameControl(5, 4, 0, 0, 1, 10, 2, 1).Data(small)
                .FrameControl(5, 4, 0, 0, 1, 10, 1, 1).FrameData(small).FrameControl(5, 4, 0, 0, 2, 10, 2).FrameData(small).End().ToArray(),
        ];
        using TempFolder folder = new();
        int refused = 0, read = 0;
        for (int i = 0; i < 6000; i++)
        {
            byte[] file = Mutate(seeds[i % seeds.Length], random);
            File.WriteAllBytes(folder["a.png"], file);
            try
            {
                using PngReader reader = new(folder["a.png"]);
                while (reader.Read() is not null) { }
                read++;
            }
            catch (MediaException refusal)
            {
                Assert.DoesNotContain('\n', refusal.Message);
                refused++;
            }
        }
        // Both ways out are taken often, so the mutations reach behind the checksums.
        Assert.InRange(refused, 1000, 5700);
        Assert.InRange(read, 300, 5000);
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        byte[] file = [.. seed];
        for (int changes = random.Next(1, 3); changes > 0; changes--)
        {
            int at = random.Next(8, file.Length);
            switch (random.Next(10))
            {
                case < 4: file[at] = (byte)random.Next(256); break;
                case < 8: file[at] ^= (byte)(1 << random.Next(8)); break;
                case 8: file = [.. file[..at], .. file[Math.Min(file.Length, at + random.Next(1, 9))..]]; break;
                default: file = [.. file[..at], (byte)random.Next(256), .. file[at..]]; break;
            }
            if (file.Length < 40) return file;
        }
        // Two in three get right checksums again, wherever their chunks still hang together.
        for (int at = 8; random.Next(3) > 0 || at > 8;)
        {
            if (at + 12 > file.Length) break;
            int length = file[at] << 24 | file[at + 1] << 16 | file[at + 2] << 8 | file[at + 3];
            if (length < 0 || length > file.Length - at - 12) break;
            uint crc = PngBuilder.Crc(file.AsSpan(at + 4, length + 4));
            for (int b = 0; b < 4; b++) file[at + 8 + length + b] = (byte)(crc >> (24 - 8 * b));
            at += 12 + length;
        }
        return file;
    }

    private static void Refused(byte[] file, string reason)
    {
        using TempFolder folder = new();
        File.WriteAllBytes(folder["bad.png"], file);
        MediaException refusal = Assert.Throws<MediaException>(() =>
        {
            using PngReader reader = new(folder["bad.png"]);
            while (reader.Read() is not null) { }
        });
        Assert.StartsWith(folder["bad.png"] + ": ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private static int[,,] RandomSamples(int width, int height, int channels, int limit, int seed)
    {
        Random random = new(seed);
        int[,,] samples = new int[height, width, channels];
        for (int i = 0; i < samples.Length; i++) samples[i / channels / width, i / channels % width, i % channels] = random.Next(limit);
        return samples;
    }

    private static byte[] RandomBytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
