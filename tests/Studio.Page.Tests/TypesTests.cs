using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Lia.Studio.Page.Tests;

/// <summary>The page's code is checked by TypeScript, which reads the types from its comments.</summary>
public sealed class TypesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lia-page-types-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_page_is_sound() => Assert.Equal("", await Check(PageFolder()));

    [Fact]
    public async Task A_mistake_would_be_found()
    {
        string page = PageFolder();
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "wwwroot", "js"));
        foreach (string file in (string[])["jsconfig.json", .. Directory.GetFiles(Path.Combine(page, "wwwroot", "js"))
            .Select(path => Path.GetRelativePath(page, path))])
            File.Copy(Path.Combine(page, file), Path.Combine(_folder.FullName, file));
        await File.AppendAllTextAsync(Path.Combine(_folder.FullName, "wwwroot", "js", "main.js"), "\nstage.note = 7;\n");
        Assert.Contains("error TS2322", await Check(_folder.FullName), StringComparison.Ordinal);
    }

    private static async Task<string> Check(string folder)
    {
        string? compiler = Studio.Find("tsc");
        Assert.SkipWhen(compiler is null, "There is no TypeScript (tsc) here.");
        ProcessStartInfo start = new(compiler, ["-p", Path.Combine(folder, "jsconfig.json")]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(said.Length == 0, process.ExitCode == 0);
        return said;
    }

    private static string PageFolder([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "src", "Studio"));
}
