using Lia.Animation.Motion;

namespace Lia.Tests;

public class MotionSmoothingTests
{
    /// <summary>The definition in double precision, over a clip that is really lengthened at both ends.</summary>
    [Theory]
    [InlineData(3, 40)]
    [InlineData(5, 40)]
    [InlineData(25, 40)]
    [InlineData(255, 40)]
    [InlineData(5, 2)]
    [InlineData(9, 3)]
    [InlineData(7, 1)]
    public void Codes_are_the_weighted_means_of_the_definition(int window, int count)
    {
        Random random = new(window);
        MotionFrame[] frames = [.. Enumerable.Range(0, count).Select(_ =>
            new MotionFrame([random.NextSingle(), 100 * random.NextSingle() - 50], null))];
        MotionFrame[] actual = [.. frames.Smooth(window)];
        Assert.Equal(count, actual.Length);

        int half = (window - 1) / 2;
        double[] weights = [.. Enumerable.Range(-half, window).Select(j => (1 + Math.Cos(2 * Math.PI * j / (window + 1))) / (window + 1))];
        Assert.Equal(1, weights.Sum(), 1e-12);
        for (int direction = 0; direction < 2; direction++)
        {
            double[] clip = [.. frames.Select(frame => (double)frame.Code[direction])];
            double[] longer = [.. Enumerable.Repeat(clip[0], half), .. clip, .. Enumerable.Repeat(clip[^1], half)];
            for (int i = 0; i < count; i++)
            {
                double expected = weights.Zip(longer[i..(i + window)], (weight, value) => weight * value).Sum();
                Assert.Equal(expected, actual[i].Code[direction], 1e-7 * 50);
            }
        }
    }

    [Fact]
    public void A_window_of_three_weighs_a_quarter_a_half_a_quarter()
    {
        float[] smooth = [.. new[] { 0, 0, 8, 0, 0, 4f }.Select(value => new MotionFrame([value], null)).Smooth(3).Select(frame =>
            frame.Code[0])];
        Assert.Equal([0f, 2, 4, 2, 1, 3], smooth, (a, b) => MathF.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void What_stands_still_stays_and_a_window_of_one_changes_nothing()
    {
        MotionFrame[] still = [.. Enumerable.Repeat(new MotionFrame([0.3f, -7], null), 20)];
        Assert.All(still.Smooth(11), frame => Assert.Equal([0.3f, -7], frame.Code, (a, b) => MathF.Abs(a - b) < 1e-6f));
        Assert.Same(still, still.Smooth(1));
    }

    /// <summary>A frame comes when half a window more has been read, and no later: what streams goes on streaming.</summary>
    [Fact]
    public void It_looks_half_a_window_ahead()
    {
        int read = 0;
        IEnumerable<MotionFrame> Endless()
        {
            while (true) yield return new MotionFrame([read++], null);
        }
        int given = 0;
        foreach (MotionFrame frame in Endless().Smooth(9).Take(50))
        {
            Assert.Equal(given + 4 + 1, read);
            if (given >= 4) Assert.Equal(given, frame.Code[0], 1e-4); // a ramp is its own mean
            given++;
        }
    }

    [Fact]
    public void Pixels_stay_with_their_frame()
    {
        byte[][] pixels = [.. Enumerable.Range(0, 12).Select(i => new[] { (byte)i })];
        Assert.Equal(pixels, pixels.Select(one => new MotionFrame([one[0]], one)).Smooth(5).Select(frame => frame.Pixels!));
    }
}
