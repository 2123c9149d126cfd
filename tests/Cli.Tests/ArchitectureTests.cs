using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lia.Cli.Tests;

/// <summary>The arrows of docs/architecture.md: which project references which, and that no two folders of a project need each
/// other.</summary>
public partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Cli"] = ["Native", "Studio"],
        ["Studio"] = ["Native"],
        ["Native"] = ["Animation", "Gpu", "Media", "Network", "Training"],
        ["Training"] = ["Media", "Network"],
        ["Animation"] = ["Media", "Network"],
        ["Media"] = [],
        ["Network"] = ["Kernels", "Weights"],
        ["Kernels"] = ["Gpu"],
        ["Weights"] = [],
        ["Gpu"] = [],
    };

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Source).Select(folder => Path.GetFileName(folder))];

    private static string Source => Path.Combine(DocumentationTests.Root, "src");

    [Theory, MemberData(nameof(Projects))]
    public void A_project_references_what_its_arrow_says(string project)
    {
        string file = Assert.Single(Directory.GetFiles(Path.Combine(Source, project), "*.csproj"));
        IEnumerable<string> referenced = XDocument.Load(file).Descendants("ProjectReference")
            .Select(reference => Path.GetFileName(Path.GetDirectoryName(((string)reference.Attribute("Include")!).Replace('\\', '/')))!);
        Assert.Equal(Arrows[project], referenced.Order(StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Projects))]
    public void No_two_folders_of_a_project_need_each_other(string project)
    {
        Assert.Empty(Circles(Needs(Folders(Path.Combine(Source, project)))));
    }

    /// <summary>The compiler then refuses every call that is not behind a question which system this is (CA1416).</summary>
    [Fact]
    public void Functions_of_one_system_say_whose_they_are()
    {
        string[] imports =
        [
            .. Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories).SelectMany(File.ReadLines)
                .Where(line => SystemImport().IsMatch(line)),
        ];
        Assert.True(imports.Length > 5); // They are found.
        Assert.DoesNotContain(imports, line => !line.Contains("[SupportedOSPlatform(\"") && !line.Contains("[UnsupportedOSPlatform(\""));
    }

    [GeneratedRegex(@"(Library|Dll)Import\(""(libc|libSystem|kernel32|ntdll|user32|advapi32|msvcrt|ucrtbase)")]
    private static partial Regex SystemImport();

    [Fact]
    public void A_circle_is_found()
    {
        Dictionary<string, string[]> folders = new()
        {
            ["."] = ["namespace A;\npublic sealed class Face { string text = \"Reader\"; int Reader { get; } } // of a Reader"],
            ["In"] = ["namespace A.B;\ninternal sealed class Reader\n{\n    Writer _writer;\n    Face _face;\n}"],
            ["Out"] = ["namespace A.B;\ninternal readonly record struct Writer(int X);\ninternal enum Kind\n{\n}",
                "using A.B;\nnamespace A;\ninternal interface IOther : IEnumerable<Reader>\n{\n}"],
            ["Apart"] = ["namespace C;\ninternal sealed class Half\n{\n    Kind _kind;\n}",
                "using A.B;\nnamespace C;\ninternal sealed class Last\n{\n    Pair _pair;\n}"],
            ["Other"] = ["namespace A.B;\ninternal struct Pair\n{\n    Half _first;\n}"],
        };
        Assert.Equal(["In", "Out"], Assert.Single(Circles(Needs(folders))).Order());
    }

    /// <summary>The texts of a project's files by folder.</summary>
    private static Dictionary<string, string[]> Folders(string project) =>
        Directory.EnumerateFiles(project, "*.cs", SearchOption.AllDirectories)
        .Select(file => (Folder: Path.GetRelativePath(project, Path.GetDirectoryName(file)!).Replace('\\', '/'),
            Text: File.ReadAllText(file)))
        .Where(file => file.Folder.Split('/')[0] is not ("obj" or "bin"))
        .GroupBy(file => file.Folder, file => file.Text)
        .ToDictionary(folder => folder.Key, folder => folder.ToArray());

    /// <summary>
    /// For each folder those whose types it names, by words: a word that is a type's name in one other folder alone, in a namespace that
    /// the file sees, and is no member's or parameter's (nothing with a point before it, nothing that is declared), names that type.
    /// </summary>
    private static Dictionary<string, HashSet<string>> Needs(Dictionary<string, string[]> folders)
    {
        ILookup<string, (string Folder, string Space)> homes = folders
            .SelectMany(folder => folder.Value.Select(Code).SelectMany(text => Declaration().Matches(text)
                .Select(type => (Name: type.Groups[1].Value, Home: (folder.Key, Space().Match(text).Groups[1].Value)))))
            .Distinct().ToLookup(type => type.Name, type => type.Home);
        return folders.ToDictionary(folder => folder.Key, folder => folder.Value.Select(Code)
            .SelectMany(text => Word().Matches(text).Select(word => word.Value).Distinct()
                .Where(word => homes[word].Select(home => home.Folder).Distinct()
                    .Count() == 1 && homes[word].Any(home => Sees(text, home.Space))))
            .Select(word => homes[word].First().Folder).Where(home => home != folder.Key).ToHashSet());
    }

    /// <summary>Whether a file is in a namespace, in one within it, or uses it.</summary>
    private static bool Sees(string text, string space) =>
        $"{Space().Match(text).Groups[1].Value}.".StartsWith($"{space}.", StringComparison.Ordinal)
            || text.Contains($"using {space};", StringComparison.Ordinal);

    /// <summary>Sets of more than one folder in which each is needed by each, by a way of any length.</summary>
    private static IEnumerable<string[]> Circles(Dictionary<string, HashSet<string>> needs)
    {
        Dictionary<string, HashSet<string>> reached = needs.ToDictionary(folder => folder.Key, folder => Reached(folder.Key));
        return reached.Keys.Select(folder =>
            reached[folder].Where(other => reached[other].Contains(folder)).Append(folder).Distinct().Order(StringComparer.Ordinal)
                .ToArray())
            .Where(circle => circle.Length > 1).DistinctBy(circle => string.Join(' ', circle));

        HashSet<string> Reached(string from)
        {
            HashSet<string> seen = [];
            Stack<string> open = new(needs[from]);
            while (open.TryPop(out string? next))
            {
                if (!seen.Add(next)) continue;
                foreach (string further in needs[next]) open.Push(further);
            }
            return seen;
        }
    }

    /// <summary>A text without comments and strings.</summary>
    private static string Code(string text) => Quoted().Replace(Comment().Replace(text, ""), "");

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"[""]{3}(.*?)[""]{3}|[""](\\.|[^""\\\n])*[""]", RegexOptions.Singleline)]
    private static partial Regex Quoted();

    // Types that are nested are their owner's.
    [GeneratedRegex(@"^(?:(?:public|internal|static|sealed|abstract|partial|readonly|unsafe|ref|file) )*" +
        @"(?:record struct|record|class|struct|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Space();

    // What follows a type and ends there, or has a value or accessors, is the name of a member or a parameter.
    [GeneratedRegex(@"(?<![\w.])(?!(?<=[\w>\]?*] )(?<!\b(?:is|as|not|or|and|case|return|in|throw|await|new|out|when|on|else|typeof) )" +
        @"\w+(?:[,;)]| =[^=>]| \{ (?:get|init|set|private|internal)))[A-Z]\w*")]
    private static partial Regex Word();
}
