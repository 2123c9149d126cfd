using System.CommandLine;
using Lia.Loading;
using Lia.Network.Verification;
using Lia.Training.Verification;
using Lia.Weights;

namespace Lia.Cli.Commands;

/// <summary><c>lia verify GOLDEN.safetensors</c></summary>
internal static class VerifyCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> golden = new("GOLDEN") { Description = "reference outputs of the official program (safetensors)" };
        Option<Device> device = Options.Device();
        Option<Precision> precision = Options.Precision();
        Option<int> threads = Options.Threads();
        Option<bool> json = Options.Json();
        Command command = new("verify",
            "Computes a reference file's outputs again and compares them: exit status 0 when all are within the limit, else 1.")
        {
            golden, device, precision, threads, json,
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(device).MayBeSeveral)
                throw new ArgumentException($"--device {parsed.GetValue(device)} is several GPUs; a verification looks at one.");
            // No checkpoint: gradients have a generator's names, and more than once.
            using ITensorSource file = Checkpoint.OpenTensors(parsed.GetValue(golden)!, context.Cancellation);
            VerificationReport report = GradientVerification.IsOf(file) ? Gradients(file) : Frames(file);
            if (parsed.GetValue(json)) WriteJson(context.Output, file.Name, report);
            else WriteText(context.Output, file.Name, report);
            return report.IsWithin ? ExitCode.Success : ExitCode.Failure;

            VerificationReport Gradients(ITensorSource file)
            {
                if (parsed.GetValue(device).Kind is DeviceKind.Cpu or DeviceKind.Ilgpu)
                    throw new ArgumentException($"{file.Name}: gradients need a CUDA GPU: --device is cuda or cuda:N.");
                return GradientVerification.Run(file, parsed.GetValue(device).Ordinals is [int gpu] ? gpu : null,
                    parsed.GetValue(precision) == Precision.Fast);
            }

            VerificationReport Frames(ITensorSource file)
            {
                using DeviceSelection selection = new(parsed.GetValue(device), parsed.GetValue(precision), parsed.GetValue(threads));
                return GoldenVerification.Run(file, (weights, architecture) =>
                    selection.Open(weights, architecture, context.Error.WriteLine));
            }
        });
        return command;
    }

    internal static void WriteText(TextWriter output, string file, VerificationReport report)
    {
        TextTable table = new("tensor", ">relative error", ">limit", "");
        foreach (VerificationRow row in report.Rows)
        {
            bool isJudged = IsJudged(row);
            table.Add(row.Name, $"{row.Error:0.00e+00}", row.Limit is { } limit ? $"{limit:0.00e+00}" : "-", isJudged
                ? Verdict(row.IsWithin) : "");
        }
        table.Write(output);
        output.WriteLine();
        int open = report.Rows.Count(row => row.Limit is null);
        bool isOfFrames = report.Rows.Any(row => row.Name == "frames");
        string without = open == 0 ? ""
            : $", {open} without one ({(isOfFrames ? "PyTorch's fp16 error was not measured on this file" : "told, not judged")})";
        output.WriteLine($"{file}: {report.Rows.Count} tensors, {report.Rows.Count(row => !row.IsWithin)} over the limit{without}, on "
            + $"{report.DeviceName}");
        string verdict = Verdict(report.IsWithin);
        output.WriteLine(isOfFrames
            ? $"frames relative error {report.Frames.Error:0.00e+00} (limit {report.Frames.Limit:0.00e+00}) {verdict}" : verdict);
    }

    internal static void WriteJson(TextWriter output, string file, VerificationReport report) => JsonOutput.Write(output, json =>
    {
        json.WriteString("file", file);
        json.WriteString("device", report.DeviceName);
        json.WriteBoolean("ok", report.IsWithin);
        json.WriteStartArray("tensors");
        foreach (VerificationRow row in report.Rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            if (double.IsFinite(row.Error)) json.WriteNumber("error", row.Error);
            else json.WriteNull("error");
            if (row.Limit is { } limit) json.WriteNumber("limit", limit);
            else json.WriteNull("limit");
            if (IsJudged(row)) json.WriteBoolean("ok", row.IsWithin);
            else json.WriteNull("ok");
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    // Without a limit only what is no number can be told to be wrong.
    private static bool IsJudged(VerificationRow row) => row.Limit is not null || !row.IsWithin;

    private static string Verdict(bool isWithin) => isWithin ? "ok" : "FAILED";
}
