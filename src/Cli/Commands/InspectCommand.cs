using System.CommandLine;
using Lia.Weights;

namespace Lia.Cli.Commands;

/// <summary><c>lia inspect FILE</c></summary>
internal static class InspectCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> input = new("FILE") { Description = "a checkpoint: a PyTorch file or safetensors" };
        Option<bool> json = Options.Json();
        Command command = new("inspect", "Lists a checkpoint's tensors and tells what it is.") { input, json };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(input)!;
            using ITensorSource checkpoint = Checkpoint.Open(path, context.Cancellation);
            Findings findings = Examine(checkpoint, path, context.Cancellation);
            if (parsed.GetValue(json)) WriteJson(context.Output, path, checkpoint, findings);
            else WriteText(context.Output, path, checkpoint, findings);
            return ExitCode.Success;
        });
        return command;
    }

    /// <param name="Identity">What it is, or null when it is no LIA generator.</param>
    /// <param name="Refusal">Why it is none.</param>
    /// <param name="Broken">Tensors with a NaN or an infinity.</param>
    private sealed record Findings(ModelIdentity? Identity, string? Refusal, IReadOnlyList<string> Broken);

    private static Findings Examine(ITensorSource checkpoint, string path, CancellationToken cancellation)
    {
        List<string> broken = [];
        foreach (TensorInfo tensor in checkpoint.Tensors.Values.Where(tensor => tensor.DType.IsFloat()))
        {
            cancellation.ThrowIfCancellationRequested();
            try { checkpoint.Read(tensor.Name); }
            catch (WeightsException e) { broken.Add(e.Message); }
        }
        try { return new(ModelManifest.Identify(checkpoint, path), null, broken); }
        catch (WeightsException e) { return new(null, e.Message, broken); }
    }

    private static string Format(ITensorSource checkpoint) => checkpoint is PyTorchCheckpoint ? "PyTorch" : "safetensors";

    private static void WriteText(TextWriter output, string path, ITensorSource checkpoint, Findings findings)
    {
        TextTable table = new("tensor", "type", "shape", ">values");
        foreach (TensorInfo tensor in checkpoint.Tensors.Values)
            table.Add(tensor.Name, tensor.DType.SafetensorsName(), $"[{string.Join(", ", tensor.Shape)}]", $"{tensor.ElementCount}");
        table.Write(output);
        output.WriteLine();
        output.WriteLine($"{path}: {Format(checkpoint)}, {Files.Describe(checkpoint.Tensors.Values)}");
        if (checkpoint is PyTorchCheckpoint { Location: { Length: > 0 } location }) output.WriteLine($"the tensors are under '{location}'");
        if (checkpoint is PyTorchCheckpoint { Skipped: { Count: > 0 } skipped })
            output.WriteLine($"no tensors: {string.Join(", ", skipped)}");
        foreach ((string key, string value) in checkpoint.Metadata) output.WriteLine($"metadata {key}: {value}");
        foreach (string message in findings.Broken) output.WriteLine(message);
        if (findings.Identity is not { Architecture: var architecture } identity)
        {
            output.WriteLine(findings.Refusal);
            return;
        }
        output.WriteLine($"LIA generator: size {architecture.Size}, style {architecture.Style}, {architecture.Motion} motion directions, "
            + $"channels {string.Join(", ", architecture.Channels)}");
        string mode = identity.Relative ? "relative" : "absolute";
        output.WriteLine(identity.Variant is { } variant ? $"variant {variant.Name}: {variant.About}; {mode} motion"
            : $"no known variant; {mode} motion unless told otherwise");
    }

    private static void WriteJson(TextWriter output, string path, ITensorSource checkpoint, Findings findings) =>
        JsonOutput.Write(output, json =>
    {
        json.WriteString("file", path);
        json.WriteString("format", Format(checkpoint));
        if (checkpoint is PyTorchCheckpoint { Location: var location }) json.WriteString("location", location);
        json.WriteStartObject("metadata");
        foreach ((string key, string value) in checkpoint.Metadata) json.WriteString(key, value);
        json.WriteEndObject();
        json.WriteStartArray("tensors");
        foreach (TensorInfo tensor in checkpoint.Tensors.Values)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString("dtype", tensor.DType.SafetensorsName());
            json.Shape("shape", tensor.Shape);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("notFinite");
        foreach (string message in findings.Broken) json.WriteStringValue(message);
        json.WriteEndArray();
        if (findings.Identity is not { Architecture: var architecture } identity)
        {
            json.WriteString("problem", findings.Refusal);
            return;
        }
        json.WriteStartObject("architecture");
        json.WriteNumber("size", architecture.Size);
        json.WriteNumber("style", architecture.Style);
        json.WriteNumber("motion", architecture.Motion);
        json.Shape("channels", architecture.Channels);
        json.WriteEndObject();
        json.WriteString("variant", identity.Variant?.Name);
        json.WriteString("mode", identity.Relative ? "relative" : "absolute");
    });
}
