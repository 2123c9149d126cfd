using System.CommandLine;
using Lia.Weights;

namespace Lia.Cli.Commands;

/// <summary><c>lia synthesize --size S --seed N -o FILE</c></summary>
internal static class SynthesizeCommand
{
    public static Command Create(CliContext context)
    {
        Option<int> size = new("--size")
        {
            Description = "side of the pictures: 64, 128, 256, 512 or 1024",
            HelpName = "S",
            Required = true,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (text is "64" or "128" or "256" or "512" or "1024") return int.Parse(text);
                result.AddError($"--size is 64, 128, 256, 512 or 1024, not '{text}'.");
                return 0;
            },
        };
        Option<ulong> seed = Options.Number("--seed", "another seed gives other values", 0UL, ulong.MaxValue).Or(1UL);
        Option<string> output = new("--output", "-o") { Description = "the safetensors file to write", HelpName = "FILE", Required = true };
        Option<bool> quiet = Options.Quiet();
        Command command = new("synthesize",
            "Writes a checkpoint of synthetic weights, the same bits everywhere: for tests and measurements, not for animation.")
        {
            size, seed, output, quiet,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(output)!;
            Files.RequireSafetensors(path);
            using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(parsed.GetValue(size)), parsed.GetValue(seed));
            SafetensorsWriter.Write(path, checkpoint, checkpoint.Metadata, cancellation: context.Cancellation);
            if (!parsed.GetValue(quiet)) context.Output.WriteLine(
                $"{path}: {checkpoint.Name}: {Files.Describe(checkpoint.Tensors.Values)}");
            return ExitCode.Success;
        });
        return command;
    }
}
