using Lia.Training.Data;
using Lia.Training.Steps;

namespace Lia.Training.Tests;

public sealed class SamplingTests : IDisposable
{
    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    /// <summary>The known answers of the authors' Random123 (kat_vectors, philox4x32 10).</summary>
    [Fact]
    public void Random_numbers_are_Philox()
    {
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block((0, 0, 0, 0), 0));
        Assert.Equal((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu),
            Philox.Block((uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue), ulong.MaxValue));
        Assert.Equal((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u),
            Philox.Block((0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), 0x299f31d0_a4093822));
    }

    [Fact]
    public void Numbers_below_a_bound_are_all_as_likely()
    {
        Philox random = new(5, DrawKind.Frames, 0, 0);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++) counts[random.Below(7)]++;
        // Chi square with 6 degrees of freedom: above 27.9 once in ten thousand.
        Assert.InRange(counts.Sum(count => (count - 10_000.0) * (count - 10_000.0) / 10_000), 0, 27.9);
    }

    [Fact]
    public void An_epoch_visits_every_clip_once_with_two_different_frames_and_the_next_in_another_order()
    {
        using TrainingData pack = Pack(frames: [2, 3, 9, 2, 5, 4, 8, 2, 2, 7]);
        BatchSampler sampler = Sampler(pack, pairs: 4, heldOut: 2);
        int[][] epochs = [.. Enumerable.Range(0, 3).Select(epoch => Enumerable.Range(0, 8).Select(place =>
        {
            PackedRow row = sampler.Draw(epoch, place);
            int clip = ClipOf(row.Source);
            Assert.Equal(clip, ClipOf(row.Target));
            Assert.NotEqual(row.Source, row.Target);
            Assert.Equal((row.Source, row.Target), (row.Start, row.Driving));
            return clip;
        }).ToArray())];
        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(0, 8), epoch.Order())); // The last two are held out.
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(epochs[1], epochs[2]);

        int ClipOf(int picture) => pack.Clips.ToList().FindIndex(clip => picture >= clip.First && picture < clip.First + clip.Count);
    }

    [Fact]
    public void In_order_an_epoch_visits_every_clip_where_it_is_packed()
    {
        using TrainingData pack = Pack(frames: [2, 3, 9, 2, 5, 4, 8, 2, 2, 7]);
        BatchSampler sampler = new(pack, 2, 4, 16, 3, default, isInOrder: true);
        int[] clips = [.. from step in Enumerable.Range(0, 4)
                          from pair in Enumerable.Range(0, 4)
                          let picture = sampler.Row(step, pair).Source
                          select pack.Clips.ToList().FindIndex(clip => picture >= clip.First && picture < clip.First + clip.Count)];
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7], clips); // The last two are held out.
    }

    [Fact]
    public void All_ordered_pairs_of_frames_are_as_likely()
    {
        using TrainingData pack = Pack(frames: [4]);
        BatchSampler sampler = Sampler(pack, pairs: 1);
        Dictionary<(int, int), int> counts = [];
        for (int epoch = 0; epoch < 12_000; epoch++)
        {
            PackedRow row = sampler.Draw(epoch, 0);
            counts[(row.Source, row.Target)] = counts.GetValueOrDefault((row.Source, row.Target)) + 1;
        }
        Assert.Equal(12, counts.Count);
        Assert.InRange(counts.Values.Sum(count => (count - 1000.0) * (count - 1000.0) / 1000), 0, 38); // 11 degrees: once in ten thousand
    }

    /// <summary>Whatever threads prepare them, and wherever a run begins.</summary>
    [Fact]
    public void A_step_gets_the_same_bits_wherever_the_run_began()
    {
        using TrainingData pack = Pack(frames: [2, 3, 9, 2, 5], isNoise: true, size: 20);
        BatchSampler sampler = Sampler(pack, pairs: 3, settings: new(true, 0.1f, 4));
        float[][] first = Take(sampler, 0, 20, threads: 3);
        float[][] later = Take(Sampler(pack, pairs: 3, settings: new(true, 0.1f, 4)), 13, 7, threads: 1);
        for (int i = 0; i < 7; i++) Assert.Equal(first[13 + i], later[i]);
        Assert.Equal(20, first.Select(batch => batch.Sum()).Distinct().Count()); // And no two are the same.
        float[][] other = Take(Sampler(pack, pairs: 3, seed: 2, settings: new(true, 0.1f, 4)), 0, 1, threads: 1);
        Assert.NotEqual(first[0], other[0]);

        static float[][] Take(BatchSampler sampler, long from, int count, int threads)
        {
            using BatchQueue queue = new(sampler, from, threads);
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                TrainingBatch batch = queue.Next(CancellationToken.None);
                return (float[])[.. batch.Sources, .. batch.Targets];
            })];
        }
    }

    [Fact]
    public void Pictures_of_a_batch_are_the_packed_ones_in_minus_one_to_one()
    {
        using TrainingData pack = Pack(frames: [2, 3, 4], isNoise: true);
        BatchSampler sampler = Sampler(pack, pairs: 2);
        TrainingBatch batch = sampler.Create();
        sampler.Fill(batch, 5);
        Assert.Null(batch.Drivings);
        Assert.Null(batch.Weights);
        byte[] bytes = new byte[pack.PictureLength];
        for (int pair = 0; pair < 2; pair++)
        {
            PackedRow row = sampler.Draw((5 * 2 + pair) / 3, (5 * 2 + pair) % 3);
            foreach ((int picture, float[] planes) in new[] { (row.Source, batch.Sources), (row.Target, batch.Targets) })
            {
                pack.Read(picture, bytes);
                for (int i = 0; i < 256; i++)
                    for (int c = 0; c < 3; c++)
                        Assert.Equal(bytes[3 * i + c] / 127.5 - 1, planes[(3 * pair + c) * 256 + i], 1e-6);
            }
        }
    }

    /// <summary>A picture that tells its own coordinates shows which window was taken, and whether it was mirrored.</summary>
    [Fact]
    public void Both_pictures_of_a_pair_are_cropped_and_mirrored_alike()
    {
        const int Side = 20, Size = 16;
        for (int frame = 0; frame < 3; frame++)
        {
            RgbImage image = new(Side, Side);
            for (int i = 0; i < Side * Side; i++)
                (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) = ((byte)(i % Side), (byte)(i / Side), (byte)frame);
            Directory.CreateDirectory(_work.At("grid", "a"));
            image.Save(_work.At("grid", "a", $"{frame}.png"));
        }
        TrainingPack.Write(_work.At("grid"), _work.At("g"), new PackOptions { Size = Size, Crop = Side - Size });
        using TrainingData pack = new(_work.At("g"));
        BatchSampler sampler = Sampler(pack, pairs: 64, settings: new(true, 0, Side - Size));
        TrainingBatch batch = sampler.Create();
        HashSet<(int Left, int Top, bool IsFlipped)> seen = [];
        for (int step = 0; step < 8; step++)
        {
            sampler.Fill(batch, step);
            for (int pair = 0; pair < 64; pair++)
            {
                (int left, int top, bool isFlipped) = Window(batch.Sources, pair);
                Assert.Equal((left, top, isFlipped), Window(batch.Targets, pair));
                Assert.NotEqual(At(batch.Sources, pair, 2, 0, 0), At(batch.Targets, pair, 2, 0, 0));
                seen.Add((left, top, isFlipped));
            }
        }
        Assert.Equal(50, seen.Count); // Each of 5x5 places, both ways round: of 512, none is missing but once in a thousand.

        (int Left, int Top, bool IsFlipped) Window(float[] planes, int pair)
        {
            int first = At(planes, pair, 0, 0, 0), last = At(planes, pair, 0, 0, Size - 1), top = At(planes, pair, 1, 0, 0);
            for (int y = 0; y < Size; y++)
            {
                for (int x = 0; x < Size; x++)
                {
                    Assert.Equal(first < last ? first + x : first - x, At(planes, pair, 0, y, x));
                    Assert.Equal(top + y, At(planes, pair, 1, y, x));
                }
            }
            return (Math.Min(first, last), top, first > last);
        }

        static int At(float[] planes, int pair, int plane, int y, int x) =>
            (int)Math.Round((planes[((3 * pair + plane) * Size + y) * Size + x] + 1) * 127.5);
    }

    [Fact]
    public void Rows_are_visited_once_an_epoch_and_weights_are_one_on_average()
    {
        for (int i = 0; i < 6; i++) TrainingWorkspace.Flat(16, 16, (byte)(10 * i), 0, 0).Save(_work.At($"{i}.png"));
        RgbImage map = new(16, 16);
        for (int i = 0; i < 256; i++) map.Pixels.AsSpan(3 * i, 3).Fill((byte)(i % 16 < 8 ? 40 : 120));
        map.Save(_work.At("map.png"));
        string At(int i) => _work.At($"{i}.png");
        TrainingPack.Write([.. Enumerable.Range(0, 5).Select(i => new TrainingRow(At(0), At(i), At(1), At(i + 1), _work.At("map.png")))],
            _work.At("p"), new PackOptions { Size = 16 });
        using TrainingData pack = new(_work.At("p"));
        BatchSampler sampler = Sampler(pack, pairs: 4, heldOut: 1, settings: new(true, 0, 0));
        TrainingBatch batch = sampler.Create();
        sampler.Fill(batch, 3);
        Assert.Equal([0, 10, 20, 30], Enumerable.Range(0, 4).Select(pair => Red(batch.Drivings!, pair)).Order());
        for (int pair = 0; pair < 4; pair++)
        {
            Assert.Equal((0, 10), (Red(batch.Sources, pair), Red(batch.Starts!, pair)));
            Assert.Equal(Red(batch.Drivings!, pair) + 10, Red(batch.Targets, pair));
            float[] weights = batch.Weights![(pair * 256)..((pair + 1) * 256)];
            Assert.Equal(1, weights.Average(), 1e-5);
            Assert.Equal(3, weights.Max() / weights.Min(), 1e-4);
        }

        static int Red(float[] planes, int pair) => (int)Math.Round((planes[3 * pair * 256] + 1) * 127.5);
    }

    [Fact]
    public void Labels_are_those_of_the_pictures_whose_codes_count()
    {
        const int Labels = 3;
        using (PackWriter writer = new(_work.At("rows"), new(16, false, Labels)))
        {
            for (int i = 0; i < 5; i++) writer.Add(Flat((byte)i), [10 * i, i == 2 ? float.NaN : 10 * i + 1, 10 * i + 2]);
            writer.EndClip("rows");
            writer.Add(new PackedRow(0, 1, 2, 3));
            writer.Add(new PackedRow(4, 2, 4, 0)); // moved absolutely: the start's code is the source's
            writer.Complete();
        }
        using (TrainingData rows = new(_work.At("rows")))
        {
            BatchSampler sampler = new(rows, 0, 2, 16, 1, default, tellsLabels: true);
            TrainingBatch batch = sampler.Create();
            sampler.Fill(batch, 0);
            Assert.Equal(3 * 2 * Labels, batch.Labels!.Length);
            float[][] sets = [batch.Sources, batch.Drivings!, batch.Starts!];
            for (int set = 0; set < 3; set++)
            {
                for (int pair = 0; pair < 2; pair++)
                {
                    int shown = Shown(sets[set], pair);
                    float[] expected = set == 2 && shown == 4 ? [float.NaN, float.NaN, float.NaN]
                        : [10 * shown, shown == 2 ? float.NaN : 10 * shown + 1, 10 * shown + 2];
                    Assert.Equal(expected, batch.Labels.AsSpan((set * 2 + pair) * Labels, Labels).ToArray());
                }
            }
            Assert.Null(new BatchSampler(rows, 0, 2, 16, 1, default).Create().Labels);
        }

        using (PackWriter writer = new(_work.At("clip"), new(16, false, 1)))
        {
            for (int i = 0; i < 4; i++) writer.Add(Flat((byte)i), [i]);
            writer.EndClip("clip");
            writer.Complete();
        }
        using TrainingData clip = new(_work.At("clip"));
        BatchSampler pairs = new(clip, 0, 2, 16, 1, default, tellsLabels: true);
        TrainingBatch pair2 = pairs.Create();
        pairs.Fill(pair2, 0);
        Assert.Equal([Shown(pair2.Targets, 0), Shown(pair2.Targets, 1)], pair2.Labels!.Select(label => (int)label));

        static byte[] Flat(byte color) => [.. Enumerable.Repeat(color, 3 * 256)];

        static int Shown(float[] planes, int pair) => (int)Math.Round((planes[3 * pair * 256] + 1) * 127.5);
    }

    /// <summary>
    /// A point of a part that two pictures show is taken from where it is in the one to where it is in the other, whatever window is taken
    /// and whether it is mirrored: pictures tell their own coordinates, and the point's place is found in double, in pixels.
    /// </summary>
    [Fact]
    public void Surfaces_move_from_targets_to_sources()
    {
        const int Side = 22, Size = 16, Parts = 2, Pictures = 6, Unseen = 4, Flattened = 5;
        Random random = new(11);
        float[][] places = [.. Enumerable.Range(0, Pictures).Select(_ => Enumerable.Range(0, 16 * Parts).Select(i =>
            (i % 16 % 5 == 0 ? 1f : 0) + (i % 16 is 15 ? 0 : (i % 16 < 12 ? 0.4f : 0.1f) * (random.NextSingle() - 0.5f))).ToArray())];
        places[Unseen].AsSpan(0, 16).Clear(); // where part 1 is there nobody knows
        places[Flattened].AsSpan(16, 4).CopyTo(places[Flattened].AsSpan(20)); // part 2 has no inverse
        byte[][] pictures = [.. Enumerable.Range(0, Pictures).Select(_ =>
        {
            byte[] bytes = new byte[5 * Side * Side];
            for (int i = 0; i < Side * Side; i++)
            {
                (bytes[3 * i], bytes[3 * i + 1]) = ((byte)(i % Side), (byte)(i / Side));
                (bytes[3 * Side * Side + i], bytes[4 * Side * Side + i]) = ((byte)random.Next(256), (byte)random.Next(Parts + 2));
            }
            return bytes;
        })];
        (int Source, int Target)[] rows = [(0, 1), (2, 3), (3, 0), (1, 1), (Unseen, 2), (2, Unseen), (0, Flattened), (Flattened, 0)];
        using (PackWriter writer = new(_work.At("p"), new(Side, false, 0, Parts)))
        {
            for (int i = 0; i < Pictures; i++) writer.Add(pictures[i], places[i]);
            writer.EndClip("rows");
            foreach ((int source, int target) in rows) writer.Add(new PackedRow(source, source, source, target));
            writer.Complete();
        }
        using TrainingData pack = new(_work.At("p"));
        BatchSampler sampler = new(pack, 0, rows.Length, Size, 1, new(true, 0, Side - Size), tellsSurfaces: true);
        TrainingBatch batch = sampler.Create();
        HashSet<(int, int, bool)> windows = [];
        int compared = 0;
        for (int step = 0; step < 6; step++)
        {
            sampler.Fill(batch, step);
            TargetSurfaces surfaces = batch.Surfaces!;
            for (int pair = 0; pair < rows.Length; pair++)
            {
                PackedRow row = sampler.Row(step, pair);
                (int left, int top) = (Math.Min(Packed(pair, 0, 0, 0), Packed(pair, 0, 0, Size - 1)), Packed(pair, 1, 0, 0));
                bool isFlipped = Packed(pair, 0, 0, 0) > left;
                windows.Add((left, top, isFlipped));
                for (int y = 0; y < Size; y++)
                {
                    for (int x = 0; x < Size; x++)
                    {
                        (int column, int line) = (Packed(pair, 0, y, x), Packed(pair, 1, y, x));
                        int at = line * Side + column, pixel = (pair * Size + y) * Size + x,
                            part = pictures[row.Target][4 * Side * Side + at];
                        Assert.Equal(pictures[row.Target][3 * Side * Side + at], surfaces.Depths[pixel]);
                        if (part > Parts || (part == 1 && (row.Source == Unseen || row.Target == Unseen))
                            || (part == 2 && row.Target == Flattened)) part = 0;
                        Assert.Equal(part, surfaces.PartNumbers[pixel]);
                        if (part == 0) continue;
                        compared++;
                        double depth = surfaces.Depths[pixel] / 255.0;
                        // By the row, in pixels of the packed source.
                        ReadOnlySpan<float> move = surfaces.Moves.AsSpan((pair * Parts + part - 1) * 12, 12);
                        double[] shown = [(2 * x + 1.0) / Size - 1, (2 * y + 1.0) / Size - 1, depth, 1];
                        double[] moved = [Dot(move[..4], shown), Dot(move[4..8], shown), Dot(move[8..], shown)];
                        double across = (moved[0] / moved[2] + 1) / 2 * Size, down = (moved[1] / moved[2] + 1) / 2 * Size;
                        (across, down) = (left + (isFlipped ? Size - across : across), top + down);
                        // By the object.
                        double[] point = Solve(places[row.Target].AsSpan(16 * (part - 1), 16),
                            [(2 * column + 1.0) / Side - 1, (2 * line + 1.0) / Side - 1, depth, 1]);
                        ReadOnlySpan<float> place = places[row.Source].AsSpan(16 * (part - 1), 16);
                        double w = Dot(place[12..], point);
                        Assert.Equal((Dot(place[..4], point) / w + 1) / 2 * Side, across, 1e-4 * Math.Max(1, Math.Abs(across)));
                        Assert.Equal((Dot(place[4..8], point) / w + 1) / 2 * Side, down, 1e-4 * Math.Max(1, Math.Abs(down)));
                    }
                }
            }
        }
        Assert.True(compared > 5000 && windows.Count > 20, $"{compared} points in {windows.Count} windows");

        int Packed(int pair, int plane, int y, int x) =>
            (int)Math.Round((batch.Targets[((3 * pair + plane) * Size + y) * Size + x] + 1) * 127.5);

        static double Dot(ReadOnlySpan<float> row, double[] point)
        {
            double sum = 0;
            for (int i = 0; i < 4; i++) sum += row[i] * point[i];
            return sum;
        }

        // Cramer's rule.
        static double[] Solve(ReadOnlySpan<float> matrix, double[] right)
        {
            double[] values = [.. matrix.ToArray().Select(value => (double)value)];
            double all = Determinant(values, 4);
            return [.. Enumerable.Range(0, 4).Select(column =>
            {
                double[] replaced = [.. values];
                for (int row = 0; row < 4; row++) replaced[4 * row + column] = right[row];
                return Determinant(replaced, 4) / all;
            })];
        }

        static double Determinant(double[] values, int order) => order == 1 ? values[0]
            : Enumerable.Range(0, order).Sum(column => (column % 2 == 0 ? 1 : -1) * values[column] * Determinant(
                [.. Enumerable.Range(1, order - 1).SelectMany(row => Enumerable.Range(0, order).Where(other => other != column)
                    .Select(other => values[row * order + other]))], order - 1));
    }

    [Fact]
    public void What_cannot_be_learned_from_is_refused_by_name()
    {
        using TrainingData pack = Pack(frames: [2, 3]);
        Assert.Contains("there are no labels in it to be weighed (--labels)",
            Assert.Throws<MediaException>(() => new BatchSampler(pack, 0, 2, 16, 1, default, tellsLabels: true)).Message);
        Assert.Contains("there are no surfaces in it to be weighed (--surfaces)",
            Assert.Throws<MediaException>(() => new BatchSampler(pack, 0, 2, 16, 1, default, tellsSurfaces: true)).Message);
        Assert.Contains("64 are needed", Assert.Throws<MediaException>(() => new BatchSampler(pack, 0, 2, 64, 1, default)).Message);
        Assert.Contains("nothing is left", Assert.Throws<MediaException>(() => Sampler(pack, pairs: 2, heldOut: 2)).Message);
        string path = _work.At("short");
        using (PackWriter writer = new(path, new(16, false)))
        {
            byte[] picture = new byte[writer.PictureLength];
            writer.Add(picture);
            writer.Add(picture);
            writer.EndClip("long");
            writer.Add(picture);
            writer.EndClip("lonely");
            writer.Complete();
        }
        using TrainingData shortPack = new(path);
        Assert.Contains("clip lonely has 1 frame", Assert.Throws<MediaException>(() => Sampler(shortPack, pairs: 2)).Message);
    }

    [Fact]
    public void A_pack_that_cannot_be_read_any_more_is_told_where_the_batch_is_asked_for()
    {
        using TrainingData pack = Pack(frames: [2, 3]);
        using (FileStream file = new(pack.Name, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(100);
        using BatchQueue queue = new(Sampler(pack, pairs: 2), 0, 2);
        Assert.Contains("ends too early", Assert.Throws<MediaException>(() => queue.Next(CancellationToken.None)).Message);
    }

    private static BatchSampler Sampler(
        TrainingData pack, int pairs, int heldOut = 0, ulong seed = 1, AugmentationSettings settings = default) =>
        new(pack, heldOut, pairs, pack.Side - settings.Crop, seed, settings);

    private TrainingData Pack(int[] frames, bool isNoise = false, int size = 16)
    {
        string path = _work.At($"pack{frames.Length}");
        using (PackWriter writer = new(path, new(size, false)))
        {
            Random random = new(3);
            byte[] picture = new byte[writer.PictureLength];
            for (int clip = 0; clip < frames.Length; clip++)
            {
                for (int frame = 0; frame < frames[clip]; frame++)
                {
                    if (isNoise) random.NextBytes(picture);
                    writer.Add(picture);
                }
                writer.EndClip($"clip{clip}");
            }
            writer.Complete();
        }
        return new TrainingData(path);
    }
}
