using System.Text;
using Lia.Studio.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Lia.Studio.Files;

/// <summary>A file that was sent.</summary>
/// <param name="Path">Where it lies, under a name of ours.</param>
/// <param name="Name">What the client calls it, to be shown.</param>
/// <param name="Length">Bytes.</param>
internal sealed record SentFile(string Path, string Name, long Length);

/// <summary>What multipart/form-data held.</summary>
/// <param name="Files">By the name of their field.</param>
/// <param name="Fields">Texts by the name of their field.</param>
internal sealed record Form(IReadOnlyDictionary<string, SentFile> Files, IReadOnlyDictionary<string, string> Fields);

/// <summary>Reads multipart/form-data into a folder of ours, and nowhere else: what ASP.NET itself would put into the system's temporary
/// folder.</summary>
internal static class Multipart
{
    private const int MostField = 64 << 10, MostHeaders = 16 << 10, MostName = 120, MostSections = 8;

    /// <summary>Reads a request.</summary>
    /// <param name="request">Its body is read once.</param>
    /// <param name="folder">Receives the files.</param>
    /// <param name="fileFields">Fields that may be files.</param>
    /// <param name="mostBytes">Most bytes of a file.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ProblemException">It is not multipart, or something in it is too large or too much.</exception>
    public static async Task<Form> ReadAsync(
        HttpRequest request, string folder, IReadOnlyCollection<string> fileFields, long mostBytes, CancellationToken cancellationToken)
    {
        // Only forms are uploads: what a foreign page can send without asking is refused by the origin before.
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 and <= 100 } boundary)
            throw new ProblemException(StatusCodes.Status415UnsupportedMediaType, "An upload is multipart/form-data.");
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = mostBytes * fileFields.Count + (1 << 20);
        if (request.ContentLength > mostBytes * fileFields.Count + (1 << 20)) throw TooLarge(mostBytes);
        Dictionary<string, SentFile> files = [];
        Dictionary<string, string> fields = [];
        try
        {
            MultipartReader reader = new(boundary, request.Body) { HeadersLengthLimit = MostHeaders };
            for (int i = 0; await reader.ReadNextSectionAsync(cancellationToken).ConfigureAwait(false) is { } section; i++)
            {
                if (i == MostSections) throw ProblemException.Bad("There are too many fields in the form.");
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition)
                    || HeaderUtilities.RemoveQuotes(disposition.Name).Value is not { Length: > 0 } field)
                    throw ProblemException.Bad("A field of the form has no name.");
                if (files.ContainsKey(field) || fields.ContainsKey(field))
                    throw ProblemException.Bad($"The field '{Shown(field)}' is there twice.");
                if (disposition.IsFileDisposition())
                {
                    if (!fileFields.Contains(field)) throw ProblemException.Bad($"'{Shown(field)}' is no file that is understood here.");
                    string? name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar).Value
                        ?? HeaderUtilities.RemoveQuotes(disposition.FileName).Value;
                    // The name on disk is ours; formats are told by content.
                    string path = Path.Combine(folder, field);
                    files[field] = new(path, FileName(name, field),
                        await CopyAsync(section.Body, path, mostBytes, cancellationToken).ConfigureAwait(false));
                }
                else fields[field] = await TextAsync(section.Body, field, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (InvalidDataException)
        {
            throw ProblemException.Bad("The form is not in order.");
        }
        catch (IOException failure) when (failure is not FileNotFoundException && failure.GetType() == typeof(IOException)
            && failure.Message.Contains("end of Stream", StringComparison.OrdinalIgnoreCase))
        {
            throw ProblemException.Bad("The form ends early.");
        }
        return new(files, fields);
    }

    /// <summary>A name as it may be shown, and typed in a command: the last part, without what a terminal or a shell would take for
    /// more.</summary>
    public static string FileName(string? sent, string otherwise)
    {
        string name = Shown((sent ?? "").Split('/', '\\')[^1]).TrimStart('-', '.').Trim();
        return name.Length == 0 ? otherwise : name;
    }

    private static string Shown(string text)
    {
        StringBuilder shown = new();
        foreach (Rune letter in text.EnumerateRunes())
        {
            if (Rune.IsControl(letter) || Rune.GetUnicodeCategory(letter) is System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator) continue;
            if (shown.Length + letter.Utf16SequenceLength > MostName) break;
            shown.Append(letter);
        }
        return shown.ToString();
    }

    private static async Task<long> CopyAsync(Stream from, string path, long most, CancellationToken cancellationToken)
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        FileStream file = new(path, options);
        await using (file.ConfigureAwait(false))
        {
            byte[] buffer = new byte[1 << 16];
            long length = 0;
            for (int count; (count = await from.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            {
                if ((length += count) > most) throw TooLarge(most);
                await file.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            }
            return length;
        }
    }

    private static async Task<string> TextAsync(Stream from, string field, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[MostField + 1];
        int length = await from.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return length <= MostField ? Encoding.UTF8.GetString(bytes, 0, length)
            : throw new ProblemException(StatusCodes.Status413PayloadTooLarge, $"The field '{Shown(field)}' is too long.");
    }

    private static ProblemException TooLarge(long most) =>
        new(StatusCodes.Status413PayloadTooLarge, $"The file is too large: {most >> 20} MiB are taken.");
}
