using System.Globalization;
using Lia.Gpu.Runtime;
using Lia.Network.Verification;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Verification;

/// <summary>
/// Reproduces a reference file of whole training steps: makes the synthetic networks that its metadata names, trains on its pictures, and
/// compares losses, the reconstruction, every parameter's first gradient and the parameters at the end.
/// </summary>
/// <remarks>
/// Of a tensor the file holds the norm, the product with a made-up one, and up to 64 values. An honest float32 program errs as PyTorch's
/// does, so the limit of a tensor is <see cref="Tolerance"/> times the larger of PyTorch's error on it and the median of those of its
/// group.
/// </remarks>
internal sealed class StepVerification
{
    /// <summary>Multiples of PyTorch's own float32 error.</summary>
    public const double Tolerance = 10;

    /// <summary>Relative error allowed of the losses, of the first two steps: then they drift apart.</summary>
    public const double LossTolerance = 1e-3;

    private const ulong DrawSeed = 11;
    private const int ComparedSteps = 2;
    private static readonly string[] LossNames = ["perceptual", "L1", "adversarial", "discriminator"];

    private readonly ITensorSource _golden;
    private readonly List<VerificationRow> _rows = [];

    private readonly bool _isFast;

    private StepVerification(ITensorSource golden, bool isFast) => (_golden, _isFast) = (golden, isFast);

    /// <summary>Whether a file is one of these.</summary>
    public static bool IsOf(ITensorSource golden) =>
        golden.Tensors.ContainsKey("losses") && golden.Metadata.ContainsKey("discriminator.seed");

    /// <summary>Runs the verification.</summary>
    /// <exception cref="WeightsException">The file is not such a reference file.</exception>
    /// <param name="loader">The device.</param>
    /// <param name="golden">The file.</param>
    /// <param name="isFast">Whether operands are rounded to halves: then nothing has a limit.</param>
    public static VerificationReport Run(KernelLoader loader, ITensorSource golden, bool isFast = false)
    {
        StepVerification verification = new(golden, isFast);
        verification.Compare(loader);
        return new([.. verification._rows.Select(row => isFast ? row with { Limit = null } : row)], loader.Properties.Name);
    }

    private void Compare(KernelLoader loader)
    {
        int size = (int)Number("size"), pairs = (int)Number("batch"), steps = (int)Number("steps");
        if (size is < 64 or > 1024 || !int.IsPow2(size) || pairs is < 1 or > 64 || steps is < 1 or > 100)
            throw new WeightsException($"{_golden.Name}: metadata says size {size}, batch {pairs}, steps {steps}: not a reference file");
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticCheckpoint generator = new(architecture, (ulong)Number("seed"));
        using SyntheticTensors discriminator = new("synthetic discriminator", Discriminator.Create(architecture).Parameters(),
            (ulong)Number("discriminator.seed"));
        using SyntheticTensors vgg = MakeVgg();
        StepSettings settings = new(architecture, pairs, IsExact: !_isFast);
        StepRates rates = StepRates.Of(Number("lr"), Number("lr"));
        TrainingBatch batch = new(pairs, size);
        ReadPictures("source.u8", batch.Sources, size);
        ReadPictures("target.u8", batch.Targets, size);

        using TrainingStep step = new(loader, settings, new(0, generator, discriminator), vgg);
        float[] losses = Read("losses", steps * LossNames.Length);
        for (int i = 0; i < steps; i++)
        {
            StepLosses found = step.Run(batch, rates);
            float[] values = [found.Perceptual, found.L1, found.Adversarial, found.Discriminator];
            for (int j = 0; j < values.Length; j++)
            {
                double expected = losses[i * LossNames.Length + j];
                _rows.Add(new($"losses.{i + 1}.{LossNames[j]}", Math.Abs(values[j] - expected) / Math.Abs(expected),
                    i < ComparedSteps ? LossTolerance : null));
            }
            if (i > 0) continue;
            CompareResult(step.ReadResults());
            CompareGroup("grad.g.", "generator.", step.Gradients());
            CompareGroup("grad.d.", "discriminator.", step.Gradients());
        }
        Dictionary<string, float[]> after = [];
        foreach (TensorInfo tensor in step.State.Where(tensor => tensor.Name.StartsWith("generator.", StringComparison.Ordinal)))
        {
            after.Add(tensor.Name, new float[tensor.ElementCount]);
            step.ReadState(tensor.Name, after[tensor.Name]);
        }
        // What takes no gradient stays what it was.
        foreach (TensorInfo tensor in generator.Tensors.Values)
            if (!after.ContainsKey($"generator.{tensor.Name}")) after.Add($"generator.{tensor.Name}", generator.Read(tensor.Name));
        CompareGroup("after.g.", "generator.", after);
    }

