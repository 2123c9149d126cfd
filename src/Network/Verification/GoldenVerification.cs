using System.Globalization;
using Lia.Weights;

namespace Lia.Network.Verification;

/// <summary>One tensor compared with the reference.</summary>
/// <param name="Name">The tensor in the reference file.</param>
/// <param name="Error">Relative L2 error, <c>‖ours - reference‖ / ‖reference‖</c>; infinite if shapes differ.</param>
/// <param name="Limit">What is allowed; null where that is not known, and the error is for the reader to judge.</param>
public sealed record VerificationRow(string Name, double Error, double? Limit)
{
    /// <summary>Whether the error is within the limit, or where there is none whether it is a number. A NaN is not.</summary>
    public bool IsWithin => Limit is { } limit ? Error <= limit : double.IsFinite(Error);
}

/// <summary>What a verification found.</summary>
/// <param name="Rows">Every tensor compared.</param>
/// <param name="DeviceName">What computed it.</param>
public sealed record VerificationReport(IReadOnlyList<VerificationRow> Rows, string DeviceName)
{
    /// <summary>The final pictures, before clamping: the verdict.</summary>
    public VerificationRow Frames => Rows.Single(row => row.Name == "frames");

    /// <summary>Whether every tensor that has a limit is within it, and the others are numbers.</summary>
    public bool IsWithin => Rows.All(row => row.IsWithin);
}

/// <summary>
/// Reproduces a reference file of the official program: makes the synthetic weights its metadata names, animates its pictures, and
/// compares every tensor in it. <c>feat</c> and <c>tap</c> entries are every step-th element of the activation, with step = count / 2048,
/// made odd.
/// </summary>
public sealed class GoldenVerification
{
    /// <summary>The error allowed for float32, in multiples of PyTorch's own float32 error on the same file.</summary>
    public const double ExactTolerance = 5;

    /// <summary>
    /// The same for fp16 operands where PyTorch's fp16 error was not measured. Where it was (frames and layers), frames may be no worse
    /// than PyTorch's fp16 autocast and layers at most <see cref="FastLayerTolerance"/> times as bad. On the reference files autocast has
    /// 489 to 539 times PyTorch's float32 error. It is the limit of pictures and of what comes before the layers: a layer's error in
    /// autocast is 0.015 to 3.5 times the frames', by layer and by file, so layers of a file that was not measured have no limit.
    /// </summary>
    public const double FastTolerance = 489;

    /// <summary>How much worse than PyTorch's fp16 autocast a layer may be.</summary>
    public const double FastLayerTolerance = 2;

    private const int SampleCount = 2048;
    private readonly ITensorSource _golden;
    private readonly Func<string, double?> _limitOf;
    private readonly List<VerificationRow> _rows = [];
    private readonly HashSet<string> _expected;

    private GoldenVerification(ITensorSource golden, Func<string, double?> limitOf)
    {
        (_golden, _limitOf) = (golden, limitOf);
        _expected =
            [.. golden.Tensors.Keys.Where(
            name => !name.EndsWith(".shape", StringComparison.Ordinal) && !name.EndsWith(".u8", StringComparison.Ordinal))];
    }

