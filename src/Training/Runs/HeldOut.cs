using Lia.Evaluation;
using Lia.Media.Imaging;
using Lia.Training.Data;
using Lia.Training.Steps;

namespace Lia.Training.Runs;

/// <summary>
/// Pairs that are not learned from: of each held-out clip the first frame, and up to four others, evenly spread, that it is moved to; of
/// supervised rows source and target. Where nothing is held out, pairs that are learned from, to be looked at and not to be measured.
/// </summary>
internal sealed class HeldOut
{
    private const int MostRows = 256, MostShown = 8, TargetsOfClip = 4, Margin = 4;

    private readonly TrainingData _pack;
    private readonly int _size;
    private readonly Augmentation _window;
    private readonly (int Source, int Target)[] _pairs, _shown;

    /// <param name="pack">The data.</param>
    /// <param name="count">Clips or rows at its end that are held out.</param>
    /// <param name="size">S.</param>
    public HeldOut(TrainingData pack, int count, int size)
    {
        (_pack, _size, _window) = (pack, size, Augmentation.None(pack.Side - size));
        int all = pack.Rows > 0 ? pack.Rows : pack.Clips.Length;
        (int Source, int Target)[][] measured = [.. Spread(all - count, count, MostRows).Select(PairsOf)];
        _pairs = [.. measured.SelectMany(pairs => pairs)];
        // One pair of each clip, so that neighbors show different people.
        _shown = [.. (count > 0 ? measured : Spread(0, all, MostShown).Select(PairsOf)).Take(MostShown).Select(pairs => pairs[0])];
    }

    /// <summary>Pictures that are measured.</summary>
    public int Count => _pairs.Length;

    /// <summary>The clips that are held out unless it is told how many: a twentieth, 16 at most.</summary>
    public static int Usual(TrainingData pack) => Math.Min(16, (pack.Rows > 0 ? pack.Rows : pack.Clips.Length) / 20);

    /// <summary>Moves each source to its target and compares, on 8-bit colors.</summary>
    public LoggedMeasures Measure(ITrainingStep step, long number, Lpips? lpips)
    {
        double l1 = 0, psnr = 0, distance = 0;
        Each(step, _pairs, (target, result) =>
        {
            const double Alike = 100; // for equal pictures, whose ratio is infinite
            l1 += ImageMetrics.L1(target, result);
            psnr += Math.Min(Alike, ImageMetrics.Psnr(target, result));
            distance += lpips?.Distance(target, result) ?? 0;
        });
        return new(number, Count, l1 / Count, psnr / Count, lpips is null ? null : distance / Count);
    }

    /// <summary>A row for each pair: source, target, the source moved to the target, and moved to the next row's target.</summary>
    public RgbImage Sheet(ITrainingStep step)
    {
        const int Scale = 1, Line = DotFont.Height * Scale + 2 * Margin;
        string[] labels = ["source", "target", "result", "swapped"];
        RgbImage sheet = new(labels.Length * _size, Line + _shown.Length * _size);
        sheet.Pixels.AsSpan().Fill(255);
        for (int column = 0; column < labels.Length; column++)
        {
            int room = _size - DotFont.Width(labels[column], Scale);
            DotFont.Draw(sheet, labels[column], column * _size + Math.Max(0, room / 2), Margin, Scale);
        }
        int row = 0;
        Each(step, _shown, (target, result) =>
        {
            Place(Picture(Read(_shown[row].Source), 0), 0, row);
            Place(target, 1, row);
            Place(result, 2, row++);
        });
        row = 0;
        Each(step, [.. _shown.Select((pair, i) => (pair.Source, _shown[(i + 1) % _shown.Length].Target))],
            (_, result) => Place(result, 3, row++));
        return sheet;

        void Place(RgbImage image, int column, int row)
        {
            for (int y = 0; y < _size; y++)
            {
                image.Pixels.AsSpan(3 * y * _size, 3 * _size)
                    .CopyTo(sheet.Pixels.AsSpan(3 * ((Line + row * _size + y) * sheet.Width + column * _size)));
            }
        }
    }

    /// <summary>Up to so many of a range, evenly spread.</summary>
    private static IEnumerable<int> Spread(int first, int count, int most)
    {
        int taken = Math.Min(count, most);
        return Enumerable.Range(0, taken).Select(i => first + (int)((long)i * count / taken));
    }

    private (int Source, int Target)[] PairsOf(int unit)
    {
        if (_pack.Rows > 0) return [(_pack.Row(unit).Source, _pack.Row(unit).Target)];
        PackedClip clip = _pack.Clips[unit];
        int targets = Math.Min(TargetsOfClip, clip.Count - 1);
        // The last frame is among them, and the first is not.
        return [.. Enumerable.Range(1, targets).Select(i => (clip.First, clip.First + (int)((long)i * (clip.Count - 1) / targets)))];
    }

    private float[] Read(int picture)
    {
        byte[] bytes = new byte[_pack.PictureLength];
        float[] planes = new float[3 * _size * _size];
        _pack.Read(picture, bytes);
        _window.Apply(bytes, _pack.Side, planes, _size);
        return planes;
    }

    private void Each(ITrainingStep step, (int Source, int Target)[] pairs, Action<RgbImage, RgbImage> take)
    {
        int values = 3 * _size * _size;
        float[] sources = new float[step.Pairs * values], drivings = new float[step.Pairs * values];
        for (int first = 0; first < pairs.Length; first += step.Pairs)
        {
            // A batch has a fixed number; what is over is computed for nobody.
            int count = Math.Min(step.Pairs, pairs.Length - first);
            for (int i = 0; i < count; i++)
            {
                Read(pairs[first + i].Source).CopyTo(sources.AsSpan(i * values));
                Read(pairs[first + i].Target).CopyTo(drivings.AsSpan(i * values));
            }
            float[] results = step.Reconstruct(sources, drivings);
            for (int i = 0; i < count; i++) take(Picture(drivings, i), Picture(results, i));
        }
    }

    private RgbImage Picture(float[] planes, int number)
    {
        RgbImage image = new(_size, _size);
        int plane = _size * _size;
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < plane; i++)
            {
                float value = planes[(3 * number + c) * plane + i];
                image.Pixels[3 * i + c] = (byte)Math.Round(Math.Clamp((value + 1) * 127.5f, 0, 255));
            }
        }
        return image;
    }
}
