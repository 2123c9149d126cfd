using System.Buffers.Binary;
using Lia.Media.Imaging;
using Lia.Media.IO;

namespace Lia.Media.Stills;

/// <summary>What a still picture's file says beside its pixels.</summary>
/// <param name="IsAnimation">Whether more pictures follow the first.</param>
/// <param name="Orientation">How it lies in its file, 1 to 8 as EXIF counts.</param>
/// <param name="IsForeign">Whether it is not for ImageSharp.</param>
internal sealed record StillFacts(bool IsAnimation = false, int Orientation = Orientation.Upright, bool IsForeign = false);

/// <summary>
/// Where pictures end by their files' structure, and how they lie. The decoders make gray or black of what is missing; who animates it
/// should know. Each walk begins at the start of a file whose first bytes are those of its format, and throws
/// <see cref="EndOfStreamException"/> when the file ends within its first picture, and <see cref="InvalidDataException"/> for what would
/// make a decoder work out of proportion. What else may be wrong is for the decoder to find.
/// </summary>
internal static class StillStructure
{
    /// <summary>Segments, and scans in which a marker is told from data, to the marker of the end.</summary>
    public static StillFacts Jpeg(Stream file)
    {
        const int MostScans = 100; // Each goes over the whole picture, and may take no more than a few bytes; encoders make a dozen.
        file.Position = 2;
        for ((int scans, int way) = (0, Orientation.Upright); ;)
        {
            if (Byte(file) != 0xff) continue; // entropy-coded data; before the first scan there is none, and the decoder complains
            int marker;
            do marker = Byte(file);
            while (marker == 0xff);
            if (marker == 0xd9) return new(false, way);
            if (marker is 0x00 or 0x01 or (>= 0xd0 and <= 0xd8)) continue; // a data byte, or a marker that stands alone
            int length = ((Byte(file) << 8) | Byte(file)) - 2;
            if (marker == 0xda && ++scans > MostScans) throw new InvalidDataException($"it has more than {MostScans} scans");
            if (marker == 0xe1 && length >= 6 && way == Orientation.Upright)
            {
                byte[] exif = Bytes(file, length);
                if (exif.AsSpan().StartsWith("Exif\0\0"u8)) way = Orientation.Of(exif.AsSpan(6));
                continue;
            }
            Skip(file, length);
        }
    }

    /// <summary>
    /// A RIFF file says how long it is; its chunks, whether it is an animation and how it lies. What is compressed without loss (VP8L; so
    /// is transparency, ALPH) is left to ffmpeg: forty bytes of it make ImageSharp take gigabytes for tables of codes.
    /// </summary>
    public static StillFacts WebP(Stream file)
    {
        // The byte that makes the length of a last chunk even may be missing.
        if (file.Length + 1 < RiffChunks.Header(file)?.Length) throw new EndOfStreamException();
        StillFacts facts = new();
        foreach ((string name, long length, _) in RiffChunks.Of(file))
        {
            if (name is "VP8L" or "ALPH") facts = facts with { IsForeign = true };
            else if (name is "ANIM" or "ANMF") facts = facts with { IsAnimation = true, IsForeign = true };
            else if (name == "EXIF") facts = facts with { Orientation = Orientation.Of(WithoutName(Bytes(file, length))) };
        }
        return facts;

        // Some write the name that JPEG has before the data.
        static ReadOnlySpan<byte> WithoutName(ReadOnlySpan<byte> exif) => exif.StartsWith("Exif\0\0"u8) ? exif[6..] : exif;
    }

    /// <summary>To the second image, the trailer, or what no reader looks at.</summary>
    public static StillFacts Gif(Stream file)
    {
        int images = 0;
        foreach (int kind in GifBlocks.Of(file))
        {
            if (kind == GifBlocks.Image && images++ > 0) return new(true);
            if (kind < 0 && images == 0) throw new EndOfStreamException();
        }
        return new(false);
    }

    /// <summary>Rows lie behind the header, each of a multiple of four bytes; a packed picture says how many bytes it has.</summary>
    public static StillFacts Bmp(Stream file)
    {
        Span<byte> header = stackalloc byte[38];
        file.Position = 0;
        header = header[..file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false)];
        if (header.Length < 26) throw new EndOfStreamException();
        long offset = Word(header, 10), end;
        if (Word(header, 14) == 12)
        {
            end = offset + Rows(Short(header, 18), Short(header, 20), Short(header, 24));
        }
        else
        {
            if (header.Length < 38) throw new EndOfStreamException();
            bool isPacked = Word(header, 30) is 1 or 2 or 4 or 5; // runs of 8 or 4 bits, and other formats' files
            long height = Math.Abs((long)(int)Word(header, 22));
            end = offset + (isPacked ? Word(header, 34) : Rows(Word(header, 18), height, Short(header, 28)));
        }
        if (end > file.Length) throw new EndOfStreamException();
        return new(false);

