using System.Globalization;
using System.Runtime.InteropServices;
using Lia.Network;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Runs;

/// <summary>What a checkpoint says of itself.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Data">The pack's fingerprint: with the seed and the step it is where in the data the run is.</param>
/// <param name="Architecture">The generator's extents.</param>
internal sealed record CheckpointHeader(long Step, string Data, ModelArchitecture Architecture);

/// <summary>
/// States of a run as safetensors: every tensor that a step changes (<see cref="ITrainingStep.State"/>), and as <c>fixed.NAME</c> those of
/// the model that it does not.
/// </summary>
internal static class TrainingCheckpoint
{
    private const string Format = "lia training 1", Fixed = "fixed.";

    /// <summary>Writes the state; the file is replaced only when all values are finite and on the disk.</summary>
    /// <param name="path">The file.</param>
    /// <param name="step">The state.</param>
    /// <param name="constants">Tensors of the model that no step changes.</param>
    /// <param name="header">What it says of itself.</param>
    /// <param name="seed">The seed, for whoever looks.</param>
    /// <exception cref="NotFiniteStateException">A value is NaN or infinite.</exception>
    /// <exception cref="WeightsException">The file cannot be written.</exception>
    public static void Write(
        string path, ITrainingStep step, IReadOnlyDictionary<string, float[]> constants, CheckpointHeader header, ulong seed)
    {
        ModelArchitecture shape = header.Architecture;
        Dictionary<string, int[]> shapes = shape.Layout().ToDictionary(tensor => tensor.Name, tensor => tensor.Shape.ToArray());
        IEnumerable<TensorInfo> tensors = step.State.Concat(constants.Keys.Select(name =>
            new TensorInfo(Fixed + name, DType.Float32, shapes[name])));
        Dictionary<string, string> metadata = new()
        {
            ["format"] = Format,
            ["step"] = header.Step.ToString(CultureInfo.InvariantCulture),
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
            ["data"] = header.Data,
            ["size"] = shape.Size.ToString(CultureInfo.InvariantCulture),
            ["code"] = shape.Style.ToString(CultureInfo.InvariantCulture),
            ["directions"] = shape.Motion.ToString(CultureInfo.InvariantCulture),
            ["channels"] = string.Join(',', shape.Channels),
        };
        SafetensorsWriter.Write(path, tensors, metadata, (tensor, bytes) =>
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(bytes);
            if (tensor.Name.StartsWith(Fixed, StringComparison.Ordinal)) constants[tensor.Name[Fixed.Length..]].CopyTo(values);
            else Read(step, tensor.Name, values);
        });
    }

    /// <summary>Reads a tensor of the state.</summary>
    /// <exception cref="NotFiniteStateException">A value is NaN or infinite.</exception>
    internal static void Read(ITrainingStep step, string name, Span<float> values)
    {
        step.ReadState(name, values);
        if (!Planes.AllFinite(values)) throw new NotFiniteStateException(name);
    }

    /// <summary>Reads what a checkpoint says of itself.</summary>
    /// <exception cref="WeightsException">It is no checkpoint of a run, or a damaged one.</exception>
    public static CheckpointHeader ReadHeader(string path)
    {
        using SafetensorsFile file = new(path);
        return ReadHeader(file);
    }

    /// <summary>Restores a state.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="step">Receives what it changes.</param>
    /// <param name="constants">Receive the values of the model's other tensors.</param>
    /// <exception cref="WeightsException">It is of another network, or a value is not finite.</exception>
    public static void Restore(SafetensorsFile file, ITrainingStep step, IReadOnlyDictionary<string, float[]> constants)
    {
        HashSet<string> wanted = [.. step.State.Select(tensor => tensor.Name), .. constants.Keys.Select(name => Fixed + name)];
        if (file.Tensors.Keys.FirstOrDefault(name => !wanted.Contains(name)) is { } surplus)
            throw new WeightsException($"{file.Name}: tensor '{surplus}' is not part of this run's state");
        foreach (TensorInfo tensor in step.State)
        {
            if (!file.Tensors.TryGetValue(tensor.Name, out TensorInfo? found)) throw Missing(tensor.Name);
            if (!found.Shape.SequenceEqual(tensor.Shape) || found.DType != DType.Float32)
                throw new WeightsException($"{file.Name}: tensor {tensor.Name} is {Shape(found)} of {found.DType}, and {Shape(tensor)} of "
                    + $"{DType.Float32} is needed");
            step.WriteState(tensor.Name, file.View(tensor.Name).Span);
        }
        foreach ((string name, float[] values) in constants)
        {
            if (!file.Tensors.TryGetValue(Fixed + name, out TensorInfo? found)) throw Missing(Fixed + name);
            if (found.ElementCount != values.Length)
                throw new WeightsException($"{file.Name}: tensor {Fixed + name} has {found.ElementCount} values, not {values.Length}");
            file.Read(Fixed + name).CopyTo(values, 0);
        }

        WeightsException Missing(string name) => new($"{file.Name}: tensor {name} is missing: it is of a run with other options");

        static string Shape(TensorInfo tensor) => $"[{string.Join(", ", tensor.Shape)}]";
    }

    /// <inheritdoc cref="ReadHeader(string)"/>
    internal static CheckpointHeader ReadHeader(SafetensorsFile file)
    {
        if (file.Metadata.GetValueOrDefault("format") != Format)
            throw new WeightsException($"{file.Name}: it is no checkpoint of a training run");
        int[] channels = [.. (file.Metadata.GetValueOrDefault("channels") ?? "").Split(',').Select(text => Int("channels", text))];
        int size = Int("size", file.Metadata.GetValueOrDefault("size"));
        if (size is < 64 or > 1024 || !int.IsPow2(size) || channels.Length != int.Log2(size) - 1 || channels.Any(count => count < 1))
            throw new WeightsException($"{file.Name}: its metadata tell no size and channels that a network can have");
        if (!long.TryParse(file.Metadata.GetValueOrDefault("step"), NumberStyles.None, CultureInfo.InvariantCulture, out long step))
            throw new WeightsException($"{file.Name}: its metadata tell no step");
        return new(step, file.Metadata.GetValueOrDefault("data") ?? "",
            new ModelArchitecture(size, Int("code", file.Metadata.GetValueOrDefault("code")),
                Int("directions", file.Metadata.GetValueOrDefault("directions")), [.. channels]));

        int Int(string name, string? text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is > 0 and < 1 << 16 ? value
                : throw new WeightsException($"{file.Name}: its metadata tell no {name}");
    }
}

/// <summary>The state holds a value that is not finite.</summary>
/// <param name="tensor">Where.</param>
internal sealed class NotFiniteStateException(string tensor) : Exception($"{tensor} is not finite")
{
    public string Tensor => tensor;
}
