using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Losses;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Losses and the minibatch deviation, with their gradients.</summary>
public class LossTests
{
    private sealed record Loss(float Value, float[] Gradient, float[] TargetGradient);

    private static Loss Distance(
        KernelLoader loader, float[] values, float[] targets, int frames, int channels, float scale, float[]? weights = null,
        float[]? before = null, float valueBefore = 0, int rectified = 0, int weighsPlanes = 0)
    {
        using DeviceScope scope = new(loader);
        int pixels = values.Length / frames / channels;
        float[] unset = [.. Enumerable.Repeat(float.NaN, values.Length)];
        L1Arguments arguments = new()
        {
            Values = scope.Upload(values),
            Targets = scope.Upload(targets),
            Weights = weights == null ? default : scope.Upload(weights),
            Gradient = scope.Upload(before ?? unset),
            TargetGradient = scope.Upload(before ?? unset),
            Partials = scope.Allocate<double>(L1.PartialsLength(frames, channels, pixels)),
            Value = scope.Upload([valueBefore]),
            Frames = frames,
            Channels = channels,
            Pixels = pixels,
            Scale = scale,
            Accumulates = before == null ? 0 : 1,
            AccumulatesValue = valueBefore == 0 ? 0 : 1,
            Rectified = rectified,
            WeighsPlanes = weighsPlanes,
        };
        scope.Run(L1.Prepare(loader, arguments));
        return new(scope.Download(arguments.Value)[0], scope.Download(arguments.Gradient), scope.Download(arguments.TargetGradient));
    }

    [Theory, EveryEngine]
    public void The_absolute_distance_matches_the_official_one(string device)
    {
        Tensor values = TrainOps.Read("l1.in0"), targets = TrainOps.Read("l1.in1");
        float cotangent = TrainOps.Read("l1.ct0").Values[0];
        Loss loss = Run(device, a => Distance(a, values.Values, targets.Values, values.Batch, values.Channels, cotangent));
        Near.Equal([TrainOps.Read("l1.out0").Values[0] * cotangent], [loss.Value]);
        Near.Equal(TrainOps.Read("l1.grad.in0").Values, loss.Gradient);
        Near.Equal(TrainOps.Read("l1.grad.in1").Values, loss.TargetGradient);
    }

    [Theory]
    [EveryEngine(2, 3, 20, 0)]
    [EveryEngine(2, 3, 35, 1)]
    [EveryEngine(1, 1, 1, 0)]
    [EveryEngine(1, 2, 1030, 1)]
    public void Weighted_and_accumulated_distances_match_the_definition(string device, int frames, int channels, int pixels, int rectified)
    {
        int count = frames * channels * pixels;
        float[] values = RandomFloats(count, 1), targets = RandomFloats(count, 2), weights = RandomFloats(frames * pixels, 3),
            before = RandomFloats(count, 4);
        if (count > 1) targets[1] = values[1]; // a distance of zero has no gradient
        double sum = 0;
        float[] gradient = new float[count], other = new float[count];
        for (int i = 0; i < count; i++)
        {
            double weight = weights[i / (channels * pixels) * pixels + i % pixels], difference = (double)values[i] - targets[i];
            sum += Math.Abs(difference) * weight;
            double slope = 0.7f * weight * Math.Sign(difference) / count;
            gradient[i] = rectified != 0 && values[i] <= 0 ? 0 : (float)(before[i] + slope);
            other[i] = (float)(before[i] - slope);
        }
        Loss loss = Run(device, a => Distance(a, values, targets, frames, channels, 0.7f, weights, before, valueBefore: 2, rectified));
        Near.Equal([(float)(2 + 0.7f * sum / count)], [loss.Value], 1e-6);
        Near.Equal(gradient, loss.Gradient, 1e-6);
        Near.Equal(other, loss.TargetGradient, 1e-6);
    }

    /// <summary>Features whose channels are neighbors, weighted by pixel.</summary>
    [Theory]
    [EveryEngine(35, 8)]
    [EveryEngine(130, 6)]
    public void A_weight_of_a_plane_counts_for_all_of_it(string device, int planes, int pixels)
    {
        int count = planes * pixels;
        float[] values = RandomFloats(count, 1), targets = RandomFloats(count, 2), weights = RandomFloats(planes, 3);
        double sum = 0;
        float[] gradient = new float[count];
        for (int i = 0; i < count; i++)
        {
            double difference = (double)values[i] - targets[i];
            sum += Math.Abs(difference) * weights[i / pixels] / count;
            gradient[i] = (float)(weights[i / pixels] * Math.Sign(difference) / (double)count);
        }
        Loss loss = Run(device, a => Distance(a, values, targets, planes, 1, 1, weights, weighsPlanes: 1));
        Near.Equal([(float)sum], [loss.Value], 1e-6);
        Near.Equal(gradient, loss.Gradient, 1e-6);
    }

