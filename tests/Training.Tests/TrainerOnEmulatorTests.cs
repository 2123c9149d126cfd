using Lia.Network;
using Lia.Network.Cpu;
using Lia.PtxEmulator;
using Lia.Training.Data;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Tests;

/// <summary>From clips to a model by the step that GPUs have, on the emulator.</summary>
public sealed class TrainerOnEmulatorTests : IDisposable
{
    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    [Fact]
    public void A_run_learns_from_clips_and_its_model_animates_as_the_run_did()
    {
        for (int clip = 0; clip < 2; clip++) _work.Clip($"data/clip{clip}", 40 + 60 * clip, 3);
        string pack = _work.At("data.liapack");
        TrainingPack.Write(_work.At("data"), pack, new PackOptions { Size = 64 });
        EmulatorSteps steps = new();
        List<TrainingProgress> told = [];
        TrainingSummary summary = new Trainer(new()
        {
            Data = pack,
            Output = _work.At("run"),
            Size = 64,
            Channels = [4, 4, 4, 4, 4],
            Code = 8,
            Directions = 2,
            Batch = 1,
            Steps = 2,
            HeldOut = 0,
            LogEvery = 1,
            CheckpointEvery = 100,
            SheetEvery = 100,
            Workers = 1,
        }, steps).Run(new Told(told));
        Assert.Equal([1L, 2L], told.Select(progress => progress.Step));
        Assert.All(told, progress => Assert.True(progress.Losses.Perceptual > 0 && double.IsFinite(progress.Losses.Discriminator)));
        Assert.True(File.Exists(_work.At("run", "sheets", "000000002.png")));
        // The first step of Adam is as long as its rate, whatever the gradient: the recipe's 0.002, and 4/5 of it.
        Assert.Equal(0.0016, steps.Longest, 1e-6);

        using ITensorSource model = Checkpoint.Open(summary.Model);
        using CpuExecutor executor = new(model, ModelArchitecture.Infer(model));
        float[] source = Planes(1), driving = Planes(2), alpha = new float[2], latent = new float[8], picture = new float[source.Length];
        using EncodedSource encoded = executor.EncodeSource(source);
        executor.EncodeMotion(driving, 1, alpha);
        encoded.Appearance.CopyTo(latent);
        executor.Basis.AddTo(alpha, latent);
        executor.Synthesize(encoded, latent, 1, picture);
        Assert.Equal(steps.Shown!.Length, picture.Length);
        double difference = 0, norm = 0;
        for (int i = 0; i < picture.Length; i++)
        {
            difference += Math.Pow(steps.Shown[i] - (double)picture[i], 2);
            norm += Math.Pow(picture[i], 2);
        }
        // Two implementations of float32; the processor's Winograd transforms alone err by some 1e-5.
        Assert.InRange(Math.Sqrt(difference / norm), 0, 1e-4);
    }

    /// <summary>
    /// With both helps, from a model: two pictures have two codes, and a probe of least squares tells whatever labels they have without an
    /// error; parts that stay where they are are read where warps begin, nearly.
    /// </summary>
    [Fact]
    public void A_run_from_a_model_is_told_labels_and_surfaces()
    {
        ModelArchitecture architecture = new(64, 8, 2, [4, 4, 4, 4, 4]);
        string start = _work.At("start.safetensors"), pack = _work.At("guided.liapack");
        using (SyntheticCheckpoint weights = new(architecture, 5)) SafetensorsWriter.Write(start, weights, weights.Metadata, DType.Float32);
        PackShape shape = new(64, false, Labels: 3, Parts: 1);
        using (PackWriter writer = new(pack, shape))
        {
            float[] stays = [.. Enumerable.Range(0, 16).Select(i => i % 5 == 0 ? 1f : 0)];
            for (int i = 0; i < 2; i++)
            {
                byte[] picture = new byte[shape.PictureLength];
                new Random(i).NextBytes(picture.AsSpan(0, 3 * 64 * 64));
                picture.AsSpan(shape.SurfacesAt + 64 * 64).Fill(1);
                writer.Add(picture, [i == 0 ? 1 : -0.5f, i == 0 ? -1 : 2, float.NaN, .. stays]);
            }
            writer.EndClip("rows");
            writer.Add(new PackedRow(0, 1, 0, 1)); // absolutely: the start tells nothing
            writer.Add(new PackedRow(1, 0, 0, 1));
            writer.Complete();
        }
        List<TrainingProgress> told = [];
        new Trainer(new()
        {
            Data = pack, Output = _work.At("run"), From = start, Batch = 1, Steps = 1, HeldOut = 0, Adversarial = 0, Average = 0.9,
            Labels = 8, Surfaces = 3, GuideEnd = 0.1, LogEvery = 1, CheckpointEvery = 100, SheetEvery = 100, Workers = 1,
        }, new EmulatorSteps()).Run(new Told(told));
        TrainingLosses losses = Assert.Single(told).Losses;
        Assert.InRange(losses.Labels, 0, 1e-6); // of labels whose squares are 1.6 on average
        // Warps of random weights lead anywhere in the picture, at five levels: it is measured.
        Assert.InRange(losses.Surfaces, 0.01, 10);
    }

    private sealed class Told(List<TrainingProgress> all) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => all.Add(value);
    }

    private static float[] Planes(int seed) => Gpu.Tests.TestAccelerators.RandomFloats(3 * 64 * 64, seed);

    private sealed class EmulatorSteps : IStepFactory
    {
        /// <summary>What the step made of the pictures, when it ended.</summary>
        public float[]? Shown { get; private set; }

        /// <summary>How far the first step moved a weight of some layer, at most.</summary>
        public double Longest { get; private set; }

        public void Demand(int? gpu)
        {
        }

        public ITrainingStep Create(StepSettings settings, Action<string>? onWarning) => new Step(this,
            new TrainingStep(EmulatorAccelerator.CreateLoader(), settings, new(settings.Seed, flowStart: settings.FlowStart), vgg: null,
                ownsLoader: true));

        private sealed class Step(EmulatorSteps owner, TrainingStep step) : ITrainingStep
        {
            public int Pairs => step.Pairs;

            public string DeviceName => step.DeviceName;

            public IReadOnlyList<TensorInfo> State => step.State;

            public StepLosses Run(TrainingBatch batch, StepRates rates)
            {
                float[] before = Weights();
                StepLosses losses = step.Run(batch, rates);
                if (owner.Longest == 0) owner.Longest = Weights().Zip(before, (now, then) => Math.Abs((double)now - then)).Max();
                return losses;
            }

            public float[] Codes(TrainingBatch batch) => step.Codes(batch);

            public string? FindNotFinite() => step.FindNotFinite();

            public void ReadState(string name, Span<float> values) => step.ReadState(name, values);

            public void WriteState(string name, ReadOnlySpan<float> values) => step.WriteState(name, values);

            public float[] Reconstruct(ReadOnlySpan<float> sources, ReadOnlySpan<float> drivings) => step.Reconstruct(sources, drivings);

            private float[] Weights()
            {
                float[] values = new float[4 * 4 * 9];
                step.ReadState("generator.dec.conv1.conv.weight", values);
                return values;
            }

            public void Dispose()
            {
                owner.Shown = step.Reconstruct(Planes(1), Planes(2));
                step.Dispose();
            }
        }
    }
}
