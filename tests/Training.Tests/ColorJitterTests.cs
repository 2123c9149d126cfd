using Lia.Training.Data;

namespace Lia.Training.Tests;

/// <summary>What torchvision's functions of these names are defined to do, each computed here in double by another way.</summary>
public class ColorJitterTests
{
    private static readonly ColorJitter None = new(1, 1, 1, 0, 0);

    [Theory, InlineData(0.9f), InlineData(1.1f), InlineData(2.5f)]
    public void Brightness_is_a_factor(float factor) =>
        Compare(None with { Brightness = factor }, (pixel, _) => [.. pixel.Select(value => Math.Clamp(value * factor, 0, 1))]);

    [Theory, InlineData(0.9f), InlineData(1.1f), InlineData(2.5f)]
    public void Contrast_is_a_factor_around_the_mean_grey(float factor) => Compare(None with { Contrast = factor }, (pixel, pixels) =>
    {
        double mean = pixels.Average(Grey);
        return [.. pixel.Select(value => Math.Clamp(mean + factor * (value - mean), 0, 1))];
    });

    [Theory, InlineData(0.9f), InlineData(1.1f), InlineData(0f)]
    public void Saturation_is_a_factor_around_the_pixels_grey(float factor) => Compare(None with { Saturation = factor }, (pixel, _) =>
        [.. pixel.Select(value => Math.Clamp(Grey(pixel) + factor * (value - Grey(pixel)), 0, 1))]);

    /// <summary>A third of a turn makes red green, green blue and blue red, whatever the color.</summary>
    [Fact]
    public void A_third_of_a_turn_changes_places()
    {
        Compare(None with { Hue = 1 / 3f }, (pixel, _) => [pixel[2], pixel[0], pixel[1]]);
        Compare(None with { Hue = -1 / 3f }, (pixel, _) => [pixel[1], pixel[2], pixel[0]]);
    }

    /// <summary>The greatest and the least color stay, and the angle that ImageSharp finds grows by the turn.</summary>
    [Theory, InlineData(0.1f), InlineData(-0.1f), InlineData(0.04f)]
    public void Hue_is_an_angle(float turn) => Compare(None with { Hue = turn }, (pixel, _) =>
    {
        double most = pixel.Max(), least = pixel.Min(), hue = Angle(pixel) + turn;
        // A trapezoid for each color, a third of a turn apart.
        return [.. Enumerable.Range(0, 3).Select(c =>
        {
            double at = 6 * Math.Abs(hue - c / 3.0 - Math.Round(hue - c / 3.0));
            return least + (most - least) * Math.Clamp(2 - at, 0, 1);
        })];
    });

    [Fact]
    public void The_order_is_drawn_and_counts()
    {
        ColorJitter jitter = new(1.1f, 0.9f, 1.1f, 0.1f, 0);
        Assert.Equal(24, Enumerable.Range(0, 24).Select(order => string.Join(' ', Apply(jitter with { Order = order }, Picture())
            .SelectMany(pixel => pixel.Select(value => $"{value:r}")))).Distinct().Count());
        HashSet<int> drawn = [];
        for (int i = 0; i < 400; i++)
        {
            Philox random = new(1, DrawKind.Augmentation, 0, i);
            ColorJitter drew = ColorJitter.Draw(ref random, 0.1f);
            Assert.InRange(drew.Brightness, 0.9f, 1.1f);
            Assert.InRange(drew.Contrast, 0.9f, 1.1f);
            Assert.InRange(drew.Saturation, 0.9f, 1.1f);
            Assert.InRange(drew.Hue, -0.1f, 0.1f);
            drawn.Add(drew.Order);
        }
        Assert.Equal(Enumerable.Range(0, 24), drawn.Order());
    }

    private static double Grey(double[] pixel) => 0.2989 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];

    /// <summary>In turns, by the definition of the HSV hexagon.</summary>
    private static double Angle(double[] pixel)
    {
        double most = pixel.Max(), range = most - pixel.Min();
        if (range == 0) return 0;
        int c = Array.IndexOf(pixel, most);
        return (2 * c + (pixel[(c + 1) % 3] - pixel[(c + 2) % 3]) / range) / 6;
    }

    private static double[][] Picture()
    {
        Random random = new(4);
        return [.. Enumerable.Range(0, 300).Select(_ => (double[])[random.NextSingle(), random.NextSingle(), random.NextSingle()]),
            [0.5f, 0.5f, 0.5f], [1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]];
    }

    private static void Compare(ColorJitter jitter, Func<double[], double[][], double[]> expected)
    {
        double[][] before = Picture(), after = Apply(jitter, before);
        for (int i = 0; i < before.Length; i++)
        {
            double[] wanted = expected(before[i], before);
            for (int c = 0; c < 3; c++) Assert.Equal(wanted[c], after[i][c], 3e-6);
        }
    }

    private static double[][] Apply(ColorJitter jitter, double[][] picture)
    {
        float[][] planes = [.. Enumerable.Range(0, 3).Select(c => picture.Select(pixel => (float)pixel[c]).ToArray())];
        jitter.Apply(planes[0], planes[1], planes[2]);
        return [.. Enumerable.Range(0, picture.Length).Select(i => (double[])[planes[0][i], planes[1][i], planes[2][i]])];
    }
}
