using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Optimizers;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Adam, moving averages, and the search for what is not finite.</summary>
public class OptimizerTests
{
    private sealed record State(float[] Parameters, float[] First, float[] Second);

    private static State Step(KernelLoader loader, State state, float[] gradients, AdamRates rates, bool keepsFirst = true)
    {
        using DeviceScope scope = new(loader);
        AdamArguments arguments = new()
        {
            Parameters = scope.Upload(state.Parameters),
            Gradients = scope.Upload(gradients),
            First = keepsFirst ? scope.Upload(state.First) : default,
            Second = scope.Upload(state.Second),
            Rates = scope.Upload([rates]),
        };
        scope.Run(Adam.Prepare(loader, arguments));
        return new(scope.Download(arguments.Parameters), keepsFirst ? scope.Download(arguments.First) : [],
            scope.Download(arguments.Second));
    }

    // The generator's rates, the discriminator's, and the common ones; lengths that are and are not multiples of four.
    [Theory]
    [EveryEngine(0.0016, 0.0, 0.8, 1, 12)]
    [EveryEngine(0.0016, 0.0, 0.8, 100_000, 1027)]
    [EveryEngine(0.002, 0.9, 1.0, 1, 5)]
    [EveryEngine(0.002, 0.9, 1.0, 100_000, 3)]
    public void A_step_of_Adam_is_that_of_double(string device, double rate, double beta1, double ratio, long step, int length)
    {
        double beta2 = Math.Pow(0.99, ratio);
        const double Epsilon = 1e-8;
        float[] gradients = [.. RandomFloats(length, 1).Select((g, i) => (float)(g * Math.Pow(10, -(i % 12))))];
        if (length > 4) gradients[4] = 0;
        State before = step == 1
            ? new(RandomFloats(length, 2), new float[length], new float[length])
            : new(RandomFloats(length, 2), [.. gradients.Select(g => 0.7f * g)], [.. gradients.Select(g => 1.3f * g * g)]);
        double[] moved = new double[length], first = new double[length], second = new double[length];
        for (int i = 0; i < length; i++)
        {
            double g = gradients[i];
            first[i] = beta1 * before.First[i] + (1 - beta1) * g;
            second[i] = beta2 * before.Second[i] + (1 - beta2) * g * g;
            moved[i] = rate * (first[i] / (1 - Math.Pow(beta1, step)))
                / (Math.Sqrt(second[i] / (1 - Math.Pow(beta2, step))) + Epsilon);
        }
        State after = Run(device, a => Step(a, before, gradients, AdamRates.Of(rate, beta1, beta2, Epsilon, step)));
        for (int i = 0; i < length; i++)
        {
            Assert.Equal(first[i], after.First[i], Math.Abs(first[i]) * 1e-6);
            Assert.Equal(second[i], after.Second[i], second[i] * 1e-6 + 1e-44);
            // What it moves by, and the rounding of where it arrives.
            double arrived = before.Parameters[i] - moved[i];
            Assert.Equal(arrived, after.Parameters[i], Math.Abs(moved[i]) * 1e-5 + Math.Abs(arrived) * Math.Pow(2, -24));
        }
    }

    [Theory, EveryEngine]
    public void Adam_without_momentum_need_not_keep_the_gradient(string device)
    {
        float[] gradients = RandomFloats(9, 1);
        State before = new(RandomFloats(9, 2), new float[9], [.. RandomFloats(9, 3).Select(Math.Abs)]);
        AdamRates rates = AdamRates.Of(0.0016, 0, 0.992, 1e-8, 7);
        State kept = Run(device, a => Step(a, before, gradients, rates));
        State dropped = Run(device, a => Step(a, before, gradients, rates, false));
        Assert.Equal(gradients, kept.First);
        Assert.Equal(kept.Parameters, dropped.Parameters);
        Assert.Equal(kept.Second, dropped.Second);
    }

