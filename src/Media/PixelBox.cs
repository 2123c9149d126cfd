using System.Globalization;

namespace Lia;

/// <summary>A rectangle of a picture's pixels.</summary>
/// <param name="X">Columns to the left of it.</param>
/// <param name="Y">Rows above it.</param>
/// <param name="Width">Its columns.</param>
/// <param name="Height">Its rows.</param>
public readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    /// <summary>Reads <c>x,y,w,h</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="box">The box read.</param>
    /// <returns>Whether <paramref name="text"/> is a box: four whole numbers, the last two at least 1.</returns>
    public static bool TryParse(string? text, out PixelBox box)
    {
        box = default;
        string[] parts = (text ?? "").Split(',');
        if (parts.Length != 4) return false;
        int[] values = new int[4];
        for (int i = 0; i < 4; i++)
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out values[i])) return false;
        box = new(values[0], values[1], values[2], values[3]);
        return box.IsBox;
    }

    /// <summary>For example <c>120,40,300,300</c>.</summary>
    public override string ToString() => $"{X},{Y},{Width},{Height}";

    /// <summary>Whether it begins within a quadrant and holds a pixel.</summary>
    internal bool IsBox => X >= 0 && Y >= 0 && Width > 0 && Height > 0;

    /// <summary>Whether all of it lies in a picture.</summary>
    internal bool FitsInto(int width, int height) => X <= width - Width && Y <= height - Height;
}
