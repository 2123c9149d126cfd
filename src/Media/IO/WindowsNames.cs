using System.Buffers;

namespace Lia.Media.IO;

/// <summary>
/// Names that Windows cannot have: it writes to a device, to a stream within a file, or to a file of another name instead, or fails when
/// the work is done.
/// </summary>
internal static class WindowsNames
{
    private static readonly SearchValues<char> Forbidden =
        SearchValues.Create([.. "<>:\"|?*", .. Enumerable.Range(0, ' ').Select(control => (char)control)]);

    /// <summary>Why Windows cannot have a path, in words that follow it; null when it can.</summary>
    public static string? Complaint(string path)
    {
        const int Prefix = 4; // \\?\ and \\.\, after which names are taken as they are
        if (path.StartsWith(@"\\?\", StringComparison.Ordinal) || path.StartsWith(@"\\.\", StringComparison.Ordinal)) path = path[Prefix..];
        bool hasDrive = path.Length > 1 && path[1] == ':' && char.IsAsciiLetter(path[0]);
        foreach (string name in (hasDrive ? path[2..] : path).Split('/', '\\'))
        {
            if (name is "" or "." or "..") continue;
            if (name.AsSpan().IndexOfAny(Forbidden) is >= 0 and int at)
                return $"no name may have {(name[at] < ' ' ? "a control character" : name[at])} in it on Windows";
            if (name[^1] is '.' or ' ') return $"'{name}' ends in a {(name[^1] == '.' ? "point" : "space")}, which Windows drops";
            if (IsDevice(name.Split('.')[0].TrimEnd(' '))) return $"'{name}' is a device on Windows";
        }
        return null;
    }

    private static bool IsDevice(string name) => name.ToUpperInvariant() is "CON" or "PRN" or "AUX" or "NUL" or "CONIN$" or "CONOUT$"
        or ['C', 'O', 'M', >= '1' and <= '9' or '\u00b9' or '\u00b2' or '\u00b3']
        or ['L', 'P', 'T', >= '1' and <= '9' or '\u00b9' or '\u00b2' or '\u00b3'];
}
