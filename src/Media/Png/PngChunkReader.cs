using System.Buffers.Binary;
using System.Text;

namespace Lia.Media.Png;

/// <summary>Walks the chunks of a PNG file. A chunk's length is checked against the file before anything is read, and its checksum when it
/// is left.</summary>
internal sealed class PngChunkReader(FileStream file, string name)
{
    private uint _crc;

    /// <summary>Four letters, for example <c>IDAT</c>.</summary>
    public string Type { get; private set; } = "";

    /// <summary>Bytes of the chunk's data that have not been read.</summary>
    public int Remaining { get; private set; }

    /// <exception cref="MediaException">The file is not a PNG.</exception>
    public void ReadSignature()
    {
        Span<byte> signature = stackalloc byte[8];
        if (file.ReadAtLeast(signature, 8, throwOnEndOfStream: false) < 8 || !signature.SequenceEqual(PngFormat.Signature))
            throw Damaged("it is not a PNG file");
    }

    /// <summary>Goes to the next chunk; the one before must have been left.</summary>
    /// <exception cref="MediaException">The file ends, or the chunk does not fit in it.</exception>
    public void Next()
    {
        Span<byte> header = stackalloc byte[8];
        if (file.ReadAtLeast(header, 8, throwOnEndOfStream: false) < 8) throw Damaged("the file ends early");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header);
        foreach (byte letter in header[4..])
            if (!char.IsAsciiLetter((char)letter)) throw Damaged($"there is no chunk at byte {file.Position - 8}");
        Type = Encoding.ASCII.GetString(header[4..]);
        if (length > int.MaxValue || length + 4 > file.Length - file.Position)
            throw Damaged($"the chunk {Type} says that it has {length} bytes, but the file ends before");
        Remaining = (int)length;
        _crc = PngFormat.Crc(uint.MaxValue, header[4..]);
    }

    /// <summary>Reads on in the chunk's data.</summary>
    /// <returns>Bytes read, 0 at the end of the chunk.</returns>
    public int Read(Span<byte> buffer)
    {
        int count = Math.Min(buffer.Length, Remaining);
        file.ReadExactly(buffer[..count]);
        _crc = PngFormat.Crc(_crc, buffer[..count]);
        Remaining -= count;
        return count;
    }

    /// <summary>Reads the whole of a chunk and leaves it.</summary>
    /// <exception cref="MediaException">It is not between the given lengths, or damaged.</exception>
    public byte[] ReadAll(int least, int most)
    {
        if (Remaining < least || Remaining > most) throw Damaged($"the chunk {Type} has {Remaining} bytes");
        byte[] data = new byte[Remaining];
        Read(data);
        Leave();
        return data;
    }

    /// <summary>Reads what is left of the chunk and checks it.</summary>
    /// <exception cref="MediaException">The checksum is another.</exception>
    public void Leave()
    {
        Span<byte> buffer = stackalloc byte[1024];
        while (Remaining > 0) Read(buffer);
        file.ReadExactly(buffer[..4]);
        if (BinaryPrimitives.ReadUInt32BigEndian(buffer) != ~_crc) throw Damaged($"the checksum of the chunk {Type} is wrong");
    }

    /// <summary>Goes past the chunk without reading it; its checksum is not looked at.</summary>
    public void Skip()
    {
        file.Position += Remaining + 4;
        Remaining = 0;
    }

    /// <summary>The error for a file that breaks the format.</summary>
    public MediaException Damaged(string how) => new($"{name}: damaged PNG: {how}");
}
