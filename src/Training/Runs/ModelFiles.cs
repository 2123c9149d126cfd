using System.Globalization;
using System.Runtime.InteropServices;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Runs;

/// <summary>From states to models that every other command takes, and back.</summary>
internal static class ModelFiles
{
    private const string Generator = "generator.", Average = "average.";

    /// <summary>Tensors of the model that a step does not change: from a model, or zero, which is what the official program begins with for
    /// the gains of noise; at inference none of them takes part.</summary>
    public static Dictionary<string, float[]> Constants(ModelArchitecture architecture, ITrainingStep step, ITensorSource? model)
    {
        HashSet<string> trained = [.. step.State.Select(tensor => tensor.Name)];
        return architecture.Layout()
            .Where(tensor => !ModelArchitecture.IsFirKernel(tensor.Name) && !trained.Contains(Generator + tensor.Name))
            .ToDictionary(tensor => tensor.Name, tensor => model?.Read(tensor.Name) ?? new float[tensor.ElementCount]);
    }

    /// <summary>Begins with a model's weights, the average too. The probe of labels is in no model
    /// (<see cref="ProbeStart"/>).</summary>
    public static void Begin(ITrainingStep step, ITensorSource model)
    {
        foreach (TensorInfo tensor in step.State)
        {
            string? name = tensor.Name.StartsWith(Generator, StringComparison.Ordinal) ? tensor.Name[Generator.Length..]
                : tensor.Name.StartsWith(Average, StringComparison.Ordinal) ? tensor.Name[Average.Length..] : null;
            if (name is not (null or ParameterLayout.Probe)) step.WriteState(tensor.Name, model.Read(name));
        }
    }

    /// <summary>Writes the model, averaged where there is an average.</summary>
    /// <exception cref="WeightsException">The file cannot be written.</exception>
    /// <exception cref="NotFiniteStateException">A value is NaN or infinite.</exception>
    public static void Write(string path, ITrainingStep step, IReadOnlyDictionary<string, float[]> constants, CheckpointHeader header)
    {
        HashSet<string> state = [.. step.State.Select(tensor => tensor.Name)];
        Dictionary<string, string> metadata = new()
        {
            ["size"] = header.Architecture.Size.ToString(CultureInfo.InvariantCulture),
            ["steps"] = header.Step.ToString(CultureInfo.InvariantCulture),
        };
        SafetensorsWriter.Write(path, header.Architecture.Layout(), metadata, (tensor, bytes) =>
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(bytes);
            if (ModelArchitecture.IsFirKernel(tensor.Name)) ModelArchitecture.FirKernel(tensor.Name).CopyTo(values);
            else if (constants.TryGetValue(tensor.Name, out float[]? constant)) constant.CopyTo(values);
            else TrainingCheckpoint.Read(step, (state.Contains(Average + tensor.Name) ? Average : Generator) + tensor.Name, values);
        });
    }
}
