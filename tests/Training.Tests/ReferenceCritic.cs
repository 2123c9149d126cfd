using Lia.Network.Tests.Reference;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>
/// The patch critic in double, as docs/training.md defines it. The vectors of the singular values are those after one step of the power
/// iteration of the weights at first, and constants from then on, whatever the weights become.
/// </summary>
internal sealed class ReferenceCritic
{
    private readonly Tensors _tensors;
    private readonly Dictionary<string, (double[] Left, double[] Right)> _vectors = [];

    /// <param name="tensors">Weights, biases, and of each weight <c>NAME.u</c>.</param>
    public ReferenceCritic(Tensors tensors)
    {
        _tensors = tensors;
        foreach (string name in (string[])["0", "1.conv1.0", "1.conv2.1", "1.skip.1", "2.conv1.0", "2.conv2.1", "2.skip.1", "3.conv1.0",
            "3.conv2.1", "3.skip.1", "last", "logit"])
        {
            float[] weight = tensors.Read($"{name}.weight"), left = tensors.Read($"{name}.weight.u");
            int inputs = weight.Length / left.Length;
            double[] right = Unit([.. Enumerable.Range(0, inputs).Select(i =>
                Enumerable.Range(0, left.Length).Sum(o => (double)weight[o * inputs + i] * left[o]))]);
            _vectors.Add(name, (Unit([.. Enumerable.Range(0, left.Length).Select(o =>
                Enumerable.Range(0, inputs).Sum(i => weight[o * inputs + i] * right[i]))]), right));
        }
    }

    /// <summary>The generator's two losses and the critic's.</summary>
    /// <param name="results">Pictures that were made.</param>
    /// <param name="targets">What they should be.</param>
    /// <param name="maps">How much pixels count, or null.</param>
    public (double Fooling, double Matching, double Judging) Losses(Picture[] results, Picture[] targets, Picture[]? maps)
    {
        (double Fools, double Matches)[] pairs = [.. results.Select((result, i) => OfGenerator(result, Features(targets[i]), maps?[i]))];
        return (pairs.Average(pair => pair.Fools), pairs.Average(pair => pair.Matches), results.Select((result, i) =>
            Logistic(Judge(result).Answers, 1, maps?[i]) + Logistic(Judge(targets[i]).Answers, -1, maps?[i])).Average());
    }

    /// <summary>What lies behind the blocks.</summary>
    public Picture[] Features(Picture picture) => Judge(picture).Features;

    /// <summary>The generator's, of one pair.</summary>
    /// <param name="result">The picture that was made.</param>
    /// <param name="wanted">The features of what it should be.</param>
    /// <param name="map">How much pixels count, or null.</param>
    public (double Fooling, double Matching) OfGenerator(Picture result, Picture[] wanted, Picture? map)
    {
        (Picture answers, Picture[] made) = Judge(result);
        return (Logistic(answers, -1, map), made.Select((feature, i) =>
        {
            Picture? importance = Pooled(map, feature.Height);
            double sum = 0;
            for (int c = 0; c < feature.Channels; c++)
                for (int y = 0; y < feature.Height; y++)
                    for (int x = 0; x < feature.Width; x++)
                        sum += Math.Abs(feature[c, y, x] - wanted[i][c, y, x]) * (importance?[0, y, x] ?? 1);
            return sum / (feature.Channels * feature.Height * feature.Width);
        }).Sum());
    }

    private (Picture Answers, Picture[] Features) Judge(Picture picture)
    {
        Picture x = Layer(picture, "0", "0", 0);
        List<Picture> features = [];
        for (int block = 1; block <= 3; block++)
        {
            Picture inner = Layer(x, $"{block}.conv1.0", $"{block}.conv1.1", 1);
            inner = ReferenceNetwork.Activate(Convolve(ReferenceNetwork.UpFirDown(inner, 1, 1, 2, 2, 1), $"{block}.conv2.1", 3, 2, 0),
                Bias($"{block}.conv2.2"));
            Picture skip = Convolve(ReferenceNetwork.UpFirDown(x, 1, 1, 1, 1, 1), $"{block}.skip.1", 1, 2, 0);
            x = Picture.From(inner.Channels, inner.Height, inner.Width,
                (c, y, column) => (inner[c, y, column] + skip[c, y, column]) / Math.Sqrt(2));
            features.Add(x);
        }
        float bias = _tensors.Read("logit.bias")[0];
        return (Convolve(Layer(x, "last", "last", 1), "logit", 1, 1, 0).Map((_, value) => value + bias), [.. features]);
    }

    private Picture Layer(Picture x, string weight, string bias, int padding) =>
        ReferenceNetwork.Activate(Convolve(x, weight, padding > 0 ? 3 : 1, 1, padding), Bias(bias));

    private (float[] Values, int[] Shape) Bias(string name) => ReferenceNetwork.Weight(_tensors, $"{name}.bias");

    // By the weight over its singular value.
    private Picture Convolve(Picture x, string name, int kernel, int step, int padding)
    {
        float[] weight = _tensors.Read($"{name}.weight");
        (double[] left, double[] right) = _vectors[name];
        double sigma = 0;
        for (int o = 0; o < left.Length; o++)
            for (int i = 0; i < right.Length; i++) sigma += left[o] * weight[o * right.Length + i] * right[i];
        return ReferenceNetwork.Convolve(x, [.. weight.Select(value => value / sigma)], left.Length, kernel, step, padding);
    }

    private static double Logistic(Picture answers, int sign, Picture? map)
    {
        Picture? importance = Pooled(map, answers.Height);
        double sum = 0;
        for (int y = 0; y < answers.Height; y++)
            for (int x = 0; x < answers.Width; x++)
                sum += Math.Log(1 + Math.Exp(sign * answers[0, y, x])) * (importance?[0, y, x] ?? 1);
        return sum / (answers.Height * answers.Width);
    }

    // Means of the map over the pixels of each place.
    private static Picture? Pooled(Picture? map, int size)
    {
        if (map == null) return null;
        int factor = map.Height / size;
        return Picture.From(1, size, size, (_, y, x) =>
        {
            double sum = 0;
            for (int i = 0; i < factor * factor; i++) sum += map[0, y * factor + i / factor, x * factor + i % factor];
            return sum / (factor * factor);
        });
    }

    private static double[] Unit(double[] vector)
    {
        double length = Math.Sqrt(vector.Sum(value => value * value));
        return [.. vector.Select(value => value / length)];
    }
}
