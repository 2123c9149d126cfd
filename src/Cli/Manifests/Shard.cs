using System.Globalization;

namespace Lia.Cli.Manifests;

/// <summary>One of the shares that the rows of a manifest are cut into.</summary>
/// <param name="Index">From 1.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct Shard(int Index, int Count)
{
    /// <summary>All rows.</summary>
    public static Shard All => new(1, 1);

    /// <summary>Reads <c>2/4</c>.</summary>
    public static bool TryParse(string text, out Shard shard)
    {
        shard = All;
        string[] parts = text.Split('/');
        if (parts.Length != 2 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) || index < 1 || index > count)
            return false;
        shard = new(index, count);
        return true;
    }

    public override string ToString() => $"{Index}/{Count}";

    /// <summary>
    /// The share that each of some pieces of work belongs to, in their order: contiguous runs, each the sum of all over the number of
    /// shares to within one piece. Whole numbers only: the same on every machine.
    /// </summary>
    /// <param name="work">What each takes, 1 or more.</param>
    /// <param name="count">Number of shares.</param>
    /// <returns>The index of a share, from 1, for each piece.</returns>
    public static int[] Cut(IReadOnlyList<long> work, int count)
    {
        Int128 total = 0, before = 0;
        foreach (long piece in work) total += piece;
        int[] shares = new int[work.Count];
        for (int i = 0; i < shares.Length; i++)
        {
            // A piece goes where its middle lies.
            shares[i] = 1 + (int)((2 * before + work[i]) * count / (2 * total));
            before += work[i];
        }
        return shares;
    }
}
