using System.Buffers.Binary;

namespace Lia.Training.Data;

/// <summary>
/// What a pack is: one file with the pictures of all clips, ready to be learned from (docs/training.md). All numbers are little-endian.
/// <code>
///   0   8  "LIAPACK\n"
///   8   4  version: 1, or 2 with labels or surfaces
///  12   4  P, the side of the pictures
///  16   4  planes: 3, with weight maps one more, with surfaces two more
///  20   4  0
///  24   8  N, pictures
///  32   8  where the index begins: 64 + N (P P planes + 4 L + 64 G)
///  40   8  length of the index, which ends the file
///  48   4  L, labels of a picture, 0 to 256; 0 in version 1, as all that follows
///  52   4  G, parts of surfaces, 0 to 16
///  56   8  0
///  64      pictures, each [P, P, 3] in RGB, with weight maps [P, P], and with surfaces [P, P] of depths and [P, P] of part numbers;
///          those of a clip one after another
///          of each picture its numbers, float32: L labels, and a matrix [4, 4] of each part
///      the index:
///       4  clips; of each
///          4  pictures
///          2  length of the name, in bytes
///             the name, in UTF-8
///         32  SHA-256 of its pictures, and behind them of their numbers
///       4  supervised rows; of each four numbers of 4 bytes
///             source, driving, start and target, as numbers of pictures
/// </code>
/// </summary>
internal static class PackFormat
{
    public const int HeaderLength = 64, HashLength = 32, RowLength = 16, Version = 1, VersionWithNumbers = 2;

    public const int LeastSide = 16, MostSide = 4096, LongestName = 4096, MostLabels = 256, MostParts = 16;

    /// <summary>Bytes an index may have: that of 60 million rows.</summary>
    public const int LongestIndex = 1 << 30;

    public static ReadOnlySpan<byte> Magic => "LIAPACK\n"u8;

    /// <summary>The header.</summary>
    /// <param name="shape">What there is of a picture.</param>
    /// <param name="pictures">N.</param>
    /// <param name="index">Bytes of the index.</param>
    public static byte[] Header(PackShape shape, int pictures, long index)
    {
        byte[] header = new byte[HeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), shape.Numbers > 0 ? VersionWithNumbers : Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), shape.Side);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), shape.Planes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), pictures);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32),
            HeaderLength + (long)pictures * (shape.PictureLength + shape.NumbersLength));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), index);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(48), shape.Labels);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(52), shape.Parts);
        return header;
    }
}

/// <summary>What a pack has of each picture.</summary>
/// <param name="Side">P, the side of the pictures.</param>
/// <param name="HasWeights">Whether there is a weight map.</param>
/// <param name="Labels">L, how many numbers tell the picture's movement; 0 for none.</param>
/// <param name="Parts">G, parts whose surfaces and places are known; 0 for none.</param>
internal readonly record struct PackShape(int Side, bool HasWeights, int Labels = 0, int Parts = 0)
{
    /// <summary>Numbers of a part's matrix.</summary>
    public const int MatrixLength = 16;

    /// <summary>Bytes of a pixel.</summary>
    public int Planes => 3 + (HasWeights ? 1 : 0) + (Parts > 0 ? 2 : 0);

    /// <summary>Bytes of a picture.</summary>
    public int PictureLength => Side * Side * Planes;

    /// <summary>How many numbers there are of a picture: its labels, and the matrices of its parts.</summary>
    public int Numbers => Labels + Parts * MatrixLength;

    /// <summary>Bytes of a picture's numbers.</summary>
    public int NumbersLength => Numbers * sizeof(float);

    /// <summary>Bytes of a picture and, behind them, of its numbers, as packers hand them on.</summary>
    public int Length => PictureLength + NumbersLength;

    /// <summary>Where in a picture's bytes the depths [P, P] are, and behind them the part numbers [P, P].</summary>
    public int SurfacesAt => Side * Side * (HasWeights ? 4 : 3);
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
