using System.Globalization;
using Lia.Media.IO;
using Parquet;
using Parquet.Schema;

namespace Lia.Cli.Manifests;

/// <summary>A manifest in Parquet: columns of text, numbers or truth values.</summary>
internal static class ParquetManifest
{
    /// <summary>As <see cref="ManifestFile.Read"/>; a group of rows is in memory at a time.</summary>
    public static IEnumerable<ManifestRow> Read(string path)
    {
        using FileStream file = Inputs.OpenFile(path);
        ParquetReader reader = Guard(path, () => ParquetReader.CreateAsync(file));
        try
        {
            DataField[] fields = reader.Schema.GetDataFields();
            string[] columns = ManifestFile.Names(path, fields.Select(field => field.Path.ToString()));
            int[] taken = [.. Enumerable.Range(0, columns.Length).Where(i => !columns[i].StartsWith(ManifestFile.OwnColumn))];
            string[] known = [.. taken.Select(i => columns[i])];
            int number = 0;
            for (int index = 0; index < reader.RowGroupCount; index++)
            {
                int group = index;
                string?[][] cells = Guard(path, () => ReadGroup(reader, group, [.. taken.Select(i => fields[i])]));
                for (int row = 0; row < (cells.Length == 0 ? 0 : cells[0].Length); row++)
                    yield return new(++number, 0, known, [.. cells.Select(column => column[row])]);
            }
        }
        finally
        {
            Guard(path, async () => { await reader.DisposeAsync().ConfigureAwait(false); return 0; });
        }
    }

    private static async Task<string?[][]> ReadGroup(ParquetReader reader, int index, DataField[] fields)
    {
        using ParquetRowGroupReader group = reader.OpenRowGroupReader(index);
        List<string?[]> columns = [];
        foreach (DataField field in fields) columns.Add(await ReadColumn(group, field).ConfigureAwait(false));
        return [.. columns];
    }

    private static async Task<string?[]> ReadColumn(ParquetRowGroupReader group, DataField field)
    {
        if (field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>))
        {
            string?[] text = new string?[group.RowCount];
            await group.ReadAsync(field, text.AsMemory()).ConfigureAwait(false);
            return [.. text.Select(cell => string.IsNullOrEmpty(cell) ? null : cell)];
        }
        Task<string?[]> reading = field.ClrType == typeof(bool) ? ReadValues<bool>(group, field)
            : field.ClrType == typeof(int) ? ReadValues<int>(group, field)
            : field.ClrType == typeof(long) ? ReadValues<long>(group, field)
            : field.ClrType == typeof(short) ? ReadValues<short>(group, field)
            : field.ClrType == typeof(byte) ? ReadValues<byte>(group, field)
            : field.ClrType == typeof(float) ? ReadValues<float>(group, field)
            : field.ClrType == typeof(double) ? ReadValues<double>(group, field)
            : throw new FormatException($"column {field.Name} holds {field.ClrType.Name}; a cell is text, a number, true or false");
        return await reading.ConfigureAwait(false);
    }

    private static async Task<string?[]> ReadValues<T>(ParquetRowGroupReader group, DataField field) where T : struct
    {
        T?[] values = new T?[group.RowCount];
        if (field.IsNullable)
        {
            await group.ReadAsync<T>(field, values.AsMemory()).ConfigureAwait(false);
        }
        else
        {
            T[] all = new T[values.Length];
            await group.ReadAsync<T>(field, all.AsMemory()).ConfigureAwait(false);
            for (int i = 0; i < all.Length; i++) values[i] = all[i];
        }
        return [.. values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } cell
            ? cell.ToLowerInvariant() : null)];
    }

    private static T Guard<T>(string path, Func<Task<T>> step)
    {
        try
        {
            return Task.Run(step).GetAwaiter().GetResult();
        }
#pragma warning disable CA1031 // A damaged file makes the library throw whatever it meets.
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            throw new MediaException($"{path}: cannot be read as Parquet: {Outputs.OneLine(failure.Message)}", failure);
        }
#pragma warning restore CA1031
    }
}
