using Lia.Evaluation;

namespace Lia.Tests.Evaluation;

/// <summary>Measures against values worked out by hand, and against their definitions written out plainly in float64.</summary>
public class ImageMetricsTests
{
    private const double C1 = 6.5025, C2 = 58.5225; // (0.01 * 255)², (0.03 * 255)²

    [Fact]
    public void L1_and_psnr_of_flat_pictures_are_those_of_their_difference()
    {
        RgbImage a = Pictures.Flat(16, 10, 200, 77), b = Pictures.Flat(16, 13, 200, 71);
        Assert.Equal((3 + 0 + 6) / 3.0 / 255, ImageMetrics.L1(a, b), 1e-15);
        Assert.Equal(10 * Math.Log10(255.0 * 255 / ((9 + 0 + 36) / 3.0)), ImageMetrics.Psnr(a, b), 1e-12);
        Assert.Equal(1, ImageMetrics.L1(Pictures.Flat(2, 0, 0, 0), Pictures.Flat(2, 255, 255, 255)));
        Assert.Equal(0, ImageMetrics.Psnr(Pictures.Flat(2, 0, 0, 0), Pictures.Flat(2, 255, 255, 255)), 1e-12);
    }

    [Fact]
    public void Equal_pictures_have_no_error_and_full_similarity()
    {
        RgbImage a = Pictures.Noise(40, 30, 1);
        Assert.Equal(0, ImageMetrics.L1(a, a));
        Assert.Equal(double.PositiveInfinity, ImageMetrics.Psnr(a, a));
        Assert.Equal(1, ImageMetrics.Ssim(a, a), 1e-12);
        Assert.Equal(1, ImageMetrics.MsSsim(a, a), 1e-12);
    }

    [Fact]
    public void Flat_pictures_differ_in_luminance_alone()
    {
        RgbImage a = Pictures.Flat(50, 100, 100, 100), b = Pictures.Flat(50, 140, 140, 140);
        double luminance = (2.0 * 100 * 140 + C1) / (100 * 100 + 140 * 140 + C1);
        Assert.Equal(luminance, ImageMetrics.Ssim(a, b), 1e-9);
        // 50, 25, 12: three scales, of which the last alone knows the luminance.
        Assert.Equal(Math.Pow(luminance, 0.3001 / (0.0448 + 0.2856 + 0.3001)), ImageMetrics.MsSsim(a, b), 1e-9);
    }

    [Theory]
    [InlineData(11, 11)]
    [InlineData(23, 14)]
    [InlineData(64, 64)]
    [InlineData(45, 91)]
    [InlineData(190, 177)]
    public void Similarity_is_its_definition(int width, int height)
    {
        RgbImage a = Waves(width, height), b = Disturbed(a, 60);
        Assert.Equal(PlainSimilarity.Ssim(a, b), ImageMetrics.Ssim(a, b), 1e-10);
        Assert.Equal(PlainSimilarity.MsSsim(a, b), ImageMetrics.MsSsim(a, b), 1e-10);
        Assert.InRange(ImageMetrics.Ssim(a, b), 0.05, 0.95);
        Assert.Equal(ImageMetrics.Ssim(a, b), ImageMetrics.Ssim(b, a), 1e-12);
    }

    [Fact]
    public void A_negative_mean_counts_as_none()
    {
        RgbImage a = Pictures.Noise(16, 16, 3), negative = new(16, 16, [.. a.Pixels.Select(value => (byte)(255 - value))]);
        Assert.True(ImageMetrics.Ssim(a, negative) < -0.3);
        Assert.Equal(0, ImageMetrics.MsSsim(a, negative));
    }

    [Theory]
    [InlineData(10, 300, 0)]
    [InlineData(11, 11, 1)]
    [InlineData(21, 21, 1)]
    [InlineData(22, 99, 2)]
    [InlineData(128, 128, 4)]
    [InlineData(175, 400, 4)]
    [InlineData(176, 176, 5)]
    [InlineData(4096, 4096, 5)]
    public void Small_pictures_have_fewer_scales(int width, int height, int scales)
    {
        Assert.Equal(scales, ImageMetrics.MsSsimScales(width, height));
        Assert.Equal(scales, ImageMetrics.MsSsimScales(height, width));
    }

    [Fact]
    public void Pictures_that_cannot_be_compared_are_refused()
    {
        RgbImage a = new(20, 20), b = new(20, 21), small = new(10, 20);
        foreach (Func<RgbImage, RgbImage,
            double> measure in new[] { ImageMetrics.L1, ImageMetrics.Psnr, ImageMetrics.Ssim, ImageMetrics.MsSsim })
            Assert.Contains("20x20 and 20x21", Assert.Throws<ArgumentException>(() => measure(a, b)).Message);
        Assert.Contains("10x20 is smaller than the window of 11x11",
            Assert.Throws<ArgumentException>(() => ImageMetrics.Ssim(small, small)).Message);
        Assert.Throws<ArgumentException>(() => ImageMetrics.MsSsim(small, small));
        Assert.Equal(0, ImageMetrics.L1(small, small));
    }

    private static RgbImage Waves(int width, int height)
    {
        RgbImage image = new(width, height);
        for (int i = 0; i < image.Pixels.Length; i++)
            image.Pixels[i] = (byte)(128 + 100 * Math.Sin(0.11 * (i / 3 % width) * (1 + i % 3)) * Math.Cos(0.07 * (i / 3 / width)));
        return image;
    }

    private static RgbImage Disturbed(RgbImage image, int most)
    {
        Random random = new(5);
        return new(image.Width, image.Height,
            [.. image.Pixels.Select(value => (byte)Math.Clamp(value + random.Next(-most, most + 1), 0, 255))]);
    }
}
