using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>What a step changes, and that nothing else matters.</summary>
public class TrainingStepStateTests
{
    private const int Pairs = 2, Size = 16;

    private static readonly ModelArchitecture Architecture = new(Size, 8, 3, [8, 8, 4]);
    private static readonly StepRates Rates = new(0.002f, 0.001f);

    [Theory]
    [EveryAccelerator]
    public void A_step_moves_every_parameter_as_Adam_has_it(string device)
    {
        (Dictionary<string, float[]> before, Dictionary<string, float[]> gradients, Dictionary<string, float[]> after) = Run(device,
            loader =>
        {
            using TrainingStep step = new(loader, new(Architecture, Pairs), new(3), vgg: null);
            Dictionary<string, float[]> start = Read(step);
            step.Run(Batch(1), Rates);
            return (start, step.Gradients(), Read(step));
        });
        foreach ((string name, float[] gradient) in gradients)
        {
            bool isGenerator = name.StartsWith("generator.", StringComparison.Ordinal);
            // The first step without momentum: v = (1 - b) g^2, corrected by 1 - b.
            double rate = isGenerator ? Rates.Generator : Rates.Discriminator;
            for (int i = 0; i < gradient.Length; i++)
            {
                double expected = before[name][i] - rate * gradient[i] / (Math.Abs(gradient[i]) + 1e-8);
                Assert.Equal(expected, after[name][i], 1e-6);
            }
        }
        Assert.Equal(1, after["adam.steps"][0]);
    }

    [Theory]
    [EveryAccelerator]
    public void Momentum_is_Adams_first_moment(string device)
    {
        const double Beta1 = 0.9;
        double beta2 = Math.Pow(0.99, StepRates.GeneratorRatio);
        (Dictionary<string, float[]> start, Dictionary<string, float[]>[] gradients, Dictionary<string, float[]> after) = Run(device,
            loader =>
        {
            using TrainingStep step = new(loader, new(Architecture, Pairs, Adversarial: 0, Momentum: Beta1), new(3), vgg: null);
            Dictionary<string, float[]> begun = Read(step);
            step.Run(Batch(1), Rates);
            Dictionary<string, float[]> first = step.Gradients();
            step.Run(Batch(2), Rates);
            return (begun, new[] { first, step.Gradients() }, Read(step));
        });
        foreach ((string name, float[] second) in gradients[1])
        {
            for (int i = 0; i < second.Length; i++)
            {
                double value = start[name][i], m = 0, v = 0;
                for (int t = 1; t <= 2; t++)
                {
                    double g = gradients[t - 1][name][i];
                    (m, v) = (Beta1 * m + (1 - Beta1) * g, beta2 * v + (1 - beta2) * g * g);
                    value -= Rates.Generator * (m / (1 - Math.Pow(Beta1, t))) / (Math.Sqrt(v / (1 - Math.Pow(beta2, t))) + 1e-8);
                }
                Assert.Equal(value, after[name][i], 1e-6);
                Assert.Equal(m, after[$"adam.first.{name}"][i], 1e-6 * Math.Abs(m) + 1e-9);
            }
        }
    }

