using Lia.Evaluation;

namespace Lia.Samples;

/// <summary>The measures alone, for any two pictures of one size.</summary>
internal static class ComparePictures
{
    public static void Run(string first, string second)
    {
        RgbImage a = RgbImage.Load(first), b = RgbImage.Load(second);
        Console.WriteLine(
            $"L1 {ImageMetrics.L1(a, b):0.0000}, PSNR {ImageMetrics.Psnr(a, b):0.00} dB, SSIM {ImageMetrics.Ssim(a, b):0.0000}");
        Console.WriteLine($"MS-SSIM {ImageMetrics.MsSsim(a, b):0.0000} over {ImageMetrics.MsSsimScales(a.Width, a.Height)} scales");
    }
}
