using System.Buffers.Binary;
using System.Text;
using Lia.Media.Imaging;
using Lia.Training.Data;
using Lia.Training.Steps;

namespace Lia.Training.Tests;

public sealed class PackTests : IDisposable
{
    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    [Fact]
    public void Frames_of_all_clips_lie_in_the_order_of_names_resized_as_Pillow_does()
    {
        string data = _work.At("data"), path = _work.At("data.liapack");
        RgbImage[] pictures = [.. Enumerable.Range(0, 5).Select(i => TrainingWorkspace.Noise(90 - 7 * i, 70 + 3 * i, i))];
        Directory.CreateDirectory(_work.At("data", "b10"));
        Directory.CreateDirectory(_work.At("data", "b9"));
        for (int i = 0; i < 2; i++) pictures[i].Save(_work.At("data", "b9", $"{i}.png"));
        for (int i = 2; i < 5; i++) pictures[i].Save(_work.At("data", "b10", $"{i}.png"));

        PackSummary summary = TrainingPack.Write(data, path, new PackOptions { Size = 64 });

        Assert.Equal((2, 5, 0, 0), (summary.Clips, summary.Pictures, summary.Rows, summary.LeftOut));
        using PackFile pack = new(path);
        Assert.Equal([new("b9", 0, 2), new("b10", 2, 3)], pack.Clips);
        Assert.False(pack.HasWeights);
        byte[] bytes = new byte[pack.PictureLength], expected = new byte[3 * 64 * 64];
        for (int i = 0; i < 5; i++)
        {
            RgbImage image = pictures[i];
            new PillowResize(image.Width, image.Height, 64, 64).Run(image.Pixels, 3 * image.Width, expected, 3 * 64);
            pack.Read(i, bytes);
            Assert.Equal(expected, bytes);
        }
        Assert.Equal([path], Directory.GetFiles(_work.Folder)); // Nothing is left beside it.
    }

    /// <summary>The page says how a file is made; here it is made by that page, without the writer.</summary>
    [Fact]
    public void The_format_is_the_documented_one()
    {
        string data = _work.At("data"), path = _work.At("data.liapack");
        _work.Clip("data/first", 11, 2);
        _work.Clip("data/sécond", 12, 3);
        TrainingPack.Write(data, path, new PackOptions { Size = 16 });

        using MemoryStream expected = new();
        using (BinaryWriter writer = new(expected, Encoding.UTF8, leaveOpen: true))
        {
            byte[][] clips = [.. new (byte Clip, int Frames)[] { (11, 2), (12, 3) }.Select(clip => Enumerable.Range(0, clip.Frames)
                .SelectMany(frame => Enumerable.Repeat((byte[])[clip.Clip, (byte)frame, 200], 256).SelectMany(pixel => pixel)).ToArray())];
            byte[] index = Index([("first", 2, clips[0]), ("sécond", 3, clips[1])]);
            writer.Write("LIAPACK\n"u8);
            foreach (int word in (int[])[1, 16, 3, 0]) writer.Write(word);
            foreach (long word in (long[])[5, 64 + 5 * 768, index.Length, 0, 0]) writer.Write(word);
            writer.Write(clips[0]);
            writer.Write(clips[1]);
            writer.Write(index);
        }
        Assert.Equal(expected.ToArray(), File.ReadAllBytes(path));

        static byte[] Index((string Name, int Frames, byte[] Pixels)[] clips)
        {
            using MemoryStream index = new();
            using BinaryWriter writer = new(index, Encoding.UTF8);
            writer.Write(clips.Length);
            foreach ((string name, int frames, byte[] pixels) in clips)
            {
                writer.Write(frames);
                writer.Write((ushort)Encoding.UTF8.GetByteCount(name));
                writer.Write(Encoding.UTF8.GetBytes(name));
                writer.Write(System.Security.Cryptography.SHA256.HashData(pixels));
            }
            writer.Write(0);
            return index.ToArray();
        }
    }

