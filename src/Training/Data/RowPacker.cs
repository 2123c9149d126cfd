using Lia.Media.Files;
using Lia.Media.Imaging;

namespace Lia.Training.Data;

/// <summary>Packs supervised rows: pictures as they come, each once, and the rows by their numbers.</summary>
internal static class RowPacker
{
    /// <summary>Writes a pack.</summary>
    /// <param name="rows">The rows, read once, by other threads than the caller's.</param>
    /// <param name="hasWeights">Whether the pack has weight maps, for all pictures or for none; null does as the first row.</param>
    /// <param name="output">The pack.</param>
    /// <param name="options">How.</param>
    /// <param name="mayBeEmpty">Whether a pack without rows is one: as a part of several it is.</param>
    /// <param name="told">Is told of each row on the calling thread, with its pictures that are new.</param>
    /// <param name="cancellationToken">Stops it; nothing is written.</param>
    /// <exception cref="MediaException">The pack cannot be written, or there is no row for it.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PackSummary Write(IEnumerable<TrainingRow> rows, bool? hasWeights, string output, PackOptions options, bool mayBeEmpty,
        PackedOne told, CancellationToken cancellationToken)
    {
        if (options.WeightMaps is not null || options.Every != 1)
            throw new ArgumentException("Weight maps of supervised rows are in the rows, and each row is packed.", nameof(options));
        using IEnumerator<TrainingRow> enumerator = rows.GetEnumerator();
        bool isAny = enumerator.MoveNext();
        bool weighs = hasWeights ?? (isAny && enumerator.Current.Weights is not null);
        PackShape shape = options.Shape(weighs);
        using PackWriter writer = new(output, shape);
        LabelFinder labels = new(options.Labels, shape);
        PictureLine<Unit> line = new(shape.Length, options.Threads, (unit, room, token) =>
        {
            FrameFitter fitter = new(options.Side, Fit.Stretch), mapFitter = new(options.Side, Fit.Stretch);
            foreach (Picture picture in unit.New) picture.Problem = Read(picture, fitter, mapFitter, options.Side, labels, room, token);
            return null;
        });
        int place = 0, leftOut = 0, taken = 0;
        line.Run(isAny ? Units(enumerator, weighs) : [], picture =>
        {
            writer.AddWithNumbers(picture);
            taken++;
        }, (unit, _) =>
        {
            int number = writer.Pictures - taken;
            foreach (Picture picture in unit.New) if (picture.Problem is null) picture.Number = number++;
            MediaException? problem = unit.Problem ?? unit.Pictures.FirstOrDefault(picture => picture.Problem is not null)?.Problem;
            if (problem is null) writer.Add(unit.Numbers());
            else leftOut++;
            told(place++, taken, problem is null ? null : new($"{Name(unit.Row)}: {problem.Message}", problem));
            taken = 0;
        }, cancellationToken);
        if (writer.Rows == 0 && !mayBeEmpty)
            throw new MediaException($"{output}: there is no supervised row whose pictures can be read.");
        if (!mayBeEmpty) labels.Demand(output);
        if (writer.Pictures > 0) writer.EndClip("rows");
        writer.Complete();
        return new(output, writer.Clips, writer.Pictures, writer.Rows, leftOut, writer.Length);
    }

    /// <summary>The rows, each with the pictures that none before it names.</summary>
    private static IEnumerable<Unit> Units(IEnumerator<TrainingRow> rows, bool hasWeights)
    {
        Dictionary<(string Path, string? Weights), Picture> known = [];
        do
        {
            TrainingRow row = rows.Current;
            if (row.Weights is not null && !hasWeights)
            {
                yield return new Unit { Row = row, Problem = new("it has a weight map, and the first row has none.") };
                continue;
            }
            List<Picture> added = [];
            Picture source = Of(row.Source, null), driving = Of(row.Driving, null);
            yield return new Unit
            {
                Row = row,
                Pictures = [source, driving, row.Start is null ? source : Of(row.Start, null), Of(row.Target, row.Weights)],
                New = added,
            };

            Picture Of(string path, string? weights)
            {
                if (!known.TryGetValue((path, weights), out Picture? picture))
                {
                    known.Add((path, weights), picture = new(path, weights));
                    added.Add(picture);
                }
                return picture;
            }
        }
        while (rows.MoveNext());
    }

    private static string Name(TrainingRow row) => row.Name ?? $"the row of {row.Source} and {row.Driving}";

    private static MediaException? Read(Picture picture, FrameFitter fitter, FrameFitter mapFitter, int side, LabelFinder labels,
        PictureLine<Unit>.Room room, CancellationToken token)
    {
        try
        {
            token.ThrowIfCancellationRequested();
            RgbImage image = FrameReaders.ReadPicture(picture.Path, token);
            RgbImage? map = picture.Weights is null ? null : FrameReaders.ReadPicture(picture.Weights, token);
            byte[] bytes = room.Rent();
            Data.Pictures.Fit(fitter, image, mapFitter, map, labels.Pixels(bytes), side);
            labels.Write(picture.Path, 0, bytes);
            room.Add(bytes);
            return null;
        }
        catch (MediaException failure)
        {
            return failure;
        }
    }

    /// <summary>A picture that rows name, read by the first of them.</summary>
    private sealed class Picture(string path, string? weights)
    {
        public string Path => path;

        public string? Weights => weights;

        public int Number { get; set; }

        public MediaException? Problem { get; set; }
    }

    private sealed class Unit
    {
        public required TrainingRow Row { get; init; }

        /// <summary>Source, driving, start, target.</summary>
        public Picture[] Pictures { get; init; } = [];

        public IReadOnlyList<Picture> New { get; init; } = [];

        /// <summary>What is wrong with the row itself.</summary>
        public MediaException? Problem { get; init; }

        public PackedRow Numbers() => new(Pictures[0].Number, Pictures[1].Number, Pictures[2].Number, Pictures[3].Number);
    }
}
