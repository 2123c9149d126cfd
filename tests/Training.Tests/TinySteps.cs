using System.Security.Cryptography;
using System.Runtime.InteropServices;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Tests;

/// <summary>
/// A network of the narrow shape that learns one number: its first parameter goes to 1 by Adam's rates, and how far it is, so far a source
/// is moved to what drives it. All other parameters drift by what they are shown. It writes down what it was given.
/// </summary>
internal sealed class TinySteps : IStepFactory
{
    public static readonly ModelArchitecture Narrow = new(64, 24, 5, [12, 8, 8, 4, 4]);

    /// <summary>Whether there is a device.</summary>
    public bool IsThere { get; init; } = true;

    /// <summary>The step, counted from 1, whose loss is no number.</summary>
    public long NotFiniteLoss { get; init; }

    /// <summary>The step after which a weight is no number, unseen by the loss.</summary>
    public long NotFiniteWeight { get; init; }

    /// <summary>Is told how many steps were run.</summary>
    public Action<int>? Ran { get; init; }

    /// <summary>What steps were built for.</summary>
    public List<StepSettings> Made { get; } = [];

    /// <summary>A hash of each batch, and the rates it was learned at.</summary>
    public List<(string Batch, StepRates Rates)> Seen { get; } = [];

    /// <summary>The last that was made.</summary>
    public TinyStep? Last { get; private set; }

    public void Demand(int? gpu)
    {
        if (!IsThere) throw new NotSupportedException("Training needs a CUDA GPU: there is none.");
    }

    public ITrainingStep Create(StepSettings settings, Action<string>? onWarning)
    {
        Made.Add(settings);
        return Last = new TinyStep(this, settings);
    }
}

internal sealed class TinyStep : ITrainingStep
{
    private readonly TinySteps _owner;
    private readonly StepSettings _settings;
    private readonly Dictionary<string, float[]> _values = [];
    private readonly List<TensorInfo> _state = [];

    public TinyStep(TinySteps owner, StepSettings settings)
    {
        (_owner, _settings) = (owner, settings);
        using SyntheticCheckpoint start = new(settings.Architecture, settings.Seed);
        foreach (TensorInfo tensor in settings.Architecture.Layout())
        {
            if (tensor.Name.EndsWith(".kernel") || tensor.Name.Contains("noise") || tensor.Name.Contains("to_rgb1.")) continue;
            float[] values = start.Read(tensor.Name);
            if (_values.Count == 0) values[0] = 0;
            Add($"generator.{tensor.Name}", tensor.Shape, values);
            Add($"adam.first.generator.{tensor.Name}", tensor.Shape, new float[values.Length]);
            if (settings.Average > 0) Add($"average.{tensor.Name}", tensor.Shape, [.. values]);
        }
        if (settings.Labels > 0)
        {
            int[] shape = [settings.Labels, settings.Architecture.Motion];
            foreach (string kind in (string[])["generator.", "adam.first.generator.", settings.Average > 0 ? "average." : ""])
                if (kind.Length > 0) Add(kind + "probe.weight", shape, new float[shape[0] * shape[1]]);
        }
        Add("discriminator.weight", [3], [1, 2, 3]);
        Add("adam.steps", [1], [0]);
    }

    public int Pairs => _settings.Pairs;

    public string DeviceName => "a tiny device";

    public bool IsDisposed { get; private set; }

    public IReadOnlyList<TensorInfo> State => _state;

    public IReadOnlyDictionary<string, float[]> Values => _values;

    /// <summary>How far sources are moved.</summary>
    public float Share => _values[First][0];

    private string First => _state[0].Name;

    public StepLosses Run(TrainingBatch batch, StepRates rates)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (float[]? part in (float[]?[])[batch.Sources, batch.Targets, batch.Drivings, batch.Starts, batch.Weights, batch.Labels,
            batch.Surfaces?.Moves])
            if (part is not null) hash.AppendData(MemoryMarshal.AsBytes(part.AsSpan()));
        foreach (byte[]? part in (byte[]?[])[batch.Surfaces?.Depths, batch.Surfaces?.PartNumbers])
            if (part is not null) hash.AppendData(part);
        _owner.Seen.Add((Convert.ToHexString(hash.GetHashAndReset()), rates));
        float steps = ++_values["adam.steps"][0], shown = batch.Sources[0] + batch.Targets[^1], before = Share;
        if (steps == _owner.NotFiniteLoss) return new(1, float.NaN, 1, 1);
        foreach (TensorInfo tensor in _state.Where(tensor => tensor.Name.StartsWith("generator.")))
        {
            float[] values = _values[tensor.Name], first = _values["adam.first." + tensor.Name];
            for (int i = 0; i < values.Length; i++)
            {
                first[i] = 0.9f * first[i] + shown * (i % 7);
                values[i] += rates.Generator * first[i] * 0.01f;
            }
        }
        _values[First][0] = before + 100 * rates.Generator * (1 - before);
        foreach (TensorInfo tensor in _state.Where(tensor => tensor.Name.StartsWith("average.")))
        {
            float[] average = _values[tensor.Name], values = _values["generator." + tensor.Name["average.".Length..]];
            for (int i = 0; i < average.Length; i++) average[i] += (1 - (float)_settings.Average) * (values[i] - average[i]);
        }
        _owner.Ran?.Invoke((int)steps);
        if (steps == _owner.NotFiniteWeight) _values["discriminator.weight"][1] = float.PositiveInfinity;
        return new(10 * (1 - before), 1 - before, 0.5f + 0.1f * shown, 1.386f, 0, _settings.Labels > 0 ? 1 / steps : 0,
            _settings.Parts > 0 ? 2 / steps : 0);
    }

    public string? FindNotFinite() => _owner.NotFiniteLoss > 0 ? "gradient of dec.convs.3.conv.weight"
        : _values["discriminator.weight"].All(float.IsFinite) ? null : "discriminator.weight";

    public void ReadState(string name, Span<float> values) => _values[name].CopyTo(values);

    public void WriteState(string name, ReadOnlySpan<float> values) => values.CopyTo(_values[name]);

    public float[] Reconstruct(ReadOnlySpan<float> sources, ReadOnlySpan<float> drivings)
    {
        Assert.Equal(Pairs * 3 * 64 * 64, sources.Length);
        float[] results = new float[sources.Length];
        for (int i = 0; i < results.Length; i++) results[i] = sources[i] + Share * (drivings[i] - sources[i]);
        return results;
    }

    /// <summary>Some of a picture's values, whatever has been learned.</summary>
    public float[] Codes(TrainingBatch batch)
    {
        int values = batch.Sources.Length / Pairs, motion = _settings.Architecture.Motion;
        float[][] sets = _settings.IsSupervised ? [batch.Sources, batch.Drivings ?? batch.Targets, batch.Starts ?? batch.Sources]
            : [batch.Targets];
        return [.. from set in sets
            from pair in Enumerable.Range(0, Pairs)
            from direction in Enumerable.Range(0, motion)
            select set[pair * values + direction * (values / motion)]];
    }

    public void Dispose() => IsDisposed = true;

    private void Add(string name, IReadOnlyList<int> shape, float[] values)
    {
        _state.Add(new(name, DType.Float32, shape));
        _values.Add(name, values);
    }
}
