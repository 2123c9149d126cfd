namespace Lia.Cli.Manifests;

/// <summary>What rows of a manifest are about: animations, evaluations, or data to be packed.</summary>
/// <typeparam name="TRow">What a row becomes.</typeparam>
internal interface IRowKind<out TRow> where TRow : PlannedRow
{
    /// <summary>Whether all rows have the same columns, which are named once.</summary>
    bool HasHeader(string manifest) => ManifestFile.HasHeader(manifest);

    /// <summary>The rows, read as they are asked for, twice.</summary>
    /// <exception cref="MediaException">The file cannot be read, or its columns make no sense.</exception>
    IEnumerable<ManifestRow> Rows(string manifest) => ManifestFile.Read(manifest);

    /// <summary>All columns there may be.</summary>
    IReadOnlyCollection<string> Columns { get; }

    /// <summary>Those without which there is no row.</summary>
    IReadOnlyCollection<string> Required { get; }

    /// <summary>What must be of one row only, the output; null where nothing must.</summary>
    string? Unique(ManifestRow row);

    /// <summary>Files a row reads, which may be no row's output.</summary>
    IEnumerable<(string Column, string Path)> Inputs(ManifestRow row);

    /// <summary>What makes rows neighbors: they share a model, and within that a motion.</summary>
    (string Model, string Motion) Group(ManifestRow row);

    /// <summary>Frames that are expected, 1 or more.</summary>
    /// <exception cref="MediaException">The row makes no sense.</exception>
    long Work(ManifestRow row);

    /// <summary>The row as work.</summary>
    /// <param name="row">The row.</param>
    /// <param name="work">What was expected of it.</param>
    /// <param name="sharesMotion">Whether another row of the manifest, whoever's it is, has the same motion.</param>
    /// <exception cref="MediaException">The row makes no sense.</exception>
    TRow Create(ManifestRow row, long work, bool sharesMotion);
}
