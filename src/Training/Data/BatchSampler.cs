using Lia.Training.Steps;

namespace Lia.Training.Data;

/// <summary>
/// What each step learns from, as a function of the seed and the step's number. An epoch visits every clip once, in shuffled order or in
/// the pack's, and draws two different frames of each; of supervised rows it visits every row once. Epochs follow one another without
/// regard to batches. May be used by several threads.
/// </summary>
internal sealed class BatchSampler
{
    private readonly TrainingData _pack;
    private readonly int _units, _pairs, _size;
    private readonly ulong _seed;
    private readonly AugmentationSettings _settings;
    private readonly bool _tellsLabels, _tellsSurfaces, _isInOrder;
    private readonly Lock _gate = new();
    private readonly Dictionary<long, int[]> _orders = [];

    /// <param name="pack">The data, of side <paramref name="size"/> and the margin to crop from.</param>
    /// <param name="heldOut">Clips or rows at the end of the pack that are not learned from.</param>
    /// <param name="pairs">Pairs of a batch.</param>
    /// <param name="size">S.</param>
    /// <param name="seed">Another seed gives another order.</param>
    /// <param name="settings">How pictures are varied.</param>
    /// <param name="tellsLabels">Whether batches have the pack's labels; pictures that have some are not to be mirrored.</param>
    /// <param name="tellsSurfaces">Whether batches have where the pack's surfaces lie.</param>
    /// <param name="isInOrder">Whether each epoch visits clips or rows in the pack's order.</param>
    /// <exception cref="MediaException">The pack has another size, nothing to learn from, a clip with fewer than two frames, or not what
    /// is to be told.</exception>
    public BatchSampler(TrainingData pack, int heldOut, int pairs, int size, ulong seed, AugmentationSettings settings,
        bool tellsLabels = false, bool tellsSurfaces = false, bool isInOrder = false)
    {
        (_pack, _pairs, _size, _seed, _settings) = (pack, pairs, size, seed, settings);
        (_tellsLabels, _tellsSurfaces, _isInOrder) = (tellsLabels, tellsSurfaces, isInOrder);
        if (tellsLabels && pack.Shape.Labels == 0)
            throw new MediaException($"{pack.Name}: there are no labels in it to be weighed (--labels).");
        if (tellsSurfaces && pack.Shape.Parts == 0)
            throw new MediaException($"{pack.Name}: there are no surfaces in it to be weighed (--surfaces).");
        if (pack.Side != size + settings.Crop)
            throw new MediaException($"{pack.Name}: its pictures have {pack.Side} pixels a side, and {size + settings.Crop} are needed "
                + (settings.Crop == 0 ? $"for size {size}." : $"for size {size} with a margin of {settings.Crop} to crop from."));
        int all = pack.Rows > 0 ? pack.Rows : pack.Clips.Length;
        _units = all - heldOut;
        if (_units < 1)
            throw new MediaException($"{pack.Name}: there are {all} {(pack.Rows > 0 ? "rows" : "clips")}, of which {heldOut} are held out: "
                + "nothing is left to learn from.");
        if (pack.Rows == 0 && pack.Clips.FirstOrDefault(clip => clip.Count < 2) is { Name: not null } shortClip)
            throw new MediaException($"{pack.Name}: clip {shortClip.Name} has {shortClip.Count} frame"
                + $"{(shortClip.Count == 1 ? "" : "s")}, of two needed.");
    }

    /// <summary>Clips or rows of an epoch.</summary>
    public int Units => _units;

    /// <summary>How many times all had been visited when a step begins.</summary>
    public double Epochs(long step) => (double)step * _pairs / _units;

    /// <summary>Room for what <see cref="Fill"/> fills.</summary>
    public TrainingBatch Create()
    {
        int values = _pairs * 3 * _size * _size;
        return new(_pairs, _size)
        {
            Drivings = _pack.Rows > 0 ? new float[values] : null,
            Starts = _pack.Rows > 0 ? new float[values] : null,
            Weights = _pack.HasWeights ? new float[_pairs * _size * _size] : null,
            Labels = _tellsLabels ? new float[(_pack.Rows > 0 ? 3 : 1) * _pairs * _pack.Shape.Labels] : null,
            Surfaces = _tellsSurfaces ? new(_pairs, _size, _pack.Shape.Parts) : null,
        };
    }

