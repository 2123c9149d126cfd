using System.Collections.Immutable;
using Lia.Gpu.Tests;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>The patch critic's part of a step, against its definition in double.</summary>
public class PatchCriticTests
{
    private const int Pairs = 2, Size = 16;
    private const double Adversarial = 0.2, Matching = 0.5, Rise = 0.75;

    private static readonly ModelArchitecture Architecture = new(Size, 8, 3, [8, 8, 4]);
    private static readonly ImmutableArray<int> Channels = [4, 8, 8, 12];

    /// <summary>
    /// What the generator learns from: the gradient at the picture, of as much as without a critic, is longer by the critic's two, which
    /// are differences of their losses in double.
    /// </summary>
    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void The_gradient_at_the_picture_has_the_critics_in_their_lengths(string device, bool hasWeights)
    {
        Found found = Step(device, hasWeights);
        ReferenceCritic critic = new(found.Critic);
        Picture[] results = Pictures(found.Results), targets = Pictures(found.Batch.Targets);
        Picture[]? maps = Maps(found.Batch);
        (double fooling, double matching, double judging) = critic.Losses(results, targets, maps);
        Assert.Equal(fooling, found.Losses.Adversarial, 1e-5 * fooling);
        Assert.Equal(matching, found.Losses.Matching, 1e-5 * matching);
        Assert.Equal(judging, found.Losses.Discriminator, 1e-5 * judging);

        double[] away = new double[found.Results.Length], like = new double[found.Results.Length];
        for (int pair = 0; pair < Pairs; pair++)
        {
            Picture result = results[pair];
            Picture[] wanted = critic.Features(targets[pair]);
            for (int i = 0; i < 3 * Size * Size; i++)
            {
                const double Step = 1e-6;
                (int c, int y, int x) = (i / (Size * Size), i / Size % Size, i % Size);
                double kept = result[c, y, x];
                result[c, y, x] = kept + Step;
                (double fools, double matches) = critic.OfGenerator(result, wanted, maps?[pair]);
                result[c, y, x] = kept - Step;
                (double foolsLess, double matchesLess) = critic.OfGenerator(result, wanted, maps?[pair]);
                result[c, y, x] = kept;
                away[pair * 3 * Size * Size + i] = (fools - foolsLess) / (2 * Step * Pairs);
                like[pair * 3 * Size * Size + i] = (matches - matchesLess) / (2 * Step * Pairs);
            }
        }
        double length = Length([.. found.Plain.Select(value => (double)value)]);
        double first = Rise * Adversarial * length / Length(away), second = Rise * Matching * length / Length(like);
        double[] expected = [.. found.Plain.Select((value, i) => value + first * away[i] + second * like[i])];
        Assert.InRange(Length([.. expected.Select((value, i) => value - found.Gradient[i])]) / Length(expected), 0, 1e-4);
    }