    /// <summary>What is added is as long as it is told to be, whatever its own length; what has none stays out.</summary>
    [Theory]
    [EveryEngine(5, 0.5f)]
    [EveryEngine(3_001, 1f)]
    public void Added_gradients_have_the_lengths_that_they_are_given(string device, int count, float rise)
    {
        float[] gradient = RandomFloats(count, 1), first = [.. RandomFloats(count, 2).Select(value => 1e-6f * value)],
            second = [.. RandomFloats(count, 3).Select(value => 1e5f * value)];
        float[] both = Run(device, a => Add(a, first, second)), one = Run(device, a => Add(a, [], second)),
            nothing = Run(device, a => Add(a, new float[count], []));
        Near.Equal(Expected(first, second), both, 1e-6);
        Near.Equal(Expected([], second), one, 1e-6);
        Assert.Equal(gradient, nothing);

        float[] Add(KernelLoader loader, float[] a, float[] b)
        {
            using DeviceScope scope = new(loader);
            BoundedGradientsArguments arguments = new()
            {
                Gradient = scope.Upload(gradient),
                First = a.Length > 0 ? scope.Upload(a) : default,
                Second = b.Length > 0 ? scope.Upload(b) : default,
                FirstShare = 0.2f,
                SecondShare = 0.5f,
                Rise = scope.Upload([rise]),
                Partials = scope.Allocate<double>(BoundedGradients.PartialsLength(count)),
            };
            scope.Run(BoundedGradients.Prepare(loader, arguments));
            return scope.Download(arguments.Gradient);
        }

        float[] Expected(float[] a, float[] b) => [.. gradient.Select((g, i) => (float)(g
            + (a.Length > 0 ? rise * 0.2f * Length(gradient) / Length(a) * a[i] : 0) + rise * 0.5f * Length(gradient) / Length(b) * b[i]))];

        static double Length(float[] vector) => Math.Sqrt(vector.Sum(value => (double)value * value));
    }

    [Theory, EveryEngine]
    public void What_is_no_number_shows_in_loss_and_gradient(string device)
    {
        Loss loss = Run(device, a => Distance(a, [1, float.NaN, 3, 4, 5], [1, 2, 3, 0, 9], 1, 1, 5));
        Assert.Equal(float.NaN, loss.Value);
        Assert.Equal([0, float.NaN, 0, 1, -1], loss.Gradient);
    }

