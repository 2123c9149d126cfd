using System.IO.Compression;
using System.Xml.Linq;

namespace Lia.Package.Tests;

/// <summary>
/// What <c>dotnet pack</c> makes is what its users need: the library whole, the tool, each with its papers; and both work where nothing
/// else of this project is.
/// </summary>
public class PackageTests(Packages packages) : IClassFixture<Packages>
{
    /// <summary>Those of the library's package; the kernel compiler is a package of its own.</summary>
    private static readonly string[] Assemblies = ["Lia.Animation", "Lia.Kernels", "Lia.Media", "Lia.Native", "Lia.Network", "Lia.Training",
        "Lia.Weights"];

    private static string Demo => Path.Combine(Packages.Root, "models", "demo.safetensors");

    private static string Sample(string name) => Path.Combine(Packages.Root, "samples", name);

    [Fact]
    public void The_library_is_one_package_with_its_documentation_and_its_symbols_in_another()
    {
        using ZipArchive package = packages.Open($"Lia.Native.{packages.Version}.nupkg"),
            symbols = packages.Open($"Lia.Native.{packages.Version}.snupkg");
        Assert.Equal(Assemblies.SelectMany(name => new[] { $"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml" }), Under(package, "lib/"));
        Assert.Equal(Assemblies.Select(name => $"lib/net10.0/{name}.pdb"), Under(symbols, "lib/"));
        (string Id, string? Version)[] dependencies = [.. Dependencies(package)];
        Assert.Equal(
            ["ILGPU", "ILGPU.Algorithms", "Lia.Gpu", "MathNet.Numerics", "Microsoft.Extensions.Logging.Abstractions",
                "SixLabors.ImageSharp"],
            dependencies.Select(of => of.Id).Order(StringComparer.Ordinal));
        Assert.Contains(("Lia.Gpu", packages.Version), dependencies);
    }

    [Fact]
    public void The_kernel_compiler_is_a_package_on_ILGPU_alone()
    {
        using ZipArchive package = packages.Open($"Lia.Gpu.{packages.Version}.nupkg"),
            symbols = packages.Open($"Lia.Gpu.{packages.Version}.snupkg");
        Assert.Equal(["lib/net10.0/Lia.Gpu.dll", "lib/net10.0/Lia.Gpu.xml"], Under(package, "lib/"));
        Assert.Equal(["lib/net10.0/Lia.Gpu.pdb"], Under(symbols, "lib/"));
        Assert.Equal([("ILGPU", "1.5.3"), ("ILGPU.Algorithms", "1.5.3")], Dependencies(package));
    }

    [Fact]
    public void The_tool_is_one_package_with_the_demonstration_beside_it()
    {
        using ZipArchive package = packages.Open($"lia.{packages.Version}.nupkg");
        string[] tool = Under(package, "tools/");
        foreach (string name in (string[])["lia.dll", "demo/demo.safetensors", "demo/source.png", "demo/driving.png", "ILGPU.dll",
            "ILGPU.Algorithms.dll", "Lia.Gpu.dll", "SixLabors.ImageSharp.dll", "studio/lia-studio.dll",
            "studio/lia-studio.runtimeconfig.json", "studio/Lia.Native.dll", "studio/Microsoft.Data.Sqlite.dll",
            .. Assemblies.Select(name => $"{name}.dll")]) Assert.Contains($"tools/net10.0/any/{name}", tool);
        Assert.Empty(Under(package, "content"));
        Assert.Equal("DotnetTool", Metadata(package).Descendants().Single(element => element.Name.LocalName == "packageType")
            .Attribute("name")!.Value);
    }

    [Theory]
    [InlineData("Lia.Native", "Latent Image Animator", "animation")]
    [InlineData("lia", "Latent Image Animator", "animation")]
    [InlineData("Lia.Gpu", "ILGPU kernels", "ilgpu")]
    public void Each_package_says_what_it_is_and_where_it_comes_from(string name, string description, string tag)
    {
        using ZipArchive package = packages.Open($"{name}.{packages.Version}.nupkg");
        XElement metadata = Metadata(package);
        Assert.Equal(name, Value("id"));
        Assert.Equal("MIT", Value("license"));
        Assert.Equal("README.md", Value("readme"));
        Assert.NotNull(package.GetEntry("README.md"));
        Assert.Contains(description, Value("description"));
        Assert.Contains(tag, Value("tags"));
        if (Path.Exists(Path.Combine(Packages.Root, ".git")))
            Assert.Matches("^[0-9a-f]{40}$", metadata.Elements().Single(element => element.Name.LocalName == "repository")
                .Attribute("commit")!.Value);

        string Value(string element) => metadata.Elements().Single(child => child.Name.LocalName == element).Value;
    }

