using System.Runtime.InteropServices;

namespace Lia.Studio.Live;

/// <summary>Pixels as browsers have them.</summary>
internal static class RgbaPixels
{
    /// <summary>Adds an A of 255.</summary>
    public static void FromRgb(ReadOnlySpan<byte> rgb, Span<byte> rgba)
    {
        Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(rgba);
        for (int i = 0, at = 0; i < pixels.Length; i++, at += 3)
            pixels[i] = rgb[at] | ((uint)rgb[at + 1] << 8) | ((uint)rgb[at + 2] << 16) | 0xff000000;
    }

    /// <summary>Leaves A out.</summary>
    public static void ToRgb(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        for (int i = 0, at = 0; i < rgba.Length; i += 4, at += 3)
            (rgb[at], rgb[at + 1], rgb[at + 2]) = (rgba[i], rgba[i + 1], rgba[i + 2]);
    }
}
