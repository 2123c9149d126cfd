using System.Buffers.Binary;
using System.Reflection;
using System.Text;
using System.Text.Json;
using ILGPU;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Media.Ffmpeg;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Media.Raw;
using Lia.Media.Stills;
using Lia.Testing;
using Lia.Tests;
using Lia.Weights;
using Lia.Weights.Tests;

namespace Lia.Fuzz;

/// <summary>Every reader of bytes that come from outside.</summary>
internal static class Targets
{
    private static readonly byte[][] JsonWords = Words(
        "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud800", "\\u001b", "null", "true", "{}", "[]", "\"\"", "\"a\":", "1e400", "-1",
        "2147483648", "9223372036854775808", " ", "\0", "\ufeff");

    private static readonly byte[][] HeaderWords =
    [
        .. JsonWords, .. Words("\"F64\"", "\"U8\"", "\"BOOL\"", "\"F4\"", "\"F6_E2M3\"", "\"C64\"", "\"__metadata__\":{\"a\":\"b\"},",
            "\"shape\":[2147483647,2147483647,3,0]", "\"dtype\":\"F4\"",
            "\"data_offsets\":[0,0]", "\"x\":{\"dtype\":\"F4\",\"shape\":[2147483647,2147483647,3,0],\"data_offsets\":[0,0]},",
            "\"y\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"),
    ];

    private static readonly byte[][] PickleWords =
    [
        .. Words("N", "(", ")", "]", "}", "t", "l", "d", "e", "u", "s", "a", "0", "1", "2", ".", "R", "b", "o", "Q", "q\0", "q\x01", "h\0",
            "h\x01", "K\x01", "\x85", "\x86", "\x87", "\x88", "\x89", "\x90",
            "\x91", "\x93", "\x94", "\x81", "\x92", "I1\n", "L7L\n", "F1.5\n", "S'a'\n", "Va\n", "Pid\n", "p1\n", "g1\n",
            "ccollections\nOrderedDict\n", "ctorch._utils\n_rebuild_tensor_v2\n",
            "ctorch._utils\n_rebuild_parameter\n", "ctorch\nFloatStorage\n", "ios\nsystem\n", "X\x03\0\0\0gen", "U\x01a", "C\x01a",
            "\x8a\x01\xff", "J\xff\xff\xff\xff", "\x8c\x07storage", "\x95\0\0\0\0\0\0\0\0", "hah\0h\x01\x93"),
    ];

    private static readonly Lazy<byte[]> ZipSeed =
        new(() => TestData.Read("tiny_zip.pt")), LegacySeed = new(() => TestData.Read("tiny_legacy.pt"));

    // Cache bodies are those of this kernel.
    private static readonly MethodInfo KernelMethod = typeof(Targets)
        .GetMethod(nameof(Scale), BindingFlags.NonPublic | BindingFlags.Static)!;
    private static readonly CompileTarget KernelTarget = new(80);
    private static readonly Lazy<byte[]> KernelSeed = new(() => KernelFormat.Write(KernelCompiler.Compile(KernelMethod, KernelTarget)));

    private static readonly string Folder = MakeFolder();

    private static byte[][] ProbeSeeds { get; } =
    [
        """{"streams":[{"codec_type":"video","width":256,"height":256,"r_frame_rate":"25/1","avg_frame_rate":"25/1","start_time":"0.000000","duration":"4.000000","nb_frames":"100"},{"codec_type":"audio","r_frame_rate":"0/0","avg_frame_rate":"0/0","start_time":"0.021"}],"format":{"start_time":"0.000000","duration":"4.000000"}}"""u8.ToArray(),
        """{"programs":[],"streams":[{"codec_type":"video","width":64,"height":48,"r_frame_rate":"30000/1001","avg_frame_rate":"2997/100"}],"format":{}}"""u8.ToArray(),
        """{"streams":[],"format":{"duration":"N/A"}}"""u8.ToArray(),
    ];

    private static byte[][] ProbeWords { get; } =
    [
        .. JsonWords, .. Words("\"video\"", "\"codec_type\":\"video\"", "\"streams\":", "\"format\":", "\"width\":2147483647",
            "\"nb_frames\":\"-1\"", "\"1/0\"", "\"0/0\"", "\"1e308\"", "\"NaN\"", "\"inf\"", "\xff"),
    ];