        static long Rows(long width, long height, long bits) =>
            // Extents that overflow are beyond all limits, which is told elsewhere.
            width > ushort.MaxValue || height > ushort.MaxValue ? 0 : (width * bits + 31) / 32 * 4 * height;

        static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

        static int Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    }

    /// <summary>Pixels lie behind the header, its text and its palette, as they are or in packets.</summary>
    public static StillFacts Tga(Stream file)
    {
        Span<byte> header = stackalloc byte[18];
        file.Position = 0;
        file.ReadExactly(header);
        int type = header[2], entryBytes = (header[7] + 7) / 8, pixelBytes = (header[16] + 7) / 8;
        long pixels = (long)BinaryPrimitives.ReadUInt16LittleEndian(header[12..]) * BinaryPrimitives.ReadUInt16LittleEndian(header[14..]);
        Skip(file, header[0] + BinaryPrimitives.ReadUInt16LittleEndian(header[5..]) * entryBytes);
        if (type < 8)
        {
            if (file.Length - file.Position < pixels * pixelBytes) throw new EndOfStreamException();
            return new(false);
        }
        while (pixels > 0)
        {
            int packet = Byte(file), count = (packet & 0x7f) + 1;
            Skip(file, packet < 128 ? count * pixelBytes : pixelBytes);
            pixels -= count;
        }
        return new(false);
    }

    /// <summary>
    /// The first directory's strips or tiles lie within the file, and all of them together are no longer than it. So it is with the values
    /// of all directories (pages, which are not looked at else): the decoder reads them all, and every one may point to the same bytes, and
    /// the last directory to the first.
    /// </summary>
    public static StillFacts Tiff(Stream file)
    {
        Span<byte> entry = stackalloc byte[12];
        file.Position = 0;
        file.ReadExactly(entry[..8]);
        bool isLittle = entry[0] == 'I';
        long directory = Word(entry[4..]), rest = 2 * file.Length;
        (long At, long Count, int Size) offsets = default, lengths = default;
        int way = Orientation.Upright;
        for (bool isFirst = true; directory != 0 && directory < file.Length; isFirst = false)
        {
            file.Position = directory;
            file.ReadExactly(entry[..2]);
            int entries = Short(entry);
            Count(2 + 12 * entries + 4);
            for (; entries > 0; entries--)
            {
                file.ReadExactly(entry);
                int tag = Short(entry);
                int size = Short(entry[2..]) switch
                {
                    1 or 2 or 6 or 7 => 1,
                    3 or 8 => 2,
                    5 or 10 or 12 or 16 or 17 or 18 => 8,
                    _ => 4,
                };
                long count = Word(entry[4..]), bytes = count * size, at = bytes <= 4 ? file.Position - 4 : Word(entry[8..]);
                if (bytes > 4) Count(bytes);
                if (at + bytes > file.Length) throw new EndOfStreamException();
                if (!isFirst) continue;
                if (tag is 273 or 324) offsets = (at, count, size);
                else if (tag is 279 or 325) lengths = (at, count, size);
                else if (tag == Orientation.Tag && size == 2) way = Orientation.Checked(Short(entry[8..]));
            }
            file.ReadExactly(entry[..4]);
            directory = Word(entry);
        }
        long[] starts = Values(offsets), counts = Values(lengths);
        for (int part = 0; part < Math.Min(starts.Length, counts.Length); part++)
        {
            if (starts[part] + counts[part] > file.Length) throw new EndOfStreamException();
            Count(counts[part]);
        }
        return new(false, way);

        void Count(long bytes)
        {
            if ((rest -= bytes) < 0) throw new InvalidDataException("its parts overlap");
        }

        long[] Values((long At, long Count, int Size) table)
        {
            if (table.Size is not (2 or 4)) return [];
            if (table.At + table.Count * table.Size > file.Length) throw new EndOfStreamException();
            long[] values = new long[table.Count];
            Span<byte> value = stackalloc byte[4];
            file.Position = table.At;
            for (int i = 0; i < values.Length; i++)
            {
                file.ReadExactly(value[..table.Size]);
                values[i] = table.Size == 2 ? Short(value) : Word(value);
            }
            return values;
        }

        int Short(ReadOnlySpan<byte> bytes) =>
            isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

        long Word(ReadOnlySpan<byte> bytes) =>
            isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    private static int Byte(Stream file) => file.ReadByte() is var value and >= 0 ? value : throw new EndOfStreamException();

    /// <summary>The first bytes of a part, as many as matter; the file is then behind the part.</summary>
    private static byte[] Bytes(Stream file, long length)
    {
        long end = file.Position + length;
        if (end > file.Length) throw new EndOfStreamException();
        byte[] bytes = new byte[Math.Min(length, Orientation.ExifBytes)];
        file.ReadExactly(bytes);
        file.Position = end;
        return bytes;
    }

    private static void Skip(Stream file, long bytes)
    {
        if (bytes > file.Length - file.Position) throw new EndOfStreamException();
        if (bytes > 0) file.Position += bytes;
    }
}
