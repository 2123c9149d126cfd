namespace Lia.Cli;

/// <summary>Nouns with how many there are.</summary>
internal static class Nouns
{
    /// <summary><c>1 frame</c>, <c>12 frames</c></summary>
    /// <param name="count">How many.</param>
    /// <param name="noun">Of what, one of it; more of it end in s.</param>
    public static string Count(long count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
