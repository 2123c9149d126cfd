using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Lia.Cli.Commands;

/// <summary><c>lia train status RUN/</c></summary>
internal static class TrainStatusCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> run = new("RUN") { Description = "the folder of a run" };
        Option<bool> json = Options.Json();
        Command command = new("status", "Tells how a training run stands: steps, losses, measures, the time left; needs no GPU.")
        {
            run, json,
        };
        command.SetAction(parsed =>
        {
            TrainingStatus status = TrainingStatus.Read(parsed.GetValue(run)!);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Output, json => Write(json, status));
            else WriteText(context.Output, status);
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteText(TextWriter output, TrainingStatus status)
    {
        TrainingLosses? losses = status.Losses;
        // Losses that not every run has.
        (string Name, double Value)[] others = [("matching", losses?.Matching ?? 0), ("labels", losses?.Labels ?? 0),
            ("surfaces", losses?.Surfaces ?? 0)];
        others = [.. others.Where(loss => loss.Value > 0)];
        TextTable table = new(["state", ">step", ">of", ">P", ">L1", ">G", ">D", .. others.Select(loss => $">{loss.Name}"), ">rate",
            ">pairs/s", ">time left"]);
        table.Add([status.State, $"{status.Step}", $"{status.Steps}", Number(losses?.Perceptual, "0.000"), Number(losses?.L1, "0.0000"),
            Number(losses?.Adversarial, "0.000"), Number(losses?.Discriminator, "0.000"),
            .. others.Select(loss => Number(loss.Value, "0.0000")), Number(losses is null ? null : status.Rate, "0.000000"),
            Number(losses is null ? null : status.PairsPerSecond, "0.0"),
            status.Remaining is { } left ? ProgressReport.Duration(left) : "-"]);
        table.Write(output);
        if (status.Measures is { } last)
            output.WriteLine($"held out, at step {last.Step}: {TrainCommand.Describe(last)} ({Nouns.Count(last.Pictures, "picture")})");
        if (status.Best is { } best && best.Step != status.Measures?.Step)
            output.WriteLine($"best so far, at step {best.Step}: {TrainCommand.Describe(best)}");
        output.WriteLine(status.Checkpoint is { } step ? $"checkpoint of step {step}" : "no checkpoint yet");
        if (status.Device is { } device) output.WriteLine($"on {device}");
        if (status.Failure is { } failure) output.WriteLine($"failed: {failure}");

        static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
    }

    private static void Write(Utf8JsonWriter json, TrainingStatus status)
    {
        json.WriteString("run", status.Output);
        json.WriteString("state", status.State);
        json.WriteNumber("step", status.Step);
        json.WriteNumber("steps", status.Steps);
        if (status.Losses is { } losses)
        {
            TrainCommand.Write(json, losses);
            json.WriteNumber("rate", status.Rate);
            json.WriteNumber("pairsPerSecond", status.PairsPerSecond);
        }
        if (status.Remaining is { } left) json.WriteNumber("secondsLeft", Math.Round(left.TotalSeconds));
        if (status.Measures is { } last) TrainCommand.Write(json, "heldOut", last);
        if (status.Best is { } best) TrainCommand.Write(json, "best", best);
        if (status.Checkpoint is { } step) json.WriteNumber("checkpoint", step);
        if (status.Device is { } device) json.WriteString("device", device);
        if (status.Failure is { } failure) json.WriteString("failure", failure);
        if (status.Told is { } told)
            json.WriteString("lastLine", told.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
    }
}
