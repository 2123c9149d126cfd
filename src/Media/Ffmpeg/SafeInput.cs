namespace Lia.Media.Ffmpeg;

/// <summary>
/// Names a local file to ffmpeg so that nothing in its name has a meaning: neither a leading dash, nor something like a protocol, nor
/// the percent signs that ffmpeg takes for a pattern of numbered pictures (such a file is given another name while it is read).
/// </summary>
internal sealed class SafeInput : IDisposable
{
    private readonly string? _folder;

    public SafeInput(string path)
    {
        string full = Path.GetFullPath(path);
        if (full.Contains('%'))
        {
            _folder = Directory.CreateTempSubdirectory("lia-").FullName;
            string alias = Path.Combine(_folder, "input" + Path.GetExtension(full).Replace("%", "", StringComparison.Ordinal));
            File.CreateSymbolicLink(alias, full);
            full = alias;
        }
        Url = "file:" + full;
    }

    /// <summary>Options before an input: playlists and the like may open local files only, and pictures beyond the limit are not decoded.</summary>
    public static string[] Limits { get; } = ["-protocol_whitelist", "file", "-max_pixels", RgbImage.MaxPixels.ToString(System.Globalization.CultureInfo.InvariantCulture)];

    /// <summary>What ffmpeg is told.</summary>
    public string Url { get; }

    public void Dispose()
    {
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }
}