    /// <summary>Fills a batch with what a step learns from.</summary>
    /// <exception cref="MediaException">The pack cannot be read any more.</exception>
    public void Fill(TrainingBatch batch, long step)
    {
        int plane = _size * _size;
        byte[] bytes = new byte[_pack.PictureLength];
        float[] numbers = new float[_pack.Shape.Numbers], others = new float[numbers.Length];
        for (int pair = 0; pair < _pairs; pair++)
        {
            (long epoch, int place) = Place(step, pair);
            PackedRow row = Draw(epoch, place);
            Philox random = new(_seed, DrawKind.Augmentation, epoch, place);
            Augmentation change = Augmentation.Draw(ref random, _settings);
            Picture(row.Source, batch.Sources);
            Picture(row.Target, batch.Targets, bytes.Length); // with all there is of it
            if (batch.Weights is { } weights)
                change.ApplyWeights(bytes.AsSpan(3 * _pack.Side * _pack.Side), _pack.Side, weights.AsSpan(pair * plane, plane), _size);
            if (batch.Surfaces is { } surfaces) Surfaces(surfaces);
            if (batch.Drivings is { } drivings) Picture(row.Driving, drivings);
            if (batch.Starts is { } starts) Picture(row.Start, starts);
            if (batch.Labels is { } labels)
            {
                // Pictures whose codes are found.
                int sets = 0;
                if (batch.Starts is not null) Label(row.Source, labels, sets++);
                Label(row.Driving, labels, sets++);
                // A start that is the source has the source's code, which counts once.
                if (batch.Starts is not null) Label(row.Start == row.Source ? null : row.Start, labels, sets);
            }

            void Picture(int number, float[] pictures, int length = 0)
            {
                _pack.Read(number, bytes.AsSpan(0, Math.Max(length, 3 * _pack.Side * _pack.Side)));
                change.Apply(bytes, _pack.Side, pictures.AsSpan(3 * pair * plane, 3 * plane), _size);
            }

            void Label(int? picture, float[] labels, int set)
            {
                Span<float> told = labels.AsSpan((set * _pairs + pair) * _pack.Shape.Labels, _pack.Shape.Labels);
                if (picture is { } number)
                {
                    _pack.ReadNumbers(number, numbers);
                    numbers.AsSpan(0, told.Length).CopyTo(told);
                }
                else
                {
                    told.Fill(float.NaN);
                }
            }

            // The bytes are the target's.
            void Surfaces(TargetSurfaces surfaces)
            {
                int side = _pack.Side, parts = surfaces.Parts, moves = parts * TargetSurfaces.MoveLength;
                ReadOnlySpan<byte> depths = bytes.AsSpan(_pack.Shape.SurfacesAt, side * side),
                    partNumbers = bytes.AsSpan(_pack.Shape.SurfacesAt + side * side, side * side);
                Span<byte> shown = surfaces.PartNumbers.AsSpan(pair * plane, plane);
                change.ApplyPlane(depths, side, surfaces.Depths.AsSpan(pair * plane, plane), _size);
                change.ApplyPlane(partNumbers, side, shown, _size);
                _pack.ReadNumbers(row.Target, numbers);
                _pack.ReadNumbers(row.Source, others);
                Span<bool> isKnown = stackalloc bool[byte.MaxValue + 1]; // by part numbers
                isKnown.Clear();
                PartMoves.Between(numbers.AsSpan(_pack.Shape.Labels), others.AsSpan(_pack.Shape.Labels), change.Coordinates(side, _size),
                    surfaces.Moves.AsSpan(pair * moves, moves), isKnown[1..]);
                foreach (ref byte part in shown)
                    if (!isKnown[part]) part = 0;
            }
        }
    }

    /// <summary>The pictures of a pair of a step's batch.</summary>
    internal PackedRow Row(long step, int pair)
    {
        (long epoch, int place) = Place(step, pair);
        return Draw(epoch, place);
    }

    /// <summary>The pictures of a place in an epoch; of a clip, the driving frame is the target and the source the start.</summary>
    internal PackedRow Draw(long epoch, int place)
    {
        int unit = _isInOrder ? place : Order(epoch)[place];
        if (_pack.Rows > 0) return _pack.Row(unit);
        PackedClip clip = _pack.Clips[unit];
        Philox random = new(_seed, DrawKind.Frames, epoch, place);
        int source = random.Below(clip.Count), target = random.Below(clip.Count - 1);
        if (target >= source) target++;
        return new(clip.First + source, clip.First + target, clip.First + source, clip.First + target);
    }

    private (long Epoch, int Place) Place(long step, int pair)
    {
        (long epoch, long place) = Math.DivRem(checked(step * _pairs + pair), _units);
        return (epoch, (int)place);
    }

    /// <summary>The order of an epoch. Batches that are prepared ahead lie in two epochs at most, unless epochs are short, and then an
    /// order is soon made.</summary>
    private int[] Order(long epoch)
    {
        lock (_gate)
        {
            if (_orders.TryGetValue(epoch, out int[]? known)) return known;
            const int Kept = 4;
            if (_orders.Count == Kept) _orders.Remove(_orders.Keys.Min());
            int[] order = [.. Enumerable.Range(0, _units)];
            Philox random = new(_seed, DrawKind.Order, epoch, 0);
            for (int i = order.Length - 1; i > 0; i--)
            {
                int j = random.Below(i + 1);
                (order[i], order[j]) = (order[j], order[i]);
            }
            _orders.Add(epoch, order);
            return order;
        }
    }
}