    /// <summary>Runs a verification.</summary>
    /// <param name="golden">The reference file.</param>
    /// <param name="createExecutor">Makes the executor to verify from weights; it is disposed here.</param>
    /// <param name="limit">The relative error allowed; null is <see cref="ExactTolerance"/> times PyTorch's float32 error, or for fp16 what
    /// <see cref="FastTolerance"/> says.</param>
    /// <exception cref="WeightsException">The file is not such a reference file.</exception>
    public static VerificationReport Run(
        ITensorSource golden, Func<ITensorSource, ModelArchitecture, IExecutor> createExecutor, double? limit = null)
    {
        ArgumentNullException.ThrowIfNull(createExecutor);
        int size = (int)Number(golden, "size");
        if (size is < 64 or > 1024 || !int.IsPow2(size))
            throw new WeightsException($"{golden.Name}: metadata size is {size}, expected a power of two from 64 to 1024");
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticCheckpoint weights = new(architecture, (ulong)Number(golden, "seed"));
        using IExecutor executor = createExecutor(weights, architecture);
        int seed = (int)Number(golden, "seed");
        double general = limit ?? (executor.IsExact ? ExactTolerance : FastTolerance) * Number(golden, "frames.f32err");
        bool isByTable = limit == null && !executor.IsExact, isMeasured = AutocastErrors.Of(size, seed, "frames") != null;
        GoldenVerification verification = new(golden, name =>
            !isByTable ? general
            : AutocastErrors.Of(size, seed, name) is { } autocast ? autocast * (name == "frames" ? 1 : FastLayerTolerance)
            : isMeasured || !name.StartsWith("tap.", StringComparison.Ordinal) ? general
            : null);
        try
        {
            verification.Compare(executor);
        }
        catch (Exception failure) when (executor.Explain(failure) is { } told)
        {
            throw told;
        }
        return new(verification._rows, executor.DeviceName);
    }