    /// <summary>What the critic learns from, through the division by singular values too.</summary>
    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void Gradients_of_the_critic_are_what_differences_of_its_loss_in_double_say(string device, bool hasWeights)
    {
        Found found = Step(device, hasWeights);
        ReferenceCritic critic = new(found.Critic);
        Picture[] results = Pictures(found.Results), targets = Pictures(found.Batch.Targets);
        Picture[]? maps = Maps(found.Batch);
        List<string> wrong = [];
        foreach ((string name, float[] gradient) in found.Gradients)
        {
            float[] values = found.Critic.Read(name);
            if (DirectionalDifference.Fault(name, values, gradient, Loss) is { } fault) wrong.Add(fault);

            double Loss(float[] at)
            {
                found.Critic.Replace(name, at);
                double judging = critic.Losses(results, targets, maps).Judging;
                found.Critic.Replace(name, values);
                return judging;
            }
        }
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    /// <summary>The first step moves the critic by its rate, the vectors of its singular values go on, and all of it is state.</summary>
    [Theory]
    [EveryAccelerator]
    public void The_critic_and_its_power_iterations_are_state(string device) => Run(device, loader =>
    {
        using TrainingStep step = new(loader, Settings(hasWeights: false, Adversarial), new(3), vgg: null);
        string[] names = [.. step.State.Select(tensor => tensor.Name)];
        Assert.DoesNotContain(names, name => name.StartsWith("discriminator.", StringComparison.Ordinal));
        foreach (string name in (string[])["critic.2.conv1.0.weight", "critic.2.conv1.0.weight.u", "adam.second.critic.2.conv1.0.weight"])
            Assert.Contains(name, names);
        float[] before = Read(step, "critic.2.conv1.0.weight"), vector = Read(step, "critic.2.conv1.0.weight.u");
        step.Run(Batch(false), new(0, 0.25f));
        float[] after = Read(step, "critic.2.conv1.0.weight"), next = Read(step, "critic.2.conv1.0.weight.u");
        Assert.Equal(0.25, before.Zip(after, (a, b) => Math.Abs((double)a - b)).Max(), 1e-5);
        Assert.NotEqual(vector, next);
        Assert.Equal(1, Length([.. next.Select(value => (double)value)]), 1e-6);
        return 0;
    });

    private sealed record Found(TrainingBatch Batch, Tensors Critic, StepLosses Losses, float[] Results, float[] Plain, float[] Gradient,
        Dictionary<string, float[]> Gradients);

    private static StepSettings Settings(bool hasWeights, double adversarial) => new(Architecture, Pairs, HasWeights: hasWeights,
        Adversarial: adversarial, JudgesPatches: adversarial > 0, Matching: adversarial > 0 ? Matching : 0) { CriticChannels = Channels };

    private static Found Step(string device, bool hasWeights)
    {
        TrainingBatch batch = Batch(hasWeights);
        PatchCritic graph = PatchCritic.Create(Size, Channels);
        Tensors critic = Tensors.Of([.. graph.Parameters(), .. graph.Layers.Select(layer =>
            new TensorInfo($"{layer.Weight}.u", DType.Float32, [layer.Outputs]))], 9);
        return Run(device, loader =>
        {
            using TrainingStep plain = new(loader, Settings(hasWeights, 0), new(3), vgg: null);
            plain.Run(batch, default);
            using TrainingStep step = new(loader, Settings(hasWeights, Adversarial), new(3, critic: critic), vgg: null);
            StepLosses losses = step.Run(batch, new(0, 0) { Adversary = (float)Rise });
            return new Found(batch, critic, losses, step.ReadResults(), plain.ReadResultGradient(), step.ReadResultGradient(),
                step.Gradients().Where(one => one.Key.StartsWith("critic.", StringComparison.Ordinal))
                    .ToDictionary(one => one.Key["critic.".Length..], one => one.Value));
        });
    }

    private static TrainingBatch Batch(bool hasWeights)
    {
        float[]? weights = hasWeights ? [.. RandomFloats(Pairs * Size * Size, 7).Select(value => 1 + value)] : null;
        TrainingBatch batch = new(Pairs, Size) { Weights = weights };
        RandomFloats(batch.Sources.Length, 1).CopyTo(batch.Sources, 0);
        RandomFloats(batch.Targets.Length, 2).CopyTo(batch.Targets, 0);
        return batch;
    }

    private static float[] Read(TrainingStep step, string name)
    {
        float[] values = new float[step.State.Single(tensor => tensor.Name == name).ElementCount];
        step.ReadState(name, values);
        return values;
    }

    private static Picture[] Pictures(float[] planes) => [.. Enumerable.Range(0, Pairs).Select(i =>
        Picture.From(3, Size, Size, (c, y, x) => planes[((i * 3 + c) * Size + y) * Size + x]))];

    private static Picture[]? Maps(TrainingBatch batch) => batch.Weights is not { } weights ? null
        : [.. Enumerable.Range(0, Pairs).Select(i => Picture.From(1, Size, Size, (_, y, x) => weights[(i * Size + y) * Size + x]))];

    private static double Length(double[] vector) => Math.Sqrt(vector.Sum(value => value * value));
}
