using System.Globalization;
using System.Text.Json;
using Lia.Evaluation;
using Lia.Media.IO;

namespace Lia.Cli.Manifests;

/// <summary>What status files come to: of each row of each manifest the latest that was said, whichever run and shard said it.</summary>
internal sealed class StatusReport
{
    /// <summary>A run that has said nothing for so long is not running: it was killed.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Run> _runs = [];
    private readonly Dictionary<(string Manifest, int Row), RowState> _rows = [];
    private readonly Dictionary<string, (int Rows, long Work, HashSet<string> Plans)> _manifests = [];

    /// <summary>Rows of all manifests.</summary>
    public int Total => _manifests.Values.Sum(manifest => manifest.Rows);

    /// <summary>Rows that are done.</summary>
    public int Done { get; private set; }

    /// <summary>Rows that can never succeed.</summary>
    public int Failed { get; private set; }

    /// <summary>Rows somebody is at work on.</summary>
    public int Running { get; private set; }

    /// <summary>Rows that are left, with those that failed and are to be tried again.</summary>
    public int Left => Total - Done - Failed - Running;

    /// <summary>Rows among those left that failed.</summary>
    public int Again { get; private set; }

    /// <summary>Runs that fell silent without an end, and were not followed by another.</summary>
    public int Silent { get; private set; }

    /// <summary>Lines that are none of ours.</summary>
    public int Damaged { get; private set; }

    /// <summary>Rows done a minute, since the first run began; 0 before the first.</summary>
    public double RowsAMinute { get; private set; }

    /// <summary>Time left at this rate, by the frames that are expected; null where there is none.</summary>
    public TimeSpan? TimeLeft { get; private set; }

    /// <summary>Reasons of the rows that failed, the most frequent first, without what is of one row only.</summary>
    public IReadOnlyList<(int Row, string Name, string Reason)> Failures { get; private set; } = [];

    /// <summary>Whether runs cut a manifest differently: it, or a file it names, changed in between.</summary>
    public bool IsCutDifferently => _manifests.Values.Any(manifest => manifest.Plans.Count > 1);

    /// <summary>The mean scores of what was evaluated; null where nothing was.</summary>
    public ClipScores? Scores { get; private set; }

    /// <summary>Reads files.</summary>
    /// <param name="files">Written by runs of any shards of any manifests.</param>
    /// <param name="now">The time it is.</param>
    /// <exception cref="MediaException">One cannot be read.</exception>
    public static StatusReport Read(IEnumerable<string> files, DateTime now)
    {
        StatusReport report = new();
        List<(DateTime Time, JsonElement Line)> lines = [];
        foreach (string file in files) foreach (JsonElement? line in Lines(file))
        {
            if (line is { } json && Time(json) is { } time) lines.Add((time, json));
            else report.Damaged++;
        }
        // What different machines said, in the order of their clocks; of one run as it stands in its file.
        foreach ((DateTime time, JsonElement line) in lines.OrderBy(line => line.Time)) report.Take(time, line);
        report.Conclude(now);
        return report;
    }

    /// <summary>The scores in a status file, by the hash of what they are of.</summary>
    public static Dictionary<string, ClipScores> ReadScores(string file)
    {
        Dictionary<string, ClipScores> scores = [];
        foreach (JsonElement? line in Lines(file))
        {
            if (line is { } json && Text(json, "hash") is { } hash && json.TryGetProperty("scores", out JsonElement members)
                && ScoreSums.Read(members) is { } read) scores[hash] = read;
        }
        return scores;
    }

