using System.Globalization;
using Lia.Cli.Manifests;
using Lia.Training.Data;

namespace Lia.Cli.Commands;

/// <summary>Labels of pictures from a file of rows: a column <c>picture</c>, the path as supervised rows name it, or <c>clip</c> and
/// <c>frame</c>; all other columns are numbers, and what is not there is unknown.</summary>
internal static class PictureLabelsFile
{
    private const string Picture = "picture", Clip = "clip", Frame = "frame";

    /// <summary>Reads all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="ofRows">Whether it is rows that are packed, and not clips.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="MediaException">It cannot be read, or a row makes no sense.</exception>
    public static PictureLabels Read(string path, bool ofRows, CancellationToken cancellationToken)
    {
        string[] keys = ofRows ? [Picture] : [Clip, Frame];
        PictureLabels? all = null;
        string[] names = [], known = [];
        float[] labels = [];
        foreach (ManifestRow row in ManifestFile.Read(path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (row.Problem is { } problem) throw row.Error(path, null, problem);
            if (all is null)
            {
                names = [.. row.Columns.Except(keys)];
                if (names.Length is 0 or > PackFormat.MostLabels)
                    throw new MediaException($"{path}: there are 1 to {PackFormat.MostLabels} columns of numbers beside "
                        + $"{string.Join(" and ", keys)}, not {names.Length}.");
                labels = new float[names.Length];
                all = new PictureLabels(names.Length);
            }
            if (!ReferenceEquals(row.Columns, known))
            {
                // Lines of JSON may leave out what is unknown, and not bring what is new.
                if (row.Columns.Except(keys).FirstOrDefault(column => !names.Contains(column)) is { } added)
                    throw row.Error(path, added, "the first row has no such column.");
                known = row.Columns;
            }
            if (keys.FirstOrDefault(key => row[key] is null) is { } missing) throw row.Error(path, missing, "there is nothing in it.");
            for (int i = 0; i < names.Length; i++) labels[i] = Number(row, names[i]);
            int frame = 0;
            if (!ofRows && !(int.TryParse(row[Frame], NumberStyles.None, CultureInfo.InvariantCulture, out frame)))
                throw row.Error(path, Frame, $"'{row[Frame]}' is no number of a frame, counted from 0.");
            if (!(ofRows ? all.Add(row[Picture]!, labels) : all.Add(row[Clip]!, frame, labels)))
                throw row.Error(path, null, "there is another row of the same picture.");
        }
        return all ?? throw new MediaException($"{path}: there are no rows in it.");

        float Number(ManifestRow row, string column)
        {
            if (row[column] is not { } text || text.Equals("nan", StringComparison.OrdinalIgnoreCase)) return float.NaN;
            return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float number) && float.IsFinite(number)
                ? number : throw row.Error(path, column, $"'{text}' is no number.");
        }
    }
}
