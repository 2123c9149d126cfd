using System.Globalization;

namespace Lia;

/// <summary>The size of a picture.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
public readonly record struct FrameSize(int Width, int Height)
{
    /// <summary>Reads <c>640x480</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">The size read.</param>
    /// <returns>Whether <paramref name="text"/> is a size of at least 1x1.</returns>
    public static bool TryParse(string? text, out FrameSize size)
    {
        string[] extents = (text ?? "").Split('x');
        size = default;
        if (extents.Length != 2 || !Extent(extents[0], out int width) || !Extent(extents[1], out int height)) return false;
        size = new(width, height);
        return true;

        static bool Extent(string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value > 0;
    }

    /// <summary>For example <c>640x480</c>.</summary>
    public override string ToString() => $"{Width}x{Height}";
}