    [Theory, EveryEngine]
    public void Fifty_steps_of_Adam_go_where_those_of_double_go(string device)
    {
        const int Length = 7, Steps = 50;
        float[] start = RandomFloats(Length, 1);
        double[] w = [.. start.Select(value => (double)value)], m = new double[Length], v = new double[Length];
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<AdamRates> rates = scope.Allocate<AdamRates>(1);
            AdamArguments arguments = new()
            {
                Parameters = scope.Upload(start),
                Gradients = scope.Allocate<float>(Length),
                First = scope.Upload(new float[Length]),
                Second = scope.Upload(new float[Length]),
                Rates = rates,
            };
            KernelLaunch launch = Adam.Prepare(a, arguments); // once, as in a captured graph
            for (int step = 1; step <= Steps; step++)
            {
                arguments.Gradients.CopyFromCPU(a.Accelerator.DefaultStream, RandomFloats(Length, 100 + step));
                rates.CopyFromCPU(a.Accelerator.DefaultStream, [AdamRates.Of(Rate(step), 0.5, 0.99, 1e-8, step)]);
                scope.Run(launch);
            }
            return scope.Download(arguments.Parameters);
        });
        for (int step = 1; step <= Steps; step++)
        {
            float[] gradients = RandomFloats(Length, 100 + step);
            for (int i = 0; i < Length; i++)
            {
                m[i] = 0.5 * m[i] + 0.5 * gradients[i];
                v[i] = 0.99 * v[i] + 0.01 * gradients[i] * (double)gradients[i];
                w[i] -= Rate(step) * (m[i] / (1 - Math.Pow(0.5, step))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, step))) + 1e-8);
            }
        }
        Near.Equal([.. w.Select(value => (float)value)], actual, 1e-6);

        static double Rate(int step) => 0.01 / step;
    }

    [Fact]
    public void Buffers_of_different_lengths_are_refused() => Run(EmulatorName, a =>
    {
        using DeviceScope scope = new(a);
        ArrayView<float> eight = scope.Allocate<float>(8), seven = scope.Allocate<float>(7);
        Assert.Contains("gradients (7)", Assert.Throws<ArgumentException>(
            () => Adam.Prepare(a, new() { Parameters = eight, Gradients = seven, Second = eight })).Message);
        Assert.Contains("parameters (7)", Assert.Throws<ArgumentException>(
            () => Average.Prepare(a, new() { Averages = eight, Parameters = seven })).Message);
        return 0;
    });

    [Theory]
    [EveryEngine(8, 0.01f)]
    [EveryEngine(6, 0.6f)]
    [EveryEngine(1, 1f)]
    [EveryEngine(5, 0f)]
    public void Averages_move_towards_the_parameters(string device, int length, float share)
    {
        float[] averages = RandomFloats(length, 1), parameters = RandomFloats(length, 2);
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            AverageArguments arguments = new()
                { Averages = scope.Upload(averages), Parameters = scope.Upload(parameters), Share = scope.Upload([share]) };
            scope.Run(Average.Prepare(a, arguments));
            return scope.Download(arguments.Averages);
        });
        if (share is 0 or 1) Assert.Equal(share == 0 ? averages : parameters, actual);
        else Near.Equal([.. averages.Zip(parameters, (a, w) => (float)(a + share * ((double)w - a)))], actual, 1e-6);
    }

    // A first launch finds something, so that the second must forget it.
    [Theory]
    [EveryEngine(1030, new int[0])]
    [EveryEngine(1030, new[] { 1029, 700, 803 })]
    [EveryEngine(1031, new[] { 1030 })]
    [EveryEngine(5, new[] { 4, 2 })]
    [EveryEngine(3, new[] { 0 })]
    [EveryEngine(2, new int[0])]
    public void The_first_value_that_is_not_finite_is_found(string device, int length, int[] places)
    {
        float[] bad = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        float[] values = RandomFloats(length, 1);
        values[0] = float.MaxValue; // finite
        for (int i = 0; i < places.Length; i++) values[places[i]] = bad[i % 3];
        int found = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<int> index = scope.Upload([-1]);
            scope.Run(FiniteSearch.Prepare(a, new() { Values = scope.Upload(values), Index = index }));
            return scope.Download(index)[0];
        });
        Assert.Equal(places.DefaultIfEmpty(FiniteSearch.None).Min(), found);
    }
}
