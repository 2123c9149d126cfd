using Lia.Media.Measures;

namespace Lia.Evaluation;

/// <summary>Measures frames of size S x S against the truth. Used by one thread at a time.</summary>
internal sealed class FrameMeter(int size, Lpips? lpips)
{
    private readonly StructuralSimilarity _similarity = new(size, size);

    /// <param name="truth">The frame to be reconstructed.</param>
    /// <param name="result">The reconstruction.</param>
    public ClipScores Measure(RgbImage truth, RgbImage result)
    {
        (double ssim, double msSsim) = _similarity.Compare(truth, result);
        return new(1, ImageMetrics.L1(truth, result), Math.Min(ClipScores.MostPsnr, ImageMetrics.Psnr(truth, result)), ssim, msSsim,
            lpips?.Distance(truth, result));
    }
}
