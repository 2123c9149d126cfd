using System.CommandLine;
using Lia.Weights;
using Lia.Media.IO;

namespace Lia.Cli.Commands;

/// <summary><c>lia convert IN OUT.safetensors [--dtype f32|f16|bf16]</c></summary>
internal static class ConvertCommand
{
    /// <summary>Types floats can be stored in.</summary>
    private enum FloatType { Keep, F32, F16, BF16 }

    public static Command Create(CliContext context)
    {
        Argument<string> input = new("IN") { Description = "a checkpoint: a PyTorch file or safetensors" };
        Argument<string> output = new("OUT") { Description = "the safetensors file to write" };
        Option<FloatType> type = Options.Choice<FloatType>("--dtype", "the type floats are rounded to; integers stay as they are");
        Option<bool> quiet = Options.Quiet();
        Command command = new("convert", "Writes the generator's tensors of a checkpoint as a safetensors file.") { input, output, type,
            quiet };
        command.SetAction(parsed =>
        {
            string from = parsed.GetValue(input)!, to = parsed.GetValue(output)!;
            Files.RequireSafetensors(to);
            if (Outputs.Same(from, to)) throw new ArgumentException($"{to}: the output would replace the input; choose another name");
            using ITensorSource checkpoint = Checkpoint.Open(from, context.Cancellation);
            DType? floats = parsed.GetValue(type) switch
            {
                FloatType.F32 => DType.Float32,
                FloatType.F16 => DType.Float16,
                FloatType.BF16 => DType.BFloat16,
                _ => null,
            };
            SafetensorsWriter.Write(to, checkpoint, Metadata(checkpoint, from), floats, context.Cancellation);
            if (parsed.GetValue(quiet)) return ExitCode.Success;

            using ITensorSource written = Checkpoint.Open(to);
            context.Output.WriteLine($"{to}: {Files.Describe(written.Tensors.Values)}");
            if (checkpoint is PyTorchCheckpoint { Location: var location, Skipped: var skipped })
            {
                context.Output.WriteLine(location.Length == 0 ? "The tensors were at the top level."
                    : $"The tensors were under '{location}'; entries beside it are left out.");
                if (skipped.Count > 0) context.Output.WriteLine(
                    $"Left out, being no tensors: {string.Join(", ", skipped.Take(10))}{(skipped.Count > 10 ? ", ..." : "")}");
            }
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>What the input says of itself, and the variant where it is one we know, so that the copy is known under any name.</summary>
    private static Dictionary<string, string> Metadata(ITensorSource checkpoint, string path)
    {
        Dictionary<string, string> metadata = new(checkpoint.Metadata);
        try
        {
            if (ModelManifest.Identify(checkpoint, path).Variant is { } variant) metadata["variant"] = variant.Name;
        }
        catch (WeightsException)
        {
            // Checkpoints of other networks can be converted too; inspect tells what they are.
        }
        return metadata;
    }
}