    private void Compare(IExecutor executor)
    {
        ModelArchitecture architecture = executor.Architecture;
        int size = architecture.Size, picture = 3 * size * size, motion = architecture.Motion, style = architecture.Style;
        if (!_golden.Metadata.TryGetValue("relative", out string? text) || !bool.TryParse(text, out bool isRelative))
            throw new WeightsException($"{_golden.Name}: not a reference file: its metadata does not say whether it is 'relative'");
        float[] sourcePicture = Pictures("source.u8", size, size, 3), driving = Pictures("driving.u8", -1, size, size, 3);
        int count = driving.Length / picture;

        Compare("Q", executor.Basis.Q);
        // The source: its features are the encoder's activations at 8x8 and larger, numbered from the smallest.
        Dictionary<string, string> featureOfTap = [];
        for (int resolution = 8, feature = 0, layer = int.Log2(size) - 3; resolution <= size; resolution *= 2)
            featureOfTap[$"enc.convs.{layer--}"] = $"feat.{feature++}";
        executor.Tap = (layer, shape, values) =>
        {
            if (featureOfTap.TryGetValue(layer, out string? feature)) CompareSampled(feature, shape, values);
            if (layer == "enc.fc" && isRelative) CompareSampled("tap.enc.fc", shape, values);
        };
        using EncodedSource source = executor.EncodeSource(sourcePicture);
        executor.Tap = null;
        Compare("wa", source.Appearance);
        Compare("alpha.source", source.Motion);

        // The driving frames in one call, then the last one again with its activations.
        float[] codes = new float[count * motion];
        executor.EncodeMotion(driving, count, codes);
        ReadOnlySpan<float> start = codes.AsSpan(0, motion), last = codes.AsSpan((count - 1) * motion);
        Compare("alpha.start", start);
        Compare("alpha.drive", last);
        executor.Tap = (layer, shape, values) =>
        {
            if (layer != "enc.fc" || !isRelative) CompareSampled($"tap.{layer}", shape, values);
        };
        executor.EncodeMotion(driving.AsSpan((count - 1) * picture), 1, new float[motion]);
        executor.Tap = null;

        float[] latents = new float[count * style], frames = new float[count * picture];
        for (int i = 0; i < count; i++)
        {
            Span<float> latent = latents.AsSpan(i * style, style);
            if (isRelative)
                Latents.Relative(executor.Basis, source.Appearance, source.Motion, start, codes.AsSpan(i * motion, motion), 1, latent);
            else Latents.Absolute(executor.Basis, source.Appearance, source.Motion, codes.AsSpan(i * motion, motion), 1, latent);
        }
        executor.Synthesize(source, latents, count, frames);
        executor.Tap = (layer, shape, values) => CompareSampled($"tap.{layer}", shape, values);
        executor.Synthesize(source, latents.AsSpan((count - 1) * style), 1, new float[picture]);
        executor.Tap = null;

        foreach (string name in _golden.Tensors.Keys.Where(key => key.StartsWith("manipulate.", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal))
        {
            float[] displacement = new float[motion], latent = new float[style], frame = new float[picture];
            if (!int.TryParse(name.AsSpan("manipulate.".Length), CultureInfo.InvariantCulture, out int direction) || direction < 0
                || direction >= motion)
                throw new WeightsException($"{_golden.Name}: tensor '{name}' names no motion direction");
            displacement[direction] = (float)Number(_golden, $"{name}.delta");
            Latents.Manipulate(executor.Basis, source.Appearance, source.Motion, displacement, latent);
            executor.Synthesize(source, latent, 1, frame);
            Compare(name, frame);
        }
        // Last, so that a report that stops early has no verdict.
        Compare("frames", frames);
        if (_expected.Count > 0)
            throw new WeightsException(
                $"{_golden.Name}: the network has nothing that corresponds to '{_expected.Order(StringComparer.Ordinal).First()}'");
    }

    private void Compare(string name, ReadOnlySpan<float> actual)
    {
        if (!_golden.Tensors.ContainsKey(name)) return;
        _expected.Remove(name);
        float[] expected = _golden.Read(name);
        _rows.Add(new(name, expected.Length == actual.Length ? RelativeError(actual, expected) : double.PositiveInfinity, _limitOf(name)));
    }

    private void CompareSampled(string name, ReadOnlySpan<int> shape, ReadOnlySpan<float> actual)
    {
        if (!_golden.Tensors.ContainsKey(name)) return;
        int step = actual.Length / SampleCount;
        step = step < 2 ? 1 : step | 1;
        float[] sample = new float[(actual.Length + step - 1) / step];
        for (int i = 0; i < sample.Length; i++) sample[i] = actual[i * step];
        if (_golden.Tensors.ContainsKey($"{name}.shape") && !_golden.Read($"{name}.shape").AsSpan()
            .SequenceEqual([.. shape.ToArray().Select(extent => (float)extent)]))
            sample = [];
        Compare(name, sample);
        Compare($"{name}.meanstd", MeanAndDeviation(actual));
    }

    private static float[] MeanAndDeviation(ReadOnlySpan<float> values)
    {
        double sum = 0, square = 0;
        foreach (float value in values) sum += value;
        double mean = sum / values.Length;
        foreach (float value in values) square += (value - mean) * (value - mean);
        return [(float)mean, (float)Math.Sqrt(square / (values.Length - 1))];
    }

    internal static double RelativeError(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double delta = (double)actual[i] - expected[i];
            difference += delta * delta;
            norm += (double)expected[i] * expected[i];
        }
        return Math.Sqrt(difference / norm);
    }

    /// <summary>u8 pictures [..., height, width, 3] as planar float32 in [-1, 1].</summary>
    private float[] Pictures(string name, params ReadOnlySpan<int> shape)
    {
        float[] values = _golden.Read(name);
        IReadOnlyList<int> actual = _golden.Tensors[name].Shape;
        bool matches = actual.Count == shape.Length;
        for (int axis = 0; matches && axis < shape.Length; axis++) matches = shape[axis] < 0 || shape[axis] == actual[axis];
        if (!matches || values.Length == 0)
            throw new WeightsException(
                $"{_golden.Name}: tensor '{name}' has shape [{string.Join(", ", actual)}], which are no pictures of the size in the " +
                "metadata");
        int size = shape[^2], pixels = size * size;
        float[] planar = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int picture = i / (3 * pixels), pixel = i / 3 % pixels, channel = i % 3;
            planar[(picture * 3 + channel) * pixels + pixel] = (values[i] / 255 - 0.5f) * 2;
        }
        return planar;
    }

    private static double Number(ITensorSource golden, string key) =>
        golden.Metadata.TryGetValue(key, out string? text)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new WeightsException($"{golden.Name}: not a reference file: its metadata has no number '{key}'");
}
