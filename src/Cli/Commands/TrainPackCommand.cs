using System.CommandLine;
using Lia.Cli.Manifests;
using Lia.Media.IO;

namespace Lia.Cli.Commands;

/// <summary><c>lia train pack DATA -o FILE</c></summary>
internal static class TrainPackCommand
{
    private static readonly string[] s_needed = ["source", "driving", "target"], s_known = [.. s_needed, "start", "weights"];

    public static Command Create(CliContext context)
    {
        Argument<string> data = new("DATA")
        {
            Description = "a folder of clips, each a video or a folder of pictures; or supervised rows, a .csv, .jsonl or .parquet with "
                + "the columns source, driving, target and, if wanted, start and weights",
        };
        Option<string> output = new("--output", "-o") { Description = "the pack to write", HelpName = "FILE", Required = true };
        Option<int?> size = TrainCommand.Size();
        Option<int> crop = Options.Number("--crop", "pixels that pictures are larger than that, as lia train --crop will be", 0, 512).Or(0),
            every = Options.Number("--every", "take each Nth frame", 1, 1_000_000).Or(1);
        Option<string> weightMaps = new("--weight-maps")
        {
            Description = "a folder with a weight map for each frame: a folder of each clip's name",
            HelpName = "FOLDER",
        };
        Option<bool> quiet = Options.Quiet(), json = Options.Json();
        Command command = new("pack", "Packs clips, or supervised rows, into one file that lia train reads without decoding; needs no GPU.")
        {
            data, output, size, crop, every, weightMaps, quiet, json,
        };
        command.SetAction(parsed =>
        {
            string from = parsed.GetValue(data)!, to = parsed.GetValue(output)!;
            bool isQuiet = parsed.GetValue(quiet), areRows = AreRows(from);
            if (Outputs.Same(from, to)) throw new MediaException($"{to}: the pack would replace the data; choose another name.");
            if (areRows && (parsed.GetResult(every) is { Implicit: false } || parsed.GetValue(weightMaps) is not null))
                throw new ArgumentException(
                    $"{from}: rows name their pictures and weight maps: no --every or --weight-maps beside them.");
            using WarningLog log = new(context.Error);
            PackOptions options = new()
            {
                Size = parsed.GetValue(size) ?? new PackOptions().Size,
                Crop = parsed.GetValue(crop),
                Every = parsed.GetValue(every),
                WeightMaps = parsed.GetValue(weightMaps),
                OnWarning = log.Warn,
            };
            PackSummary summary;
            using (TrainingReport report = new(context, isQuiet))
            {
                summary = areRows ? TrainingPack.Write(Rows(from), to, options, report, context.Cancellation)
                    : TrainingPack.Write(from, to, options, report, context.Cancellation);
            }
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Output, json =>
                {
                    json.WriteString("output", summary.Output);
                    json.WriteNumber("clips", summary.Clips);
                    json.WriteNumber("pictures", summary.Pictures);
                    json.WriteNumber("rows", summary.Rows);
                    json.WriteNumber("leftOut", summary.LeftOut);
                    json.WriteNumber("bytes", summary.Bytes);
                });
            }
            else if (!isQuiet)
            {
                string what = areRows ? $"{summary.Rows} row{(summary.Rows == 1 ? "" : "s")}"
                    : $"{summary.Clips} clip{(summary.Clips == 1 ? "" : "s")}";
                context.Output.WriteLine($"{summary.Output}: {what} of {summary.Pictures} pictures, {Files.Bytes(summary.Bytes)}"
                    + (summary.LeftOut > 0 ? $"; {summary.LeftOut} left out" : ""));
            }
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Whether a file's name says that it has rows.</summary>
    public static bool AreRows(string path) =>
        Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".jsonl" or ".ndjson" or ".parquet" && File.Exists(path);

    private static IEnumerable<TrainingRow> Rows(string path)
    {
        foreach (ManifestRow row in ManifestFile.Read(path))
        {
            if (row.Problem is { } problem) throw row.Error(path, null, problem);
            // A misspelt column would be left out in silence.
            if (row.Columns.FirstOrDefault(column => !s_known.Contains(column)) is { } unknown)
                throw new MediaException($"{path}: there is no column {unknown}; there are {string.Join(", ", s_known)}.");
            if (s_needed.FirstOrDefault(column => row[column] is null) is { } missing) throw row.Error(path, missing, "it is empty.");
            yield return new TrainingRow(row["source"]!, row["driving"]!, row["start"], row["target"]!, row["weights"])
            {
                Name = $"{path}: row {row.Number}",
            };
        }
    }
}
