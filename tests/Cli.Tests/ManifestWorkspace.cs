using System.Text.Json;
using Lia.Cli.Manifests;

namespace Lia.Cli.Tests;

/// <summary>Manifests over the pictures of a workspace, and what status files say of them.</summary>
internal sealed class ManifestWorkspace(Workspace files, string name)
{
    /// <summary>A folder of this test alone.</summary>
    public string Folder { get; } = Directory.CreateDirectory(files.At(name)).FullName;

    public string At(string path) => Path.Combine(Folder, path);

    /// <summary>Writes a manifest of CSV lines; <c>SOURCE</c>, <c>DRIVING</c> and <c>OUT</c> stand for the workspace's and this
    /// folder.</summary>
    public string Manifest(params string[] lines)
    {
        string path = At("m.csv");
        File.WriteAllLines(path, lines.Select(line => line.Replace("SOURCE", files.Source, StringComparison.Ordinal)
            .Replace("DRIVING", files.Driving, StringComparison.Ordinal).Replace("OUT", Folder, StringComparison.Ordinal)));
        return path;
    }

    /// <summary>A clip of some of the workspace's driving frames.</summary>
    public string Clip(string clip, int frames)
    {
        string folder = Directory.CreateDirectory(At(clip)).FullName;
        for (int i = 0; i < frames; i++) File.Copy(Path.Combine(files.Driving, $"{i % 10:d4}.png"), Path.Combine(folder, $"{i:d4}.png"));
        return folder;
    }

    /// <summary>Runs a batch of a manifest with the workspace's model.</summary>
    public Outcome Batch(string manifest, params string[] more) =>
        CliRunner.Run(["batch", "--manifest", manifest, "-m", files.Model, "--threads", "1", .. more]);

    /// <summary>The lines of a status file.</summary>
    public static JsonElement[] Lines(string status) =>
        [.. File.ReadLines(status).Where(line => line.Length > 0).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The rows that a status file tells an event of.</summary>
    public static int[] Rows(string status, string what) =>
        [.. Lines(status).Where(line => line.GetProperty("event").GetString() == what).Select(line => line.GetProperty("row").GetInt32())];

    /// <summary>The rows that were computed.</summary>
    public static int[] Computed(string status) => [.. Lines(status).Where(line => line.GetProperty("event").GetString() == "done"
        && !line.GetProperty("skipped").GetBoolean()).Select(line => line.GetProperty("row").GetInt32())];
}