    [Fact]
    public void A_clip_that_breaks_off_or_is_too_short_is_named_and_left_out_whole()
    {
        string data = _work.At("data"), path = _work.At("data.liapack");
        _work.Clip("data/a", 1, 3);
        string broken = _work.Clip("data/b", 2, 4);
        File.WriteAllBytes(Path.Combine(broken, "0002.png"), File.ReadAllBytes(Path.Combine(broken, "0002.png"))[..60]);
        _work.Clip("data/c", 3, 1);
        File.WriteAllText(_work.At("data", "d.mp4"), "no video");
        _work.Clip("data/e", 5, 2);
        List<string> warnings = [];

        PackSummary summary = TrainingPack.Write(data, path, new PackOptions { Size = 16, OnWarning = warnings.Add });

        Assert.Equal((2, 5, 3), (summary.Clips, summary.Pictures, summary.LeftOut));
        Assert.Equal(3, warnings.Count);
        Assert.Contains(Path.Combine("b", "0002.png"), warnings[0]);
        Assert.Contains($"{Path.DirectorySeparatorChar}c: it has 1 frame,", warnings[1]);
        Assert.Contains("d.mp4", warnings[2]);
        using PackFile pack = new(path);
        Assert.Equal(["a", "e"], pack.Clips.Select(clip => clip.Name));
        byte[] bytes = new byte[pack.PictureLength];
        for (int i = 0; i < 5; i++)
        {
            pack.Read(i, bytes);
            Assert.Equal((i < 3 ? 1 : 5, i < 3 ? i : i - 3), (bytes[0], bytes[1]));
        }
    }

    /// <summary>Threads change nothing, with clips that are left out and rows that share pictures among them.</summary>
    [Fact]
    public void Packs_are_the_same_whoever_decodes()
    {
        for (int clip = 0; clip < 12; clip++) _work.Clip($"data/{clip}", clip, 1 + clip % 5, 40, 30);
        string At(int clip, int frame) => _work.At("data", $"{clip}", $"{frame:d4}.png");
        TrainingRow[] rows = [.. Enumerable.Range(0, 30).Select(i => new TrainingRow(At(4, i % 5), At(i % 12, 0), null, At(9, i % 7)))];
        byte[][] packs = [.. ((int[])[1, 2, 7]).Select(workers =>
        {
            List<string> warnings = [];
            List<PackProgress> told = [];
            PackOptions options = new() { Size = 16, Workers = workers, OnWarning = warnings.Add };
            Assert.Equal(3, TrainingPack.Write(_work.At("data"), _work.At("c"), options, new Told(told.Add)).LeftOut);
            Assert.Equal(Enumerable.Range(1, 12), told.Select(progress => progress.Done));
            Assert.Equal(8, TrainingPack.Write(rows, _work.At("r"), options).LeftOut); // Clip 9 has five frames, of seven.
            Assert.Equal(11, warnings.Count);
            return (byte[])[.. File.ReadAllBytes(_work.At("c")), .. File.ReadAllBytes(_work.At("r"))];
        })];
        Assert.Equal(packs[0], packs[1]);
        Assert.Equal(packs[0], packs[2]);
    }

    [Fact]
    public void Each_so_manieth_frame_is_packed_from_the_first_on()
    {
        _work.Clip("data/a", 1, 8);
        TrainingPack.Write(_work.At("data"), _work.At("p"), new PackOptions { Size = 16, Every = 3 });
        using PackFile pack = new(_work.At("p"));
        byte[] bytes = new byte[pack.PictureLength];
        Assert.Equal([0, 3, 6], Enumerable.Range(0, pack.Pictures).Select(i =>
        {
            pack.Read(i, bytes);
            return (int)bytes[1];
        }));
    }

    [Fact]
    public void A_video_is_packed_frame_by_frame()
    {
        Directory.CreateDirectory(_work.At("data"));
        File.Copy(Path.Combine(Testing.TestData.Sample("driving.png")), _work.At("data", "clip.apng"));
        TrainingPack.Write(_work.At("data"), _work.At("p"), new PackOptions { Size = 64 });
        using PackFile pack = new(_work.At("p"));
        Assert.Equal([new("clip.apng", 0, 48)], pack.Clips);
    }

    [Fact]
    public void Without_a_clip_there_is_no_pack()
    {
        _work.Clip("data/c", 3, 1);
        MediaException failure = Assert.Throws<MediaException>(() =>
            TrainingPack.Write(_work.At("data"), _work.At("p"), new PackOptions { Size = 16 }));
        Assert.Contains("no clip with two frames", failure.Message);
        Assert.Empty(Directory.GetFiles(_work.Folder));
    }