    private static SyntheticTensors MakeVgg()
    {
        // The recipe counts convolutions.
        Dictionary<string, string> names = [];
        for (int i = 0; i < Vgg.Official.Length; i++)
        {
            names.Add(Vgg.Official[i].Weight, $"vgg.{i}.weight");
            names.Add(Vgg.Official[i].Bias, $"vgg.{i}.bias");
        }
        return new("synthetic VGG19", Vgg.Parameters(Vgg.Official), DrawSeed,
            tensor => tensor.Shape.Count == 1 ? 1 : Math.Sqrt(2.0 / (9 * tensor.Shape[1]))) { RecipeName = name => names[name] };
    }

    private void CompareResult(float[] result)
    {
        float[] expected = Read("reconstruction", -1);
        int step = (result.Length / 4096) | 1;
        _rows.Add(new("reconstruction", Error([.. Enumerable.Range(0, expected.Length).Select(i => (double)result[i * step])],
            [.. expected.Select(value => (double)value)]), Tolerance * Number("reconstruction.f32err")));
    }

    private void CompareGroup(string group, string prefix, Dictionary<string, float[]> tensors)
    {
        string[] names = [.. _golden.Tensors.Keys.Where(name => name.StartsWith(group, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];
        double[] errors = [.. names.Select(name => Number($"{name}.f32err")).Where(error => error > 0).Order()];
        double median = errors.Length == 0 ? 0 : errors[errors.Length / 2];
        foreach (string name in names)
        {
            string parameter = name[group.Length..];
            float[] stored = Read(name, -1);
            if (!tensors.TryGetValue(prefix + parameter, out float[]? values) || stored.Length < 2)
            {
                _rows.Add(new(name, double.PositiveInfinity, 0));
                continue;
            }
            double norm = 0, product = 0;
            int at = 0;
            foreach (double drawn in SyntheticCheckpoint.Draws($"probe.{parameter}", DrawSeed, values.Length))
            {
                norm += (double)values[at] * values[at];
                product += values[at++] * drawn;
            }
            int step = (values.Length / 64) | 1;
            double limit = Tolerance * Math.Max(Number($"{name}.f32err"), median);
            double[] expected = [.. stored.Select(value => (double)value)];
            double[] samples = [.. Enumerable.Range(0, stored.Length - 2).Select(i => (double)values[i * step])];
            _rows.Add(new(name, Error([Math.Sqrt(norm), product, .. samples], expected), limit));
        }
    }

    private static double Error(double[] values, double[] expected)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < values.Length; i++)
        {
            difference += (values[i] - expected[i]) * (values[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return norm > 0 ? Math.Sqrt(difference / norm) : difference > 0 ? double.PositiveInfinity : 0;
    }

    private void ReadPictures(string name, float[] planes, int size)
    {
        float[] pixels = Read(name, planes.Length);
        int plane = size * size;
        for (int i = 0; i < planes.Length; i++)
            planes[i] = (float)(pixels[(i / (3 * plane) * plane + i % plane) * 3 + i / plane % 3] / 255.0 * 2 - 1);
    }

    private float[] Read(string name, int length)
    {
        if (!_golden.Tensors.TryGetValue(name, out TensorInfo? tensor))
            throw new WeightsException($"{_golden.Name}: no tensor '{name}': not a reference file of training");
        if (length >= 0 && tensor.ElementCount != length)
            throw new WeightsException($"{_golden.Name}: tensor '{name}' has {tensor.ElementCount} values, expected {length}");
        return _golden.Read(name);
    }

    private double Number(string key)
    {
        if (!_golden.Metadata.TryGetValue(key, out string? text)
            || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            throw new WeightsException($"{_golden.Name}: metadata '{key}' is missing or no number: not a reference file of training");
        return value;
    }
}
