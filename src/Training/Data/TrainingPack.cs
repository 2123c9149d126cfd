using Lia.Evaluation;
using Lia.Training.Data;

namespace Lia;

/// <summary>Packs of training data: all pictures of all clips in one file, in the size of the network, read without decoding. The format is
/// that of docs/training.md.</summary>
public static class TrainingPack
{
    /// <summary>Packs clips, in the order of their names. A clip that cannot be read, or has fewer than two frames, is named
    /// (<see cref="PackOptions.OnWarning"/>) and left out.</summary>
    /// <param name="data">A folder of clips, each a video or a folder of pictures; or one clip.</param>
    /// <param name="output">The pack, which appears complete or not at all.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Is told after each clip, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it; nothing is written.</param>
    /// <exception cref="MediaException">There is no clip that can be learned from, or the pack cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PackSummary Write(string data, string output, PackOptions options, IProgress<PackProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        IReadOnlyList<string> clips = Clips.Find([data]);
        int packed = 0;
        return ClipPacker.Write(clips, output, options, mayBeEmpty: false, (place, pictures, problem) =>
        {
            if (problem is not null) options.OnWarning?.Invoke($"{problem.Message} The clip is left out.");
            progress?.Report(new(place + 1, clips.Count, packed += pictures));
        }, cancellationToken);
    }

    /// <summary>Packs supervised rows, each picture once. A row with a picture that cannot be read is named and left out.</summary>
    /// <param name="rows">The rows, read once, by one thread at a time and not always the same.</param>
    /// <param name="output">The pack, which appears complete or not at all.</param>
    /// <param name="options">How; <see cref="PackOptions.Every"/> and <see cref="PackOptions.WeightMaps"/> are for clips.</param>
    /// <param name="progress">Is told after each row, on the calling thread; the number of rows is not known beforehand.</param>
    /// <param name="cancellationToken">Stops it; nothing is written.</param>
    /// <exception cref="MediaException">There is no row that can be learned from, or the pack cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PackSummary Write(IEnumerable<TrainingRow> rows, string output, PackOptions options,
        IProgress<PackProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        int packed = 0;
        return RowPacker.Write(rows, null, output, options, mayBeEmpty: false, (place, pictures, problem) =>
        {
            if (problem is not null) options.OnWarning?.Invoke($"{problem.Message} The row is left out.");
            progress?.Report(new(place + 1, null, packed += pictures));
        }, cancellationToken);
    }
}

/// <summary>How data is packed.</summary>
public sealed record PackOptions
{
    /// <summary>The side of the network's pictures, to which all are stretched, as Pillow does it (bilinear).</summary>
    public int Size { get; init; } = 256;

    /// <summary>How many pixels larger a side pictures are packed, so that there is something to crop from
    /// (<see cref="TrainerOptions.Crop"/>).</summary>
    public int Crop { get; init; }

    /// <summary>Each so manieth frame is packed, from the first on.</summary>
    public int Every { get; init; } = 1;

    /// <summary>
    /// A folder with weight maps: for each clip a folder of pictures or a video of its name, a frame for a frame. The brighter, the more
    /// a pixel counts in the losses that compare pixels; the maps' own scale does not matter. Null for none.
    /// </summary>
    public string? WeightMaps { get; init; }

    /// <summary>Labels of the pictures, for <see cref="TrainerOptions.Labels"/>. Those that it has not are unknown. Null for
    /// none.</summary>
    public PictureLabels? Labels { get; init; }

    /// <summary>Threads that decode clips, or pictures of rows, side by side; what they make waits for its turn in up to 512 MiB of memory.
    /// 0 takes one for each core, up to eight. The pack is the same.</summary>
    public int Workers { get; init; }

    /// <summary>Is told of clips and rows that are left out.</summary>
    public Action<string>? OnWarning { get; init; }

    internal int Side => Size + Crop;

    internal PackShape Shape(bool hasWeights) => new(Side, hasWeights, Labels?.Count ?? 0);

    internal int Threads => Workers > 0 ? Workers : Math.Clamp(Environment.ProcessorCount, 1, 8);

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Size, PackFormat.LeastSide);
        ArgumentOutOfRangeException.ThrowIfNegative(Crop);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)Size + Crop, PackFormat.MostSide, nameof(Size));
        ArgumentOutOfRangeException.ThrowIfLessThan(Every, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Workers);
        if (WeightMaps is not null && !Directory.Exists(WeightMaps))
            throw new MediaException($"{WeightMaps}: there is no such folder of weight maps.");
    }
}

/// <summary>A supervised row: what a source shall become when it is driven.</summary>
/// <param name="Source">The picture that is moved.</param>
/// <param name="Driving">The picture that drives, of anybody.</param>
/// <param name="Start">Where the movement starts, so that the source moves by the difference; null moves it to where the driving picture
/// is.</param>
/// <param name="Target">The right answer.</param>
/// <param name="Weights">The target's weight map; null weighs all pixels alike.</param>
public sealed record TrainingRow(string Source, string Driving, string? Start, string Target, string? Weights = null)
{
    /// <summary>How the row is called in messages, such as its file and number.</summary>
    public string? Name { get; init; }
}

/// <summary>How far packing is.</summary>
/// <param name="Done">Clips or rows looked at.</param>
/// <param name="Total">Of how many; null where that is not known.</param>
/// <param name="Pictures">Pictures packed.</param>
public readonly record struct PackProgress(int Done, int? Total, int Pictures);

/// <summary>What was packed.</summary>
/// <param name="Output">The pack.</param>
/// <param name="Clips">Clips in it; 1 for the pictures of rows.</param>
/// <param name="Pictures">Pictures in it.</param>
/// <param name="Rows">Supervised rows in it.</param>
/// <param name="LeftOut">Clips or rows that could not be used.</param>
/// <param name="Bytes">Bytes of the pictures.</param>
public sealed record PackSummary(string Output, int Clips, int Pictures, int Rows, int LeftOut, long Bytes);
