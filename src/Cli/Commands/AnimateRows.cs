using System.CommandLine;
using System.Text.Json;
using Lia.Cli.Manifests;
using Lia.Media.Png;

namespace Lia.Cli.Commands;

/// <summary>Rows that are animations: <c>source</c>, <c>driving</c> or <c>motion</c>, <c>output</c>, <c>work</c>, and every option of
/// <c>lia animate</c>.</summary>
internal sealed class AnimateRows : IRowKind<RowJob>, IDisposable
{
    private const string SourceColumn = "source", DrivingColumn = "driving", MotionColumn = "motion", OutputColumn = "output";

    /// <summary>Frames that are expected of a row, where its manifest says so.</summary>
    public const string WorkColumn = "work";

    // What loads a model: rows that agree in it are neighbors.
    private static readonly string[] OfModel = ["model", "weights", "device", "precision", "threads", "batch"];

    private readonly string _manifest;
    private readonly string? _driving, _motion;
    private readonly AnimationChoice _choice;
    private readonly RowOptions _options;
    private readonly WarningLog _log;
    private readonly InputHashes _hashes = new();
    private readonly FrameCounts _frames = new();
    private readonly Dictionary<(ModelOptions, AnimationOptions, RawInput, FrameSize?, string Path, bool IsFile), SharedRows> _shared = [];

    /// <param name="manifest">The file.</param>
    /// <param name="given">The command line: its options hold for rows that say nothing.</param>
    /// <param name="driving">The driving clip of rows that name none, or null.</param>
    /// <param name="motion">The motion file of rows that name none, or null.</param>
    /// <param name="log">Where messages go.</param>
    public AnimateRows(string manifest, ParseResult given, string? driving, string? motion, WarningLog log)
    {
        Command row = new("row");
        _choice = new(row);
        (_manifest, _driving, _motion, _log, _options) = (manifest, driving, motion, log, new(row, given, manifest));
        Columns = [SourceColumn, DrivingColumn, MotionColumn, OutputColumn, WorkColumn, .. _options.Columns];
    }

    public IReadOnlyCollection<string> Columns { get; }

    public IReadOnlyCollection<string> Required => [SourceColumn, OutputColumn];

    public string? Unique(ManifestRow row) => row[OutputColumn];

    public IEnumerable<(string Column, string Path)> Inputs(ManifestRow row)
    {
        yield return (SourceColumn, row[SourceColumn]!);
        if (Moves(row) is { } moves) yield return (moves.IsFile ? MotionColumn : DrivingColumn, moves.Path);
    }

    public (string Model, string Motion) Group(ManifestRow row) =>
        (string.Join('\0', OfModel.Select(column => row[column])), Moves(row) is { } moves ? $"{moves.IsFile}\0{moves.Path}" : "");

    public long Work(ManifestRow row)
    {
        if (ReadWork(_manifest, row) is { } work) return work;
        AnimationOptions options = _choice.Read(_options.Parse(row));
        long frames = Moves(row) is { } moves ? FrameCounts.InRange(_frames.Of(moves.Path), options.Frames) : 1;
        return options.Loops * (options.PingPong ? Math.Max(1, 2 * frames - 2) : frames);
    }

    public RowJob Create(ManifestRow row, long work, bool sharesMotion)
    {
        string source = row[SourceColumn]!, output = row[OutputColumn]!;
        foreach ((string column, string path) in Inputs(row).Append((OutputColumn, output)))
            if (path == PipeOptions.Standard) throw row.Error(_manifest, column, "a row has no standard streams; name a file.");
        if (PngSequenceWriter.IsPattern(output)) throw row.Error(_manifest, OutputColumn,
            "of numbered pictures it cannot be told whether all are there; name a folder.");
        if (row[DrivingColumn] is not null && row[MotionColumn] is not null)
            throw row.Error(_manifest, MotionColumn, "there are two motions: give driving or motion, not both.");
        (string Path, bool IsFile) moves = Moves(row) ?? throw row.Error(_manifest, DrivingColumn,
            "there is no motion: give driving or motion.");
        ParseResult parsed = _options.Parse(row);
        AnimationOptions options = _choice.Read(parsed);
        RawChoice raw = _choice.ReadRaw(parsed);
        try
        {
            options.Validate();
            if (!moves.IsFile) raw.Driving(moves.Path); // refuses what makes no sense
        }
        catch (ArgumentException failure)
        {
            throw row.Error(_manifest, null, failure.Message);
        }
        ModelOptions model = _choice.ReadModel(parsed, _log);
        SharedRows? shared = null;
        if (sharesMotion)
        {
            var key = (model, options.OfMotion, raw.Input, raw.Size, moves.Path, moves.IsFile);
            if (!_shared.TryGetValue(key, out shared)) _shared.Add(key, shared = new(() => Open(moves, raw)));
            shared.Add();
        }
        return new Job(this, _choice.ReadSource(parsed, source), source, moves, output, options, raw, shared)
        {
            Row = row.Number, Name = output, Work = work, Model = model,
        };
    }

