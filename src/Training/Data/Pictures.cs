using Lia.Media.Imaging;

namespace Lia.Training.Data;

/// <summary>From pictures to a pack's bytes.</summary>
internal static class Pictures
{
    /// <summary>Resizes a picture and its weight map, if the pack has any.</summary>
    /// <param name="fitter">Of pictures.</param>
    /// <param name="image">The picture.</param>
    /// <param name="mapFitter">Of maps.</param>
    /// <param name="map">Its map; null where all pixels count alike.</param>
    /// <param name="bytes">Receives [P, P, 3] and, where it is longer, [P, P].</param>
    /// <param name="side">P.</param>
    public static void Fit(FrameFitter fitter, RgbImage image, FrameFitter mapFitter, RgbImage? map, Span<byte> bytes, int side)
    {
        int plane = side * side;
        fitter.Fit(image, bytes[..(3 * plane)]);
        if (bytes.Length == 3 * plane) return;
        Span<byte> weights = bytes[(3 * plane)..];
        if (map is null)
        {
            weights.Fill(255);
            return;
        }
        byte[] fitted = new byte[3 * plane];
        mapFitter.Fit(map, fitted);
        for (int i = 0; i < plane; i++) weights[i] = (byte)((fitted[3 * i] + fitted[3 * i + 1] + fitted[3 * i + 2] + 1) / 3);
    }
}
