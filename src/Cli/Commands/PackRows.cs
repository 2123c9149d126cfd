using Lia.Cli.Manifests;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary>A row of what is packed.</summary>
/// <typeparam name="T">A clip's path, or a supervised row.</typeparam>
/// <param name="value">What is packed.</param>
internal sealed class PackedUnit<T>(T value) : PlannedRow
{
    public T Value => value;
}

/// <summary>The clips of a folder as rows: a clip each, in the order of their names. The folder is looked into once.</summary>
/// <param name="data">A folder of clips, or a clip.</param>
internal sealed class PackClips(string data) : IRowKind<PackedUnit<string>>
{
    private const string ClipColumn = "clip";

    private static readonly string[] s_columns = [ClipColumn];

    private readonly FrameCounts _frames = new();
    private IReadOnlyList<string>? _clips;

    public IReadOnlyCollection<string> Columns => s_columns;

    public IReadOnlyCollection<string> Required => s_columns;

    public bool HasHeader(string manifest) => true;

    public IEnumerable<ManifestRow> Rows(string manifest) =>
        (_clips ??= Clips.Find([data])).Index().Select(clip => new ManifestRow(clip.Index + 1, 0, s_columns, [clip.Item]));

    public string? Unique(ManifestRow row) => null;

    public IEnumerable<(string Column, string Path)> Inputs(ManifestRow row) => [];

    // One group: rows stay in their order, and shards are runs of it.
    public (string Model, string Motion) Group(ManifestRow row) => ("", "");

    public long Work(ManifestRow row) => _frames.Of(row[ClipColumn]!);

    public PackedUnit<string> Create(ManifestRow row, long work, bool sharesMotion)
    {
        string clip = row[ClipColumn]!;
        return new(clip) { Row = row.Number, Name = clip, Work = work };
    }
}

/// <summary>Supervised rows: <c>source</c>, <c>driving</c>, <c>target</c>, <c>start</c>, <c>weights</c>.</summary>
/// <param name="manifest">The file.</param>
internal sealed class PackRows(string manifest) : IRowKind<PackedUnit<TrainingRow>>
{
    private static readonly string[] s_required = ["source", "driving", "target"], s_columns = [.. s_required, "start", "weights"];

    /// <summary>Whether the first row that makes sense has a weight map: then the pack has them, and all its parts.</summary>
    public bool? HasWeights { get; private set; }

    public IReadOnlyCollection<string> Columns => s_columns;

    public IReadOnlyCollection<string> Required => s_required;

    public string? Unique(ManifestRow row) => null;

    public IEnumerable<(string Column, string Path)> Inputs(ManifestRow row) => [];

    public (string Model, string Motion) Group(ManifestRow row) => ("", "");

    public long Work(ManifestRow row)
    {
        HasWeights ??= row["weights"] is not null;
        return 1;
    }

    public PackedUnit<TrainingRow> Create(ManifestRow row, long work, bool sharesMotion) =>
        new(new(row["source"]!, row["driving"]!, row["start"], row["target"]!, row["weights"]) { Name = $"{manifest}: row {row.Number}" })
        {
            Row = row.Number, Name = $"{row["source"]}, {row["driving"]}", Work = work,
        };
}
