using System.Globalization;
using System.Text.RegularExpressions;
using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Training.Data;

/// <summary>Packs of one folder, and what the parts of one that was packed in shares are called: <c>faces.3-of-100.liapack</c>.</summary>
internal static partial class PackParts
{
    /// <summary>What the files are called by.</summary>
    public const string Extension = ".liapack";

    /// <summary>What a part is called.</summary>
    /// <param name="pack">What the whole would be called.</param>
    /// <param name="index">From 1.</param>
    /// <param name="count">How many there are.</param>
    public static string Name(string pack, int index, int count) =>
        count == 1 ? pack : Path.ChangeExtension(pack, string.Create(CultureInfo.InvariantCulture, $"{index}-of-{count}{Extension}"));

    /// <summary>The packs of a folder, in the order of their names and the parts of one in the order of their numbers.</summary>
    /// <exception cref="MediaException">The folder cannot be read, a part is missing, or a pack is there more than once.</exception>
    public static Part[] In(string folder)
    {
        Part[] parts = [.. Files(folder).Select(Part.Of)];
        foreach (IGrouping<string, Part> pack in parts.GroupBy(part => part.Pack, StringComparer.Ordinal))
        {
            int[] counts = [.. pack.Select(part => part.Count).Distinct().Order()];
            if (counts.Length > 1)
            {
                string ways = string.Join(" and ", counts.Select(count => count == 1 ? "whole" : $"in {count} parts"));
                throw new MediaException($"{folder}: {pack.Key} is there {ways}; delete what is not meant.");
            }
            string[] missing = [.. Enumerable.Range(1, counts[0]).Except(pack.Select(part => part.Index))
                .Select(index => Name(pack.Key, index, counts[0]))];
            if (missing.Length > 0)
                throw new MediaException($"{folder}: of the {counts[0]} parts of {pack.Key} {missing[0]} is missing"
                    + (missing.Length > 1 ? $", and {missing.Length - 1} more." : "."));
        }
        Array.Sort(parts, (a, b) => FolderReader.CompareNumbered(a.Pack, b.Pack) is var order and not 0 ? order : a.Index - b.Index);
        return parts;
    }

    /// <summary>Whether there is a pack in a folder.</summary>
    /// <exception cref="MediaException">The folder cannot be read, or there are clips in it too.</exception>
    public static bool AreIn(string folder)
    {
        if (Files(folder).Length == 0) return false;
        try
        {
            _ = Evaluation.Clips.Find([folder]);
        }
        catch (MediaException)
        {
            return true;
        }
        throw new MediaException($"{folder}: there are packs in it, and clips; put the packs into a folder of their own.");
    }

    private static string[] Files(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder).Where(file => !Path.GetFileName(file).StartsWith('.')
                && Path.GetExtension(file).Equals(Extension, StringComparison.OrdinalIgnoreCase))];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{folder}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    [GeneratedRegex(@"^(.+)\.([0-9]{1,7})-of-([0-9]{1,7})$", RegexOptions.CultureInvariant)]
    private static partial Regex PartName();

    /// <summary>A pack of a folder.</summary>
    /// <param name="File">The file.</param>
    /// <param name="Pack">The name of the whole.</param>
    /// <param name="Index">Which part of it, from 1.</param>
    /// <param name="Count">Of how many.</param>
    public readonly record struct Part(string File, string Pack, int Index, int Count)
    {
        /// <summary>What a file is by its name; one that is not called like a part is whole.</summary>
        public static Part Of(string file)
        {
            Match match = PartName().Match(Path.GetFileNameWithoutExtension(file));
            int index = match.Success ? int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) : 1,
                count = match.Success ? int.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture) : 1;
            return count < 2 || index < 1 || index > count ? new(file, Path.GetFileName(file), 1, 1)
                : new(file, match.Groups[1].Value + Extension, index, count);
        }
    }
}
