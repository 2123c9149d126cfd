using Lia.Gpu.Tests;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>The whole step, on networks so small that differences of the losses in double can be taken.</summary>
public class TrainingStepTests
{
    private const int Pairs = 2;
    private const double LabelWeight = 8, SurfaceWeight = 3;
    private const float Guide = 0.5f;

    /// <summary>
    /// In a random direction of each parameter, the gradient says how much the loss changes. Both halves of the step are looked at: what
    /// the generator learns from, and what the discriminator does.
    /// </summary>
    [Theory]
    [EveryAccelerator(16, false)]
    [EveryAccelerator(16, true)]
    public void Gradients_are_what_differences_of_the_losses_in_double_say(string device, int size, bool isSupervised) =>
        Compare(device, Example.Of(size, isSupervised, hasVgg: false), every: 1);

    /// <summary>The same with a narrow perceptual network and two scales; it takes so long in double that few parameters are looked
    /// at.</summary>
    [Theory]
    [EveryAccelerator]
    public void Gradients_of_the_perceptual_loss_are_what_its_differences_in_double_say(string device) =>
        Compare(device, Example.Of(32, isSupervised: false, hasVgg: true), every: 7);

    /// <summary>The same of pairs of one clip with labels, of which some are not known, and surfaces; the probe is among the
    /// parameters.</summary>
    [Theory]
    [EveryAccelerator]
    public void Gradients_with_labels_and_surfaces_are_what_differences_of_the_losses_in_double_say(string device) =>
        Compare(device, Example.Of(16, isSupervised: false, hasVgg: false, isGuided: true), every: 3);

    private static void Compare(string device, Example example, int every)
    {
        (StepLosses losses, Dictionary<string, float[]> gradients) = Run(device, loader =>
        {
            StepSettings settings = new(example.Architecture, Pairs, IsSupervised: example.Batch.Drivings != null, L1: example.L1)
            {
                Labels = example.IsGuided ? Known.Labels : 0,
                Parts = example.IsGuided ? Known.Parts : 0,
                LabelWeight = LabelWeight,
                SurfaceWeight = SurfaceWeight,
            };
            using TrainingStep step = new(loader, settings, new(1, example.Generator, example.Discriminator), example.Vgg);
            StepLosses found = step.Run(example.Batch, new(0, 0) { Guide = Guide });
            return (found, step.Gradients());
        });

        (double perceptual, double l1, double adversarial, double judged) = example.Losses();
        Assert.Equal(perceptual, losses.Perceptual, 1e-5 * perceptual);
        Assert.Equal(l1, losses.L1, 1e-5 * l1);
        Assert.Equal(adversarial, losses.Adversarial, 1e-5 * adversarial);
        Assert.Equal(judged, losses.Discriminator, 1e-5 * judged);
        (double labels, double surfaces) = example.Guides();
        Assert.Equal(labels, losses.Labels, 1e-5 * labels);
        Assert.Equal(surfaces, losses.Surfaces, 1e-5 * surfaces);

        List<string> wrong = [];
        foreach ((string name, float[] gradient) in gradients.Where((one, i) =>
            i % every == 0 || one.Key.EndsWith(ParameterLayout.Probe, StringComparison.Ordinal)))
        {
            bool isGenerator = name.StartsWith("generator.", StringComparison.Ordinal);
            Tensors changed = isGenerator ? example.Generator : example.Discriminator;
            string parameter = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            float[] values = changed.Read(parameter);
            if (DirectionalDifference.Fault(name, values, gradient, Loss) is { } fault) wrong.Add(fault);

            double Loss(float[] at)
            {
                changed.Replace(parameter, at);
                (double p, double d, double g, double j) = example.Losses();
                (double told, double far) = example.Guides();
                changed.Replace(parameter, values);
                return isGenerator ? p + example.L1 * d + g + Guide * (LabelWeight * told + SurfaceWeight * far) : j;
            }
        }
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    /// <summary>Networks and a batch.</summary>
    private sealed record Example(
        ModelArchitecture Architecture, Tensors Generator, Tensors Discriminator, Tensors? Vgg, TrainingBatch Batch)
    {
        /// <summary>The weight of the difference of pixels.</summary>
        public double L1 => Batch.Drivings != null ? 0.5 : 1;

        public bool IsGuided => Batch.Labels != null;

        public static Example Of(int size, bool isSupervised, bool hasVgg, bool isGuided = false)
        {
            ModelArchitecture architecture = new(size, 8, 3, [8, 8, 4, 4]);
            int length = Pairs * 3 * size * size;
            TrainingBatch batch = new(Pairs, size)
            {
                Drivings = isSupervised ? RandomFloats(length, 3) : null,
                Starts = isSupervised ? RandomFloats(length, 4) : null,
                Labels = isGuided ? Known.OfPictures(Pairs, 5) : null,
                Surfaces = isGuided ? Known.Of(Pairs, size, 6) : null,
            };
            RandomFloats(length, 1).CopyTo(batch.Sources, 0);
            RandomFloats(length, 2).CopyTo(batch.Targets, 0);
            Tensors generator = Tensors.Of(architecture.Layout(), 5);
            if (isGuided)
                generator.Add(new(ParameterLayout.Probe, DType.Float32, [Known.Labels, architecture.Motion]),
                    RandomFloats(Known.Labels * architecture.Motion, 8));
            return new(architecture, generator,
                Tensors.Of(Graph.Discriminator.Create(architecture).Parameters(), 6),
                hasVgg ? Tensors.Of(Graph.Vgg.Parameters(Graph.Vgg.Create(index => index < 5 ? 4 : 8)), 7, 0.25f) : null, batch);
        }

        public (double Perceptual, double L1, double Adversarial, double Discriminator) Losses() =>
            new ReferenceLosses(Architecture, Generator, Discriminator, Vgg).Of(Pictures(Batch.Sources),
                Pictures(Batch.Drivings ?? Batch.Targets), Batch.Starts is { } starts ? Pictures(starts) : null, Pictures(Batch.Targets));

        /// <summary>What labels and surfaces come to; nothing where there are none.</summary>
        public (double Labels, double Surfaces) Guides() => IsGuided
            ? new ReferenceLosses(Architecture, Generator, Discriminator).Guides(
                Pictures(Batch.Sources), Pictures(Batch.Targets), Batch.Labels!, Batch.Surfaces!)
            : default;

        private Picture[] Pictures(float[] planes)
        {
            int size = Architecture.Size;
            return [.. Enumerable.Range(0, Pairs).Select(i =>
                Picture.From(3, size, size, (c, y, x) => planes[((i * 3 + c) * size + y) * size + x]))];
        }
    }
}
