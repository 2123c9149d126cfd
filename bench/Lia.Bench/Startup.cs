using System.Diagnostics;
using System.Text.Json;

namespace Lia.Bench;

/// <summary>
/// From the start of the program to the first frame. <c>lia animate</c> is started as a process of its own, its output is a pipe, and the
/// time ends when the first frame has come out of it, whole. Three ways: with a kernel cache that an earlier run has filled; with an empty
/// one, and the driver's own cache off; and without a kernel cache, where only the driver's remains. Files are in the system's file cache
/// after the first run.
/// </summary>
internal static class Startup
{
    public static int Run(string[] arguments)
    {
        if (arguments.Option("--lia") is not { } lia || arguments.Option("--model") is not { } model
            || arguments.Option("--source") is not { } source || arguments.Option("--driving") is not { } driving)
        {
            Console.Error.WriteLine(
                "startup needs --lia COMMAND (for example OUT/Lia.Cli/lia, published), --model, --source and --driving");
            return 2;
        }
        int size = arguments.Number("--size", 256), runs = arguments.Number("--runs", 11);
        string[] command =
        [
            .. lia.Split(' ', StringSplitOptions.RemoveEmptyEntries), "animate", source, driving, "-o", "-", "--output-format", "rgb24",
            "--model", model, "--frames", "0:32",
            "--device", arguments.Option("--device") ?? "cuda", "--precision", arguments.Option("--precision")
                ?? "auto", "--quiet", "--json", "--profile",
        ];
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("lia-startup-");
        try
        {
            string kept = Path.Combine(scratch.FullName, "kept");
            Measure(command, size, new() { ["LIA_KERNEL_CACHE"] = kept }); // fills the caches
            List<Outcome> warm = [], cold = [], off = [];
            for (int run = 0; run < runs; run++) warm.Add(Measure(command, size, new() { ["LIA_KERNEL_CACHE"] = kept }));
            for (int run = 0; run < 3; run++)
                cold.Add(Measure(command, size,
                    new() { ["LIA_KERNEL_CACHE"] = Path.Combine(scratch.FullName, $"empty{run}"), ["CUDA_CACHE_DISABLE"] = "1" }));
            for (int run = 0; run < 3; run++) off.Add(Measure(command, size, new() { ["LIA_KERNEL_CACHE"] = "off" }));
            Console.WriteLine("| kernel cache | runs | first frame, ms: median | best | worst | all 32 frames, ms |");
            Console.WriteLine("|---|---|---|---|---|---|");
            Print("filled", warm);
            Print("empty, the driver's too", cold);
            Print("off, the driver's filled", off);
            Console.WriteLine();
            Console.WriteLine("| on the way, kernel cache filled | ms, median |");
            Console.WriteLine("|---|---|");
            foreach (string step in warm[0].Steps.Keys)
                Console.WriteLine($"| {step} | {warm.Select(outcome => outcome.Steps.GetValueOrDefault(step)).Median():0} |");
            if (arguments.Option("--json") is { } path) WriteJson(path, [("filled", warm), ("empty", cold), ("off", off)]);
            return 0;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static void Print(string name, List<Outcome> outcomes)
    {
        double[] first = [.. outcomes.Select(outcome => outcome.FirstFrame)];
        Console.WriteLine(
            $"| {name} | {outcomes.Count} | {first.Median():0} | {first.Min():0} | {first.Max():0} | " +
            $"{outcomes.Select(outcome => outcome.End).Median():0} |");
    }

    /// <exception cref="InvalidOperationException">The program failed.</exception>
    private static Outcome Measure(string[] command, int size, Dictionary<string, string> environment)
    {
        ProcessStartInfo info = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment) info.Environment[name] = value;
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(info)!;
        Task<string> report = process.StandardError.ReadToEndAsync();
        byte[] frame = new byte[3 * size * size];
        int read = process.StandardOutput.BaseStream.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false);
        double first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        process.StandardOutput.BaseStream.CopyTo(Stream.Null);
        process.WaitForExit();
        double end = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        string said = report.GetAwaiter().GetResult();
        if (process.ExitCode != 0 || read < frame.Length)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {said}");
        using JsonDocument json = JsonDocument.Parse(said[said.IndexOf('{', StringComparison.Ordinal)..]);
        return new(first, end, json.RootElement.GetProperty("profile").GetProperty("firstFrame").EnumerateArray()
            .ToDictionary(step => step.GetProperty("name").GetString()!, step => 1e3 * step.GetProperty("seconds").GetDouble()));
    }

    private static void WriteJson(string path, (string Cache, List<Outcome> Outcomes)[] all)
    {
        using FileStream file = File.Create(path);
        using Utf8JsonWriter json = new(file, new() { Indented = true });
        json.WriteStartArray();
        foreach ((string cache, List<Outcome> outcomes) in all)
        {
            foreach (Outcome outcome in outcomes)
            {
                json.WriteStartObject();
                json.WriteString("kernelCache", cache);
                json.WriteNumber("firstFrameMilliseconds", outcome.FirstFrame);
                json.WriteNumber("endMilliseconds", outcome.End);
                json.WriteStartObject("steps");
                foreach ((string step, double milliseconds) in outcome.Steps) json.WriteNumber(step, milliseconds);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
    }

    private sealed record Outcome(double FirstFrame, double End, Dictionary<string, double> Steps);
}
