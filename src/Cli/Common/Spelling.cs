namespace Lia.Cli;

/// <summary>What somebody may have meant.</summary>
internal static class Spelling
{
    /// <summary>A hint at the nearest of some words, to go after a complaint; empty where none is near.</summary>
    /// <param name="word">What was typed.</param>
    /// <param name="known">What could have been.</param>
    public static string Hint(string word, IEnumerable<string> known)
    {
        (string Name, int Distance)[] near = [.. known.Select(name => (name, Distance(word.ToLowerInvariant(), name)))
            .Where(candidate => candidate.Item2 <= Math.Max(1, Math.Min(word.Length, candidate.name.Length) / 3))
            .OrderBy(candidate => candidate.Item2)];
        return near.Length == 0 ? "" : $" Did you mean '{near[0].Name}'?";
    }

    /// <summary>Letters to put in, take out, change or swap with their neighbor.</summary>
    internal static int Distance(string a, string b)
    {
        int[,] steps = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    steps[i, j] = i + j;
                    continue;
                }
                int best = Math.Min(Math.Min(steps[i - 1, j], steps[i, j - 1]) + 1, steps[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) best = Math.Min(best, steps[i - 2, j - 2] + 1);
                steps[i, j] = best;
            }
        }
        return steps[a.Length, b.Length];
    }
}
