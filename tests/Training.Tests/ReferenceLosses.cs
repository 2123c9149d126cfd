using Lia.Network;
using Lia.Network.Tests.Reference;
using Lia.Training.Steps;
using Lia.Weights;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>
/// The losses of a step in double, written as docs/training.md defines them. The truth for gradients: differences of these are taken.
/// </summary>
/// <param name="architecture">The extents.</param>
/// <param name="generator">The generator's tensors.</param>
/// <param name="discriminator">The discriminator's.</param>
/// <param name="vgg">The perceptual network's, or null for the loss without one.</param>
internal sealed class ReferenceLosses(
    ModelArchitecture architecture, ITensorSource generator, ITensorSource discriminator, ITensorSource? vgg = null)
{
    private readonly ReferenceNetwork _network = new(generator, architecture);

    /// <summary>P without a network, L1 and the adversarial loss of the generator's results, and the discriminator's loss.</summary>
    /// <param name="sources">Pictures to move.</param>
    /// <param name="drivings">Pictures that drive.</param>
    /// <param name="starts">Where the movement starts; null for absolute movement.</param>
    /// <param name="targets">What shall come out.</param>
    public (double Perceptual, double L1, double Adversarial, double Discriminator) Of(
        Picture[] sources, Picture[] drivings, Picture[]? starts, Picture[] targets)
    {
        Picture[] results = [.. sources.Select((source, i) => Generate(source, drivings[i], starts?[i]))];
        double[] real = Judge(targets), made = Judge(results);
        return (results.Select((result, i) => vgg == null ? PictureDistance(result, targets[i], 4)
                : Perceptual(result, targets[i])).Average(),
            results.Select((result, i) => Mean(result, (c, y, x) => Math.Abs(result[c, y, x] - targets[i][c, y, x]))).Average(),
            made.Average(score => Softplus(-score)), real.Average(score => Softplus(-score)) + made.Average(Softplus));
    }

    /// <summary>
    /// Of pairs of one clip: the mean squared error of labels told from the targets' motion codes by <c>probe.weight</c>, and how far warps
    /// read from where surfaces lie, summed over levels.
    /// </summary>
    /// <param name="sources">Pictures to move.</param>
    /// <param name="targets">What they become.</param>
    /// <param name="labels">[pair, label], some of them no numbers.</param>
    /// <param name="surfaces">Where the targets' surfaces lie.</param>
    public (double Labels, double Surfaces) Guides(Picture[] sources, Picture[] targets, float[] labels, TargetSurfaces surfaces)
    {
        float[] probe = generator.Read("probe.weight");
        int motion = architecture.Motion, count = probe.Length / motion;
        List<double> errors = [];
        double distance = 0;
        for (int pair = 0; pair < targets.Length; pair++)
        {
            double[] code = Code(targets[pair]);
            for (int label = 0; label < count; label++)
            {
                double told = code.Select((value, i) => value * probe[label * motion + i]).Sum();
                if (!float.IsNaN(labels[pair * count + label])) errors.Add(Math.Pow(told - labels[pair * count + label], 2));
            }
            List<Picture> flows = [];
            Generate(sources[pair], targets[pair], null, flows);
            Picture places = Places(surfaces, pair, architecture.Size); // x, y, known
            for (int level = flows.Count - 1; level >= 0; level--)
            {
                Picture o = flows[level];
                if (places.Height > o.Height)
                {
                    Picture above = places;
                    places = Picture.From(3, o.Height, o.Width, (c, y, x) =>
                    {
                        (int Y, int X)[] four = [(2 * y, 2 * x), (2 * y, 2 * x + 1), (2 * y + 1, 2 * x), (2 * y + 1, 2 * x + 1)];
                        double known = four.Average(at => above[2, at.Y, at.X]);
                        return c == 2 ? known > 0.9 ? known : 0
                            : four.Average(at => above[c, at.Y, at.X] * above[2, at.Y, at.X]) / Math.Max(known, 1e-3);
                    });
                }
                distance += Mean(Picture.From(2, o.Height, o.Width, (c, y, x) => places[2, y, x] == 0 ? 0
                    : Math.Abs(Math.Tanh(o[c, y, x]) + 2.0 * (c == 0 ? x : y) / (o.Width - 1) - 1 - places[c, y, x])));
            }
        }
        return (errors.Average(), distance / targets.Length);
    }

    private static Picture Places(TargetSurfaces surfaces, int pair, int size) => Picture.From(3, size, size, (c, y, x) =>
    {
        int at = (pair * size + y) * size + x, part = surfaces.PartNumbers[at];
        if (part == 0) return 0;
        double[] point = [(2 * x + 1.0) / size - 1, (2 * y + 1.0) / size - 1, surfaces.Depths[at] / 255.0, 1];
        double Row(int row) => point.Select((value, k) =>
            value * surfaces.Moves[(pair * surfaces.Parts + part - 1) * TargetSurfaces.MoveLength + 4 * row + k]).Sum();
        double w = Row(2);
        return w <= 0 ? 0 : c == 2 ? 1 : Row(c) / w;
    });

    /// <summary>The motion code of a picture.</summary>
    public double[] Code(Picture picture) => _network.Motion(_network.Encode(picture).Appearance);

    /// <summary>A source moved by a driving picture.</summary>
    public Picture Generate(Picture source, Picture driving, Picture? start, List<Picture>? flows = null)
    {
        (double[] appearance, Picture[] features) = _network.Encode(source);
        double[] alpha = Code(driving);
        if (start != null)
        {
            double[] from = Code(start), own = _network.Motion(appearance);
            alpha = [.. alpha.Select((value, i) => value - from[i] + own[i])];
        }
        int style = architecture.Style, motion = architecture.Motion;
        double[] q = MotionBasis.HouseholderQ(
            [.. generator.Read("dec.direction.weight").Select(value => (double)(value + 1e-8f))], style, motion);
        double[] latent =
            [.. appearance.Select((value, row) => value + alpha.Select((move, column) => q[row * motion + column] * move).Sum())];
        return _network.Decode(latent, features, flows);
    }

    // Scores of a minibatch.
    private double[] Judge(Picture[] pictures)
    {
        Picture[] maps = [.. pictures.Select(picture =>
        {
            Picture x = Layer(picture, "convs.0.0", "convs.0.1", 0);
            for (int block = 1; x.Height > 4; block++) x = ReferenceNetwork.Residual(discriminator, $"convs.{block}", x);
            return x;
        })];
        int group = Math.Min(4, maps.Length), groups = maps.Length / group, channels = maps[0].Channels;
        double[] deviations = [.. Enumerable.Range(0, groups).Select(first => Mean(maps[0], (c, y, x) =>
        {
            double[] values = [.. Enumerable.Range(0, group).Select(i => maps[first + i * groups][c, y, x])];
            double mean = values.Average();
            return Math.Sqrt(values.Average(value => (value - mean) * (value - mean)) + 1e-8);
        }))];
        return [.. maps.Select((map, i) =>
        {
            Picture x = Picture.From(channels + 1, 4, 4, (c, y, column) => c < channels ? map[c, y, column] : deviations[i % groups]);
            x = Layer(x, "final_conv.0", "final_conv.1", 1);
            double[] flat = [.. Values(x)];
            double[] hidden = [.. Linear(flat, "final_linear.0").Select(value => Math.Sqrt(2) * (value >= 0 ? value : 0.2 * value))];
            return Linear(hidden, "final_linear.1")[0];
        })];
    }

    private Picture Layer(Picture x, string weight, string bias, int padding) => ReferenceNetwork.Activate(
        ReferenceNetwork.Convolve(x, ReferenceNetwork.Weight(discriminator, $"{weight}.weight"), 1, padding),
        ReferenceNetwork.Weight(discriminator, $"{bias}.bias"));

    private double[] Linear(double[] x, string name)
    {
        float[] weight = discriminator.Read($"{name}.weight"), bias = discriminator.Read($"{name}.bias");
        return [.. bias.Select((b, row) => x.Select((value, i) => value * weight[row * x.Length + i]).Sum() / Math.Sqrt(x.Length) + b)];
    }

    private double Perceptual(Picture result, Picture target)
    {
        double sum = 0;
        foreach (int scale in (int[])[1, 2, 4, 8])
        {
            if (result.Height / scale < 16) continue;
            Picture[] made = Features(Shrink(result, scale)), wanted = Features(Shrink(target, scale));
            for (int i = 0; i < made.Length; i++)
                sum += 10 * Mean(made[i], (c, y, x) => Math.Abs(made[i][c, y, x] - wanted[i][c, y, x]));
        }
        return sum;
    }

    // relu1_1, relu2_1 ... of torchvision's VGG19.
    private Picture[] Features(Picture picture)
    {
        double[] mean = [0.485, 0.456, 0.406], deviation = [0.229, 0.224, 0.225];
        Picture x = picture.Map((c, value) => ((Math.Clamp(value, -1, 1) + 1) / 2 - mean[c]) / deviation[c]);
        List<Picture> features = [];
        foreach (int index in (int[])[0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28])
        {
            if (index is 5 or 10 or 19 or 28) x = Pool(x);
            (float[] weight, int[] shape) = ReferenceNetwork.Weight(vgg!, $"features.{index}.weight");
            float[] bias = vgg!.Read($"features.{index}.bias");
            x = ReferenceNetwork.Convolve(x, [.. weight.Select(value => (double)value)], shape[0], 3, 1, 1)
                .Map((c, value) => Math.Max(0, value + bias[c]));
            if (index is 0 or 5 or 10 or 19 or 28) features.Add(x);
        }
        return [.. features];
    }

    private static Picture Pool(Picture x) => Picture.From(x.Channels, x.Height / 2, x.Width / 2, (c, y, column) => Math.Max(
        Math.Max(x[c, 2 * y, 2 * column], x[c, 2 * y, 2 * column + 1]),
        Math.Max(x[c, 2 * y + 1, 2 * column], x[c, 2 * y + 1, 2 * column + 1])));

    // Gaussian, zeros around, then every scale-th pixel from 0.
    private static Picture Shrink(Picture picture, int scale)
    {
        if (scale == 1) return picture;
        double deviation = (scale - 1) / 2.0;
        int radius = (int)Math.Round(4 * deviation);
        double[] taps = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-i * i / (2 * deviation * deviation)))];
        double sum = taps.Sum();
        return Picture.From(picture.Channels, picture.Height / scale, picture.Width / scale, (c, y, x) =>
        {
            double value = 0;
            for (int i = 0; i < taps.Length; i++)
                for (int j = 0; j < taps.Length; j++)
                    value += taps[i] * taps[j] / (sum * sum) * picture[c, y * scale + i - radius, x * scale + j - radius];
            return value;
        });
    }

    // Of this level and the smaller ones.
    private static double PictureDistance(Picture a, Picture b, int levels, bool isFirst = true)
    {
        Picture d = Picture.From(a.Channels, a.Height, a.Width, (c, y, x) => a[c, y, x] - b[c, y, x]);
        double edges = Mean(Picture.From(a.Channels, a.Height - 1, a.Width - 1, (c, y, x) =>
            Math.Abs(d[c, y + 1, x + 1] - d[c, y + 1, x]) + Math.Abs(d[c, y + 1, x + 1] - d[c, y, x + 1])
                + 0.7 * Math.Abs(d[c, y + 1, x + 1] - d[c, y, x])));
        double distance = Mean(d, (c, y, x) => Math.Abs(d[c, y, x])) * (isFirst ? 1 : 0.7) + 0.7 * edges;
        return levels == 1 ? distance : distance + PictureDistance(Half(a), Half(b), levels - 1, isFirst: false);
    }

    private static Picture Half(Picture a) => Picture.From(a.Channels, a.Height / 2, a.Width / 2, (c, y, x) =>
        (a[c, 2 * y, 2 * x] + a[c, 2 * y, 2 * x + 1] + a[c, 2 * y + 1, 2 * x] + a[c, 2 * y + 1, 2 * x + 1]) / 4);

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static double Mean(Picture map) => Values(map).Average();

    private static double Mean(Picture like, Func<int, int, int, double> value) =>
        Mean(Picture.From(like.Channels, like.Height, like.Width, value));

    private static IEnumerable<double> Values(Picture map)
    {
        for (int c = 0; c < map.Channels; c++)
            for (int y = 0; y < map.Height; y++)
                for (int x = 0; x < map.Width; x++) yield return map[c, y, x];
    }
}
