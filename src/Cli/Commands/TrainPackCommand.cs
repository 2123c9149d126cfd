using System.CommandLine;
using Lia.Cli.Manifests;
using Lia.Media.IO;
using Lia.Training.Data;

namespace Lia.Cli.Commands;

/// <summary><c>lia train pack DATA -o FILE</c></summary>
internal static class TrainPackCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> data = new("DATA")
        {
            Description = "a folder of clips, each a video or a folder of pictures; or supervised rows, a .csv, .jsonl or .parquet with "
                + "the columns source, driving, target and, if wanted, start and weights",
        };
        Option<string> output = new("--output", "-o")
        {
            Description = "the pack to write; of a share its part: faces.liapack becomes faces.I-of-N.liapack", HelpName = "FILE",
            Required = true,
        };
        Option<int?> size = TrainCommand.Size();
        Option<int> crop = Options.Number("--crop",
                "pixels that pictures are larger than that, as lia train --crop will be", 0, 512).Or(0),
            every = Options.Number("--every", "take each Nth frame", 1, 1_000_000).Or(1),
            workers = Options.Number("--workers", "threads that decode side by side [default: one a core, 8 at most]", 1, 64);
        Option<string> weightMaps = new("--weight-maps")
        {
            Description = "a folder with a weight map for each frame: a folder of each clip's name",
            HelpName = "FOLDER",
        };
        Option<string> labels = new("--picture-labels")
        {
            Description = "numbers that tell each picture's movement, for lia train --labels: a .csv, .jsonl or .parquet with a column "
                + "picture, the path as rows name it, or of clips clip and frame; all other columns are numbers",
            HelpName = "FILE",
        };
        Option<bool> overwrite = new("--overwrite") { Description = "pack again what is packed already from the same data" };
        Option<bool> quiet = Options.Quiet(), json = Options.Json();
        Command command = new("pack", "Packs clips, or supervised rows, into a file, or a share of them into one of several, that lia "
            + "train reads without decoding; needs no GPU. Exit status 42 when some can never be read, which are left out, 75 to try "
                + "again.")
        {
            data, output, size, crop, every, weightMaps, labels, workers, overwrite,
        };
        ManifestOptions shares = new(command, null);
        command.Add(quiet);
        command.Add(json);
        command.SetAction(parsed =>
        {
            string from = parsed.GetValue(data)!, to = parsed.GetValue(output)!;
            bool isQuiet = parsed.GetValue(quiet), isJson = parsed.GetValue(json), areRows = AreRows(from);
            Shard shard = shares.Shard(parsed);
            if (Outputs.Same(from, to)) throw new MediaException($"{to}: the pack would replace the data; choose another name.");
            if (areRows && (parsed.GetResult(every) is { Implicit: false } || parsed.GetValue(weightMaps) is not null))
                throw new ArgumentException(
                    $"{from}: rows name their pictures and weight maps: no --every or --weight-maps beside them.");
            if (shard.Count > 1 && !Path.GetExtension(to).Equals(PackParts.Extension, StringComparison.OrdinalIgnoreCase))
                throw new ArgumentException($"{to}: parts of a pack are found by their names: call it NAME{PackParts.Extension}.");
            PackOptions options = new()
            {
                Size = parsed.GetValue(size) ?? new PackOptions().Size,
                Crop = parsed.GetValue(crop),
                Every = parsed.GetValue(every),
                WeightMaps = parsed.GetValue(weightMaps),
                Labels = parsed.GetValue(labels) is { } file ? PictureLabelsFile.Read(file, areRows, context.Cancellation) : null,
                Workers = parsed.GetValue(workers),
            };
            options.Validate();
            using TrainingReport report = new(context, isQuiet);
            string pack = PackParts.Name(to, shard.Index, shard.Count);
            PackRun packing = new(context, pack, options.Threads, parsed.GetValue(overwrite), report);
            ManifestRun run = new(context, from, shard, shares.Status(parsed), isQuiet, isJson)
            {
                Noun = areRows ? "row" : "clip",
                More = json => Write(json, packing.Summary),
            };
            bool mayBeEmpty = shard.Count > 1;
            string about = $"{options.Side} {options.Every}"
                + (parsed.GetValue(labels) is { } told ? $" {new InputHashes().OfInput(told)}" : "");
            if (!areRows)
            {
                return run.Run("pack", new PackClips(from), (plan, status, teller) => packing.Run(plan, status, teller, about,
                    clip => options.WeightMaps is { } folder ? [clip, ClipPacker.MapsOf(folder, clip)] : [clip],
                    (clips, told) => ClipPacker.Write(clips, pack, options, mayBeEmpty, told, context.Cancellation)), Describe);
            }
            PackRows rows = new(from);
            return run.Run("pack", rows, (plan, status, teller) => packing.Run(plan, status, teller, $"{about} {rows.HasWeights}",
                row => ((string?[])[row.Source, row.Driving, row.Start, row.Target, row.Weights]).Select(path => path ?? ""),
                (all, told) => RowPacker.Write(all, rows.HasWeights ?? false, pack, options, mayBeEmpty, told, context.Cancellation)),
                Describe);

            void Describe(StatusFile status, TextWriter? text)
            {
                report.Dispose();
                if (packing.Summary is not { } summary) return;
                string what = areRows ? Nouns.Count(summary.Rows, "row") : Nouns.Count(summary.Clips, "clip");
                text?.WriteLine($"{summary.Output}: {what} of {Nouns.Count(summary.Pictures, "picture")}, {Files.Bytes(summary.Bytes)}"
                    + (summary.LeftOut > 0 ? $"; {summary.LeftOut} left out" : ""));
            }
        });
        return command;
    }

    private static void Write(System.Text.Json.Utf8JsonWriter json, PackSummary? summary)
    {
        if (summary is null) return;
        json.WriteStartObject("pack");
        json.WriteString("output", summary.Output);
        json.WriteNumber("clips", summary.Clips);
        json.WriteNumber("pictures", summary.Pictures);
        json.WriteNumber("rows", summary.Rows);
        json.WriteNumber("bytes", summary.Bytes);
        json.WriteEndObject();
    }

    /// <summary>Whether a file's name says that it has rows.</summary>
    public static bool AreRows(string path) =>
        Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".jsonl" or ".ndjson" or ".parquet" && File.Exists(path);
}
