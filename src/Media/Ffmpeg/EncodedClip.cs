using System.Buffers.Binary;
using System.Text;
using Lia.Media.IO;

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
    /// <param name="format">The extension: .mp4, .mov, .mkv, .webm, .gif or .webp.</param>
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
            found = format switch
            {
                ".mp4" or ".mov" => Mp4Frames(file, length),
                ".mkv" or ".webm" => MatroskaFrames(file, length),
                ".gif" => GifFrames(file),
                _ => WebPFrames(file, length),
            };
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

    /// <summary>
    /// Elements of an identifier, a length and content, one after another and one in another: a Segment to the end of the file, in it
    /// the Tracks, of which one is the pictures', and Clusters, whose blocks are frames. A length that was to be filled in at the end,
    /// and was not, has all its bits set.
    /// </summary>
    private static long MatroskaFrames(FileStream file, long length)
    {
        const uint Segment = 0x18538067, Tracks = 0x1654ae6b, Track = 0xae, TrackNumber = 0xd7, TrackType = 0x83;
        const uint Cluster = 0x1f43b675, SimpleBlock = 0xa3, BlockGroup = 0xa0, Block = 0xa1;
        const long Video = 1;
        long number = 0, type = 0, pictures = -1, frames = -1;
        Walk(0, length);
        return frames >= 0 && pictures >= 0 ? frames : throw new InvalidDataException();

        void Walk(long start, long end)
        {
            while (start < end)
            {
                file.Position = start;
                (uint id, long size) = ((uint)Variable(keepsMark: true, 4), Variable(keepsMark: false, 8));
                long content = file.Position;
                if (size < 0 || size > end - content) throw new InvalidDataException();
                switch (id)
                {
                    case Segment:
                        frames = 0;
                        Walk(content, content + size);
                        break;
                    case Tracks or Cluster or BlockGroup:
                        Walk(content, content + size);
                        break;
                    case Track:
                        (number, type) = (0, 0);
                        Walk(content, content + size);
                        if (type == Video && pictures < 0) pictures = number;
                        break;
                    case TrackNumber or TrackType:
                        long value = 0;
                        for (long i = 0; i < size; i++) value = value << 8 | Next();
                        if (id == TrackNumber) number = value;
                        else type = value;
                        break;
                    case SimpleBlock or Block when Variable(keepsMark: false, 8) == pictures:
                        frames++;
                        break;
                }
                start = content + size;
            }
        }

        // A number whose first byte tells by its leading zeros how long it is; -1 when all its bits are set.
        long Variable(bool keepsMark, int longest)
        {
            int first = Next(), bytes = System.Numerics.BitOperations.LeadingZeroCount((uint)first) - 23;
            if (bytes > longest) throw new InvalidDataException();
            long value = keepsMark ? first : first & ((1 << (8 - bytes)) - 1);
            for (int i = 1; i < bytes; i++) value = value << 8 | Next();
            return !keepsMark && value == (1L << (7 * bytes)) - 1 ? -1 : value;
        }

        byte Next() => file.ReadByte() is int value and >= 0 ? (byte)value : throw new EndOfStreamException();
    }

    /// <summary>Images, then the trailer and nothing more.</summary>
    private static long GifFrames(FileStream file)
    {
        Span<byte> name = stackalloc byte[4];
        file.ReadExactly(name);
        if (!name.SequenceEqual("GIF8"u8)) throw new InvalidDataException();
        long frames = 0;
        foreach (int kind in GifBlocks.Of(file))
        {
            if (kind == GifBlocks.Image) frames++;
            else if (kind == GifBlocks.Trailer && file.ReadByte() < 0) return frames;
        }
        throw new InvalidDataException();
    }

    /// <summary>Chunks to the end that the file says; of an animation, an ANMF for each frame.</summary>
    private static long WebPFrames(FileStream file, long length)
    {
        if (RiffChunks.Header(file) != (length, "WEBP")) throw new InvalidDataException();
        long frames = 0, still = 0, end = 0;
        foreach ((string name, _, long next) in RiffChunks.Of(file))
        {
            if (name == "ANMF") frames++;
            if (name is "VP8 " or "VP8L") still = 1;
            end = next;
        }
        return end == length ? Math.Max(frames, still) : throw new InvalidDataException();
    }
}
