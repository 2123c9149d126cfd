using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Lia.Cli.Manifests;

/// <summary>
/// Which rows of a manifest are whose. Rows are set in order so that those with one model, and within them those with one motion, are
/// neighbors; then the order is cut into runs of about equal work. The file is read twice and never kept whole: it may have a million rows.
/// </summary>
/// <typeparam name="TRow">What a row becomes.</typeparam>
internal sealed class ShardPlan<TRow> where TRow : PlannedRow
{
    private ShardPlan(int rows, long totalWork, string fingerprint, IReadOnlyList<TRow> jobs, IReadOnlyList<BadRow> bad) =>
        (Rows, TotalWork, Fingerprint, Jobs, Bad) = (rows, totalWork, fingerprint, jobs, bad);

    /// <summary>Rows of the manifest.</summary>
    public int Rows { get; }

    /// <summary>Frames that are expected of all of them.</summary>
    public long TotalWork { get; }

    /// <summary>Of how the manifest was cut. Shards whose fingerprints differ were cut from different manifests, or inputs.</summary>
    public string Fingerprint { get; }

    /// <summary>The shard's rows, in the order they are worked off.</summary>
    public IReadOnlyList<TRow> Jobs { get; }

    /// <summary>The shard's rows that make no sense.</summary>
    public IReadOnlyList<BadRow> Bad { get; }

    /// <summary>Reads a manifest's share.</summary>
    /// <param name="manifest">The file.</param>
    /// <param name="kind">What its rows are about.</param>
    /// <param name="shard">Which share.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="MediaException">The file cannot be read, or its columns make no sense.</exception>
    public static ShardPlan<TRow> Read(string manifest, IRowKind<TRow> kind, Shard shard, CancellationToken cancellationToken)
    {
        List<long> work = [];
        List<(int Model, int Motion)> groups = [];
        Dictionary<string, int> models = [], motions = [];
        Dictionary<UInt128, int> outputs = [];
        Dictionary<int, string> problems = [];
        string[]? known = null;
        foreach (ManifestRow row in kind.Rows(manifest))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string? problem = null;
            try
            {
                if (row.Problem is { } broken) throw row.Error(manifest, null, broken);
                if (!ReferenceEquals(row.Columns, known)) CheckColumns(manifest, kind, row);
                known = row.Columns;
                foreach (string column in kind.Required)
                    if (row[column] is null) throw row.Error(manifest, column, "there is nothing in it.");
                if (kind.Unique(row) is { } output && !outputs.TryAdd(Key(output), row.Number))
                    throw row.Error(manifest, "output", $"row {outputs[Key(output)]} has the same output.");
                work.Add(kind.Work(row));
            }
            catch (MediaException failure) when (!kind.HasHeader(manifest) || known is not null || row.Problem is not null)
            {
                problem = failure.Message;
                work.Add(1);
            }
            if (problem is not null) problems.Add(row.Number, problem);
            (string model, string motion) = problem is null ? kind.Group(row) : ("", "");
            groups.Add((Number(models, model), Number(motions, motion)));
        }

        int[] order = [.. Enumerable.Range(0, work.Count).OrderBy(row => groups[row]).ThenBy(row => row)];
        int[] shares = Shard.Cut([.. order.Select(row => work[row])], shard.Count);
        int[] place = new int[work.Count];
        Array.Fill(place, -1);
        for (int i = 0; i < order.Length; i++) if (shares[i] == shard.Index) place[order[i]] = i;

        // By the manifest and not by the share: how a row is worked off does not depend on how it was cut.
        Dictionary<(int, int), int> rowsOf = groups.GroupBy(group => group).ToDictionary(group => group.Key, group => group.Count());
        SortedDictionary<int, TRow> jobs = [];
        List<BadRow> bad = [];
        foreach (ManifestRow row in kind.Rows(manifest))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Somebody has made the manifest longer meanwhile: this run is of the one it began with.
            if (row.Number > place.Length || place[row.Number - 1] < 0) continue;
            if (!problems.TryGetValue(row.Number, out string? problem))
            {
                try
                {
                    foreach ((string column, string path) in kind.Inputs(row))
                        if (outputs.TryGetValue(Key(path), out int other))
                            throw row.Error(manifest, column, $"{path} is the output of row {other}.");
                    jobs.Add(place[row.Number - 1], kind.Create(row, work[row.Number - 1], rowsOf[groups[row.Number - 1]] > 1));
                    continue;
                }
                catch (MediaException failure)
                {
                    problem = failure.Message;
                }
            }
            bad.Add(new(row.Number, kind.Unique(row) ?? "", problem));
        }
        byte[] cut = SHA256.HashData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(work)));
        return new(work.Count, work.Sum(), Convert.ToHexStringLower(cut)[..16], [.. jobs.Values], bad);

        static int Number(Dictionary<string, int> numbers, string text)
        {
            if (!numbers.TryGetValue(text, out int number)) numbers.Add(text, number = numbers.Count);
            return number;
        }
    }

    private static void CheckColumns(string manifest, IRowKind<TRow> kind, ManifestRow row)
    {
        if (kind.HasHeader(manifest) && kind.Required.Except(row.Columns).FirstOrDefault() is { } missing)
            throw new MediaException($"{manifest}: there is no column {missing}.");
        foreach (string column in row.Columns)
        {
            if (kind.Columns.Contains(column)) continue;
            string problem = $"there is no such column.{Spelling.Hint(column, kind.Columns)} One of your own begins with "
                + $"{ManifestFile.OwnColumn}.";
            throw kind.HasHeader(manifest) ? new MediaException($"{manifest}: column {column}: {problem}")
                : row.Error(manifest, column, problem);
        }
    }

    /// <summary>A path by its hash: a million of them are to be told apart.</summary>
    private static UInt128 Key(string path) =>
        MemoryMarshal.Read<UInt128>(SHA256.HashData(Encoding.UTF8.GetBytes(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))));
}

/// <summary>A row that makes no sense.</summary>
/// <param name="Row">Its number.</param>
/// <param name="Name">The output, if there is one.</param>
/// <param name="Problem">Why; names file, row and column.</param>
internal sealed record BadRow(int Row, string Name, string Problem);
