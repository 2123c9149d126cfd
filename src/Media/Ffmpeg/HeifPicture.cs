using System.Buffers.Binary;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>HEIC and AVIF, the pictures of telephones: read where ffmpeg can, and else told by name.</summary>
internal static class HeifPicture
{
    private const int MetaBytes = 1 << 16; // what describes the picture comes first

    /// <summary>Whether a file begins as HEIC or AVIF does.</summary>
    public static bool Recognizes(string path) => Name(Start(path)) is not null;

    /// <summary>Reads the picture.</summary>
    /// <exception cref="MediaException">ffmpeg is missing, or it cannot read the picture, or no more than a part of it.</exception>
    public static IFrameReader Open(string path, CancellationToken cancellationToken)
    {
        byte[] start = Start(path);
        string name = Name(start)!;
        RgbImage image;
        try
        {
            using FfmpegReader reader = FfmpegReader.Picture(path, cancellationToken);
            image = reader.Read() ?? throw new MediaException($"{path}: there is no picture in it.");
        }
        catch (MediaException failure)
        {
            throw new MediaException($"{path}: it is a picture of the format {name}, and ffmpeg does not read it here "
                + $"({failure.Message.Replace($"{path}: ", "", StringComparison.Ordinal)}); save it as JPEG or PNG.", failure);
        }
        // Large pictures lie in tiles, which ffmpeg before 8 takes for pictures.
        if (LargestExtents(start) > (long)image.Width * image.Height)
            throw new MediaException($"{path}: it is a picture of the format {name}, of which ffmpeg reads one tile alone here; "
                + "save it as JPEG or PNG.");
        return new Files.MemoryReader([image], path);
    }

    private static byte[] Start(string path)
    {
        using FileStream file = Inputs.OpenFile(path);
        byte[] start = new byte[Math.Min(MetaBytes, file.Length)];
        return start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }

    private static string? Name(ReadOnlySpan<byte> start)
    {
        if (start.Length < 16 || !start[4..].StartsWith("ftyp"u8)) return null;
        switch (System.Text.Encoding.Latin1.GetString(start.Slice(8, 4)))
        {
            case "avif":
                return "AVIF";
            case "heic" or "heix" or "heim" or "heis":
                return "HEIC";
            case "mif1": // what it is, one of the brands it is compatible with says
                int length = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(start), (uint)start.Length);
                return start[..length].IndexOf("avif"u8) > 0 ? "AVIF" : "HEIC";
            default:
                return null;
        }
    }

    /// <summary>Pixels of the largest picture that the file describes.</summary>
    private static long LargestExtents(ReadOnlySpan<byte> start)
    {
        long largest = 0;
        for (int at; (at = start.IndexOf("ispe"u8)) >= 0 && at + 16 <= start.Length; start = start[(at + 4)..])
        {
            long width = BinaryPrimitives.ReadUInt32BigEndian(start[(at + 8)..]);
            long height = BinaryPrimitives.ReadUInt32BigEndian(start[(at + 12)..]);
            if (width * height <= RgbImage.MaxPixels) largest = Math.Max(largest, width * height);
        }
        return largest;
    }
}
