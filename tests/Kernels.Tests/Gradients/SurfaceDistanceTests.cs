using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Losses;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>What is known of pictures besides themselves: numbers told of them, and where a target's surface lies in its source.</summary>
public class SurfaceDistanceTests
{
    private const float Weight = 3, Guide = 0.5f;

    // The squared error's differences are exact at any step, those of distances as long as they cross no kink.
    private const double Step = 1e-3, Small = 1e-6;

    private sealed record Errors(float Value, float[] Gradient);

    [Theory]
    [EveryEngine(7, 3)]
    [EveryEngine(2_016, 5)]
    [EveryEngine(300, 1)]
    public void The_squared_error_is_over_the_labels_that_are_numbers(string device, int count, int everyKnown)
    {
        float[] values = RandomFloats(count, 1), labels = [.. RandomFloats(count, 2).Select((label, i) =>
            i % everyKnown == 0 ? label : float.NaN)];
        int known = labels.Count(label => !float.IsNaN(label));
        Errors found = Run(device, loader => Error(loader, values, labels));
        Near.Equal([(float)Mean(values, i => values[i])], [found.Value], 1e-6);
        Assert.All(labels.Zip(found.Gradient), one => Assert.Equal(float.IsNaN(one.First), one.Second == 0));
        float[] differences = [.. values.Select((_, i) => (float)(Weight * Guide
            * (Mean(values, j => values[j] + (i == j ? Step : 0)) - Mean(values, j => values[j] - (i == j ? Step : 0))) / (2 * Step)))];
        Near.Equal(differences, found.Gradient, 1e-6);

        double Mean(float[] of, Func<int, double> value) => of.Select((_, i) => i)
            .Sum(i => float.IsNaN(labels[i]) ? 0 : Math.Pow(value(i) - labels[i], 2)) / known;
    }

    [Theory, EveryEngine]
    public void Nothing_known_is_no_error_and_what_is_no_number_shows(string device)
    {
        Errors none = Run(device, loader => Error(loader, [1, float.NaN, 3], [float.NaN, float.NaN, float.NaN]));
        Assert.Equal(0, none.Value);
        Assert.Equal([0, 0, 0], none.Gradient);
        Errors broken = Run(device, loader => Error(loader, [1, float.NaN, 3], [float.NaN, 2, 3]));
        Assert.Equal(float.NaN, broken.Value);
        Assert.Equal([0, float.NaN, 0], broken.Gradient);
    }

    private static Errors Error(KernelLoader loader, float[] values, float[] labels)
    {
        using DeviceScope scope = new(loader);
        ArrayView<float> told = scope.Upload(values);
        SquaredErrorArguments arguments = new()
        {
            Values = told,
            Targets = scope.Upload(labels),
            Gradient = told, // in place, as a step has it
            Guide = scope.Upload([Guide]),
            Value = scope.Upload([float.NaN]),
            Scale = Weight,
        };
        scope.Run(SquaredError.Prepare(loader, arguments));
        return new(scope.Download(arguments.Value)[0], scope.Download(arguments.Gradient));
    }

