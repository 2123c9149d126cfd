namespace Lia.Weights;

/// <summary>
/// Where in a checkpoint generators are. Programs put names before those of the official one: <c>gen.</c> where a trainer holds several
/// networks, <c>module.</c> for data parallelism, <c>_orig_mod.</c> for a compiled module, <c>g_ema.</c> for averaged weights,
/// <c>state_dict.</c>, and these in each other. Whatever the names are, what ends as a generator's tensors do is one.
/// </summary>
internal static class GeneratorChoice
{
    /// <summary>What the official training program calls the generator; it is taken where there are others.</summary>
    private const string Official = "gen";

    /// <summary>Generators that are told from each other; a file of more is no checkpoint of people's.</summary>
    public const int MostNamed = 16;

    /// <summary>Tensors by which a generator is known; one damaged does not hide it.</summary>
    private static readonly string[] Witnesses = ["dec.direction.weight", "dec.input.input", "enc.fc.0.weight"];

    /// <summary>What stands before the names of generators: empty, or a name and a point, each once.</summary>
    public static IReadOnlyList<string> Prefixes(IEnumerable<string> names)
    {
        List<string> prefixes = [];
        foreach (string name in names)
        {
            string? witness = Witnesses.FirstOrDefault(witness => name.EndsWith(witness, StringComparison.Ordinal));
            if (witness is null) continue;
            string prefix = name[..^witness.Length];
            if (prefixes.Count == MostNamed) break;
            if ((prefix.Length == 0 || prefix.EndsWith('.')) && !prefixes.Contains(prefix)) prefixes.Add(prefix);
        }
        return prefixes;
    }

    /// <summary>Takes one of several.</summary>
    /// <param name="names">Their names, without the last point; empty for the top level.</param>
    /// <param name="wanted">The name of one, whole or one of the words between its points; null for the only one.</param>
    /// <param name="file">The checkpoint, for error messages.</param>
    /// <returns>An index of <paramref name="names"/>.</returns>
    /// <exception cref="WeightsException">There is none of the name, or more than one to choose from.</exception>
    public static int Choose(IReadOnlyList<string> names, string? wanted, string file)
    {
        int[] found = [.. Enumerable.Range(0, names.Count).Where(i => wanted is null || Is(names[i], wanted))];
        if (found.Length > 1 && Array.FindAll(found, i => names[i] == (wanted ?? Official)) is [int exact]) return exact;
        if (found.Length == 1) return found[0];
        string all = string.Join(", ", names.Select(name => name.Length == 0 ? "the top level" : Text.Quote(name)));
        throw new WeightsException(
            wanted is null ? $"{file}: it holds {names.Count} generators: {all}; say which is wanted (--weights NAME)"
            : found.Length == 0
                ? $"{file}: there is no generator called {Text.Quote(wanted)} in it; there is {(all.Length > 0 ? all : "none")}"
            : $"{file}: {found.Length} of its generators are called {Text.Quote(wanted)}: {all}; give the whole name");
    }

    private static bool Is(string name, string wanted) => name == wanted || $".{name}.".Contains($".{wanted}.", StringComparison.Ordinal);
}
