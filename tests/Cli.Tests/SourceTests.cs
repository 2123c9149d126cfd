namespace Lia.Cli.Tests;

/// <summary>How C# is written here.</summary>
public class SourceTests
{
    private const int MostColumns = 140;

    [Theory, InlineData("src"), InlineData("tests"), InlineData("bench"), InlineData("samples")]
    public void No_line_is_longer_than_140_columns(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(DocumentationTests.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(DocumentationTests.Root, file).Split(Path.DirectorySeparatorChar)
                .Any(part => part is "bin" or "obj"))];
        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(file => LongLines(File.ReadAllLines(file))
            .Select(line => $"{Path.GetRelativePath(DocumentationTests.Root, file)}:{line}")));
    }

    [Fact]
    public void A_raw_string_may_be_wider()
    {
        string wide = new('a', MostColumns + 1), quotes = new('"', 3);
        Assert.Equal([1, 6, 8], LongLines([wide, $"x = {quotes}", wide, $"{wide}{quotes};", $"F({quotes}{wide}{quotes});", wide,
            $"// {quotes}", wide, wide[1..]]));
    }

    /// <summary>Numbers of lines that are too long, but for those with text of a raw string: what such a line holds is data.</summary>
    private static IEnumerable<int> LongLines(string[] lines)
    {
        bool isRaw = false;
        for (int i = 0; i < lines.Length; i++)
        {
            bool isComment = !isRaw && lines[i].TrimStart().StartsWith("//", StringComparison.Ordinal);
            int quotes = isComment ? 0 : lines[i].Split("\"\"\"").Length - 1;
            if (lines[i].Length > MostColumns && !isRaw && quotes == 0) yield return i + 1;
            if (quotes % 2 == 1) isRaw = !isRaw;
        }
    }
}