    [Fact]
    public void A_program_that_installs_the_library_and_the_installed_tool_animate_alike()
    {
        string consumer = Consumer("consumer", "Lia.Native");
        foreach (string sample in Directory.GetFiles(Sample("code"), "*.cs"))
            File.Copy(sample, Path.Combine(consumer, Path.GetFileName(sample)));
        packages.Dotnet(consumer, "build", "--configuration", "Release", "--output", "out", "--nologo");
        string program = Path.Combine("out", "consumer.dll");
        string told = packages.Dotnet(consumer, program, "animate", Demo, Sample("source.png"), Sample("driving.png"), "library.png");
        Assert.StartsWith("library.png: 48 frames of 384x128 on ", told);
        Assert.Contains("PSNR", packages.Dotnet(consumer, program, "evaluate", Demo, "report.json", Sample("source.png")));
        Assert.Contains("48 frames of 20 numbers",
            packages.Dotnet(consumer, program, "motion", Demo, Sample("source.png"), Sample("driving.png"), "motion.safetensors",
            "moved.png"));

        packages.Dotnet(packages.Folder, "tool", "install", "lia", "--version", packages.Version, "--tool-path", packages.At("tools"),
            "--configfile", packages.NuGetConfig);
        packages.Run(packages.At("tools/lia"), consumer, "animate", Sample("source.png"), Sample("driving.png"), "-o", "tool.png",
            "--model", Demo, "--strength", "1.1", "--side-by-side", "--quiet");
        Assert.Equal(File.ReadAllBytes(Path.Combine(consumer, "library.png")), File.ReadAllBytes(Path.Combine(consumer, "tool.png")));
        // with the model in the package
        packages.Run(packages.At("tools/lia"), consumer, "manipulate", Sample("source.png"), "-o", "moved.png", "-d", "0", "--quiet");
        Assert.True(File.Exists(Path.Combine(consumer, "moved.png")));
    }

    [Fact]
    public void An_ILGPU_program_that_installs_the_compiler_compiles_its_own_kernel()
    {
        string consumer = Consumer("compiler", "Lia.Gpu");
        File.Copy(Path.Combine(Sample("code"), "OwnKernel.cs"), Path.Combine(consumer, "OwnKernel.cs"));
        File.WriteAllText(Path.Combine(consumer, "Program.cs"), "Lia.Samples.OwnKernel.Run(args[0]);");
        packages.Dotnet(consumer, "build", "--configuration", "Release", "--output", "out", "--nologo");
        string told = packages.Dotnet(consumer, Path.Combine("out", "compiler.dll"), "own.ptx");
        // With a GPU it runs too; without one, the compiler's work is all there is to see.
        Assert.Matches("^(2 4 6 8|no CUDA device: .+)\\s*$", told);
        string ptx = File.ReadAllText(Path.Combine(consumer, "own.ptx"));
        Assert.Contains(".visible .entry OwnKernel_Scale(", ptx);
        Assert.Contains("mul.rn.f32", ptx);
        Assert.False(File.Exists(Path.Combine(consumer, "out", "Lia.Native.dll")));
    }

    /// <summary>A program of one package, without sources yet.</summary>
    private string Consumer(string name, string package)
    {
        string folder = packages.At(name);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="{packages.Version}" />
              </ItemGroup>
            </Project>
            """);
        return folder;
    }

    private static IEnumerable<(string Id, string? Version)> Dependencies(ZipArchive package) => Metadata(package).Descendants()
        .Where(element => element.Name.LocalName == "dependency")
            .Select(element => (element.Attribute("id")!.Value, element.Attribute("version")?.Value));

    private static string[] Under(ZipArchive package, string folder) =>
        [.. package.Entries.Select(entry => entry.FullName).Where(name => name.StartsWith(folder, StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)];

    private static XElement Metadata(ZipArchive package)
    {
        using Stream stream = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
    }
}