    public void Dispose()
    {
        foreach (SharedRows shared in _shared.Values) shared.Dispose();
    }

    /// <summary>The <c>work</c> cell of a row.</summary>
    /// <exception cref="MediaException">It is no number of frames.</exception>
    internal static long? ReadWork(string manifest, ManifestRow row)
    {
        if (row[WorkColumn] is not { } cell) return null;
        const long Most = 1_000_000_000;
        return decimal.TryParse(cell, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture,
            out decimal work) && work is >= 1 and <= Most ? (long)work
            : throw row.Error(manifest, WorkColumn, $"it is a number of frames from 1 to {Most}, not '{cell}'.");
    }

    private (string Path, bool IsFile)? Moves(ManifestRow row) =>
        row[DrivingColumn] is { } clip ? (clip, false) : row[MotionColumn] is { } file ? (file, true)
        : _driving is not null ? (_driving, false) : _motion is not null ? (_motion, true) : null;

    private static Driving Open((string Path, bool IsFile) moves, RawChoice raw) =>
        moves.IsFile ? MotionClip.Load(moves.Path) : raw.Driving(moves.Path);

    /// <summary>A motion, with how many rows still need it.</summary>
    private sealed class SharedRows(Func<Driving> open) : IDisposable
    {
        private readonly Lock _gate = new();
        private SharedMotion? _motion;
        private int _rows;

        public SharedMotion Motion
        {
            get
            {
                lock (_gate) return _motion ??= new(open());
            }
        }

        public void Add() => _rows++;

        public void Release()
        {
            lock (_gate) if (--_rows == 0) Dispose();
        }

        public void Dispose()
        {
            _motion?.Dispose();
            _motion = null;
        }
    }

    private sealed class Job(AnimateRows rows, Source source, string sourcePath, (string Path, bool IsFile) moves, string output,
        AnimationOptions options, RawChoice raw, SharedRows? shared) : RowJob
    {
        public override IRowClaim? Claim()
        {
            string hash = Hash();
            OutputRecord? record = options.Dump is { } dump ? OutputRecord.TryHold(output, dump) : OutputRecord.TryHold(output);
            return record is null ? null : new Taken(this, record, hash);
        }

        public override void Release() => shared?.Release();

        /// <summary>Of all that makes the output what it is: threads, batch and device do not; precision does.</summary>
        private string Hash() => InputHashes.OfText(string.Join('\n', "lia animate 1", rows._hashes.OfModel(Model.Model!), Model.Generator,
            Model.Precision, rows._hashes.OfInput(sourcePath), source.IsClip, rows._hashes.OfInput(moves.Path), moves.IsFile,
            Path.GetExtension(output), InputHashes.Text(options) + raw.Text));

        private sealed class Taken(Job job, OutputRecord record, string hash) : IRowClaim
        {
            private AnimationSummary? _summary;

            public bool IsDone { get; } = record.IsDone(hash);

            public void Do(Animator animator, IProgress<AnimationProgress> progress, CancellationToken cancellationToken)
            {
                record.Begin(hash);
                (Source source, Output output, AnimationOptions options) = (job.Source, job.Raw.To(job.Output), job.Options);
                _summary = job.Shared is { } shared
                    ? animator.AnimateShared(source, shared.Motion, output, options, progress, cancellationToken)
                    : animator.Animate(source, Open(job.Moves, job.Raw), output, options, progress, cancellationToken);
                record.Complete(hash);
            }

            public string Describe() => AnimateCommand.Describe(_summary!);

            public void Write(Utf8JsonWriter json)
            {
                if (_summary is not { } summary) return;
                json.WriteNumber("frames", summary.Frames);
                json.WriteString("device", summary.DeviceName);
                if (summary.Warning is { } warning) json.WriteString("warning", StatusFile.Cut(warning));
            }

            public void Dispose() => record.Dispose();
        }

        private Source Source => source;

        private string Output => output;

        private (string Path, bool IsFile) Moves => moves;

        private AnimationOptions Options => options;

        private RawChoice Raw => raw;

        private SharedRows? Shared => shared;
    }
}
