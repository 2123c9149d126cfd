using System.Buffers.Binary;
using System.Text;

namespace Lia.Media.Ffmpeg;

/// <summary>
/// Looks whether a file that an encoder has written is whole, by the format's own structure. That the encoder ended without an error does
/// not tell: ffmpeg
/// does so when the last it writes finds the disk full, and what PATH calls ffmpeg may do anything.
/// </summary>
internal static class EncodedClip
{
    /// <summary>Looks at a file from its start to its end; what frames hold is not decoded.</summary>
    /// <param name="path">Its name, for the error message.</param>
    /// <param name="file">Open for reading.</param>
    /// <param name="format">The extension: .mp4, .gif or .webp.</param>
    /// <param name="frames">How many there should be.</param>
    /// <param name="said">What the encoder said, which may explain it.</param>
    /// <exception cref="MediaException">It is cut off, or has another number of frames.</exception>
    public static void Check(string path, FileStream file, string format, int frames, string said)
    {
        long length = RandomAccess.GetLength(file.SafeFileHandle);
        if (length == 0) throw Broken("it is empty");
        long found;
        try
        {
            file.Position = 0;
            found = format switch { ".mp4" => Mp4Frames(file, length), ".gif" => GifFrames(file), _ => WebPFrames(file, length) };
        }
        catch (Exception failure) when (failure is EndOfStreamException or InvalidDataException)
        {
            throw Broken("it is cut off");
        }
        if (found != frames) throw Broken($"it has {found} of {frames} frames");

        MediaException Broken(string how) =>
            new($"{path}: cannot be written: the encoder reported no error, but the file it made is not whole: {how}"
                + (said.Length > 0 ? $" ({said})." : "."));
    }

    /// <summary>Boxes follow one another to the end of the file; moov/trak/mdia/minf/stbl describes the samples of a track, whose bytes
    /// lie in an mdat.</summary>
    private static long Mp4Frames(FileStream file, long length)
    {
        bool hasMedia = false;
        long frames = -1;
        Walk(0, length, (type, start, end) =>
        {
            if (type == "mdat") hasMedia = true;
            if (type != "moov") return;
            Walk(start, end, (track, trackStart, trackEnd) =>
            {
                if (track == "trak" && Samples(trackStart, trackEnd) is (true, long count)) frames = count;
            });
        });
        return hasMedia && frames >= 0 ? frames : throw new InvalidDataException();

        // Whether a track is the pictures', and its number of samples.
        (bool IsVideo, long Samples) Samples(long start, long end)
        {
            (bool isVideo, long samples) = (false, -1);
            Inside(start, end);
            return (isVideo, samples);

            void Inside(long from, long to) => Walk(from, to, (type, boxStart, boxEnd) =>
            {
                if (type is "mdia" or "minf" or "stbl") Inside(boxStart, boxEnd);
                if (type == "vmhd") isVideo = true;
                if (type == "stsz") samples = Word(boxStart + 8);
            });
        }

        void Walk(long start, long end, Action<string, long, long> visit)
        {
            while (start < end)
            {
                if (end - start < 8) throw new InvalidDataException();
                long size = Word(start), header = 8;
                string type = Encoding.ASCII.GetString(Bytes(start + 4, 4));
                if (size == 1) (size, header) = ((long)BinaryPrimitives.ReadUInt64BigEndian(Bytes(start + 8, 8)), 16);
                if (size < header || size > end - start) throw new InvalidDataException();
                visit(type, start + header, start + size);
                start += size;
            }
        }

        long Word(long at) => BinaryPrimitives.ReadUInt32BigEndian(Bytes(at, 4));

        byte[] Bytes(long at, int count)
        {
            byte[] bytes = new byte[count];
            file.Position = at;
            file.ReadExactly(bytes);
            return bytes;
        }
    }

    /// <summary>A header with its palette, then images and extensions, each a chain of blocks, then the trailer and nothing more.</summary>
    private static long GifFrames(FileStream file)
    {
        Span<byte> header = stackalloc byte[13], image = stackalloc byte[9];
        file.ReadExactly(header);
        if (!header.StartsWith("GIF8"u8)) throw new InvalidDataException();
        SkipPalette(header[10]);
        for (long frames = 0; ;)
        {
            switch (Next())
            {
                case 0x2c:
                    file.ReadExactly(image);
                    SkipPalette(image[8]);
                    Next(); // of the codes
                    frames++;
                    break;
                case 0x21:
                    Next(); // its kind
                    break;
                case 0x3b when file.ReadByte() < 0:
                    return frames;
                default:
                    throw new InvalidDataException();
            }
            for (byte block; (block = Next()) != 0;) Skip(block);
        }

        byte Next() => file.ReadByte() is int value and >= 0 ? (byte)value : throw new EndOfStreamException();

        void SkipPalette(byte flags)
        {
            if ((flags & 0x80) != 0) Skip(3 << ((flags & 7) + 1));
        }

        void Skip(int bytes) => file.Seek(bytes, SeekOrigin.Current);
    }

    /// <summary>A RIFF file says how long it is, and holds chunks; of an animation, an ANMF for each frame.</summary>
    private static long WebPFrames(FileStream file, long length)
    {
        Span<byte> header = stackalloc byte[12];
        file.ReadExactly(header);
        if (!header.StartsWith("RIFF"u8) || !header[8..].SequenceEqual("WEBP"u8)) throw new InvalidDataException();
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) + 8L != length) throw new InvalidDataException();
        long frames = 0, still = 0;
        for (long at = 12; at < length;)
        {
            file.Position = at;
            file.ReadExactly(header[..8]);
            if (header.StartsWith("ANMF"u8)) frames++;
            if (header.StartsWith("VP8 "u8) || header.StartsWith("VP8L"u8)) still = 1;
            long size = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            at += 8 + size + (size & 1);
            if (at > length) throw new InvalidDataException();
        }
        return Math.Max(frames, still);
    }
}