    [Theory]
    [EveryAccelerator]
    public void Fixed_directions_stay_and_nothing_else_changes_for_it(string device)
    {
        const string Direction = "generator.dec.direction.weight";
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, Dictionary<string, float[]> fixedOnes,
            Dictionary<string, float[]> free) = Run(device, loader =>
        {
            using TrainingStep step = new(loader, new(Architecture, Pairs, Momentum: 0.9, FixesDirections: true), new(3), vgg: null);
            using TrainingStep other = new(loader, new(Architecture, Pairs), new(3), vgg: null);
            Dictionary<string, float[]> start = Read(step);
            step.Run(Batch(1), Rates);
            other.Run(Batch(1), Rates);
            return (start, Read(step), step.Gradients(), other.Gradients());
        });
        Assert.Equal(before[Direction], after[Direction]);
        Assert.All(fixedOnes[Direction], value => Assert.Equal(0, value));
        Assert.Contains(free[Direction], value => value != 0);
        foreach ((string name, float[] values) in free.Where(one => one.Key != Direction)) Assert.Equal(values, fixedOnes[name]);
    }

    [Fact]
    public void A_factor_of_what_flows_begin_with_changes_nothing_else()
    {
        InitialParameters plain = new(5), calm = new(5, flowStart: 0.25);
        foreach (TensorInfo tensor in Architecture.Layout())
        {
            float[] values = new float[tensor.ElementCount], others = new float[tensor.ElementCount];
            plain.FillGenerator(tensor, values);
            calm.FillGenerator(tensor, others);
            bool isFlow = tensor.Name.Contains("to_flow", StringComparison.Ordinal)
                && tensor.Name.EndsWith(".conv.weight", StringComparison.Ordinal);
            Assert.Equal(values.Select(value => isFlow ? value / 4 : value), others);
        }
    }

    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void A_run_that_goes_on_is_bit_for_bit_one_that_never_stopped(string device, bool isSupervised)
    {
        // Rows, and what else the demonstration model's training has, in one run, the recipe in the other.
        StepSettings settings = new(Architecture, Pairs, IsSupervised: isSupervised, Average: 0.9, Momentum: isSupervised ? 0.9 : 0,
            FixesDirections: isSupervised, L1: isSupervised ? 0 : 1, JudgesPatches: isSupervised, Matching: isSupervised ? 0.5 : 0);
        if (isSupervised) settings = Guided(settings);
        (Dictionary<string, float[]> straight, Dictionary<string, float[]> resumed, StepLosses first, StepLosses second) = Run(device,
            loader =>
        {
            Dictionary<string, float[]> kept, whole;
            StepLosses last;
            using (TrainingStep step = new(loader, settings, new(3), vgg: null))
            {
                step.Run(Batch(1), Rates);
                kept = Read(step);
                step.Reconstruct(Batch(4).Sources, Batch(4).Targets); // looking changes nothing
                step.Codes(Batch(4));
                last = step.Run(Batch(2), Rates);
                whole = Read(step);
            }
            using TrainingStep other = new(loader, settings, new(4), vgg: null);
            foreach ((string name, float[] values) in kept) other.WriteState(name, values);
            StepLosses again = other.Run(Batch(2), Rates);
            return (whole, Read(other), last, again);
        });
        Assert.Equal(first, second);
        Assert.Equal(straight.Keys, resumed.Keys);
        foreach ((string name, float[] values) in straight) Assert.Equal(values, resumed[name]);
        Assert.NotEqual(straight["generator.dec.conv1.conv.weight"], straight["average.dec.conv1.conv.weight"]);
        if (!isSupervised) return;
        Assert.Contains(straight["adam.first.generator.probe.weight"], value => value != 0);
        Assert.NotEqual(straight["generator.probe.weight"], straight["average.probe.weight"]);
    }

    [Theory]
    [EveryAccelerator]
    public void Labels_and_surfaces_of_no_weight_change_nothing_and_of_any_leave_the_gradient_at_the_picture(string device)
    {
        StepSettings plain = new(Architecture, Pairs, IsSupervised: true);
        (Dictionary<string, float[]> without, float[] atPicture, Dictionary<string, float[]> weightless,
            Dictionary<string, float[]> guided, float[] guidedAtPicture, float[] probe, StepLosses known, StepLosses unknown) =
            Run(device, loader =>
        {
            using TrainingStep step = new(loader, plain, new(3), vgg: null), told = new(loader, Guided(plain), new(3), vgg: null);
            float[] begun = Read(told)["generator.probe.weight"];
            step.Run(Batch(1), default);
            told.Run(Batch(1), new(0, 0) { Guide = 0 });
            Dictionary<string, float[]> nothing = told.Gradients();
            told.WriteState("generator.probe.weight", RandomFloats(begun.Length, 9));
            StepLosses losses = told.Run(Batch(1), new(0, 0) { Guide = 0.5f });
            (Dictionary<string, float[]> all, float[] picture) = (told.Gradients(), told.ReadResultGradient());
            StepLosses none = told.Run(Batch(1, isKnown: false), new(0, 0) { Guide = 0.5f });
            return (step.Gradients(), step.ReadResultGradient(), nothing, all, picture, begun, losses, none);
        });
        Assert.All(probe, value => Assert.Equal(0, value)); // at first
        foreach ((string name, float[] gradient) in without) Assert.Equal(gradient, weightless[name]);
        Assert.All(weightless["generator.probe.weight"], value => Assert.Equal(0, value));
        Assert.Equal(atPicture, guidedAtPicture);
        foreach (string name in (string[])["generator.enc.fc.4.weight", "generator.dec.to_flows.0.conv.weight", "generator.probe.weight"])
            Assert.NotEqual(weightless[name], guided[name]);
        Assert.True(known is { Labels: > 0, Surfaces: > 0 }, $"{known}");
        Assert.True(unknown is { Labels: 0, Surfaces: 0 }, $"{unknown}");
    }

    /// <summary>Codes are asked for between steps, of weights as they are, in the order of the labels.</summary>
    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void Codes_are_those_of_the_present_weights(string device, bool isSupervised)
    {
        TrainingBatch batch = Batch(1);
        (float[] codes, Dictionary<string, float[]> state) = Run(device, loader =>
        {
            using TrainingStep step =
                new(loader, new(Architecture, Pairs, IsSupervised: isSupervised, Average: 0.99, Adversarial: 0), new(3), vgg: null);
            // The average is that of the first step at first.
            step.Run(Batch(2), new(0.1f, 0.1f));
            step.Run(Batch(3), new(0.1f, 0.1f));
            return (step.Codes(batch), Read(step));
        });
        Tensors weights = Tensors.Of(Architecture.Layout(), 1);
        foreach ((string name, float[] values) in state.Where(one => one.Key.StartsWith("generator.", StringComparison.Ordinal)))
            weights.Replace(name["generator.".Length..], values);
        ReferenceLosses reference = new(Architecture, weights, weights);
        float[][] sets = isSupervised ? [batch.Sources, batch.Drivings!, batch.Starts!] : [batch.Targets];
        double[] expected = [.. sets.SelectMany(set => Enumerable.Range(0, Pairs).SelectMany(pair => reference.Code(Planes(set, pair))))];
        Assert.Equal(expected.Length, codes.Length);
        double norm = Math.Sqrt(expected.Sum(value => value * value));
        Assert.InRange(Math.Sqrt(expected.Zip(codes, (a, b) => (a - b) * (a - b)).Sum()) / norm, 0, 1e-5);
    }

    [Theory]
    [EveryAccelerator(0.0)]
    [EveryAccelerator(0.9)]
    public void What_is_looked_at_is_what_the_averaged_network_makes(string device, double average)
    {
        TrainingBatch batch = Batch(1);
        (float[] made, Dictionary<string, float[]> state) = Run(device, loader =>
        {
            using TrainingStep step = new(loader, new(Architecture, Pairs, Average: average), new(3), vgg: null);
            step.Run(Batch(2), new(0.1f, 0.1f));
            step.Run(Batch(2), new(0.1f, 0.1f));
            return (step.Reconstruct(batch.Sources, batch.Targets), Read(step));
        });
        Tensors weights = Tensors.Of(Architecture.Layout(), 1);
        string prefix = average > 0 ? "average." : "generator.";
        foreach ((string name, float[] values) in state.Where(one => one.Key.StartsWith(prefix, StringComparison.Ordinal)))
            weights.Replace(name[prefix.Length..], values);
        ReferenceLosses reference = new(Architecture, weights, weights);
        double difference = 0, norm = 0;
        for (int i = 0; i < Pairs; i++)
        {
            Picture expected = reference.Generate(Planes(batch.Sources, i), Planes(batch.Targets, i), null);
            for (int at = 0; at < 3 * Size * Size; at++)
            {
                double value = expected[at / (Size * Size), at / Size % Size, at % Size];
                difference += Math.Pow(made[i * 3 * Size * Size + at] - value, 2);
                norm += value * value;
            }
        }
        Assert.InRange(Math.Sqrt(difference / norm), 0, 1e-5);
    }

    [Theory]
    [EveryAccelerator]
    public void What_is_not_finite_is_named(string device) => Run(device, loader =>
    {
        using TrainingStep step = new(loader, new(Architecture, Pairs), new(3), vgg: null);
        Assert.Null(step.FindNotFinite());
        // D's last layer: nothing but it and what it hands back is touched, and the generator's gradients are told first.
        step.WriteState("discriminator.final_linear.1.bias", [float.NaN]);
        Assert.False(step.Run(Batch(1), Rates).IsFinite);
        Assert.StartsWith("the gradient of generator.", step.FindNotFinite());
        using TrainingStep guided = new(loader, Guided(new(Architecture, Pairs, IsSupervised: true, Adversarial: 0)), new(3), vgg: null);
        guided.WriteState("generator.probe.weight", [.. Enumerable.Repeat(float.NaN, Known.Labels * Architecture.Motion)]);
        Assert.Equal("generator.probe.weight", guided.FindNotFinite());
        Assert.Equal(float.NaN, guided.Run(Batch(1), Rates).Labels);
        return 0;
    });

    [Theory]
    [EveryAccelerator]
    public void Without_a_discriminator_there_is_none(string device) => Run(device, loader =>
    {
        using TrainingStep step = new(loader, new(Architecture, Pairs, Adversarial: 0), new(3), vgg: null);
        StepLosses losses = step.Run(Batch(1), Rates);
        Assert.Equal(0, losses.Adversarial);
        Assert.Equal(0, losses.Discriminator);
        Assert.DoesNotContain(step.State, tensor => tensor.Name.Contains("discriminator", StringComparison.Ordinal));
        return 0;
    });

    private static Dictionary<string, float[]> Read(TrainingStep step) => step.State.ToDictionary(tensor => tensor.Name, tensor =>
    {
        float[] values = new float[tensor.ElementCount];
        step.ReadState(tensor.Name, values);
        return values;
    });

    private static StepSettings Guided(StepSettings settings) =>
        settings with { Labels = Known.Labels, Parts = Known.Parts, LabelWeight = 8, SurfaceWeight = 3 };

    // With all that a supervised step may take; who wants less does not look.
    private static TrainingBatch Batch(int seed, bool isKnown = true)
    {
        TrainingBatch batch = new(Pairs, Size)
        {
            Drivings = RandomFloats(3 * Pairs * Size * Size, seed + 200),
            Starts = RandomFloats(3 * Pairs * Size * Size, seed + 300),
            Labels = isKnown ? Known.OfPictures(3 * Pairs, seed) : [.. Enumerable.Repeat(float.NaN, 3 * Pairs * Known.Labels)],
            Surfaces = isKnown ? Known.Of(Pairs, Size, seed) : null,
        };
        RandomFloats(batch.Sources.Length, seed).CopyTo(batch.Sources, 0);
        RandomFloats(batch.Targets.Length, seed + 100).CopyTo(batch.Targets, 0);
        return batch;
    }

    private static Picture Planes(float[] planes, int index) =>
        Picture.From(3, Size, Size, (c, y, x) => planes[((index * 3 + c) * Size + y) * Size + x]);
}
