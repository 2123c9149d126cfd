namespace Lia.Media.IO;

/// <summary>Goes through a GIF: a header with its palette, then images and extensions, each a chain of blocks, then the trailer.</summary>
internal static class GifBlocks
{
    /// <summary>What an image begins with, an extension, and the trailer.</summary>
    public const int Image = 0x2c, Extension = 0x21, Trailer = 0x3b;

    /// <summary>
    /// The first byte of each part, before the part is gone through; the last is none of an image or an extension, or -1 where the file
    /// ends. The file is then behind it.
    /// </summary>
    /// <exception cref="EndOfStreamException">The file ends within a part.</exception>
    public static IEnumerable<int> Of(Stream file)
    {
        byte[] header = new byte[13];
        file.Position = 0;
        file.ReadExactly(header);
        SkipPalette(header[10]);
        for (; ;)
        {
            int kind = file.ReadByte();
            yield return kind;
            if (kind is not (Image or Extension)) yield break;
            if (kind == Image)
            {
                file.ReadExactly(header, 0, 9);
                SkipPalette(header[8]);
            }
            Next(); // of the codes, or the kind of an extension
            for (int block; (block = Next()) != 0;) Skip(block);
        }

        int Next() => file.ReadByte() is int value and >= 0 ? value : throw new EndOfStreamException();

        void SkipPalette(int flags)
        {
            if ((flags & 0x80) != 0) Skip(3 << ((flags & 7) + 1));
        }

        void Skip(int bytes)
        {
            if (bytes > file.Length - file.Position) throw new EndOfStreamException();
            file.Position += bytes;
        }
    }
}