    /// <summary>Levels from full size down, each [frame, 3, r, r], and what is known of the surfaces at full size.</summary>
    private sealed record Case(int Frames, int Size, int Parts, float[][] Flows, float[][] Before, byte[] Depths, byte[] PartNumbers,
        float[] Moves)
    {
        public static Case Of(int frames, int size, int levels, int parts, bool isRough)
        {
            int plane = size * size;
            Random random = new(frames + size);
            byte[] depths = new byte[frames * plane], numbers = new byte[frames * plane];
            random.NextBytes(depths);
            // Patches, or no pixel of a smaller level would be known; now and then a number that no part has.
            for (int i = 0; i < numbers.Length; i++)
            {
                int row = i / size % size, column = i % size, patch = isRough ? 1 : 4;
                numbers[i] = (byte)((i / plane + row / patch * 3 + column / patch) % (parts + 2));
            }
            // Near the identity, in perspective; the first part of all is behind the eye.
            float[] moves = new float[frames * parts * 12];
            for (int i = 0; i < moves.Length; i++)
            {
                int entry = i % 12;
                moves[i] = (entry is 0 or 5 or 11 ? 1 : 0) + 0.2f * (float)(2 * random.NextDouble() - 1);
            }
            moves[11] = -2;
            return new(frames, size, parts, [.. Enumerable.Range(0, levels).Select(k => RandomFloats(frames * 3 * plane >> 2 * k, k + 10))],
                [.. Enumerable.Range(0, levels).Select(k => RandomFloats(frames * 3 * plane >> 2 * k, k + 20))], depths, numbers, moves);
        }

        /// <summary>Where surfaces lie at a level [frame, row, column]: as train.py halves it.</summary>
        public (double X, double Y, double Known)[] Places(int level)
        {
            if (level == 0)
            {
                return [.. PartNumbers.Select((number, i) =>
                {
                    int frame = i / (Size * Size), row = i / Size % Size, column = i % Size;
                    if (number == 0 || number > Parts) return (0.0, 0.0, 0.0);
                    double[] point = [(2 * column + 1.0) / Size - 1, (2 * row + 1.0) / Size - 1, Depths[i] / 255.0, 1];
                    double[] moved = [.. Enumerable.Range(0, 3).Select(axis => point.Select((value, k) =>
                        value * Moves[((frame * Parts + number - 1) * 3 + axis) * 4 + k]).Sum())];
                    return moved[2] > 0 ? (moved[0] / moved[2], moved[1] / moved[2], 1.0) : (0, 0, 0);
                })];
            }
            (double X, double Y, double Known)[] above = Places(level - 1);
            int size = Size >> level;
            return [.. Enumerable.Range(0, Frames * size * size).Select(i =>
            {
                int at = (i / size) * 2 * (2 * size) + i % size * 2;
                (double X, double Y, double Known)[] four = [above[at], above[at + 1], above[at + 2 * size], above[at + 2 * size + 1]];
                double w = four.Average(one => one.Known), least = Math.Max(w, 1e-3);
                return (four.Average(one => one.X * one.Known) / least, four.Average(one => one.Y * one.Known) / least, w > 0.9 ? w : 0);
            })];
        }

        /// <summary>The definition, of a level's flow.</summary>
        public double Distance(int level, (double X, double Y, double Known)[] places, Func<int, double> flow)
        {
            int size = Size >> level, plane = size * size;
            return places.Select((place, i) =>
            {
                int at = i / plane * 3 * plane + i % plane;
                double x = Math.Tanh(flow(at)) + 2.0 * (i % size) / (size - 1) - 1;
                double y = Math.Tanh(flow(at + plane)) + 2.0 * (i / size % size) / (size - 1) - 1;
                return place.Known == 0 ? 0 : Math.Abs(x - place.X) + Math.Abs(y - place.Y);
            }).Sum() / (2 * Frames * plane);
        }
    }

    /// <summary>
    /// The distance is the definition's, of all levels together; its gradient, added to what is there (at full size nothing is), that of
    /// its differences. Kinks are not crossed: no |d| is that near to zero.
    /// </summary>
    [Theory]
    [EveryEngine(1, 16, 2, false)]
    [EveryEngine(3, 16, 1, false)]
    [EveryEngine(2, 16, 3, true)]
    public void Levels_are_as_far_from_the_surfaces_as_the_definition_says(string device, int frames, int size, int parts, bool isRough)
    {
        const int Levels = 2;
        Case given = Case.Of(frames, size, Levels, parts, isRough);
        double known = given.Places(Levels - 1).Average(place => place.Known);
        Assert.True(isRough ? known == 0 : known is > 0.1 and < 0.9, $"{known} known");
        (float value, float[][] gradients) = Run(device, loader => Apply(loader, given));
        double expected = Enumerable.Range(0, Levels).Sum(level => given.Distance(level, given.Places(level), i => given.Flows[level][i]));
        Near.Equal([(float)expected], [value], 1e-6);
        for (int level = 0; level < Levels; level++)
        {
            float[] flow = given.Flows[level], slopes = new float[flow.Length];
            (double X, double Y, double Known)[] places = given.Places(level);
            int plane = size * size >> 2 * level;
            for (int i = 0; i < slopes.Length; i++)
            {
                double slope = (given.Distance(level, places, k => flow[k] + (k == i ? Small : 0))
                    - given.Distance(level, places, k => flow[k] - (k == i ? Small : 0))) / (2 * Small);
                slopes[i] = (float)(Weight * Guide * slope + (level == 0 ? 0 : given.Before[level][i]));
            }
            Near.Equal(slopes, gradients[level], 1e-6);
        }
    }

