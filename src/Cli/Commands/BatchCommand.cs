using System.CommandLine;
using Lia.Cli.Manifests;
using Lia.Media.Files;

namespace Lia.Cli.Commands;

/// <summary><c>lia batch SOURCE... --driving CLIP -o FOLDER --model FILE</c>, or <c>--motion FILE</c> instead of <c>--driving</c>;
/// <c>lia batch --manifest FILE</c></summary>
internal static class BatchCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string[]> sources = new("SOURCE")
        {
            Description = "the pictures to animate, and folders of pictures; absent with --manifest",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string> driving = new("--driving")
        {
            Description = "the motion: a video, a folder of numbered pictures, an animated PNG or one picture",
            HelpName = "CLIP",
        };
        Option<string> motion = Options.Motion();
        Option<string> output = new("--output", "-o")
        {
            Description = "the folder to write to; faces/anna.png becomes FOLDER/anna.mp4; absent with --manifest",
            HelpName = "FOLDER",
        };
        Option<OutputFormat> format = Options.Choice<OutputFormat>("--format",
            "what to write for each source; frames is a folder of pictures");
        Option<bool> overwrite = new("--overwrite")
        {
            Description = "do again what is there already; outputs appear complete or not at all, so that what is there is whole and else "
                + "skipped",
        };
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("batch",
            "Animates many pictures with one motion, or the rows of a manifest. What is there already is skipped: run it again to go on.")
        {
            sources, driving, motion, output, format, overwrite, BatchStatusCommand.Create(context),
        };
        ManifestOptions manifests = new(command,
            "the rows of a file: columns source, driving or motion, output, and any option of lia animate by its name");
        ClipOptions clip = new(command);
        command.Add(quiet);
        command.Add(json);
        command.SetAction(parsed =>
        {
            string? video = parsed.GetValue(driving), codes = parsed.GetValue(motion), folder = parsed.GetValue(output);
            string[] pictures = parsed.GetValue(sources)!;
            if (manifests.Manifest(parsed) is { } manifest)
            {
                if (pictures.Length > 0 || folder is not null || parsed.GetResult(format) is not null)
                    throw new ArgumentException(
                        "The sources and outputs are those of the manifest: no SOURCE, --output or --format beside it.");
                if (video is not null && codes is not null) AnimateCommand.RequireOne(video, "--driving", codes);
                using WarningLog warnings = new(context.Error);
                using AnimateRows rows = new(manifest, parsed, video, codes, warnings);
                return new ManifestRun(context, manifest, manifests.Shard(parsed), manifests.Status(parsed), parsed.GetValue(quiet),
                    parsed.GetValue(json)).Run("animate", rows, Lanes.Of, parsed.GetValue(overwrite));
            }
            if (pictures.Length == 0) throw new ArgumentException("There is no source: give SOURCE, or --manifest.");
            if (folder is null) throw new ArgumentException("There is no output: give --output FOLDER.");
            AnimateCommand.RequireOne(video, "--driving", codes);
            if (File.Exists(folder)) throw new MediaException($"{folder}: it is a file; the output is a folder.");
            bool isQuiet = parsed.GetValue(quiet), isJson = parsed.GetValue(json);
            OutputFormat kind = parsed.GetValue(format);
            string extension = kind == OutputFormat.Frames ? "" : $".{kind.ToString().ToLowerInvariant()}";
            bool areClips = clip.IsSourceClip(parsed);
            AnimationJob[] jobs =
            [
                .. AnimationJob.ForEach(pictures, folder, extension).Select(job => job with { SourceIsClip = areClips }),
            ];

            using WarningLog log = new(context.Error);
            foreach (string picture in pictures) TellOthers(picture, log);
            ModelOptions model = clip.ReadModel(parsed, log);
            List<AnimationJobResult> results = [];
            bool isCancelled = false;
            using (JobProgress progress = new(context, isQuiet))
            {
                Driving motion = codes is null ? video! : MotionClip.Load(codes);
                using Animator animator = new(model, clip.Read(parsed), context.Cancellation);
                bool again = parsed.GetValue(overwrite);
                try
                {
                    foreach (AnimationJobResult result in animator.AnimateMany(jobs, motion, again, null, progress, context.Cancellation))
                    {
                        progress.EndJob();
                        results.Add(result);
                        if (!isJson && !isQuiet && result.Failure is null)
                            context.Output.WriteLine(result.Summary is { } summary ? AnimateCommand.Describe(summary)
                                : $"{result.Job.Output}: there already, skipped");
                    }
                }
                catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested && results.Count > 0)
                {
                    isCancelled = true;
                }
            }
            return Conclude(context, results, jobs.Length, model, isCancelled, isQuiet, isJson);
        });
        return command;
    }

    /// <summary>Names what a folder of sources holds and is not taken: nothing a person may call a picture is skipped in silence.</summary>
    private static void TellOthers(string folder, WarningLog log)
    {
        const int Most = 20;
        if (!Directory.Exists(folder)) return;
        HashSet<string> taken = [.. FolderReader.Pictures(folder)];
        string[] others = [.. Directory.EnumerateFileSystemEntries(folder)
            .Where(entry => !taken.Contains(entry) && !Path.GetFileName(entry).StartsWith('.'))
            .Select(entry => Path.GetFileName(entry) + (Directory.Exists(entry) ? "/" : "")).Order(StringComparer.Ordinal)];
        if (others.Length == 0) return;
        string more = others.Length > Most ? $" and {others.Length - Most} more" : "";
        log.Warn($"{folder}: not taken, by their names no pictures: {string.Join(", ", others.Take(Most))}{more}");
    }

    private static int Conclude(CliContext context, List<AnimationJobResult> results, int jobs, ModelOptions model, bool isCancelled,
        bool isQuiet, bool isJson)
    {
        int written = results.Count(result => result.Summary is not null), skipped = results.Count(result =>
            result.IsSkipped), failed = results.Count(result => result.Failure is not null);
        foreach (AnimationJobResult result in results.Where(result => result.Failure is not null))
            context.Error.WriteLine($"lia: {result.Failure!.Message}");
        if (isJson) WriteJson(context.Output, results, model, (written, skipped, failed));
        else if (!isQuiet) context.Output.WriteLine(
            $"{Nouns.Count(jobs, "source")}: {written} written, {skipped} skipped, {failed} failed");
        if (isCancelled)
        {
            int left = jobs - results.Count;
            context.Error.WriteLine($"lia: stopped with {left} of {jobs} sources to go; the same command goes on from there");
            return ExitCode.Cancelled;
        }
        return failed > 0 ? ExitCode.BadInput : ExitCode.Success;
    }

    private static void WriteJson(TextWriter output, List<AnimationJobResult> results, ModelOptions model,
        (int Written, int Skipped, int Failed) counts) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("written", counts.Written);
        json.WriteNumber("skipped", counts.Skipped);
        json.WriteNumber("failed", counts.Failed);
        json.WriteStartArray("sources");
        foreach (AnimationJobResult result in results)
        {
            json.WriteStartObject();
            json.WriteString("source", result.Job.Source);
            json.WriteString("status", result.Summary is not null ? "written" : result.IsSkipped ? "skipped" : "failed");
            if (result.Summary is { } summary) AnimateCommand.WriteSummary(json, summary, model);
            else json.WriteString("output", result.Job.Output);
            if (result.Failure is { } failure) json.WriteString("problem", failure.Message);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>What a batch can write for each source; unset is mp4.</summary>
    private enum OutputFormat
    {
        Mp4,
        Mov,
        Mkv,
        WebM,
        Gif,
        WebP,
        Png,
        Apng,
        Y4m,
        Rgb,
        Frames,
    }

    /// <summary>A report for each job, so that a bar is wiped before the job's line is written.</summary>
    private sealed class JobProgress(CliContext context, bool isQuiet) : IProgress<AnimationProgress>, IDisposable
    {
        private ProgressReport? _job;

        public void Report(AnimationProgress value) => (_job ??= ProgressReport.Create(context, isQuiet)).Report(value);

        public void EndJob()
        {
            _job?.Dispose();
            _job = null;
        }

        public void Dispose() => EndJob();
    }
}
