using Lia.Media.Measures;

namespace Lia.Evaluation;

/// <summary>How near two pictures of one size are, on their 8-bit RGB values.</summary>
/// <remarks>
/// Every measure is computed in double on the values 0 to 255, each colour on its own, and averaged over the three colours. SSIM and
/// MS-SSIM are those of
/// Wang, Bovik, Sheikh, Simoncelli (2004) and Wang, Simoncelli, Bovik (2003): a Gaussian window of 11x11 pixels with sigma 1.5, K1 = 0.01,
/// K2 = 0.03,
/// only windows that lie wholly in the picture. The methods may be called from several threads at once.
/// </remarks>
public static class ImageMetrics
{
    /// <summary>The least side of a picture that SSIM is defined for: that of its window.</summary>
    public const int LeastSide = StructuralSimilarity.Window;

    /// <summary>Mean absolute difference, as a part of the range: 0 for equal pictures, 1 for black and white.</summary>
    /// <param name="a">A picture.</param>
    /// <param name="b">Another.</param>
    /// <returns>The mean of <c>|a - b| / 255</c> over pixels and colours.</returns>
    /// <exception cref="ArgumentException">The pictures differ in size.</exception>
    public static double L1(RgbImage a, RgbImage b)
    {
        Check(a, b, 1);
        long sum = 0;
        for (int i = 0; i < a.Pixels.Length; i++) sum += Math.Abs(a.Pixels[i] - b.Pixels[i]);
        return sum / (255.0 * a.Pixels.Length);
    }

    /// <summary>Peak signal-to-noise ratio in decibels.</summary>
    /// <param name="a">A picture.</param>
    /// <param name="b">Another.</param>
    /// <returns><c>10 log10(255² / MSE)</c>, the mean square error taken over pixels and colours; infinite for equal pictures.</returns>
    /// <exception cref="ArgumentException">The pictures differ in size.</exception>
    public static double Psnr(RgbImage a, RgbImage b)
    {
        Check(a, b, 1);
        long sum = 0;
        for (int i = 0; i < a.Pixels.Length; i++)
        {
            int difference = a.Pixels[i] - b.Pixels[i];
            sum += difference * difference;
        }
        return 10 * Math.Log10(255.0 * 255 * a.Pixels.Length / sum);
    }

    /// <summary>Structural similarity, averaged over windows and colours.</summary>
    /// <param name="a">A picture.</param>
    /// <param name="b">Another.</param>
    /// <returns>1 for equal pictures; near 0, at times below, for unrelated ones.</returns>
    /// <exception cref="ArgumentException">The pictures differ in size, or a side is below <see cref="LeastSide"/>.</exception>
    public static double Ssim(RgbImage a, RgbImage b)
    {
        Check(a, b, LeastSide);
        return new StructuralSimilarity(a.Width, a.Height).Compare(a, b).Ssim;
    }

    /// <summary>Structural similarity at several scales.</summary>
    /// <remarks>
    /// The product over the scales of the mean contrast and structure term, at the last scale of the mean SSIM, each to the power of its
    /// weight
    /// (0.0448, 0.2856, 0.3001, 0.2363, 0.1333 from the finest on); a negative mean counts as 0. From one scale to the next, pixels are
    /// averaged 2x2
    /// (an odd last row or column is dropped). A picture too small for five scales has fewer (<see cref="MsSsimScales"/>), and the weights
    /// of those it has are divided by their sum: its
    /// values compare with those of pictures of its size only.
    /// </remarks>
    /// <param name="a">A picture.</param>
    /// <param name="b">Another.</param>
    /// <returns>1 for equal pictures, 0 at the least.</returns>
    /// <exception cref="ArgumentException">The pictures differ in size, or a side is below <see cref="LeastSide"/>.</exception>
    public static double MsSsim(RgbImage a, RgbImage b)
    {
        Check(a, b, LeastSide);
        return new StructuralSimilarity(a.Width, a.Height).Compare(a, b).MsSsim;
    }

    /// <summary>The number of scales of <see cref="MsSsim"/> for pictures of a size: five if the shorter side has 176 pixels or more, else
    /// as many as the window fits into.</summary>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <returns>From 1 to 5; 0 if a side is below <see cref="LeastSide"/>.</returns>
    public static int MsSsimScales(int width, int height) => StructuralSimilarity.Scales(width, height);

    private static void Check(RgbImage a, RgbImage b, int least)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.Width != b.Width || a.Height != b.Height)
            throw new ArgumentException($"The pictures differ in size: {a.Width}x{a.Height} and {b.Width}x{b.Height}.", nameof(b));
        if (Math.Min(a.Width, a.Height) < least)
            throw new ArgumentException($"{a.Width}x{a.Height} is smaller than the window of {least}x{least}.", nameof(a));
    }
}
