using System.Buffers.Binary;
using System.Text;

namespace Lia.Media.IO;

/// <summary>Goes through a RIFF file, as WebP is one: a header that says its length, then chunks of a name, a length and data.</summary>
internal static class RiffChunks
{
    /// <summary>Reads the header.</summary>
    /// <returns>How long the file should be, and what it is: <c>WEBP</c>; null where it is no RIFF file.</returns>
    /// <exception cref="EndOfStreamException">The file ends within it.</exception>
    public static (long Length, string Form)? Header(Stream file)
    {
        Span<byte> header = stackalloc byte[12];
        file.Position = 0;
        file.ReadExactly(header);
        return header.StartsWith("RIFF"u8)
            ? (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) + 8L, Encoding.Latin1.GetString(header[8..])) : null;
    }

    /// <summary>The chunks. While one is looked at, the file is at its data.</summary>
    /// <returns>Name and length of each, and where the next begins; the last may say that it goes on behind the file's end.</returns>
    public static IEnumerable<(string Name, long Length, long End)> Of(Stream file)
    {
        byte[] chunk = new byte[8];
        for (long at = 12; at < file.Length;)
        {
            file.Position = at;
            if (file.ReadAtLeast(chunk, 8, throwOnEndOfStream: false) < 8) yield break;
            long length = BinaryPrimitives.ReadUInt32LittleEndian(chunk.AsSpan(4));
            at += 8 + length + (length & 1);
            yield return (Encoding.Latin1.GetString(chunk, 0, 4), length, at);
        }
    }
}