    [Theory]
    [EveryEngine(1030)]
    [EveryEngine(37)]
    public void The_distances_of_features_are_summed_over_layers(string device, int count)
    {
        float[] features = RandomFloats(count, 1), targets = RandomFloats(count, 2), above = RandomFloats(count, 3);
        features[2] = 0; // as most are behind a ReLU, which then lets nothing through
        double mean = features.Zip(targets, (a, b) => Math.Abs((double)a - b)).Average();
        float[] gradient = [.. Enumerable.Range(0, count)
            .Select(i => features[i] > 0 ? (float)(above[i] + 0.5 * 10 * Math.Sign((double)features[i] - targets[i]) / count) : 0)];
        (float value, float[] actual) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            int room = FeatureDistance.PartialsLength(count);
            ArrayView<double> partials = scope.Allocate<double>(2 * room);
            FeatureDistanceArguments layer = new()
            {
                Features = scope.Upload(features),
                Targets = scope.Upload(targets),
                Gradient = scope.Upload(above),
                Partials = partials.SubView(0, room),
                Count = count,
                Scale = 0.5f,
                Accumulates = 1,
                Rectified = 1,
            };
            FeatureDistanceArguments next = layer with { Gradient = default, Partials = partials.SubView(room, room), Scale = 2f };
            ArrayView<float> sum = scope.Upload([3f]);
            scope.Run(FeatureDistance.Prepare(a, layer));
            scope.Run(FeatureDistance.Prepare(a, next));
            scope.Run(LossSum.Prepare(a, new() { Partials = partials, Value = sum, Accumulates = 1 }));
            return (scope.Download(sum)[0], scope.Download(layer.Gradient));
        });
        Near.Equal([(float)(3 + 10 * 2.5 * mean)], [value], 1e-6);
        Near.Equal(gradient, actual, 1e-6);
    }

    private static (float Value, float[] Gradient) Softplus(
        KernelLoader loader, float[] x, int passes, int negated, float scale, float before = 0, float[]? weights = null)
    {
        using DeviceScope scope = new(loader);
        SoftplusMeanArguments arguments = new()
        {
            Input = scope.Upload(x),
            Weights = weights == null ? default : scope.Upload(weights),
            Gradient = scope.Allocate<float>(x.Length),
            Value = scope.Upload([before]),
            Passes = passes,
            Images = x.Length / passes,
            Negated = negated,
            Scale = scale,
            AccumulatesValue = before == 0 ? 0 : 1,
        };
        scope.Run(SoftplusMean.Prepare(loader, arguments));
        return (scope.Download(arguments.Value)[0], scope.Download(arguments.Gradient));
    }

    [Theory, EveryEngine]
    public void The_adversarial_loss_matches_the_official_one(string device)
    {
        float[] x = TrainOps.Read("softplus_mean.in0").Values;
        float cotangent = TrainOps.Read("softplus_mean.ct0").Values[0];
        (float value, float[] gradient) = Run(device, a => Softplus(a, x, 1, 0, cotangent));
        Near.Equal([TrainOps.Read("softplus_mean.out0").Values[0] * cotangent], [value]);
        Near.Equal(TrainOps.Read("softplus_mean.grad.in0").Values, gradient);
    }

    [Theory]
    [EveryEngine(20, false)]
    [EveryEngine(300, true)]
    public void Passes_of_the_adversarial_loss_have_signs_of_their_own(string device, int images, bool isWeighted)
    {
        float[] x = [.. RandomFloats(2 * images, 1).Select(value => 4 * value)];
        float[]? weights = isWeighted ? RandomFloats(images, 2) : null;
        double sum = 0;
        float[] expected = new float[2 * images];
        for (int i = 0; i < 2 * images; i++)
        {
            double sign = i < images ? -1 : 1, weight = weights?[i % images] ?? 1;
            sum += weight * Math.Log(1 + Math.Exp(sign * x[i])) / images;
            expected[i] = (float)(0.5 * weight * sign / (1 + Math.Exp(-sign * x[i])) / images);
        }
        (float value, float[] gradient) = Run(device, a => Softplus(a, x, 2, negated: 1, 0.5f, before: 1, weights));
        Near.Equal([(float)(1 + 0.5 * sum)], [value], 1e-6);
        Near.Equal(expected, gradient, 1e-6);
    }

    [Theory]
    [EveryEngine(0f, 0.6931471805599453, 0.5)]
    [EveryEngine(200f, 200.0, 1.0)]
    [EveryEngine(-200f, 0.0, 0.0)] // e^-200 is below every float
    [EveryEngine(-80f, 1.8048513878454153e-35, 1.8048513878454153e-35)]
    [EveryEngine(-15f, 3.059022736238548e-7, 3.0590222692562472e-7)]
    [EveryEngine(15f, 15.000000305902274, 0.9999996940977731)]
    [EveryEngine(1e30f, 1e30, 1.0)]
    public void Softplus_keeps_what_is_large_and_what_is_small(string device, float x, double softplus, double slope)
    {
        (float value, float[] gradient) = Run(device, a => Softplus(a, [x], 1, 0, 1));
        const double Smallest = 1e-43;
        Assert.InRange(value, softplus * (1 - 1e-5) - Smallest, softplus * (1 + 1e-5) + Smallest);
        Assert.InRange(gradient[0], slope * (1 - 1e-5) - Smallest, slope * (1 + 1e-5) + Smallest);
    }

    private static (float[] Output, float[] Gradient) Deviate(
        KernelLoader loader, float[] x, float[] outputGradient, int passes, int images, int pixels, int channels)
    {
        using DeviceScope scope = new(loader);
        MinibatchDeviationArguments arguments = new()
        {
            Input = scope.Upload(x),
            Output = scope.Allocate<float>(outputGradient.Length),
            OutputGradient = scope.Upload(outputGradient),
            Gradient = scope.Allocate<float>(x.Length),
            Passes = passes,
            Images = images,
            Pixels = pixels,
            Channels = channels,
        };
        scope.Run(MinibatchDeviation.Prepare(loader, arguments), MinibatchDeviation.PrepareGradient(loader, arguments));
        return (scope.Download(arguments.Output), scope.Download(arguments.Gradient));
    }

    [Theory, EveryEngine]
    public void The_minibatch_deviation_matches_the_official_one_in_every_pass(string device)
    {
        Tensor x = TrainOps.Read("minibatch_stddev.in0"), cotangent = TrainOps.Read("minibatch_stddev.ct0");
        Tensor output = TrainOps.Read("minibatch_stddev.out0"), gradient = TrainOps.Read("minibatch_stddev.grad.in0");
        // A pass of other pictures before it changes nothing.
        float[] other = RandomFloats(x.Values.Length, 1), otherGradient = RandomFloats(cotangent.Values.Length, 2);
        (float[] actual, float[] back) = Run(device, a =>
            Deviate(a, [.. other, .. x.ToNhwc()], [.. otherGradient, .. cotangent.ToNhwc()], 2, 8, 16, 8));
        Near.Equal(output.ToNhwc(), actual.AsSpan(output.Values.Length));
        Near.Equal(gradient.ToNhwc(), back.AsSpan(gradient.Values.Length));
    }

    [Theory]
    [EveryEngine(1)]
    [EveryEngine(2)]
    [EveryEngine(3)]
    [EveryEngine(4)]
    public void Few_images_are_one_group(string device, int images)
    {
        const int Pixels = 3, Channels = 5, Size = Pixels * Channels;
        float[] x = RandomFloats(images * Size, 1), gradient = RandomFloats(images * Pixels * (Channels + 1), 2);
        // Deviation of every pixel's channel, and the mean over the images.
        double[] means = [.. Enumerable.Range(0, Size).Select(i => Enumerable.Range(0, images).Average(j => (double)x[j * Size + i]))];
        double[] deviations = [.. Enumerable.Range(0, Size).Select(i =>
            Math.Sqrt(Enumerable.Range(0, images).Average(j => Math.Pow(x[j * Size + i] - means[i], 2)) + 1e-8))];
        double told = Enumerable.Range(0, images * Pixels).Sum(p => (double)gradient[p * (Channels + 1) + Channels]);
        float[] expected = [.. Enumerable.Range(0, images * Pixels).SelectMany(p =>
            (float[])[.. x[(p * Channels)..((p + 1) * Channels)], (float)deviations.Average()])];
        float[] expectedGradient = [.. Enumerable.Range(0, images * Size).Select(i => (float)(gradient[i + i / Channels]
            + told / Size / images * (x[i] - means[i % Size]) / deviations[i % Size]))];
        (float[] actual, float[] back) = Run(device, a => Deviate(a, x, gradient, 1, images, Pixels, Channels));
        Near.Equal(expected, actual, 1e-6);
        Near.Equal(expectedGradient, back, 1e-6);
    }

    [Theory]
    [EveryEngine(3)]
    [EveryEngine(4)]
    public void Equal_images_have_the_smallest_deviation_and_no_gradient_by_it(string device, int images)
    {
        const int Pixels = 2, Channels = 6;
        float[] one = RandomFloats(Pixels * Channels, 1), gradient = RandomFloats(images * Pixels * (Channels + 1), 2);
        float[] x = [.. Enumerable.Range(0, images).SelectMany(_ => one)];
        (float[] actual, float[] back) = Run(device, a => Deviate(a, x, gradient, 1, images, Pixels, Channels));
        Assert.All(actual.Where((_, i) => i % (Channels + 1) == Channels), value => Assert.Equal(1e-4, value, 1e-10));
        Assert.Equal(gradient.Where((_, i) => i % (Channels + 1) < Channels), back);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(10)]
    public void Images_that_are_no_whole_groups_are_refused(int images)
    {
        Assert.False(MinibatchDeviation.Takes(images));
        string message = Run(EmulatorName, a => Assert.Throws<ArgumentException>(
            () => MinibatchDeviation.Prepare(a, new() { Passes = 1, Images = images, Pixels = 1, Channels = 1 })).Message);
        Assert.Contains($"a batch has at most 4 or a multiple of it, not {images}", message);
    }
}