    private static byte[][] PacketSeeds { get; } =
    [
        Packets(Enumerable.Range(0, 30).Select(i => $"{512 * i},{512 * (i - 1)},512,{(i % 12 == 0 ? "K__" : "___")}")),
        Packets(Enumerable.Range(0, 25).Select(i => $"{33 * i + i % 3},{33 * i},33,K_")),
        Packets(Enumerable.Range(0, 12).Select(i => $"N/A,{3600 * (i < 6 ? i : 2 * i)},N/A,___")),
        Packets(Enumerable.Range(0, 9).Select(i => $"{3000 * i + (i < 5 ? 0 : 10_000_000)},{3000 * i},3000,{(i == 2 ? "_D_" : "___")}")),
        "0,0,1,K__\r\n"u8.ToArray(),
    ];

    private static byte[][] PacketWords { get; } = Words(
        "N/A", ",", "\n", "-", "K__", "_D_", "0,0,1,K__\n", "2305843009213693951,", "-2305843009213693951,", "2305843009213693952,", "\0",
        "99999999999999999999,", "1000000000,1000000000,1,K__\n");

    /// <summary>The targets; those that go through files, which are slower, have smaller shares.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("safetensors", 44, MakeSafetensors, ReadSafetensors, static e => e is WeightsException),
        new("pickle", 44, static mutator => mutator.Mutate([LegacySeed.Value[137..1336]], PickleWords), ReadPickle,
            static e => e is WeightsException),
        new("pt-zip", 4, MakeZip, static input => ReadCheckpoint("zip.pt", input), static e => e is WeightsException)
            { FreeBytes = 1 << 20 },
        new("pt-legacy", 4, static mutator => mutator.Mutate([LegacySeed.Value], PickleWords),
            static input => ReadCheckpoint("legacy.pt", input), static e => e is WeightsException) { FreeBytes = 1 << 20 },
        new("motion", 3, MakeMotion, static input => MotionClip.Load(InFile("motion.safetensors", input)), static e => e is MediaException)
            { FreeBytes = 1 << 20 },
        new("cache", 36, static mutator => mutator.Mutate([KernelSeed.Value], Words("\0\0\0\0", "\x01", "\xff\xff\xff\xff\x0f")),
            ReadKernel, static e => e is RefusedKernel),
        // Deflate makes up to 1032 bytes of one, and a pixel of one bit becomes three bytes, on up to two canvases.
        new("png", 3, MakePng, ReadPng, static e => e is MediaException) { FreeBytes = 1 << 20, BytesPerByte = 1032 * 8 * 3 * 2 },
        Still("jpeg", 4, static () => StillSeeds.Jpeg, "\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xc0", "\xff\xc2", "\xff\xc4", "\xff\xdb",
            "\xff\xdd\0\x04\0\x01", "\xff\xd0", "\xff", "\0\x11\x08", "\x01\x11\0"),
        Still("webp", 3, static () => StillSeeds.WebP, "VP8X", "VP8 ", "EXIF", "\x9d\x01\x2a", "\xff\xff\xff"),
        Still("gif", 2, static () => StillSeeds.Gif, "\x2c", "\x21\xf9\x04", "\x21\xff\x0bNETSCAPE2.0", "\x3b", "\0", "\x80"),
        Still("tiff", 3, static () => StillSeeds.Tiff, "II*\0", "MM\0*", "\x11\x01\x04\0", "\x17\x01\x04\0", "\x03\x01\x03\0\x01\0\0\0",
            "\x05\0", "\x08\0", "\x32\x80", "\x42\x01\x04\0\x01\0\0\0", "\x1c\x01\x03\0\x01\0\0\0\x02\0"),
        Still("bmp", 2, static () => StillSeeds.Bmp, "\0\0", "\0\x01", "\0\x02\x7f\x7f", "\x0c\0\0\0", "\x28\0\0\0", "\x7c\0\0\0", "BA"),
        Still("tga", 2, static () => StillSeeds.Tga, "\x01", "\x02", "\x09", "\x0a", "\x0b", "\x10", "\xff", "\x80"),
        new("yuv4mpeg", 14, MakeYuv, ReadYuv, static e => e is MediaException) { FreeBytes = 3 << 20 },
        new("ffprobe", 24, static mutator => mutator.Mutate(ProbeSeeds, ProbeWords), static input => VideoProbe.Parse(input, "clip.mp4"),
            static e => e is MediaException),
        new("packets", 8, static mutator => mutator.Mutate(PacketSeeds, PacketWords), ReadPackets,
            static e => e is MediaException or WithoutTiming) { BytesPerByte = 1_000 },
    ];

    /// <summary>
    /// Still pictures. A file of nothing may have a megapixel, for which its decoder may have 48 MiB; each byte adds the most pixels it can
    /// stand for.
    /// </summary>
    private static FuzzTarget Still(string name, int share, Func<byte[][]> seeds, params string[] words) =>
        new(name, share, mutator => mutator.Mutate(seeds(), Words(words)), ReadStill, static e => e is MediaException)
        {
            FreeBytes = 64 << 20, BytesPerByte = 40 * 8 * 1032,
        };

    /// <summary>What is no longer of the format is refused too; it is ffmpeg's.</summary>
    private static void ReadStill(byte[] input)
    {
        if (StillReader.TryRead(InFile("still", input), isClip: false, null, CancellationToken.None) is null)
            throw new MediaException("it is not for ImageSharp");
    }

    private sealed class WithoutTiming() : Exception("its frames follow one another");

    private static byte[] Packets(IEnumerable<string> lines) => Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n");

    /// <summary>ffprobe's list of packets, of files of several kinds. What has no time is read without it.</summary>
    private static void ReadPackets(byte[] input)
    {
        (FrameRate? nominal, FrameRate tick, double? end) = (input.Length % 5) switch
        {
            0 => (new FrameRate(25), new FrameRate(12800), 1.2),
            1 => (new FrameRate(30000, 1001), new FrameRate(1000), 2.0),
            2 => ((FrameRate?)null, new FrameRate(90000), (double?)null),
            3 => (new FrameRate(int.MaxValue), new FrameRate(int.MaxValue), 1e7),
            _ => (new FrameRate(1, int.MaxValue), new FrameRate(1, int.MaxValue), -1e7),
        };
        VideoProbe probe = new(0, nominal, null, null, null, tick, end) { MayJump = input.Length % 2 == 0 };
        using StringReader lines = new(Encoding.Latin1.GetString(input));
        ClipTiming timing = ClipTiming.Parse(lines, "clip.mp4", input.Length, probe) ?? throw new WithoutTiming();
        Timeline timeline = timing.Timeline;
        if (!double.IsFinite(timing.Start) || !double.IsFinite(timeline.Origin)) throw new InvalidDataException("the clip begins nowhere");
        if (timeline.LastPlace < 0 || timeline.Places <= timeline.LastPlace)
            throw new InvalidDataException($"the last of {timeline.Places} places is {timeline.LastPlace}");
    }

    private sealed class RefusedKernel() : Exception("it is not a kernel");

    private static void Scale(Index1D index, ArrayView<float> values, float factor) => values[index] *= factor;

    private static byte[][] Words(params string[] words) => [.. words.Select(Encoding.Latin1.GetBytes)];

    private static string MakeFolder()
    {
        string folder = Directory.CreateTempSubdirectory("lia-fuzz-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }

    private static string InFile(string name, byte[] input)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllBytes(path, input);
        return path;
    }

    private static byte[][] HeaderSeeds { get; } =
    [
        Header(TestData.Read("tiny_expected.safetensors")),
        """{"__metadata__":{"variant":"vox"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0],"data_offsets":[26,26]}}   """u8.ToArray(),
        "{}"u8.ToArray(),
    ];

    private static byte[] Header(byte[] file) => file[8..(8 + SafetensorsHeader.ReadLength(file, file.Length, "seed"))];

    /// <summary>A mutated header with its right length, mostly, and data of one of the seeds' lengths.</summary>
    private static byte[] MakeSafetensors(Mutator mutator)
    {
        byte[] json = mutator.Mutate(HeaderSeeds, HeaderWords), data = new byte[mutator.Pick([396, 26, 0])];
        return WithLength(mutator, json, data);
    }

    private static byte[] WithLength(Mutator mutator, byte[] json, byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return mutator.Once(20) ? mutator.Mutate([[.. length, .. json, .. data]], HeaderWords) : [.. length, .. json, .. data];
    }

    private static void ReadSafetensors(byte[] input)
    {
        int length = SafetensorsHeader.ReadLength(input.AsSpan(0, Math.Min(8, input.Length)), input.Length, "fuzz");
        SafetensorsHeader header = SafetensorsHeader.Parse(input.AsSpan(8, length), input.Length, "fuzz");
        long covered = 0;
        foreach (SafetensorsEntry entry in header.Entries)
        {
            long bits = checked(entry.Info.ElementCount * entry.Info.DType.BitSize());
            if (bits != 8 * (entry.End - entry.Begin) || entry.Begin < 0 || entry.End > input.Length - 8 - length)
                throw new InvalidDataException("a tensor lies elsewhere");
            covered += entry.End - entry.Begin;
        }
        if (covered != input.Length - 8 - length) throw new InvalidDataException("the tensors do not tile the file");
    }

    private static void ReadPickle(byte[] input)
    {
        PickleReader.Parse(input, "fuzz", out int length, [], new PickleBudget());
        if (length < 1 || length > input.Length) throw new InvalidDataException("the pickle ends outside the file");
    }

    /// <summary>A mutated pickle in a sound archive, a lying archive around a sound pickle, or bytes damaged anywhere.</summary>
    private static byte[] MakeZip(Mutator mutator)
    {
        byte[] pickle = LegacySeed.Value[137..1336], whole = ZipSeed.Value;
        if (mutator.Once(2))
            return mutator.Mutate([whole],
                [.. PickleWords, .. Words("PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07", "/data.pkl", "/data/0")]);
        Member Storage(int key) => new($"a/data/{key}", new byte[mutator.Pick([0, 4, 8, 24, 48])])
        {
            Method = (ushort)(mutator.Once(30) ? mutator.Next(10) : 0),
            Flags = (ushort)(mutator.Once(30) ? mutator.Next(16) : 0),
            LocalName = mutator.Once(30) ? "b" : null,
            PlainSize = mutator.Once(30) ? uint.MaxValue : null,
            StoredSize = mutator.Once(30) ? (uint)mutator.Next(1 << 30) : null,
            LocalOffset = mutator.Once(30) ? (uint)mutator.Next(4_000) : null,
            Extra = mutator.Once(10) ? mutator.Mutate([[1, 0, 16, 0, .. new byte[16]]], [[0xff]]) : [],
        };
        byte[] tensor =
            [.. "\x80\x02}X\x01\0\0\0w"u8,
            .. Encoding.Latin1.GetBytes(
            "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n" +
            "X\x01\0\0\x0000X\x03\0\0\0cpuK\x06tQK\0K\x02K\x03\x86K\x03K\x01\x86\x89}tRs.")];
        return ZipBuilder.Zip([new("a/data.pkl", mutator.Mutate([pickle, tensor], PickleWords)), .. Enumerable.Range(0, 1 + mutator.Next(6))
            .Select(Storage)]);
    }

    private static void ReadCheckpoint(string name, byte[] input)
    {
        using ITensorSource checkpoint = Checkpoint.Open(InFile(name, input));
        foreach (TensorInfo tensor in checkpoint.Tensors.Values)
        {
            checkpoint.CopyBytesTo(tensor.Name, new byte[SafetensorsHeader.ByteLength(tensor.DType, tensor.Shape)!.Value]);
            if (TensorConversion.IsConvertible(tensor.DType)) checkpoint.CopyTo(tensor.Name, new float[tensor.ElementCount]);
        }
    }

    private static byte[] MakeMotion(Mutator mutator)
    {
        (int frames, int directions) = (mutator.Next(4), mutator.Next(4));
        byte[] json = Encoding.UTF8.GetBytes(
            $$$"""{"__metadata__":{"format":"lia-motion","version":"1","fingerprint":"{{{new string('a',
                64)}}}","frame_rate":"25/1","start":"0","model":"m"},"codes":{"dtype":"F32","shape":[{{{frames}}},{{{directions}}}],"data_offsets":[0,{{{4 * frames * directions}}}]}}""");
        if (!mutator.Once(10))
            json = mutator.Mutate([json], [.. HeaderWords,
                .. Words("0/0", "1/0", "-1", "lia-motion", "\"start\":\"2147483647\"", "4294967295/1")]);
        byte[] data = new byte[4 * frames * directions];
        if (data.Length > 0 && mutator.Once(4))
            BinaryPrimitives.WriteSingleLittleEndian(data, mutator.Pick([float.NaN, float.PositiveInfinity, 1e38f]));
        return WithLength(mutator, json, data);
    }

    /// <summary>A kernel is read or refused; a cache has no exception to throw.</summary>
    private static void ReadKernel(byte[] input)
    {
        if (KernelFormat.Read(input, KernelMethod, KernelTarget) is not { } kernel) throw new RefusedKernel();
        foreach (KernelParameter parameter in kernel.Parameters)
        {
            if (parameter.Offset < 0 || parameter.Size < 0 || parameter.Offset + parameter.Size > kernel.ParameterBytes)
                throw new InvalidDataException("an argument lies outside");
        }
        if (kernel.Parameters.Length != 3) throw new InvalidDataException("parameters are missing"); // two, and the hidden extent
    }

    private static byte[][] PngSeeds { get; } =
    [
        new PngBuilder().Header(5, 4, 8, 2).Data(PngBuilder.Compress(5, 4, 8, 3, false, static (x, y, c) => x * 40 + y * 9 + c)).End()
            .ToArray(),
        new PngBuilder().Header(9, 9, 1, 0, interlaced: true).Data(PngBuilder.Compress(9, 9, 1, 1, true, static (x, y, _) => (x + y) & 1))
            .End().ToArray(),
        new PngBuilder().Header(4, 4, 4, 3).Chunk("PLTE", 1, 2, 3, 4, 5, 6, 7, 8, 9).Chunk("tRNS", 0, 128)
            .Data(PngBuilder.Compress(4, 4, 4, 1, false, static (x, _, _) => x % 3)).End().ToArray(),
        new PngBuilder().Header(3, 3, 16, 6).Data(PngBuilder.Compress(3, 3, 16, 4, false, static (x, y, c) => x * 9000 + y * 700 + c)).End()
            .ToArray(),
        new PngBuilder().Header(4, 4, 8, 6).Animation(3)
            .FrameControl(4, 4, 0, 0, 1, 25).Data(PngBuilder.Compress(4, 4, 8, 4, false, static (x, y, c) => 50 * x + y + c))
            .FrameControl(2, 2, 1, 1, 1, 25, disposal: 1, blend: 1)
                .FrameData(PngBuilder.Compress(2, 2, 8, 4, false, static (x, y, c) => 90 * x + y + c))
            .FrameControl(1, 3, 3, 0, 1, 25, disposal: 2, blend: 0)
                .FrameData(PngBuilder.Compress(1, 3, 8, 4, false, static (_, y, c) => 9 * y + c)).End().ToArray(),
    ];

    /// <summary>A picture whose chunks are damaged and have, mostly, right checksums.</summary>
    private static byte[] MakePng(Mutator mutator)
    {
        byte[] bytes = mutator.Mutate(PngSeeds,
            Words("IHDR", "PLTE", "tRNS", "acTL", "fcTL", "fdAT", "IDAT", "IEND", "\0\0\0\0", "\0\0\0\x01", "\x01", "\x7f\xff\xff\xff"));
        if (mutator.Once(8)) return bytes;
        for (int at = 8; at + 12 <= bytes.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));
            if (length > bytes.Length - at - 12) break;
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at + 8 + (int)length),
                PngBuilder.Crc(bytes.AsSpan(at + 4, 4 + (int)length)));
            at += 12 + (int)length;
        }
        return bytes;
    }

    private static void ReadPng(byte[] input)
    {
        using PngReader reader = new(InFile("picture.png", input));
        while (reader.Read() is not null)
        {
        }
    }

    /// <summary>A header of mutated fields, and frames of about the length they ask for.</summary>
    private static byte[] MakeYuv(Mutator mutator)
    {
        (int width, int height) = (1 + mutator.Next(6), 1 + mutator.Next(6));
        string chroma = mutator.Pick(["420", "420jpeg", "420paldv", "422", "444", "411", "mono", "420p10", "444alpha"]);
        byte[] planes = new byte[3 * width * height + mutator.Next(3)];
        int exact = width * height + 2
            * (chroma switch { "mono" => 0, "444" => width * height, "422" => (width + 1) / 2 * height, "411" => (width + 3) / 4 * height,
            _ => (width + 1) / 2 * ((height + 1) / 2) });
        if (!mutator.Once(5)) planes = new byte[exact];
        byte[] seed = [.. Encoding.ASCII.GetBytes($"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{chroma} XCOLORRANGE=FULL\n"),
            .. "FRAME\n"u8, .. planes, .. "FRAME Ip\n"u8, .. planes];
        return mutator.Once(4) ? seed
            : mutator.Mutate([seed], Words(" ", "\n", "FRAME\n", "YUV4MPEG2 ", "W16384", "H16384", " W2147483648", " F0:0", " F1:0",
            " F4294967296:1", "Cmono", " It", " XCOLORRANGE=LIMITED", "\0"));
    }

    private static void ReadYuv(byte[] input)
    {
        using MemoryStream stream = new(input);
        using IFrameReader reader = RawReaders.Open(stream, "clip.y4m", new(RawInput.Yuv4Mpeg, null, null), CancellationToken.None);
        while (reader.Read() is not null)
        {
        }
    }
}
