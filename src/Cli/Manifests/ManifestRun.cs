using System.Text.Json;

namespace Lia.Cli.Manifests;

/// <summary>From a manifest to an exit status: what all commands that take one have in common.</summary>
/// <param name="context">What the command talks to.</param>
/// <param name="manifest">The file.</param>
/// <param name="shard">The share of it.</param>
/// <param name="statusFile">Where status lines go; null for nowhere.</param>
/// <param name="isQuiet">Neither progress nor summary.</param>
/// <param name="isJson">The summary as JSON.</param>
internal sealed class ManifestRun(CliContext context, string manifest, Shard shard, string? statusFile, bool isQuiet, bool isJson)
{
    /// <summary>What a row is called in the summary for people.</summary>
    public string Noun { get; init; } = "row";

    /// <summary>Writes more members of the summary as JSON.</summary>
    public Action<Utf8JsonWriter>? More { get; init; }

    /// <summary>Works the share off, a row at a time on each device.</summary>
    /// <param name="verb">What is done with rows: animate, evaluate.</param>
    /// <param name="kind">What rows are about.</param>
    /// <param name="lanesOf">Finds the devices of rows.</param>
    /// <param name="overwrite">Whether rows are done again that are done.</param>
    /// <param name="finish">Writes more status lines at the end, and more of the summary for people; may be null.</param>
    public int Run(string verb, IRowKind<RowJob> kind, Func<IReadOnlyList<RowJob>, IReadOnlyList<Lane>> lanesOf, bool overwrite,
        Action<StatusFile, TextWriter?>? finish = null) => Run(verb, kind, (plan, status, teller) =>
            new ShardRun(lanesOf(plan.Jobs), status, teller, overwrite).Run(plan.Jobs, context.Cancellation), finish);

    /// <summary>Works the share off.</summary>
    /// <param name="verb">What is done with rows.</param>
    /// <param name="kind">What rows are about.</param>
    /// <param name="work">Works off the rows that make sense.</param>
    /// <param name="finish">Writes more status lines at the end, and more of the summary for people; may be null.</param>
    public int Run<TRow>(string verb, IRowKind<TRow> kind,
        Func<ShardPlan<TRow>, StatusFile, IRunTeller, ShardOutcome> work, Action<StatusFile, TextWriter?>? finish = null)
        where TRow : PlannedRow
    {
        try
        {
            ShardPlan<TRow> plan = ShardPlan<TRow>.Read(manifest, kind, shard, context.Cancellation);
            int rows = plan.Jobs.Count + plan.Bad.Count;
            using StatusFile status = new(statusFile);
            status.Write("begin", json =>
            {
                json.WriteString("verb", verb);
                json.WriteString("manifest", StatusFile.Cut(Path.GetFullPath(manifest)));
                json.WriteString("shard", shard.ToString());
                json.WriteNumber("rows", rows);
                json.WriteNumber("work", plan.Jobs.Sum(job => job.Work) + plan.Bad.Count);
                json.WriteNumber("totalRows", plan.Rows);
                json.WriteNumber("totalWork", plan.TotalWork);
                json.WriteString("plan", plan.Fingerprint);
            });
            using Teller teller = new(context, isQuiet, isQuiet || isJson);
            foreach (BadRow row in plan.Bad)
            {
                status.Write("failed", json =>
                {
                    json.WriteNumber("row", row.Row);
                    json.WriteString("name", StatusFile.Cut(row.Name));
                    json.WriteNumber("work", 1);
                    json.WriteString("reason", StatusFile.Cut(row.Problem));
                    json.WriteBoolean("retry", false);
                });
                teller.Failed(row.Row, row.Name, row.Problem);
            }
            ShardOutcome outcome = work(plan, status, teller);
            outcome = outcome with { Failed = outcome.Failed + plan.Bad.Count };
            finish?.Invoke(status, isQuiet || isJson ? null : context.Output);
            status.Write("end", json => Write(json, outcome));
            if (isJson) JsonOutput.Write(context.Output, json =>
            {
                json.WriteString("manifest", manifest);
                json.WriteString("shard", shard.ToString());
                json.WriteNumber("rows", rows);
                Write(json, outcome);
                More?.Invoke(json);
                RowFailures.Write(json, teller.Failures);
            });
            else if (!isQuiet) context.Output.WriteLine(Summary(rows, plan.Rows, outcome));
            if (outcome.IsCancelled)
                context.Error.WriteLine($"lia: stopped with {outcome.Left} {Noun}s to go; the same command goes on from there");
            return outcome.ExitCode;
        }
        catch (Exception failure) when (RowFailures.Of(failure) is RowFailure.Machine or RowFailure.Device)
        {
            // Not a row's: the manifest could not be read now, the status file's disk is full.
            context.Error.WriteLine($"lia: {failure.Message}");
            return ExitCode.TryAgain;
        }
    }

    private string Summary(int rows, int all, ShardOutcome outcome)
    {
        string share = shard.Count == 1 ? Nouns.Count(rows, Noun) : $"shard {shard}: {rows} of {all} {Noun}s";
        string later = outcome.Again + outcome.Left == 0 ? "" : $", {outcome.Again + outcome.Left} to be tried again";
        return $"{share}: {outcome.Done} done, {outcome.Skipped} done already, {outcome.Failed} failed{later}";
    }

    private static void Write(Utf8JsonWriter json, ShardOutcome outcome)
    {
        json.WriteNumber("done", outcome.Done);
        json.WriteNumber("skipped", outcome.Skipped);
        json.WriteNumber("failed", outcome.Failed);
        json.WriteNumber("again", outcome.Again);
        json.WriteNumber("left", outcome.Left);
        json.WriteNumber("exitStatus", outcome.ExitCode);
    }

    /// <summary>A line for each row; a bar where there is one device.</summary>
    private sealed class Teller(CliContext context, bool isQuiet, bool hidesResults) : IRunTeller, IDisposable
    {
        private readonly Lock _gate = new();
        private readonly List<(int, string, string)> _failures = [];
        private ProgressReport? _report;

        public IReadOnlyList<(int Row, string Name, string Reason)> Failures => _failures;

        public void Begin(RowJob job, int lanes)
        {
            // Elsewhere than on a terminal, a line for each row is enough.
            lock (_gate) if (lanes == 1 && context.ErrorIsTerminal) _report ??= ProgressReport.Create(context, isQuiet);
        }

        public void Progress(RowJob job, int lane, AnimationProgress progress)
        {
            lock (_gate) _report?.Report(progress);
        }

        public void Done(PlannedRow job, string? description) => Say(() =>
        {
            if (!hidesResults) context.Output.WriteLine(description ?? $"{job.Name}: done already");
        });

        public void Failed(PlannedRow job, string reason) => Failed(job.Row, job.Name, reason);

        public void Failed(int row, string name, string reason) => Say(() =>
        {
            _failures.Add((row, name, reason));
            context.Error.WriteLine($"lia: {reason}");
        });

        public void DeviceFailed(string device, string reason, bool isGivenUp) => Say(() =>
            context.Error.WriteLine($"lia: warning: the device {device} failed{(isGivenUp ? " and is given up" : "")}: {reason}"));

        public void Dispose() => Say(() => { });

        private void Say(Action say)
        {
            lock (_gate)
            {
                _report?.Dispose();
                _report = null;
                say();
            }
        }
    }
}
