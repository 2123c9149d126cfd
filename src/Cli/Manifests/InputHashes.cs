using System.Collections.Concurrent;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Cli.Manifests;

/// <summary>SHA-256 of what a row is made from. Each file is read once.</summary>
internal sealed class InputHashes
{
    private readonly ConcurrentDictionary<string, Lazy<string>> _known = [];

    /// <summary>Of a file, or of the names and contents of a folder's pictures.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    public string OfInput(string path) => Once("input\0" + path, () => Directory.Exists(path)
        ? OfText(string.Join('\n', FolderReader.Pictures(path).Select(file => $"{Path.GetFileName(file)}\0{OfFile(file)}")))
        : OfFile(path));

    /// <summary>Of a checkpoint, of an index with the files it names.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    public string OfModel(string path) => Once("model\0" + path, () =>
    {
        if (!path.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase)) return OfFile(path);
        using FileStream file = Inputs.OpenFile(path);
        try
        {
            using JsonDocument json = JsonDocument.Parse(file);
            IEnumerable<string> parts = json.RootElement.GetProperty("weight_map").EnumerateObject()
                .Select(tensor => Path.GetFileName(tensor.Value.GetString()!)).Distinct().Order(StringComparer.Ordinal);
            return OfText(OfFile(path)
                + string.Concat(parts.Select(part => OfFile(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, part)))));
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return OfFile(path); // Loading it will say what is wrong.
        }
    });

    /// <summary>Of a text.</summary>
    public static string OfText(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>The options that are not what they are when nobody says anything, by name: an option that comes with a later version
    /// changes nothing for those who do not use it.</summary>
    public static string Text(AnimationOptions options)
    {
        StringBuilder text = new();
        foreach (PropertyInfo property in typeof(AnimationOptions).GetProperties().OrderBy(property => property.Name,
            StringComparer.Ordinal))
        {
            object? value = property.GetValue(options);
            if (!Equals(value, property.GetValue(Defaults))) text.Append(property.Name).Append('=').Append(value).Append('\n');
        }
        return text.ToString();
    }

    private static AnimationOptions Defaults { get; } = new();

    private string Once(string key, Func<string> hash) => _known.GetOrAdd(key, _ => new Lazy<string>(hash)).Value;

    private static string OfFile(string path)
    {
        using FileStream file = Inputs.OpenFile(path);
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        catch (IOException failure)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }
}
