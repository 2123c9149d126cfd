using Lia.Weights;

namespace Lia.Samples;

/// <summary>What a checkpoint is, and its generator as half-precision safetensors. Nothing in the file is ever executed.</summary>
internal static class ConvertCheckpoint
{
    public static void Run(string checkpoint, string output)
    {
        using ITensorSource weights = Checkpoint.Open(checkpoint);
        ModelIdentity identity = ModelManifest.Identify(weights, checkpoint);
        Console.WriteLine($"{identity.Variant?.Name ?? "unknown"}: size {identity.Architecture.Size}, {weights.Tensors.Count} tensors");
        SafetensorsWriter.Write(output, weights, weights.Metadata, DType.Float16);
    }
}
