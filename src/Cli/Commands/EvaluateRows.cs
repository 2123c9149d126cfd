using System.CommandLine;
using System.Text.Json;
using Lia.Cli.Manifests;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary>Rows that are clips to be reconstructed: <c>clip</c>, <c>work</c>, and the options of <c>lia evaluate</c>. What was scored
/// already the status file tells.</summary>
internal sealed class EvaluateRows : IRowKind<RowJob>
{
    private const string ClipColumn = "clip";

    private static readonly string[] OfModel = ["model", "weights", "device", "precision", "threads", "batch"];

    private readonly string _manifest;
    private readonly EvaluationChoice _choice;
    private readonly RowOptions _options;
    private readonly WarningLog _log;
    private readonly Lpips? _lpips;
    private readonly InputHashes _hashes = new();
    private readonly FrameCounts _frames = new();
    private readonly Dictionary<string, ClipScores> _known;

    /// <param name="manifest">The file.</param>
    /// <param name="given">The command line: its options hold for rows that say nothing.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="statusFile">What earlier runs wrote; null when nobody did.</param>
    /// <param name="log">Where messages go.</param>
    public EvaluateRows(string manifest, ParseResult given, Lpips? lpips, string? statusFile, WarningLog log)
    {
        Command row = new("row");
        _choice = new(row);
        (_manifest, _lpips, _log, _options) = (manifest, lpips, log, new(row, given, manifest));
        Columns = [ClipColumn, AnimateRows.WorkColumn, .. _options.Columns];
        _known = statusFile is not null && File.Exists(statusFile) ? StatusReport.ReadScores(statusFile) : [];
    }

    public IReadOnlyCollection<string> Columns { get; }

    public IReadOnlyCollection<string> Required => [ClipColumn];

    /// <summary>The scores of this run's rows.</summary>
    public ScoreSums Sums { get; } = new();

    public string? Unique(ManifestRow row) => null;

    public IEnumerable<(string Column, string Path)> Inputs(ManifestRow row) => [];

    public (string Model, string Motion) Group(ManifestRow row) => (string.Join('\0', OfModel.Select(column => row[column])), "");

    public long Work(ManifestRow row) => AnimateRows.ReadWork(_manifest, row)
        ?? FrameCounts.InRange(_frames.Of(row[ClipColumn]!), _choice.Read(_options.Parse(row)).Frames);

    public RowJob Create(ManifestRow row, long work, bool sharesMotion)
    {
        ParseResult parsed = _options.Parse(row);
        string clip = row[ClipColumn]!;
        if (clip == PipeOptions.Standard) throw row.Error(_manifest, ClipColumn, "a row has no standard streams; name a file.");
        return new Job(this, clip, _choice.Read(parsed))
        {
            Row = row.Number, Name = clip, Work = work, Model = _choice.ReadModel(parsed, _log),
        };
    }

    private sealed class Job(EvaluateRows rows, string clip, AnimationOptions options) : RowJob
    {
        public override IRowClaim Claim()
        {
            string hash = InputHashes.OfText(string.Join('\n', "lia evaluate 1", rows._hashes.OfModel(Model.Model!), Model.Generator,
                Model.Precision, rows._hashes.OfInput(clip), rows._lpips?.Fingerprint, InputHashes.Text(options)));
            return new Taken(rows, Row, clip, options, hash);
        }
    }

    private sealed class Taken : IRowClaim
    {
        private readonly EvaluateRows _rows;
        private readonly int _row;
        private readonly string _clip, _hash;
        private readonly AnimationOptions _options;
        private ClipScores? _scores;

        public Taken(EvaluateRows rows, int row, string clip, AnimationOptions options, string hash)
        {
            (_rows, _row, _clip, _options, _hash) = (rows, row, clip, options, hash);
            if (rows._known.TryGetValue(hash, out ClipScores? known)) Take(known);
            IsDone = known is not null;
        }

        public bool IsDone { get; }

        public void Do(Animator animator, IProgress<AnimationProgress> progress, CancellationToken cancellationToken) =>
            Take(animator.Evaluate(_clip, _rows._lpips, _options, progress, cancellationToken));

        public string Describe() => $"{_clip}: {Nouns.Count(_scores!.Frames, "frame")}, PSNR {_scores.Psnr:0.00}";

        public void Write(Utf8JsonWriter json)
        {
            json.WriteString("hash", _hash);
            json.WriteStartObject("scores");
            ScoreSums.Write(json, _scores!);
            json.WriteEndObject();
        }

        public void Dispose() { }

        private void Take(ClipScores scores) => _rows.Sums.Add(_row, _scores = scores);
    }
}
