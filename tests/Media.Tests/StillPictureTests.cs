using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Stills;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Tiff.Constants;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia.Tests;

/// <summary>Still pictures without ffmpeg: JPEG, WebP, BMP, TGA, TIFF and GIF, upright, whole, within limits.</summary>
public class StillPictureTests
{
    /// <summary>Encoders that lose nothing, so that the picture itself is the truth.</summary>
    private static readonly Dictionary<string, IImageEncoder> Lossless = new()
    {
        ["bmp24"] = new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel24 },
        ["bmp32"] = new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel32 },
        ["tga"] = new TgaEncoder { Compression = TgaCompression.None },
        ["tga-rle"] = new TgaEncoder { Compression = TgaCompression.RunLength },
        ["tif"] = new TiffEncoder { Compression = TiffCompression.None },
        ["tif-lzw"] = new TiffEncoder { Compression = TiffCompression.Lzw },
        ["tif-deflate"] = new TiffEncoder { Compression = TiffCompression.Deflate, HorizontalPredictor = TiffPredictor.Horizontal },
    };

    private static readonly Dictionary<string, IImageEncoder> Lossy = new()
    {
        ["jpg"] = new JpegEncoder { Quality = 95, ColorType = JpegColorType.YCbCrRatio444 },
        ["jpg-420"] = new JpegEncoder { Quality = 95, ColorType = JpegColorType.YCbCrRatio420 },
        ["webp"] = new WebpEncoder { FileFormat = WebpFileFormatType.Lossy, Quality = 95 },
        ["gif"] = new GifEncoder(),
    };

    public static TheoryData<string> LosslessKinds => [.. Lossless.Keys];

    public static TheoryData<string> Kinds => [.. Lossless.Keys, .. Lossy.Keys];

    /// <summary>A smooth picture in which every corner is another color.</summary>
    private static RgbImage Corners(int width, int height)
    {
        RgbImage image = new(width, height);
        for (int i = 0; i < width * height; i++)
        {
            (int x, int y) = (i % width, i / width);
            (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) =
                ((byte)(40 + 150 * x / width), (byte)(40 + 150 * y / height), (byte)(90 + 100 * (x + y) / (width + height)));
        }
        return image;
    }

    private static byte[] Encode(string kind, RgbImage image, Action<Image<Rgb24>>? edit = null)
    {
        using Image<Rgb24> picture = image.ToImageSharp();
        edit?.Invoke(picture);
        using MemoryStream stream = new();
        picture.Save(stream, Lossless.TryGetValue(kind, out IImageEncoder? encoder) ? encoder : Lossy[kind]);
        return stream.ToArray();
    }

    /// <summary>Writes bytes under a name that tells nothing, and reads them by the built-in decoders alone.</summary>
    private static RgbImage? Read(TempFolder folder, byte[] bytes, bool isClip = false, RgbColor? background = null)
    {
        File.WriteAllBytes(folder["picture"], bytes);
        return StillReader.TryRead(folder["picture"], isClip, background, CancellationToken.None);
    }

    private static double MostDifference(RgbImage a, RgbImage b) => a.Pixels.Zip(b.Pixels).Max(pair => Math.Abs(pair.First - pair.Second));

    private static double MeanDifference(RgbImage a, RgbImage b) =>
        a.Pixels.Zip(b.Pixels).Average(pair => Math.Abs(pair.First - pair.Second));

    [Theory]
    [MemberData(nameof(LosslessKinds))]
    public void Formats_that_lose_nothing_give_the_very_pixels(string kind)
    {
        using TempFolder folder = new();
        foreach ((int width, int height) in new[] { (1, 1), (7, 3), (65, 33) })
        {
            RgbImage truth = Pictures.Noise(width, height, seed: width), read = Read(folder, Encode(kind, truth))!;
            Assert.Equal((width, height), (read.Width, read.Height));
            Assert.Equal(truth.Pixels, read.Pixels);
        }
    }

    [Theory]
    [InlineData("jpg", 3)]
    [InlineData("jpg-420", 5)]
    [InlineData("webp", 6)]
    public void Others_give_nearly_the_pixels(string kind, int most)
    {
        using TempFolder folder = new();
        RgbImage truth = Corners(64, 48), read = Read(folder, Encode(kind, truth))!;
        Assert.InRange(MostDifference(truth, read), 0, most);
        Assert.InRange(MeanDifference(truth, read), 0, most / 3.0);
    }

    /// <summary>Gray, palettes, few bits and many; ffmpeg's decoder is the second opinion.</summary>
    [Theory]
    [InlineData("-c:v mjpeg -q:v 2", "a.jpg", 3)]
    [InlineData("-c:v mjpeg -pix_fmt yuvj420p -q:v 2", "a.jpg", 6)]
    [InlineData("-c:v mjpeg -pix_fmt gray -q:v 2 -strict -1", "a.jpg", 3)]
    [InlineData("-c:v bmp -pix_fmt pal8", "a.bmp", 0)]
    [InlineData("-c:v bmp -pix_fmt rgb565", "a.bmp", 8)]
    [InlineData("-c:v targa -pix_fmt bgra", "a.tga", 0)]
    [InlineData("-c:v targa -pix_fmt gray", "a.tga", 0)]
    [InlineData("-c:v tiff -pix_fmt gray", "a.tif", 0)]
    [InlineData("-c:v tiff -pix_fmt rgb48le -compression_algo deflate", "a.tif", 1)]
    [InlineData("-c:v tiff -pix_fmt monob -compression_algo packbits", "a.tif", 0)]
    [InlineData("-c:v libwebp -quality 95", "a.webp", 16)]
    [InlineData("-c:v gif", "a.gif", 0)]
    public void Files_of_other_encoders_are_read(string how, string name, int most)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i gradients=size=64x48:duration=1:rate=1:c0=0x3050c0:c1=0xd0a040:x0=0:y0=0:x1=63:y1=47 -frames:v 1 -update " +
            $"1 {how}", folder[name]);
        RgbImage second = new(64, 48, Ff.Decode(folder[name], "rgb24")), read = Read(folder, File.ReadAllBytes(folder[name]))!;
        Assert.InRange(MostDifference(second, read), 0, most);
    }

    /// <summary>
    /// What EXIF's eight numbers mean, by the table of its specification: where the file's first row and first column are seen.
    /// </summary>
    [Theory]
    [InlineData(1, "top", "left")]
    [InlineData(2, "top", "right")]
    [InlineData(3, "bottom", "right")]
    [InlineData(4, "bottom", "left")]
    [InlineData(5, "left", "top")]
    [InlineData(6, "right", "top")]
    [InlineData(7, "right", "bottom")]
    [InlineData(8, "left", "bottom")]
    public void Pictures_are_brought_upright(int way, string row, string column)
    {
        using TempFolder folder = new();
        // The file: its first row is green, its first column red, their corner yellow, the rest black.
        RgbImage stored = new(5, 3);
        for (int x = 0; x < 5; x++) stored.Pixels[3 * x + 1] = 255;
        for (int y = 0; y < 3; y++) stored.Pixels[3 * 5 * y] = 255;
        byte[] tiffHeader = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, (byte)way, 0, 0, 0, 0, 0, 0];
        PngBuilder png = new PngBuilder().Header(5, 3, 8, 2);
        byte[] data = PngBuilder.Compress(5, 3, 8, 3, false, (x, y, c) => stored.Pixels[3 * (5 * y + x) + c]);
        File.WriteAllBytes(folder["before.png"], png.Chunk("eXIf", tiffHeader).Data(data).End().ToArray());
        File.WriteAllBytes(folder["after.png"], new PngBuilder().Header(5, 3, 8, 2).Data(data).Chunk("eXIf", tiffHeader).End().ToArray());
        List<RgbImage> read = [RgbImage.Load(folder["before.png"]), RgbImage.Load(folder["after.png"])];
        foreach (string kind in (string[])["tif-lzw", "tif"])
        {
            read.Add(Read(folder, Encode(kind, stored, image =>
            {
                ExifProfile profile = image.Frames.RootFrame.Metadata.ExifProfile ??= new();
                profile.SetValue(ExifTag.Orientation, (ushort)way);
            }))!);
        }
        foreach (RgbImage picture in read)
        {
            bool isTurned = row is "left" or "right";
            Assert.Equal(isTurned ? (3, 5) : (5, 3), (picture.Width, picture.Height));
            for (int y = 0; y < picture.Height; y++)
            {
                for (int x = 0; x < picture.Width; x++)
                {
                    Assert.Equal(Lies(column, x, y, picture) ? 255 : 0, picture.Pixels[3 * (y * picture.Width + x)]);
                    Assert.Equal(Lies(row, x, y, picture) ? 255 : 0, picture.Pixels[3 * (y * picture.Width + x) + 1]);
                }
            }
        }

        static bool Lies(string side, int x, int y, RgbImage picture) => side switch
        {
            "top" => y == 0,
            "bottom" => y == picture.Height - 1,
            "left" => x == 0,
            _ => x == picture.Width - 1,
        };
    }

    /// <summary>One photograph, 360 x 480, as a telephone stores it: lying, with a note to turn it.</summary>
    [Fact]
    public void A_turned_photograph_is_upright_in_every_format()
    {
        RgbImage[] read = [.. ((string[])["rotated.jpg", "rotated.png", "rotated.webp"]).Select(name => RgbImage.Load(Cases.Path(name)))];
        foreach (RgbImage picture in read)
        {
            Assert.Equal((360, 480), (picture.Width, picture.Height));
            Assert.InRange(MeanDifference(read[1], picture), 0, 6);
        }
    }

    /// <summary>Cut off anywhere, a picture is told to be; whole, it is read.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_picture_that_is_cut_short_is_refused(string kind)
    {
        using TempFolder folder = new();
        byte[] whole = Encode(kind, Corners(64, 48));
        Assert.NotNull(Read(folder, whole));
        // Formats whose last bytes are no part of the picture: GIF's trailer, TGA's signature, an even length.
        int slack = kind switch
            { "gif" => 1, "tga" or "tga-rle" => 26, "webp" => 1, _ when kind.StartsWith("tif", StringComparison.Ordinal) => 2, _ => 0 };
        for (int length = whole.Length - 1 - slack; length > 40; length -= 1 + length / 40)
        {
            MediaException refusal = Assert.Throws<MediaException>(() => Read(folder, whole[..length]));
            Assert.Matches(": damaged (JPEG|WebP|GIF|TIFF|BMP|TGA): ", refusal.Message);
        }
    }

    [Fact]
    public void A_photograph_that_is_cut_short_is_refused()
    {
        string path = Cases.Path("truncated.jpg");
        foreach (Action opening in (Action[])[() => RgbImage.Load(path), () => FrameReaders.Open(path, default, default).Dispose()])
            Assert.Equal($"{path}: damaged JPEG: the file ends early", Assert.Throws<MediaException>(opening).Message);
    }

    /// <summary>No beginning of a file is too short to be looked at.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_first_bytes_alone_are_refused_or_somebody_elses(string kind)
    {
        using TempFolder folder = new();
        byte[] whole = Encode(kind, Corners(64, 48));
        for (int length = 1; length < 40; length++)
        {
            Exception? failure = Record.Exception(() => Assert.Null(Read(folder, whole[..length])));
            if (failure is not null) Assert.IsType<MediaException>(failure);
        }
    }

    /// <summary>Extents in the header of a file that cannot hold them: refused before memory is taken for the picture.</summary>
    [Theory]
    [InlineData("jpg", "FF C0 00 11 08", 5, true)]
    [InlineData("bmp24", "28 00 00 00", 4, false)]
    public void Extents_that_a_file_cannot_hold_are_refused(string kind, string mark, int skip, bool bigEndian)
    {
        using TempFolder folder = new();
        byte[] file = Encode(kind, Corners(64, 48)), sought = Convert.FromHexString(mark.Replace(" ", ""));
        int at = file.AsSpan().IndexOf(sought) + skip;
        if (bigEndian) (file[at], file[at + 1], file[at + 2], file[at + 3]) = (0x20, 0, 0x20, 0);
        else (file[at + 1], file[at + 5]) = (0x20, 0x20);
        long before = GC.GetAllocatedBytesForCurrentThread();
        MediaException refusal = Assert.Throws<MediaException>(() => Read(folder, file));
        Assert.Matches("cannot hold 8192x8192 pixels|ends early", refusal.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        if (!bigEndian) return;
        (file[at], file[at + 1], file[at + 2], file[at + 3]) = (0xff, 0xff, 0xff, 0xff);
        Assert.Contains("65535x65535 is too large", Assert.Throws<MediaException>(() => Read(folder, file)).Message);
    }

    /// <summary>Every scan goes over the whole picture and may take a few bytes.</summary>
    [Fact]
    public void A_JPEG_of_very_many_scans_is_refused()
    {
        using TempFolder folder = new();
        byte[] file = Encode("jpg", Corners(64, 48));
        int scan = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xff, 0xda]);
        byte[] many = [.. file[..^2], .. Enumerable.Repeat(file[scan..^2], 100).SelectMany(bytes => bytes), 0xff, 0xd9];
        Assert.EndsWith("damaged JPEG: it has more than 100 scans", Assert.Throws<MediaException>(() => Read(folder, many)).Message);
    }

    /// <summary>One pixel that names 65,536 sets of codes, for which the decoder would make tables before it looks for them.</summary>
    [Theory]
    [InlineData("VP8L", 0)]
    [InlineData("ALPH", 1)]
    public void WebP_without_loss_is_not_given_to_the_decoder(string chunk, byte how)
    {
        using TempFolder folder = new();
        // Least significant bit first: 1x1, no transform, no cache, sets of codes by an image of one pixel with green and red 255.
        string bits = (how == 0 ? "11110100" + new string('0', 14 + 14 + 4) : "10000000") + "0" + "0" + "1" + "000" + "0" + Code(255)
            + Code(255) + Code(0) + Code(0) + Code(0);
        byte[] data = [.. bits.Chunk(8).Select(eight => (byte)eight.Select((bit, i) => bit == '1' ? 1 << i : 0).Sum()), .. new byte[3]];
        byte[] riff = [.. System.Text.Encoding.ASCII.GetBytes(chunk), (byte)data.Length, 0, 0, 0, .. data, .. new byte[data.Length & 1]];
        byte[] file = [.. "RIFF"u8, (byte)(riff.Length + 4), 0, 0, 0, .. "WEBP"u8, .. riff];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(Read(folder, file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);

        // A code of one symbol, which takes no bits.
        static string Code(int symbol) => "101" + string.Concat(Enumerable.Range(0, 8).Select(i => (symbol >> i & 1) == 1 ? '1' : '0'));
    }

    /// <summary>
    /// Directories of a TIFF that lead to each other, and values that lie on one another, cost more than the file is long.
    /// </summary>
    [Fact]
    public void A_TIFF_whose_parts_overlap_is_refused()
    {
        using TempFolder folder = new();
        byte[] Directory(int next, int count, int at) =>
            [4, 0, .. Enumerable.Repeat((byte[])[0x40, 1, 2, 0, .. BitConverter.GetBytes(count), .. BitConverter.GetBytes(at)], 4)
            .SelectMany(bytes => bytes), .. BitConverter.GetBytes(next)];
        byte[] circle = [.. "II*\0"u8, 8, 0, 0, 0, .. Directory(8, 4, 0)],
            overlap = [.. "II*\0"u8, 8, 0, 0, 0, .. Directory(0, 400, 0), .. new byte[500]];
        foreach (byte[] file in (byte[][])[circle, overlap])
            Assert.EndsWith("damaged TIFF: its parts overlap", Assert.Throws<MediaException>(() => Read(folder, file)).Message);
    }

    [Fact]
    public void A_decoder_gets_no_more_memory_than_its_picture_is_worth()
    {
        BoundedAllocator allocator = new(1000);
        using (allocator.Allocate<byte>(600))
        {
            Assert.Throws<SixLabors.ImageSharp.Memory.InvalidMemoryOperationException>(() => allocator.Allocate<int>(101));
            Assert.Throws<SixLabors.ImageSharp.Memory.InvalidMemoryOperationException>(() => allocator.Allocate<int>(-1));
            allocator.Allocate<int>(100).Dispose();
        }
        using System.Buffers.IMemoryOwner<byte> again = allocator.Allocate<byte>(1000);
        Assert.Equal(1000, again.Memory.Length);
    }

    /// <summary>An animation is a clip where a clip is wanted, and its first picture where a picture is.</summary>
    [Fact]
    public void An_animated_GIF_is_a_clip_and_its_first_frame_a_picture()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x48:rate=10 -frames:v 3", folder["a.gif"]);
        byte[] bytes = File.ReadAllBytes(folder["a.gif"]);
        Assert.Null(Read(folder, bytes, isClip: true));
        Assert.Equal(64, Read(folder, bytes)!.Width);
        using IFrameReader reader = FrameReaders.Open(folder["a.gif"], default, default);
        int frames = 0;
        while (reader.Read() is not null) frames++;
        Assert.Equal(3, frames);
        Assert.NotNull(Read(folder, Encode("gif", Corners(8, 8)), isClip: true));
    }

    [Theory]
    [InlineData("bmp")]
    [InlineData("png")]
    [InlineData("tga")]
    public void Transparency_is_dropped_or_shows_the_background(string kind)
    {
        using TempFolder folder = new();
        using Image<Rgba32> image = new(3, 1);
        (image[0, 0], image[1, 0], image[2, 0]) =
            (new Rgba32(200, 100, 50, 255), new Rgba32(200, 100, 50, 128), new Rgba32(200, 100, 50, 0));
        using MemoryStream stream = new();
        IImageEncoder encoder = kind switch
        {
            "bmp" => new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel32, SupportTransparency = true },
            "tga" => new TgaEncoder { BitsPerPixel = TgaBitsPerPixel.Pixel32 },
            _ => new SixLabors.ImageSharp.Formats.Png.PngEncoder(),
        };
        image.Save(stream, encoder);
        File.WriteAllBytes(folder["a"], stream.ToArray());
        Assert.Equal([200, 100, 50, 200, 100, 50, 200, 100, 50], RgbImage.Load(folder["a"]).Pixels);
        // 128/255 of the color and the rest of white: 200 * 0.50196 + 255 * 0.49804 = 227.4, and so on.
        Assert.Equal([200, 100, 50, 227, 177, 152, 255, 255, 255], RgbImage.Load(folder["a"], new RgbColor(255, 255, 255)).Pixels);
        using IFrameReader clip = FrameReaders.Open(folder["a"], new(null, default, new RgbColor(0, 0, 0)), default);
        Assert.Equal([200, 100, 50, 100, 50, 25, 0, 0, 0], clip.Read()!.Pixels);
    }

    [Theory]
    [InlineData("#3c6e71", 0x3c, 0x6e, 0x71)]
    [InlineData("3C6E71", 0x3c, 0x6e, 0x71)]
    [InlineData("#fff", 255, 255, 255)]
    [InlineData("White", 255, 255, 255)]
    [InlineData(" teal ", 0, 128, 128)]
    public void Colors_are_read(string text, int red, int green, int blue)
    {
        Assert.True(RgbColor.TryParse(text, out RgbColor color));
        Assert.Equal(new RgbColor((byte)red, (byte)green, (byte)blue), color);
        Assert.True(RgbColor.TryParse(color.ToString(), out RgbColor again) && again == color);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nocolor")]
    [InlineData("#12345")]
    [InlineData("#12345680")]
    [InlineData("transparent")]
    public void What_is_no_color_is_refused(string? text) => Assert.False(RgbColor.TryParse(text, out _));

    [Fact]
    public void Pictures_go_to_ImageSharp_and_back()
    {
        RgbImage truth = Pictures.Noise(5, 7, seed: 1);
        using Image<Rgb24> image = truth.ToImageSharp();
        Assert.Equal(new Rgb24(truth.Pixels[3 * 11], truth.Pixels[3 * 11 + 1], truth.Pixels[3 * 11 + 2]), image[1, 2]);
        RgbImage back = RgbImage.From(image);
        Assert.Equal((5, 7), (back.Width, back.Height));
        Assert.Equal(truth.Pixels, back.Pixels);
        using Image<Rgb24> large = new(8193, 8192);
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.From(large));
    }

    [Theory]
    [InlineData("a.jpg", "mjpeg", 6)]
    [InlineData("a.JPEG", "mjpeg", 6)]
    [InlineData("a.webp", "webp", 16)]
    [InlineData("a.png", "png", 0)]
    public void Pictures_are_written_by_their_extension(string name, string codec, int most)
    {
        using TempFolder folder = new();
        RgbImage truth = Corners(65, 33);
        truth.Save(folder[name]);
        Assert.Equal([name], folder.Entries);
        Assert.Equal(codec, Ff.Stream("v", "codec_name", folder[name]));
        Assert.InRange(MostDifference(truth, new(65, 33, Ff.Decode(folder[name], "rgb24"))), 0, most);
    }

    [Fact]
    public void A_JPEG_takes_one_frame_and_leaves_nothing_when_there_are_more()
    {
        using TempFolder folder = new();
        using (IFrameWriter writer = FrameWriters.Open(folder["a.jpg"], 8, 8, FrameRate.Default, null, RawOutput.Auto, null, default))
        {
            writer.Write(Corners(8, 8).Pixels);
            Assert.Contains("it takes one picture", Assert.Throws<MediaException>(() => writer.Write(Corners(8, 8).Pixels)).Message);
        }
        Assert.Empty(folder.Entries);
    }

    /// <summary>What telephones make: read where ffmpeg can, else called by its name.</summary>
    [Theory]
    [InlineData("heic", "HEIC")]
    [InlineData("heix", "HEIC")]
    [InlineData("avif", "AVIF")]
    public void HEIC_and_AVIF_that_ffmpeg_does_not_read_are_told_by_name(string brand, string name)
    {
        using TempFolder folder = new();
        File.WriteAllBytes(folder["IMG_0001.jpg"],
            [0, 0, 0, 20, .. "ftyp"u8, .. System.Text.Encoding.ASCII.GetBytes(brand), 0, 0, 0, 0, .. "mif1"u8, .. new byte[64]]);
        MediaException refusal = Assert.Throws<MediaException>(() => RgbImage.Load(folder["IMG_0001.jpg"]));
        Assert.StartsWith($"{folder["IMG_0001.jpg"]}: it is a picture of the format {name}, and ffmpeg does not read it here (",
            refusal.Message);
        Assert.EndsWith("; save it as JPEG or PNG.", refusal.Message);
        Assert.Throws<MediaException>(() => FrameReaders.Open(folder["IMG_0001.jpg"], default, default));
        Assert.Single(FolderReader.Pictures(folder.Path));
    }
}
