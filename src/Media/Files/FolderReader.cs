using Lia.Media.IO;

namespace Lia.Media.Files;

/// <summary>The pictures of a folder in the order of their numbers: <c>frame2.png</c> comes before <c>frame10.png</c>.</summary>
internal sealed class FolderReader : IFrameReader
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".tga", ".gif", ".heic", ".heif",
            ".avif", ".jp2",
        ".jxl", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".qoi", ".psd", ".exr", ".hdr", ".dpx", ".pcx", ".sgi",
    };

    private readonly string[] _files;
    private readonly RgbColor? _background;
    private readonly CancellationToken _token;
    private int _next;

    /// <exception cref="MediaException">There is no picture in the folder.</exception>
    public FolderReader(string folder, RgbColor? background, CancellationToken cancellationToken)
    {
        (Name, _background, _token, _files) = (folder, background, cancellationToken, Pictures(folder));
    }

    public string Name { get; }

    public FrameRate? Rate => null;

    public int? Count => _files.Length;

    public AudioTrack? Audio => null;

    public string? Warning => null;

    public RgbImage? Read() => _next < _files.Length ? FrameReaders.ReadPicture(_files[_next++], _background, _token) : null;

    public void Dispose() { }

    /// <summary>The picture files of a folder in the order of their numbers.</summary>
    /// <exception cref="MediaException">There is none.</exception>
    public static string[] Pictures(string folder)
    {
        string[] files;
        try
        {
            files = [.. Unordered(folder)];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{folder}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
        if (files.Length == 0) throw new MediaException($"{folder}: there is no picture in the folder.");
        Array.Sort(files, (a, b) => CompareNumbered(Path.GetFileName(a), Path.GetFileName(b)));
        return files;
    }

    /// <summary>Whether there is a picture in a folder.</summary>
    public static bool HasPictures(string folder) => Unordered(folder).Any();

    /// <summary>Orders names by their letters, except that a run of digits counts as a number.</summary>
    internal static int CompareNumbered(string a, string b)
    {
        int i = 0, j = 0;
        while (i < a.Length && j < b.Length)
        {
            if (char.IsAsciiDigit(a[i]) && char.IsAsciiDigit(b[j]))
            {
                ReadOnlySpan<char> x = Digits(a, ref i), y = Digits(b, ref j);
                int order = x.Length != y.Length ? x.Length.CompareTo(y.Length) : x.SequenceCompareTo(y);
                if (order != 0) return order;
            }
            else if (a[i++].CompareTo(b[j++]) is int order and not 0)
            {
                return order;
            }
        }
        return (a.Length - i).CompareTo(b.Length - j) is int rest and not 0 ? rest : string.CompareOrdinal(a, b);

        static ReadOnlySpan<char> Digits(string text, ref int at)
        {
            int start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            return text.AsSpan(start..at).TrimStart('0');
        }
    }

    private static IEnumerable<string> Unordered(string folder) =>
        Directory.EnumerateFiles(folder).Where(file =>
            Extensions.Contains(Path.GetExtension(file)) && !Path.GetFileName(file).StartsWith('.'));
}
