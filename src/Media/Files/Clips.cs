using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Evaluation;

/// <summary>Finds the clips that files and folders stand for.</summary>
public static class Clips
{
    private static readonly HashSet<string> Videos = new(StringComparer.OrdinalIgnoreCase)
    {
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv", ".gif", ".apng",
    };

    /// <summary>Lists clips.</summary>
    /// <param name="paths">A file is a clip. A folder stands for the videos in it (.mp4, .mkv, .gif, .apng and so on) and its folders of
    /// numbered pictures, in the order of
    /// their names; a folder with neither is a clip of numbered pictures itself.</param>
    /// <returns>Files and folders that each hold one clip, each listed once.</returns>
    /// <exception cref="MediaException">A path does not exist, or a folder holds no clip.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        return [.. paths.SelectMany(In).Distinct(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> In(string path)
    {
        if (!Directory.Exists(path)) return File.Exists(path) ? [path]
            : throw new MediaException($"{path}: there is no such file or folder.");
        string folder = Path.TrimEndingDirectorySeparator(path);
        try
        {
            List<string> found = [.. Directory.EnumerateFileSystemEntries(folder).Where(entry =>
                !Path.GetFileName(entry).StartsWith('.') && IsClip(entry))];
            found.Sort((a, b) => FolderReader.CompareNumbered(Path.GetFileName(a), Path.GetFileName(b)));
            if (found.Count > 0) return found;
            return FolderReader.HasPictures(folder) ? [folder] : throw new MediaException($"{path}: there is no clip in the folder.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    private static bool IsClip(string entry) =>
        Directory.Exists(entry) ? FolderReader.HasPictures(entry) : Videos.Contains(Path.GetExtension(entry));
}
