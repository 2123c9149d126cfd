namespace Lia.Training.Tests;

/// <summary>A gradient held against the difference of a loss along a random direction.</summary>
internal static class DirectionalDifference
{
    // Few kinks are crossed.
    private const float Step = 1 / 1048576f;

    /// <summary>What is wrong with a gradient: null if it is within 2e-3 of its length.</summary>
    /// <param name="name">The parameter's.</param>
    /// <param name="values">Where the gradient was taken.</param>
    /// <param name="gradient">It.</param>
    /// <param name="loss">The loss in double, as a function of the values.</param>
    public static string? Fault(string name, float[] values, float[] gradient, Func<float[], double> loss)
    {
        float[] up = new float[values.Length], down = new float[values.Length];
        Random random = new(values.Length + 1);
        double expected = 0, norm = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float direction = (float)(2 * random.NextDouble() - 1);
            (up[i], down[i]) = (values[i] + Step * direction, values[i] - Step * direction);
            // As far as the two are apart once they are rounded.
            expected += gradient[i] * ((double)up[i] - down[i]);
            norm += gradient[i] * (double)gradient[i];
        }
        double difference = loss(up) - loss(down), scale = 2 * Step * Math.Sqrt(norm / 3) + Math.Abs(difference);
        return norm > 0 && Math.Abs(expected - difference) <= 2e-3 * scale ? null
            : $"{name}: {expected:G6} for {difference:G6}, of {scale:G3}";
    }
}
