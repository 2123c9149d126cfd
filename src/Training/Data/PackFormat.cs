using System.Buffers.Binary;

namespace Lia.Training.Data;

/// <summary>
/// What a pack is: one file with the pictures of all clips, ready to be learned from (docs/training.md). All numbers are little-endian.
/// <code>
///   0   8  "LIAPACK\n"
///   8   4  version, 1
///  12   4  P, the side of the pictures
///  16   4  planes: 3, or 4 with weight maps
///  20   4  0
///  24   8  N, pictures
///  32   8  where the index begins: 64 + N P P planes
///  40   8  length of the index, which ends the file
///  48  16  0
///  64      pictures, each [P, P, 3] in RGB and, with weight maps, [P, P]; those of a clip one after another
///      the index:
///       4  clips; of each
///          4  pictures
///          2  length of the name, in bytes
///             the name, in UTF-8
///         32  SHA-256 of its pictures
///       4  supervised rows; of each four numbers of 4 bytes
///             source, driving, start and target, as numbers of pictures
/// </code>
/// </summary>
internal static class PackFormat
{
    public const int HeaderLength = 64, HashLength = 32, RowLength = 16, Version = 1;

    public const int LeastSide = 16, MostSide = 4096, LongestName = 4096;

    /// <summary>Bytes an index may have: that of 60 million rows.</summary>
    public const int LongestIndex = 1 << 30;

    public static ReadOnlySpan<byte> Magic => "LIAPACK\n"u8;

    /// <summary>Bytes of a picture.</summary>
    public static int PictureLength(int side, bool hasWeights) => side * side * (hasWeights ? 4 : 3);

    /// <summary>The header.</summary>
    /// <param name="side">P.</param>
    /// <param name="hasWeights">Whether each picture has a weight map.</param>
    /// <param name="pictures">N.</param>
    /// <param name="index">Bytes of the index.</param>
    public static byte[] Header(int side, bool hasWeights, int pictures, long index)
    {
        byte[] header = new byte[HeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), side);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), hasWeights ? 4 : 3);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), pictures);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), HeaderLength + (long)pictures * PictureLength(side, hasWeights));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), index);
        return header;
    }
}

/// <summary>A clip of a pack.</summary>
/// <param name="Name">The file's or folder's name.</param>
/// <param name="First">Its first picture's number.</param>
/// <param name="Count">Its pictures.</param>
internal readonly record struct PackedClip(string Name, int First, int Count);

/// <summary>Pictures of a supervised row, by their numbers. Where driving moves absolutely, the start is the source.</summary>
internal readonly record struct PackedRow(int Source, int Driving, int Start, int Target)
{
    /// <summary>Writes it as it stands in a pack.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Source);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], Driving);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], Start);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], Target);
    }
}
