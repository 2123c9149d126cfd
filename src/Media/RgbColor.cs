using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia;

/// <summary>A color of 8 bits a channel, as of a background.</summary>
/// <param name="Red">0 to 255.</param>
/// <param name="Green">0 to 255.</param>
/// <param name="Blue">0 to 255.</param>
public readonly record struct RgbColor(byte Red, byte Green, byte Blue)
{
    /// <summary>
    /// Reads <c>#3c6e71</c>, <c>#fff</c> (each with the <c>#</c> or without), or a color's name in CSS, such as <c>white</c>.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="color">The color read.</param>
    /// <returns>Whether <paramref name="text"/> is an opaque color.</returns>
    public static bool TryParse(string? text, out RgbColor color)
    {
        color = default;
        if (string.IsNullOrWhiteSpace(text) || !Color.TryParse(text.Trim(), out Color parsed)) return false;
        Rgba32 pixel = parsed.ToPixel<Rgba32>();
        color = new(pixel.R, pixel.G, pixel.B);
        return pixel.A == 255;
    }

    /// <summary>For example <c>#3c6e71</c>.</summary>
    public override string ToString() => $"#{Red:x2}{Green:x2}{Blue:x2}";

    /// <summary>This color under one of some opacity.</summary>
    /// <param name="pixel">R, G, B and the opacity, 0 to 255.</param>
    /// <param name="seen">R, G, B: what is seen.</param>
    internal void Under(ReadOnlySpan<byte> pixel, Span<byte> seen)
    {
        int alpha = pixel[3];
        seen[0] = Mix(pixel[0], Red);
        seen[1] = Mix(pixel[1], Green);
        seen[2] = Mix(pixel[2], Blue);

        byte Mix(int above, int below) => (byte)((above * alpha + below * (255 - alpha) + 127) / 255);
    }
}