    [Fact]
    public void Stopped_packing_leaves_nothing()
    {
        _work.Clip("data/a", 3, 3);
        _work.Clip("data/b", 3, 3);
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => TrainingPack.Write(_work.At("data"), _work.At("p"),
            new PackOptions { Size = 16 }, new Told(_ => stop.Cancel()), stop.Token));
        Assert.Empty(Directory.GetFiles(_work.Folder));
    }

    [Fact]
    public void Weight_maps_go_with_their_frames()
    {
        _work.Clip("data/a", 1, 3);
        Directory.CreateDirectory(_work.At("maps", "a"));
        for (int i = 0; i < 3; i++)
            TrainingWorkspace.Flat(20, 20, (byte)(30 * i), (byte)(30 * i), (byte)(30 * i + 3)).Save(_work.At("maps", "a", $"{i}.png"));
        TrainingPack.Write(_work.At("data"), _work.At("p"), new PackOptions { Size = 16, WeightMaps = _work.At("maps") });
        using PackFile pack = new(_work.At("p"));
        Assert.True(pack.HasWeights);
        byte[] bytes = new byte[pack.PictureLength];
        for (int i = 0; i < 3; i++)
        {
            pack.Read(i, bytes);
            Assert.Equal(i, bytes[1]);
            Assert.All(bytes[768..], weight => Assert.Equal(30 * i + 1, weight));
        }

        File.Delete(_work.At("maps", "a", "2.png"));
        List<string> warnings = [];
        Assert.Throws<MediaException>(() => TrainingPack.Write(_work.At("data"), _work.At("p"),
            new PackOptions { Size = 16, WeightMaps = _work.At("maps"), OnWarning = warnings.Add }));
        Assert.Contains("weight maps for 2 frames only", Assert.Single(warnings));
    }

    [Fact]
    public void Rows_name_their_pictures_which_are_packed_once()
    {
        _work.Clip("data", 7, 6);
        string At(int frame) => _work.At("data", $"{frame:d4}.png");
        TrainingWorkspace.Flat(16, 16, 90, 90, 90).Save(_work.At("map.png"));
        List<string> warnings = [];
        PackSummary summary = TrainingPack.Write(
            [
                new(At(0), At(1), At(2), At(3), _work.At("map.png")),
                new(At(0), _work.At("none.png"), null, At(3)) { Name = "rows.csv: row 2" },
                new(At(3), At(1), null, At(5)),
            ], _work.At("p"), new PackOptions { Size = 16, OnWarning = warnings.Add });

        Assert.Equal((2, 1), (summary.Rows, summary.LeftOut));
        Assert.Contains("rows.csv: row 2: ", Assert.Single(warnings));
        using PackFile pack = new(_work.At("p"));
        byte[] bytes = new byte[pack.PictureLength];
        int Frame(int picture)
        {
            pack.Read(picture, bytes);
            return bytes[1];
        }
        PackedRow first = pack.Row(0), second = pack.Row(1);
        Assert.Equal([0, 1, 2, 3], ((int[])[first.Source, first.Driving, first.Start, first.Target]).Select(Frame));
        Assert.Equal(90, bytes[^1]);
        // Absolute: the start is the source itself.
        Assert.Equal([3, 1, 3, 5], ((int[])[second.Source, second.Driving, second.Start, second.Target]).Select(Frame));
        Assert.Equal(255, bytes[^1]);
        Assert.Equal((first.Driving, 6), (second.Driving, pack.Pictures)); // Frame 3 with its map, and without.
    }

    /// <summary>Of both kinds of numbers, with weight maps and without, by the page again; a clip that was dropped leaves
    /// nothing.</summary>
    [Theory]
    [InlineData(false, 3, 2)]
    [InlineData(true, 3, 2)]
    [InlineData(true, 256, 0)]
    [InlineData(false, 0, 16)]
    public void The_format_with_labels_and_surfaces_is_the_documented_one(bool hasWeights, int labels, int parts)
    {
        const int Side = 16;
        int planes = 3 + (hasWeights ? 1 : 0) + (parts > 0 ? 2 : 0), picture = planes * Side * Side, numbers = labels + 16 * parts;
        Random random = new(4);
        byte[][] pictures = [.. Enumerable.Range(0, 5).Select(_ => Bytes(picture))];
        float[][] told = [.. Enumerable.Range(0, 5).Select(_ => Enumerable.Range(0, numbers).Select(_ => random.NextSingle()).ToArray())];
        if (labels > 0) told[3][1] = float.NaN;

        string path = _work.At("p");
        using (PackWriter writer = new(path, new(Side, hasWeights, labels, parts)))
        {
            Add(0, 2);
            writer.EndClip("first");
            Add(4, 1);
            writer.DropClip();
            Add(2, 3);
            writer.EndClip("second");
            writer.Add(new PackedRow(0, 1, 2, 3));
            writer.Complete();

            void Add(int first, int count)
            {
                for (int i = first; i < first + count; i++) writer.Add(pictures[i], told[i]);
            }
        }

        using MemoryStream expected = new();
        using (BinaryWriter writer = new(expected, Encoding.UTF8, leaveOpen: true))
        {
            int index = 4 + 6 + 5 + 32 + 6 + 6 + 32 + 4 + 16;
            writer.Write("LIAPACK\n"u8);
            foreach (int word in (int[])[2, Side, planes, 0]) writer.Write(word);
            foreach (long word in (long[])[5, 64 + 5 * (picture + 4 * numbers), index]) writer.Write(word);
            foreach (int word in (int[])[labels, parts, 0, 0]) writer.Write(word);
            foreach (byte[] bytes in pictures) writer.Write(bytes);
            foreach (float[] values in told) writer.Write(Numbers(values));
            writer.Write(2);
            foreach ((string name, int first, int count) in new[] { ("first", 0, 2), ("second", 2, 3) })
            {
                writer.Write(count);
                writer.Write((ushort)name.Length);
                writer.Write(Encoding.UTF8.GetBytes(name));
                byte[] all = [.. pictures[first..(first + count)].SelectMany(bytes => bytes),
                    .. told[first..(first + count)].SelectMany(Numbers)];
                writer.Write(System.Security.Cryptography.SHA256.HashData(all));
            }
            foreach (int word in (int[])[1, 0, 1, 2, 3]) writer.Write(word);
        }
        Assert.Equal(expected.ToArray(), File.ReadAllBytes(path));

        using PackFile pack = new(path);
        Assert.Equal(new PackShape(Side, hasWeights, labels, parts), pack.Shape);
        byte[] read = new byte[pack.PictureLength];
        float[] known = new float[numbers];
        for (int i = 0; i < 5; i++)
        {
            pack.Read(i, read);
            pack.ReadNumbers(i, known);
            Assert.Equal(pictures[i], read);
            Assert.Equal(told[i], known);
        }

        byte[] Bytes(int count)
        {
            byte[] bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }

        static byte[] Numbers(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
    }

    [Fact]
    public void Damaged_packs_are_refused_and_say_where()
    {
        _work.Clip("data/a", 1, 2);
        _work.Clip("data/b", 2, 2);
        string path = _work.At("p");
        TrainingPack.Write(_work.At("data"), path, new PackOptions { Size = 16 });
        byte[] whole = File.ReadAllBytes(path);
        int index = 64 + 4 * 768;

        Refuse("shorter than its header", bytes => bytes[..40]);
        Refuse("does not begin", bytes => With(bytes, 0, 'X'));
        Refuse("version is 3", bytes => With(bytes, 8, 3));
        Refuse("neither labels nor surfaces", bytes => With(bytes, 8, 2));
        Refuse("5 pixels a side", bytes => With(bytes, 12, 5));
        Refuse("planes", bytes => With(bytes, 16, 9));
        Refuse("cut short", bytes => bytes[..^1]);
        Refuse("cut short", bytes => [.. bytes, 0]);
        Refuse("do not make", bytes => With(bytes, 24, 5));
        Refuse("do not make", bytes => With(bytes, 28, int.MaxValue)); // 2^63 pictures
        Refuse("do not make", bytes => With(bytes, 36, 1));
        Refuse("do not fit", bytes => With(bytes, index, int.MaxValue));
        Refuse("beyond the last", bytes => With(bytes, index + 4, 5));
        Refuse("clips have 3 pictures", bytes => With(bytes, index + 4, 1));
        Refuse("the name of clip 0 has 0 bytes", bytes => WithShort(bytes, index + 8, 0));
        Refuse("cut short", bytes => WithShort(bytes, index + 8, 4000));
        Refuse("no UTF-8", bytes => With(bytes, index + 10, 0xff));
        Refuse("rows do not fill", bytes => With(bytes, bytes.Length - 4, 1));

        // A row that names what is not there.
        TrainingPack.Write([new(At(0), At(1), null, At(1))], path, new PackOptions { Size = 16 });
        whole = File.ReadAllBytes(path);
        Refuse("row 0 names picture 2", bytes => With(bytes, bytes.Length - 4, 2));
        Refuse("row 0 names picture 4294967295", bytes => With(bytes, bytes.Length - 8, -1));

        // With 3 labels and 2 parts: 35 numbers a picture.
        WriteGuided(path, 3);
        whole = File.ReadAllBytes(path);
        int numbers = 64 + 3 * 6 * 256, infinite = BitConverter.SingleToInt32Bits(float.NegativeInfinity),
            nan = BitConverter.SingleToInt32Bits(float.NaN);
        new PackFile(path).Dispose();
        Refuse("257 labels", bytes => With(bytes, 48, 257));
        Refuse("4294967295 labels", bytes => With(bytes, 48, -1));
        Refuse("17 parts", bytes => With(bytes, 52, 17));
        Refuse("6 planes, not 3 or 4", bytes => With(bytes, 52, 0));
        Refuse("4 planes, not 5 or 6 with surfaces", bytes => With(bytes, 16, 4));
        Refuse("do not make", bytes => With(bytes, 48, 4));
        Refuse("cut short", bytes => bytes[..^35]);
        Refuse("label 2 of picture 1 is infinite", bytes => With(bytes, numbers + 4 * (35 + 2), infinite));
        Refuse("the matrix of part 1 of picture 0 has a value that is not finite", bytes => With(bytes, numbers + 4 * 3, nan));
        Refuse("the matrix of part 2 of picture 2 has a value that is not finite",
            bytes => With(bytes, numbers + 4 * (3 * 35 - 1), infinite));
        // A label that is NaN is unknown.
        File.WriteAllBytes(path, With([.. whole], numbers + 4 * (35 + 2), nan));
        new PackFile(path).Dispose();

        string At(int frame) => _work.At("data", "a", $"{frame:d4}.png");

        void Refuse(string reason, Func<byte[], byte[]> damage)
        {
            File.WriteAllBytes(path, damage([.. whole]));
            MediaException failure = Assert.Throws<MediaException>(() => new PackFile(path).Dispose());
            Assert.StartsWith(path, failure.Message);
            Assert.Contains(reason, failure.Message);
        }

        static byte[] With(byte[] bytes, int at, int word)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), word);
            return bytes;
        }

        static byte[] WithShort(byte[] bytes, int at, ushort word)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), word);
            return bytes;
        }
    }

    /// <summary>Whatever bytes of header, numbers and index are, a pack is refused, or all that it names can be read and learned
    /// from.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_damage_is_a_fault_of_the_program(bool isGuided)
    {
        string path = _work.At("p");
        if (isGuided)
        {
            WriteGuided(path, 3);
        }
        else
        {
            _work.Clip("data/a", 1, 3);
            string At(int frame) => _work.At("data", "a", $"{frame:d4}.png");
            TrainingPack.Write([new(At(0), At(1), null, At(2)), new(At(1), At(0), At(2), At(2))], path, new PackOptions { Size = 16 });
        }
        byte[] whole = File.ReadAllBytes(path);
        int end = 64 + 3 * (isGuided ? 6 : 3) * 256, opened = 0, refused = 0;
        Random random = new(6);
        for (int i = 0; i < 1000; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(64 + bytes.Length - end);
                bytes[at < 64 ? at : end + at - 64] = (byte)random.Next(256);
            }
            File.WriteAllBytes(path, bytes);
            try
            {
                using TrainingData pack = new(path);
                byte[] picture = new byte[pack.PictureLength];
                foreach (PackedClip clip in pack.Clips)
                    for (int frame = 0; frame < clip.Count; frame++) pack.Read(clip.First + frame, picture);
                for (int row = 0; row < pack.Rows; row++) pack.Read(pack.Row(row).Target, picture);
                opened++;
                BatchSampler sampler = new(pack, 0, 2, 16, 1, default, pack.Shape.Labels > 0, pack.Shape.Parts > 0);
                TrainingBatch batch = sampler.Create();
                sampler.Fill(batch, i);
                if (batch.Surfaces is not { } surfaces) continue;
                Assert.All(surfaces.Moves, move => Assert.True(float.IsFinite(move)));
                Assert.DoesNotContain(surfaces.PartNumbers, part => part > surfaces.Parts);
            }
            catch (MediaException)
            {
                refused++;
            }
        }
        Assert.True(opened > 50 && refused > 50, $"{opened} opened, {refused} refused"); // Hashes and names may be anything.
    }

    /// <summary>Writes a pack of noise with weight maps, three labels and two parts, and two rows.</summary>
    private static void WriteGuided(string path, int pictures)
    {
        Random random = new(8);
        PackShape shape = new(16, true, 3, 2);
        using PackWriter writer = new(path, shape);
        byte[] picture = new byte[shape.PictureLength];
        float[] numbers = new float[shape.Numbers];
        for (int i = 0; i < pictures; i++)
        {
            random.NextBytes(picture);
            for (int k = 0; k < numbers.Length; k++) numbers[k] = 2 * random.NextSingle() - 1;
            writer.Add(picture, numbers);
        }
        writer.EndClip("rows");
        writer.Add(new PackedRow(0, 1, 0, 2));
        writer.Add(new PackedRow(1, 0, 2, 2));
        writer.Complete();
    }

    private sealed class Told(Action<PackProgress> tell) : IProgress<PackProgress>
    {
        public void Report(PackProgress value) => tell(value);
    }
}
