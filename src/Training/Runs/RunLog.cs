using System.Globalization;
using System.Text;
using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Training.Runs;

/// <summary>The means of some steps.</summary>
internal readonly record struct LoggedSteps(
    long Step, double Perceptual, double L1, double Adversarial, double Discriminator, double Rate, double PairsPerSecond,
    double Matching = 0, double Labels = 0, double Surfaces = 0);

/// <summary>Measures of held-out clips.</summary>
internal readonly record struct LoggedMeasures(long Step, int Pictures, double L1, double Psnr, double? Lpips);

/// <summary>A line of the log that is known; of <see cref="Steps"/> and <see cref="Measures"/> at most one is there.</summary>
internal sealed record LogLine(string Event, DateTime? Time, long Step)
{
    public LoggedSteps? Steps { get; init; }

    public LoggedMeasures? Measures { get; init; }

    /// <summary>What computes, or why the run ended.</summary>
    public string? Told { get; init; }
}

/// <summary>
/// The log of a run: a JSON object a line, <c>begun</c>, <c>steps</c>, <c>measured</c>, <c>checkpoint</c>, <c>stopped</c>, <c>failed</c>
/// and <c>done</c>. Of a run that goes on, lines of steps beyond the checkpoint are taken out, since those steps are done again.
/// </summary>
internal sealed class RunLog : IDisposable
{
    private readonly string _path;
    private readonly FileStream _file;

    /// <param name="path">The file.</param>
    /// <param name="step">Lines beyond this step are taken out.</param>
    /// <exception cref="MediaException">It cannot be read or written.</exception>
    public RunLog(string path, long step)
    {
        _path = path;
        if (File.Exists(path) && new FileInfo(path).Length > 0) Cut(path, step);
        _file = Outputs.Guard(path, () =>
            new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0));
    }

    /// <summary>Writes a line in one piece.</summary>
    public void Write(string what, long step, Action<Utf8JsonWriter>? members = null)
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteString("time", DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("event", what);
            json.WriteNumber("step", step);
            members?.Invoke(json);
            json.WriteEndObject();
        }
        line.WriteByte((byte)'\n');
        Outputs.Guard(_path, () => _file.Write(line.GetBuffer().AsSpan(0, (int)line.Length)));
    }

    public void Write(LoggedSteps steps, double discriminatorRate, int count) => Write("steps", steps.Step, json =>
    {
        json.WriteNumber("steps", count);
        json.WriteNumber("perceptual", steps.Perceptual);
        json.WriteNumber("l1", steps.L1);
        json.WriteNumber("adversarial", steps.Adversarial);
        json.WriteNumber("discriminator", steps.Discriminator);
        if (steps.Matching > 0) json.WriteNumber("matching", steps.Matching);
        if (steps.Labels > 0) json.WriteNumber("labels", steps.Labels);
        if (steps.Surfaces > 0) json.WriteNumber("surfaces", steps.Surfaces);
        json.WriteNumber("rate", steps.Rate);
        json.WriteNumber("discriminatorRate", discriminatorRate);
        json.WriteNumber("pairsPerSecond", Math.Round(steps.PairsPerSecond, 3));
    });

    public void Write(LoggedMeasures measures) => Write("measured", measures.Step, json =>
    {
        json.WriteNumber("pictures", measures.Pictures);
        json.WriteNumber("l1", measures.L1);
        json.WriteNumber("psnr", measures.Psnr);
        if (measures.Lpips is { } lpips) json.WriteNumber("lpips", lpips);
    });

    /// <summary>The lines of a log that are understood; a line that was being written when the machine went down is none.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    public static IEnumerable<LogLine> Read(string path)
    {
        if (!File.Exists(path)) yield break;
        using StreamReader reader = Open(path);
        while (reader.ReadLine() is { } line)
            if (Parse(line) is { } known) yield return known;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Opens a log that somebody may be writing.</summary>
    private static StreamReader Open(string path)
    {
        try
        {
            return new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), Encoding.UTF8);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    private static void Cut(string path, long step)
    {
        using PendingFile file = new(path);
        Outputs.Guard(path, () =>
        {
            using StreamReader reader = new(Inputs.OpenFile(path), Encoding.UTF8);
            FileStream to = file.Open();
            while (reader.ReadLine() is { } line)
                if (Parse(line) is { } known && known.Step <= step) to.Write(Encoding.UTF8.GetBytes(line + "\n"));
        });
        file.Commit();
    }

    private static LogLine? Parse(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            if (json.ValueKind != JsonValueKind.Object || Text("event") is not { } what || Number("step") is not { } at || at < 0)
                return null;
            long step = (long)at;
            return new LogLine(what, DateTime.TryParse(Text("time"), CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime time) ? time : null, step)
            {
                Told = Text("device") ?? Text("reason"),
                Steps = what == "steps" ? new(step, Value("perceptual"), Value("l1"), Value("adversarial"), Value("discriminator"),
                    Value("rate"), Value("pairsPerSecond"), Value("matching"), Value("labels"), Value("surfaces")) : null,
                Measures = what == "measured" ? new(step, (int)Math.Min(Value("pictures"), int.MaxValue), Value("l1"), Value("psnr"),
                    Number("lpips")) : null,
            };

            string? Text(string name) =>
                json.TryGetProperty(name, out JsonElement found) && found.ValueKind == JsonValueKind.String ? found.GetString() : null;

            double? Number(string name) => json.TryGetProperty(name, out JsonElement found) && found.ValueKind == JsonValueKind.Number
                && found.TryGetDouble(out double value) && double.IsFinite(value) ? value : null;

            double Value(string name) => Number(name) ?? 0;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null; // InvalidOperationException: a string that is no UTF-16, by escapes.
        }
    }
}
