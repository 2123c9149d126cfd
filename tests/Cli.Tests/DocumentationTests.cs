using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Lia.Evaluation;

namespace Lia.Cli.Tests;

/// <summary>The pages under docs say all there is: every command and option, every public type; what they link to exists.</summary>
public partial class DocumentationTests
{
    internal static readonly string Root = FindRoot();

    private static readonly string CommandLinePage = File.ReadAllText(Path.Combine(Root, "docs", "cli.md")),
        LibraryPage = File.ReadAllText(Path.Combine(Root, "docs", "api.md"));

    [Fact]
    public void Every_command_and_option_is_described()
    {
        string[] commands = [.. Commands("")];
        Assert.True(commands.Length >= 9, string.Join(", ", commands));
        foreach (string command in commands)
        {
            Assert.True(Mentions(CommandLinePage, $"lia{command}"), $"docs/cli.md does not show lia{command}");
            foreach (Match option in OptionName().Matches(Help(command).Split("Options:")[1]))
                if (option.Value is not "--help")
                    Assert.True(Mentions(CommandLinePage, option.Value),
                        $"docs/cli.md does not say what {option.Value} of lia{command} is");
        }
    }

    /// <summary>The commands below a command, with those below them.</summary>
    private static IEnumerable<string> Commands(string command)
    {
        string[] parts = Help(command).Split("Commands:");
        if (parts.Length < 2) return [];
        return Command().Matches(parts[1]).Select(match => $"{command} {match.Groups[1].Value}").SelectMany(inner =>
            (string[])[inner, .. Commands(inner)]);
    }

    private static string Help(string command) =>
        CliRunner.Succeed([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]).Output;

    [Fact]
    public void Every_public_type_of_the_library_is_described()
    {
        System.Reflection.Assembly[] library = [typeof(Animator).Assembly, typeof(MotionClip).Assembly, typeof(RgbImage).Assembly,
            typeof(Trainer).Assembly];
        Type[] types = [.. library.SelectMany(assembly => assembly.GetExportedTypes()).Where(type => !type.IsNested)];
        Assert.Contains(typeof(ImageMetrics), types);
        foreach (Type type in types) Assert.True(Mentions(LibraryPage, type.Name.Split('`')[0]), $"docs/api.md does not mention {type}");
    }

    /// <summary>Every page there is, but for those that build outputs hold.</summary>
    public static TheoryData<string> Pages => [.. Directory.GetFiles(Root, "*.md", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Where(page =>
            !page.Split('/').Any(part => part is "bin" or "obj" || part[0] == '.'))];

    [Theory, MemberData(nameof(Pages))]
    public void Links_lead_somewhere(string page)
    {
        string path = Path.Combine(Root, page), text = File.ReadAllText(path);
        foreach (Match link in Link().Matches(text))
        {
            string target = link.Groups[1].Value;
            if (target.StartsWith("http", StringComparison.Ordinal)) continue;
            string[] parts = target.Split('#', 2);
            string file = parts[0].Length == 0 ? path : Path.Combine(Path.GetDirectoryName(path)!, parts[0]);
            Assert.True(Path.Exists(file), $"{page} links to {target}");
            if (parts.Length == 2) Assert.Contains(parts[1], File.ReadLines(file).Where(line => line.StartsWith('#')).Select(Anchor));
        }

        // As the pages' readers make them: without punctuation.
        static string Anchor(string heading) =>
            Punctuation().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');
    }

    /// <summary>Whether a page has a word, not only a longer word that begins with it.</summary>
    private static bool Mentions(string page, string word) => Regex.IsMatch(page, $"(?<![-\\w]){Regex.Escape(word)}(?![-\\w])");

    [GeneratedRegex(@"^  (\w+) ", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex(@"--[a-z][-a-z]+")]
    private static partial Regex OptionName();

    [GeneratedRegex(@"[^-\w ]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex Link();

    private static string FindRoot([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", ".."));
}