    [Theory, EveryEngine]
    public void A_flow_that_is_no_number_shows_and_a_place_that_is_none_does_not_count(string device)
    {
        Case given = Case.Of(1, 16, 2, 2, isRough: false);
        int part = given.PartNumbers[5] - 1, other = (part + 1) % 2;
        Assert.InRange(part, 0, 1);
        for (int i = 0; i < 12; i++) given.Moves[12 * part + i] = i == 11 ? 1 : float.MaxValue; // places beyond all numbers
        (float value, float[][] gradients) = Run(device, loader => Apply(loader, given));
        Assert.True(float.IsFinite(value));
        Assert.Equal(0, gradients[0][5]);

        for (int i = 0; i < 12; i++) given.Moves[12 * part + i] = i is 0 or 5 or 11 ? 1 : 0;
        given.Flows[0][5] = float.NaN;
        (value, gradients) = Run(device, loader => Apply(loader, given));
        Assert.Equal(float.NaN, value);
        Assert.Equal(float.NaN, gradients[0][5]);
        Assert.Equal(1, gradients[0].Count(float.IsNaN));
        Assert.True(gradients[1].All(float.IsFinite));
    }

    private static (float Value, float[][] Gradients) Apply(KernelLoader loader, Case given)
    {
        using DeviceScope scope = new(loader);
        int levels = given.Flows.Length, shares = 0;
        ArrayView<double> partials = scope.Allocate<double>(
            Enumerable.Range(0, levels).Sum(level => SurfaceDistance.PartialsLength(given.Frames, given.Size >> level)));
        ArrayView<float> finer = default, value = scope.Upload([float.NaN]);
        float[][] gradients = new float[levels][];
        for (int level = 0; level < levels; level++)
        {
            int size = given.Size >> level, room = SurfaceDistance.PartialsLength(given.Frames, size);
            SurfaceDistanceArguments arguments = new()
            {
                Flow = scope.Upload(given.Flows[level]),
                Axis = scope.Upload([.. Enumerable.Range(0, size).Select(i => (float)(2.0 * i / (size - 1) - 1))]),
                Depths = scope.Upload(given.Depths),
                PartNumbers = scope.Upload(given.PartNumbers),
                Moves = scope.Upload(given.Moves),
                Finer = finer,
                Places = level + 1 < levels ? scope.Allocate<float>(2L * given.Frames * size * size) : default,
                Gradient = scope.Upload(level > 0 ? given.Before[level]
                    : [.. Enumerable.Repeat(float.NaN, given.Flows[level].Length)]),
                Guide = scope.Upload([Guide]),
                Partials = partials.SubView(shares, room),
                Frames = given.Frames,
                Size = size,
                Parts = given.Parts,
                Scale = Weight,
                Accumulates = level == 0 ? 0 : 1,
            };
            scope.Run(SurfaceDistance.Prepare(loader, arguments));
            (finer, shares) = (arguments.Places, shares + room);
            gradients[level] = scope.Download(arguments.Gradient);
        }
        scope.Run(LossSum.Prepare(loader, new() { Partials = partials, Value = value }));
        return (scope.Download(value)[0], gradients);
    }
}
