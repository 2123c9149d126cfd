using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary><c>lia train DATA -o RUN/</c></summary>
internal static class TrainCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> data = new("DATA")
        {
            Description = "clips to learn from: a folder of clips, each a video or a folder of pictures; or a pack (lia train pack), or a "
                + "folder of packs",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string> output = new("--output", "-o") { Description = "the folder of the run", HelpName = "RUN" };
        Option<bool> resume = new("--resume")
        {
            Description = "go on with the run in the folder, bit for bit as if it had never stopped: the same command with this option",
        };
        Option<string> from = new("--from") { Description = "a model to begin with [default: random weights]", HelpName = "FILE" };
        Option<int?> size = Size();
        Option<ImmutableArray<int>> channels = new("--channels")
        {
            Description = "channels at 4x4, 8x8 and so on up to the size, of generator and discriminator [default: the official ones]",
            HelpName = "N,N,...",
            CustomParser = result =>
            {
                string[] parts = result.Tokens[0].Value.Split(',');
                int[] numbers = [.. parts.Select(part =>
                    int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)];
                if (numbers.All(number => number > 0)) return [.. numbers];
                result.AddError($"--channels is numbers with commas between them, not '{result.Tokens[0].Value}'.");
                return [];
            },
        };
        Option<int> code = Options.Number("--code", "length of the codes [default: 512]", 1, 4096),
            directions = Options.Number("--directions", "motion directions [default: 20]", 1, 4096),
            batch = Options.Number("--batch", "pairs of a step", 1, 64).Or(16),
            crop = Options.Number("--crop", "pixels that pictures are larger, of which a window is drawn for each pair", 0, 512).Or(0),
            every = Options.Number("--every", "where clips are packed: take each Nth frame", 1, 1_000_000).Or(1),
            heldOut = Options.Number("--held-out",
                "clips at the end of the data to measure on and not to learn from [default: a twentieth, 16 at most]", 0, int.MaxValue),
            logEvery = Options.Number("--log-every", "steps of a line in RUN/log.jsonl", 1, int.MaxValue).Or(10),
            checkpointEvery = Options.Number("--checkpoint-every", "steps between checkpoints", 1, int.MaxValue).Or(1000),
            keepEvery = Options.Number("--keep-every", "steps between checkpoints that are kept; 0 keeps the last alone", 0, int.MaxValue)
                .Or(0),
            sheetEvery = Options.Number("--sheet-every", "steps between measures, sheets and curves", 1, int.MaxValue).Or(1000),
            workers = Options.Number("--workers", "threads that prepare batches [default: by the cores, 4 at most]", 1, 64);
        Option<long> steps = Options.Number("--steps", "steps, all in all", 1L, long.MaxValue / 64).Or(800_000L),
            warmUp = Options.Number("--warm-up", "steps in which rates rise from nothing", 0L, long.MaxValue).Or(0L);
        Option<ulong> seed = Options.Number("--seed", "of weights, order and augmentations", 0UL, ulong.MaxValue).Or(1UL);
        Option<bool> inOrder = new("--in-order")
        {
            Description = "each epoch visits clips or rows in the order they are packed in [default: in one that is drawn]",
        };
        Option<bool> flip = new("--flip") { Description = "mirror half of the pairs" };
        Option<double> jitter = Options.Number("--jitter",
                "most change of brightness, contrast, saturation and hue; the recipe's is 0.1", 0, 0.5).Or(0),
            rate = Options.Number("--rate", "the generator's rate", 1e-9, 1).Or(0.002),
            discriminatorRate = Options.Number("--discriminator-rate", "the discriminator's rate [default: --rate]", 1e-9, 1),
            flat = Options.Number("--flat", "of the cosine: the part of the run in which rates stay", 0.0, 1).Or(0),
            rateEnd = Options.Number("--rate-end", "of the cosine: the part of the rates that is left at the end", 0.0, 1).Or(0),
            average = Options.Number("--average",
                "decay of a moving average of the weights, 0.999 say, which becomes the model; 0 for none", 0, 0.999999).Or(0),
            adversarial = Options.Number("--adversarial",
                "weight of the discriminator, of patches the length of its gradient; 0 trains without", 0.0, 100).Or(1),
            matching = Options.Number("--matching", "of patches: the same of the distance of its features", 0.0, 100).Or(0),
            labels = Options.Number("--labels",
                "weight of the error of the pack's labels, told from motion codes by a linear probe", 0.0, 1000).Or(0),
            surfaces = Options.Number("--surfaces",
                "weight of the distance between where warps read and where the pack's surfaces lie", 0.0, 1000).Or(0),
            guideEnd = Options.Number("--guide-end", "the part of these two weights that is left at the end of the run", 0.0, 1).Or(1),
            momentum = Options.Number("--momentum", "Adam's first beta for the generator", 0, 0.999999).Or(0),
            l1 = Options.Number("--l1", "weight of the mean absolute difference of pixels", 0.0, 100).Or(1),
            flowStart = Options.Number("--flow-start",
                "factor of the random weights that warps are made by: 0.05 begins near the identity", 0.0, 1).Or(1);
        Option<bool> fixedDirections = new("--fixed-directions") { Description = "leave the motion directions as they begin" };
        Option<DiscriminatorKind> discriminator = Options.Choice<DiscriminatorKind>("--discriminator",
            "whether the whole picture is judged, as in the recipe, or each patch on its own");
        Option<RateSchedule> schedule = Options.Choice<RateSchedule>("--schedule", "whether rates stay, or fall along a cosine");
        Option<string> weightMaps = new("--weight-maps")
        {
            Description = "where clips are packed: a folder with a weight map for each frame, a folder of each clip's name",
            HelpName = "FOLDER",
        };
        Option<string> vgg = new("--vgg")
        {
            Description = "VGG19's weights for the perceptual loss [default: a loss of pixels and their derivatives, without a file]",
            HelpName = "FILE",
        };
        Option<string[]> lpips = new("--lpips")
        {
            Description = "weights of AlexNet and of LPIPS, in one file or in two, to measure held-out clips by",
            HelpName = "FILE",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int?> device = new("--device")
        {
            Description = "the GPU, numbered as lia info does [default: the first]",
            HelpName = "cuda|cuda:N",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (text.Equals("cuda", StringComparison.OrdinalIgnoreCase)) return null;
                if (text.StartsWith("cuda:", StringComparison.OrdinalIgnoreCase)
                    && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return number;
                result.AddError($"--device is cuda or cuda:N, not '{text}': training needs one CUDA GPU.");
                return null;
            },
        };
        Option<Precision> precision = Options.Precision();
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("train",
            "Learns a model of your own from clips, on a CUDA GPU. RUN/model.safetensors is what other commands take.")
        {
            data, output, resume, from, size, channels, code, directions, batch, steps, seed, inOrder, flip, jitter, crop, every,
            weightMaps, heldOut, vgg, lpips, rate, discriminatorRate, schedule, warmUp, flat, rateEnd, momentum, average, l1,
            discriminator, adversarial, matching, labels, surfaces, guideEnd,
            fixedDirections, flowStart,
            precision, device, logEvery, checkpointEvery, keepEvery, sheetEvery, workers, quiet, json,
            TrainPackCommand.Create(context), TrainStatusCommand.Create(context),
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(data) is not { } clips) throw new ArgumentException("There is nothing to learn from: give DATA.");
            if (parsed.GetValue(output) is not { } folder)
                throw new ArgumentException("There is no folder for the run: give --output RUN.");
            if (TrainPackCommand.AreRows(clips))
                throw new ArgumentException($"{clips}: rows are packed first: lia train pack {clips} -o FILE.");
            bool isQuiet = parsed.GetValue(quiet), isJson = parsed.GetValue(json);
            using WarningLog log = new(context.Error);
            TrainerOptions options = new()
            {
                Data = clips,
                Output = folder,
                From = parsed.GetValue(from),
                Size = parsed.GetValue(size),
                Channels = parsed.GetValue(channels) is { IsDefault: false } given ? given : [],
                Code = Given(code),
                Directions = Given(directions),
                Batch = parsed.GetValue(batch),
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
                InOrder = parsed.GetValue(inOrder),
                Flip = parsed.GetValue(flip),
                Jitter = parsed.GetValue(jitter),
                Crop = parsed.GetValue(crop),
                Every = parsed.GetValue(every),
                WeightMaps = parsed.GetValue(weightMaps),
                HeldOut = Given(heldOut),
                Vgg = parsed.GetValue(vgg),
                Rate = parsed.GetValue(rate),
                DiscriminatorRate = Given(discriminatorRate),
                Schedule = parsed.GetValue(schedule),
                WarmUp = parsed.GetValue(warmUp),
                Flat = parsed.GetValue(flat),
                RateEnd = parsed.GetValue(rateEnd),
                Average = parsed.GetValue(average),
                Discriminator = parsed.GetValue(discriminator),
                Adversarial = parsed.GetValue(adversarial),
                Matching = parsed.GetValue(matching),
                Labels = parsed.GetValue(labels),
                Surfaces = parsed.GetValue(surfaces),
                GuideEnd = parsed.GetValue(guideEnd),
                Momentum = parsed.GetValue(momentum),
                L1 = parsed.GetValue(l1),
                FixedDirections = parsed.GetValue(fixedDirections),
                FlowStart = parsed.GetValue(flowStart),
                Precision = parsed.GetValue(precision) switch
                {
                    Precision.Exact => TrainingPrecision.Exact,
                    Precision.Fast => TrainingPrecision.Fast,
                    _ => TrainingPrecision.Auto,
                },
                Gpu = parsed.GetValue(device),
                LogEvery = parsed.GetValue(logEvery),
                CheckpointEvery = parsed.GetValue(checkpointEvery),
                KeepEvery = parsed.GetValue(keepEvery),
                SheetEvery = parsed.GetValue(sheetEvery),
                Workers = parsed.GetValue(workers),
            };
            TrainingSummary summary;
            using (TrainingReport report = new(context, isQuiet))
            {
                try
                {
                    Trainer trainer = new(options, context.TrainingSteps)
                    {
                        IsResumed = parsed.GetValue(resume),
                        Lpips = parsed.GetValue(lpips) is { Length: > 0 } files ? Lpips.Load(files) : null,
                        OnWarning = log.Warn,
                        Packing = report,
                    };
                    summary = trainer.Run(report, context.Cancellation);
                }
                catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested && report.Step is not null)
                {
                    report.Dispose();
                    context.Error.WriteLine($"lia: stopped at step {report.Step} of {options.Steps}, with a checkpoint; the same command "
                        + "with --resume goes on from there");
                    return ExitCode.Cancelled;
                }
            }
            if (isJson) JsonOutput.Write(context.Output, json => Write(json, summary));
            else if (!isQuiet) context.Output.WriteLine(Describe(summary));
            return ExitCode.Success;

            T? Given<T>(Option<T> option) where T : struct =>
                parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option) : null;
        });
        return command;
    }

    /// <summary>The side of the network's pictures; unset is null.</summary>
    public static Option<int?> Size() => new("--size")
    {
        Description = "side of the pictures: 64, 128, 256, 512 or 1024 [default: 256]",
        HelpName = "S",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (text is "64" or "128" or "256" or "512" or "1024") return int.Parse(text, CultureInfo.InvariantCulture);
            result.AddError($"--size is 64, 128, 256, 512 or 1024, not '{text}'.");
            return null;
        },
    };

    /// <summary>Losses in a JSON object.</summary>
    public static void Write(Utf8JsonWriter json, TrainingLosses losses)
    {
        json.WriteStartObject("losses");
        json.WriteNumber("perceptual", losses.Perceptual);
        json.WriteNumber("l1", losses.L1);
        json.WriteNumber("adversarial", losses.Adversarial);
        json.WriteNumber("discriminator", losses.Discriminator);
        if (losses.Matching > 0) json.WriteNumber("matching", losses.Matching);
        if (losses.Labels > 0) json.WriteNumber("labels", losses.Labels);
        if (losses.Surfaces > 0) json.WriteNumber("surfaces", losses.Surfaces);
        json.WriteEndObject();
    }

    /// <summary>Measures in a JSON object.</summary>
    public static void Write(Utf8JsonWriter json, string name, TrainingMeasures measures)
    {
        json.WriteStartObject(name);
        json.WriteNumber("step", measures.Step);
        json.WriteNumber("pictures", measures.Pictures);
        json.WriteNumber("l1", measures.L1);
        json.WriteNumber("psnr", measures.Psnr);
        if (measures.Lpips is { } distance) json.WriteNumber("lpips", distance);
        json.WriteEndObject();
    }

    /// <summary>Measures in words.</summary>
    public static string Describe(TrainingMeasures measures) => $"L1 {measures.L1:0.0000}, PSNR {measures.Psnr:0.00} dB"
        + (measures.Lpips is { } distance ? $", LPIPS {distance:0.0000}" : "");

    private static string Describe(TrainingSummary summary) => $"{summary.Model}: {Nouns.Count(summary.Steps, "step")}"
        + (summary.Measures is { } measures ? $", held out {Describe(measures)}" : "")
        + $", in {ProgressReport.Duration(summary.Elapsed)} on {summary.Device}";

    private static void Write(Utf8JsonWriter json, TrainingSummary summary)
    {
        json.WriteString("model", summary.Model);
        json.WriteString("checkpoint", summary.Checkpoint);
        json.WriteNumber("steps", summary.Steps);
        if (summary.Losses is { } losses) Write(json, losses);
        if (summary.Measures is { } measures) Write(json, "heldOut", measures);
        json.WriteString("device", summary.Device);
        json.WriteNumber("seconds", Math.Round(summary.Elapsed.TotalSeconds, 3));
    }
}