    /// <summary>Writes the members of a JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("rows", Total);
        json.WriteNumber("done", Done);
        json.WriteNumber("failed", Failed);
        json.WriteNumber("running", Running);
        json.WriteNumber("left", Left);
        json.WriteNumber("again", Again);
        json.WriteNumber("silentRuns", Silent);
        json.WriteNumber("damagedLines", Damaged);
        json.WriteBoolean("cutDifferently", IsCutDifferently);
        json.WriteNumber("rowsAMinute", Math.Round(RowsAMinute, 3));
        if (TimeLeft is { } left) json.WriteNumber("secondsLeft", Math.Round(left.TotalSeconds));
        else json.WriteNull("secondsLeft");
        if (Scores is { } scores)
        {
            json.WriteStartObject("scores");
            ScoreSums.Write(json, scores);
            json.WriteEndObject();
        }
        RowFailures.Write(json, Failures);
    }

    private void Take(DateTime time, JsonElement line)
    {
        string run = Text(line, "run") ?? "";
        if (!_runs.TryGetValue(run, out Run? known)) _runs.Add(run, known = new(time));
        known.Last = time;
        switch (Text(line, "event"))
        {
            case "begin":
                string name = Text(line, "manifest") ?? "";
                (known.Manifest, known.Shard) = (name, Text(line, "shard") ?? "");
                HashSet<string> plans = _manifests.TryGetValue(name, out var manifest) ? manifest.Plans : [];
                plans.Add(Text(line, "plan") ?? "");
                _manifests[name] = ((int)Number(line, "totalRows"), Number(line, "totalWork"), plans);
                break;
            case "end":
                known.IsOver = true;
                break;
            case "start" or "progress":
                At(known, line) = Row(line, known, State.Running);
                break;
            case "done":
                bool isSkipped = line.TryGetProperty("skipped", out JsonElement skipped) && skipped.ValueKind == JsonValueKind.True;
                At(known, line) = Row(line, known, State.Done) with
                {
                    IsComputed = !isSkipped || At(known, line) is { State: State.Done, IsComputed: true },
                    Scores = line.TryGetProperty("scores", out JsonElement scores) ? ScoreSums.Read(scores) : null,
                };
                break;
            case "failed":
                bool isForNow = line.TryGetProperty("retry", out JsonElement retry) && retry.ValueKind == JsonValueKind.True;
                At(known, line) = Row(line, known, isForNow ? State.Again : State.Failed) with { Reason = Text(line, "reason") ?? "" };
                break;
        }
    }

    private void Conclude(DateTime now)
    {
        foreach (Run run in _runs.Values)
        {
            bool isFollowed = _runs.Values.Any(other => other.First > run.First
                && (other.Manifest, other.Shard) == (run.Manifest, run.Shard));
            run.IsAlive = !run.IsOver && !isFollowed && now - run.Last < Silence;
            if (!run.IsOver && !isFollowed && !run.IsAlive) Silent++;
        }
        List<ClipScores> all = [];
        List<(int, string, string)> failures = [];
        long workOver = 0, workComputed = 0;
        int computed = 0;
        foreach (((string _, int number), RowState row) in _rows.OrderBy(row => row.Key))
        {
            switch (row.State)
            {
                case State.Done:
                    Done++;
                    if (row.Scores is { } scores) all.Add(scores);
                    break;
                case State.Failed:
                    Failed++;
                    failures.Add((number, row.Name, row.Reason));
                    break;
                case State.Again:
                    Again++;
                    break;
                case State.Running when row.Run.IsAlive:
                    Running++;
                    break;
            }
            if (row.State is State.Done or State.Failed) workOver += row.Work;
            if (!row.IsComputed) continue;
            computed++;
            workComputed += row.Work;
        }
        (Failures, Scores) = (failures, ClipScores.Mean(all));
        if (computed == 0 || _runs.Count == 0) return;
        bool isGoingOn = _runs.Values.Any(run => run.IsAlive);
        TimeSpan taken = (isGoingOn ? now : _runs.Values.Max(run => run.Last)) - _runs.Values.Min(run => run.First);
        if (taken <= TimeSpan.Zero) return;
        RowsAMinute = computed / taken.TotalMinutes;
        long left = _manifests.Values.Sum(manifest => manifest.Work) - workOver;
        TimeLeft = Total == Done + Failed ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Max(0, left) * taken.TotalSeconds / Math.Max(1,
            workComputed));
    }

    private ref RowState At(Run run, JsonElement line) =>
        ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_rows, (run.Manifest, (int)Number(line, "row")),
            out _)!;

    private static RowState Row(JsonElement line, Run run, State state) => new(state, run, Text(line, "name") ?? "", Number(line, "work"));

    private static IEnumerable<JsonElement?> Lines(string file)
    {
        using StreamReader reader = new(Inputs.OpenFile(file));
        while (reader.ReadLine() is { } text)
        {
            if (text.Length == 0) continue;
            JsonElement? line;
            try
            {
                using JsonDocument json = JsonDocument.Parse(text);
                line = json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
            }
            catch (JsonException)
            {
                line = null;
            }
            yield return line;
        }
    }

    private static DateTime? Time(JsonElement line) =>
        DateTime.TryParse(Text(line, "time"), CultureInfo.InvariantCulture,
            DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
            out DateTime time) ? time : null;

    private static string? Text(JsonElement line, string name) =>
        line.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long Number(JsonElement line, string name) =>
        line.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number)
            ? number : 0;

    private enum State
    {
        Running,
        Done,
        Failed,
        Again,
    }

    private sealed class Run(DateTime first)
    {
        public DateTime First { get; } = first;

        public DateTime Last { get; set; } = first;

        public string Manifest { get; set; } = "";

        public string Shard { get; set; } = "";

        public bool IsOver { get; set; }

        public bool IsAlive { get; set; }
    }

    private sealed record RowState(State State, Run Run, string Name, long Work)
    {
        public bool IsComputed { get; init; }

        public string Reason { get; init; } = "";

        public ClipScores? Scores { get; init; }
    }
}
