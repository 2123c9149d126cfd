using System.Buffers.Binary;

namespace Lia.Media.Imaging;

/// <summary>EXIF's eight ways a picture may lie in its file: turned, and seen in a mirror.</summary>
internal static class Orientation
{
    /// <summary>As the picture is to be seen.</summary>
    public const int Upright = 1;

    /// <summary>The tag in a directory of EXIF or TIFF.</summary>
    public const int Tag = 274;

    /// <summary>Bytes of EXIF data that are worth having: the first directory comes first.</summary>
    public const int ExifBytes = 1 << 16;

    /// <summary>
    /// What EXIF data says; upright where it says nothing, or nothing that can be understood. Only this one number is looked for: what else
    /// is in there may refer to the same bytes a thousand times over.
    /// </summary>
    /// <param name="exif">A TIFF header and what follows it.</param>
    public static int Of(ReadOnlySpan<byte> exif)
    {
        if (exif.Length < 8 || !(exif.StartsWith("II*\0"u8) || exif.StartsWith("MM\0*"u8))) return Upright;
        bool isLittle = exif[0] == 'I';
        uint directory = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2) return Upright;
        exif = exif[(int)directory..];
        int entries = Short(exif);
        for (exif = exif[2..]; entries > 0 && exif.Length >= 12; entries--, exif = exif[12..])
        {
            if (Short(exif) == Tag && Short(exif[2..]) == 3) return Checked(Short(exif[8..]));
        }
        return Upright;

        int Short(ReadOnlySpan<byte> bytes) =>
            isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    /// <summary>A way that is one of the eight; upright for others.</summary>
    public static int Checked(int way) => way is >= 1 and <= 8 ? way : Upright;

    /// <summary>Brings a picture upright.</summary>
    /// <param name="image">The picture as it lies in its file.</param>
    /// <param name="way">1 to 8, as EXIF counts them.</param>
    /// <returns>Another picture, or the same where it is upright.</returns>
    public static RgbImage Apply(RgbImage image, int way)
    {
        if (way == Upright) return image;
        bool isTurned = way >= 5; // rows are columns
        (int width, int height) = isTurned ? (image.Height, image.Width) : (image.Width, image.Height);
        RgbImage upright = new(width, height);
        byte[] from = image.Pixels, to = upright.Pixels;
        for (int y = 0, at = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, at += 3)
            {
                (int column, int row) = isTurned ? (y, x) : (x, y);
                if (way is 2 or 3 or 7 or 8) column = image.Width - 1 - column;
                if (way is 3 or 4 or 6 or 7) row = image.Height - 1 - row;
                int source = 3 * (row * image.Width + column);
                (to[at], to[at + 1], to[at + 2]) = (from[source], from[source + 1], from[source + 2]);
            }
        }
        return upright;
    }
}
