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
