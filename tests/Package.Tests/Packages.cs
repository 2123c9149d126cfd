using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Lia.Package.Tests;

/// <summary>The packages, made from what is built, in a folder that is the only source of packages here.</summary>
public sealed class Packages : IDisposable
{
    private readonly string _globalPackages;

    public Packages()
    {
        Folder = Directory.CreateTempSubdirectory("lia-package-").FullName;
        _globalPackages = Dotnet(Folder, "nuget", "locals", "global-packages", "--list").Split(' ', 2)[1].Trim();
        string configuration = typeof(Packages).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        foreach (string project in new[] { "Gpu", "Native", "Cli" })
            Dotnet(Root, "pack", Path.Combine("src", project), "--configuration", configuration, "--no-build", "--output", Feed,
                $"-property:PackageVersion={Version}", "--nologo");
        File.WriteAllText(NuGetConfig, $"""
            <configuration>
              <packageSources><clear /><add key="here" value="{Feed}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="restored" value="{_globalPackages}" /></fallbackPackageFolders>
            </configuration>
            """);
    }

    /// <summary>The root of the source tree.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>One that no other package has.</summary>
    public string Version { get; } = $"0.0.1-test.{Guid.NewGuid():N}";

    public string Folder { get; }

    public string Feed => At("feed");

    public string NuGetConfig => At("nuget.config");

    public string At(string name) => Path.Combine(Folder, name);

    public ZipArchive Open(string name) => ZipFile.OpenRead(Path.Combine(Feed, $"{name}"));

    /// <summary>Runs the SDK and asserts that it went well.</summary>
    /// <returns>Standard output.</returns>
    public string Dotnet(string folder, params string[] arguments) => Run("dotnet", folder, arguments);

    /// <summary>Runs a program and asserts that it went well.</summary>
    /// <returns>Standard output.</returns>
    public string Run(string program, string folder, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
            { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NUGET_PACKAGES"] = _globalPackages is null ? null : At("packages");
        start.Environment["DOTNET_NOLOGO"] = start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        // Servers that stay would keep the pipes of their output open, and the files of this folder.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end");
        }
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}\n{output.Result}\n{error.Result}");
        return output.Result;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string FindRoot([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", ".."));
}
