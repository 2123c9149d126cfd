using Lia.Training.Data;
using Lia.Training.Steps;

namespace Lia.Training.Tests;

/// <summary>A folder of packs is one set of data: that of a single pack.</summary>
public sealed class TrainingDataTests : IDisposable
{
    private const int Side = 16;

    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    /// <summary>Ten clips and more parts: some have none, and ten comes after nine.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(12)]
    public void Clips_in_parts_are_the_data_of_one_pack(int count)
    {
        int[] frames = [2, 3, 9, 2, 5, 4, 8, 2, 2, 7];
        Write("whole.liapack", 0, frames);
        string folder = Folder("parts");
        for (int part = 1; part <= count; part++)
        {
            int first = (part - 1) * frames.Length / count, end = part * frames.Length / count;
            Write(Path.Combine("parts", PackParts.Name("faces.liapack", part, count)), first, frames[first..end]);
        }
        File.WriteAllText(Path.Combine(folder, ".faces.1-of-3.liapack.lia"), "{}"); // what lia train pack leaves there
        Assert.True(TrainingData.Recognizes(folder));
        using TrainingData whole = new(_work.At("whole.liapack")), parts = new(folder);
        AssertSame(whole, parts);
        Assert.Equal(whole.Clips, parts.Clips);
        Assert.Equal(whole.Fingerprint, parts.Fingerprint);
    }

    [Fact]
    public void Rows_in_parts_are_learned_from_in_the_order_of_one_pack()
    {
        _work.Clip("pictures", 7, 40);
        string At(int frame) => _work.At("pictures", $"{frame:d4}.png");
        // Parts name each other's pictures, too.
        TrainingRow[] rows = [.. Enumerable.Range(0, 9).Select(i =>
            new TrainingRow(At(i), At(3 * i), i % 2 == 0 ? null : At(30), At(i + 9)))];
        PackOptions options = new() { Size = Side };
        TrainingPack.Write(rows, _work.At("whole.liapack"), options);
        string folder = Folder("parts");
        TrainingPack.Write(rows[..4], Path.Combine(folder, "r.1-of-2.liapack"), options);
        TrainingPack.Write(rows[4..], Path.Combine(folder, "r.2-of-2.liapack"), options);
        using TrainingData whole = new(_work.At("whole.liapack")), parts = new(folder);
        Assert.Equal(9, parts.Rows);
        AssertSame(whole, parts);
    }

    /// <summary>Different data is told apart, also where only pixels of a part differ, and data that was cut elsewhere is not.</summary>
    [Fact]
    public void Another_picture_or_another_order_is_other_data()
    {
        string folder = Folder("parts");
        Write("parts/a.1-of-2.liapack", 0, [2, 3]);
        Write("parts/a.2-of-2.liapack", 2, [4]);
        string before = Fingerprint();
        Write("parts/a.2-of-2.liapack", 3, [4]);
        Assert.NotEqual(before, Fingerprint());
        Write("parts/a.1-of-2.liapack", 0, [2]);
        Write("parts/a.2-of-2.liapack", 1, [3, 4]);
        Assert.Equal(before, Fingerprint());

        string Fingerprint()
        {
            using TrainingData data = new(folder);
            return data.Fingerprint;
        }
    }

    [Fact]
    public void Labels_and_matrices_of_parts_are_those_of_one_pack_and_part_of_the_data()
    {
        PackShape shape = new(Side, false, Labels: 2, Parts: 1);
        string folder = Folder("parts");
        Write("whole.liapack", 0, [2, 3, 4], shape);
        Write("parts/a.1-of-2.liapack", 0, [2, 3], shape);
        Write("parts/a.2-of-2.liapack", 2, [4], shape);
        string fingerprint;
        using (TrainingData whole = new(_work.At("whole.liapack")), parts = new(folder))
        {
            Assert.Equal(shape, parts.Shape);
            fingerprint = whole.Fingerprint;
            Assert.Equal(fingerprint, parts.Fingerprint);
            float[] one = new float[18], other = new float[18];
            for (int picture = 0; picture < 9; picture++)
            {
                whole.ReadNumbers(picture, one);
                parts.ReadNumbers(picture, other);
                Assert.Equal([picture, 0, 1, 0], one[..4]); // as it was written
                Assert.Equal(one, other);
            }
        }
        // The pictures alone are other data, and so is another label or another matrix, whoever wrote it.
        Write("whole.liapack", 0, [2, 3, 4]);
        Assert.NotEqual(fingerprint, Fingerprint());
        foreach (int number in (int[])[1, 17])
        {
            Write("whole.liapack", 0, [2, 3, 4], shape, changed: (5, number));
            Assert.NotEqual(fingerprint, Fingerprint());
        }

        string Fingerprint()
        {
            using TrainingData data = new(_work.At("whole.liapack"));
            return data.Fingerprint;
        }
    }

    [Fact]
    public void Packs_of_a_folder_come_in_the_order_of_their_names()
    {
        string folder = Folder("packs");
        Write("packs/b10.liapack", 3, [2]);
        Write("packs/b9.liapack", 2, [2]);
        Write("packs/a.2-of-2.liapack", 1, [2]);
        Write("packs/a.1-of-2.liapack", 0, [2]);
        using TrainingData data = new(folder);
        Assert.Equal(["clip0", "clip1", "clip2", "clip3"], data.Clips.Select(clip => clip.Name));
    }

    [Fact]
    public void What_is_no_whole_set_is_refused_by_name()
    {
        string folder = Folder("f");
        Assert.Contains("there is no pack in the folder", Refuse());
        Write("f/a.2-of-4.liapack", 0, [2]);
        Assert.Contains("of the 4 parts of a.liapack a.1-of-4.liapack is missing, and 2 more.", Refuse());
        Write("f/a.1-of-4.liapack", 1, [2]);
        Write("f/a.3-of-4.liapack", 2, [2]);
        Assert.Contains("of the 4 parts of a.liapack a.4-of-4.liapack is missing.", Refuse());
        Write("f/a.4-of-4.liapack", 3, [2]);
        new TrainingData(folder).Dispose();

        Write("f/a.1-of-2.liapack", 3, [2]);
        Assert.Contains("a.liapack is there in 2 parts and in 4 parts; delete", Refuse());
        Gone("a.1-of-2");
        Write("f/a.liapack", 3, [2]);
        Assert.Contains("a.liapack is there whole and in 4 parts; delete", Refuse());
        Gone("a");
        Write("f/a.4-of-4.liapack", 2, [3]);
        string twice = Refuse();
        Assert.Contains($"a.4-of-4.liapack: clip clip2 is in {Path.Combine(folder, "a.3-of-4.liapack")} too: the clips changed", twice);
        Write("f/a.4-of-4.liapack", 3, [2]);

        Write("f/b.liapack", 3, [2], side: 32);
        Assert.Contains("are no data together: the first has pictures of 16 pixels a side, the second of 32", Refuse());
        Write("f/b.liapack", 3, [2], hasWeights: true);
        Assert.Contains("b.liapack and ", Refuse());
        Assert.Contains("the first has weight maps, the second none", Refuse());
        Write("f/b.liapack", 3, [2], new PackShape(Side, false, Labels: 3));
        Assert.Contains("the first has 0 labels a picture, the second 3", Refuse());
        Write("f/b.liapack", 3, [2], new PackShape(Side, false, Parts: 2));
        Assert.Contains("the first has surfaces of 0 parts, the second of 2", Refuse());
        _work.Clip("pictures", 7, 2);
        string At(int frame) => _work.At("pictures", $"{frame:d4}.png");
        TrainingPack.Write([new(At(0), At(1), null, At(1))], _work.At("f", "b.liapack"), new PackOptions { Size = Side });
        Assert.Contains("the first has supervised rows, the second clips", Refuse());
        File.WriteAllText(_work.At("f", "b.liapack"), "no pack");
        Assert.Contains("b.liapack: not a pack", Refuse());
        Gone("b");
        new TrainingData(folder).Dispose();

        _work.Clip("f/clip", 7, 2);
        Assert.Contains("there are packs in it, and clips",
            Assert.Throws<MediaException>(() => TrainingData.Recognizes(folder)).Message);
        Assert.False(TrainingData.Recognizes(_work.At("pictures")));

        void Gone(string pack) => File.Delete(_work.At("f", $"{pack}.liapack"));

        string Refuse() => Assert.Throws<MediaException>(() => new TrainingData(folder).Dispose()).Message;
    }

    /// <summary>Learning from parts takes the same steps, and a run goes on when its data was cut anew.</summary>
    [Fact]
    public void A_run_on_parts_is_the_run_on_the_whole()
    {
        for (int clip = 0; clip < 6; clip++) _work.Clip($"data/c{clip}", clip, 3);
        PackOptions options = new() { Size = 64 };
        TrainingPack.Write(_work.At("data"), _work.At("whole.liapack"), options);
        using (TrainingData whole = new(_work.At("whole.liapack")))
        {
            Cut("two", 2, whole);
            Cut("three", 3, whole);
        }
        TinySteps once = new(), first = new(), second = new();
        new Trainer(Run("whole.liapack", "a"), once).Run();
        new Trainer(Run("two", "b") with { Steps = 4 }, first).Run();
        new Trainer(Run("three", "b"), second) { IsResumed = true }.Run();
        Assert.Equal(once.Seen, [.. first.Seen, .. second.Seen]);

        TrainerOptions Run(string data, string run) => new()
        {
            Data = _work.At(data), Output = _work.At(run), Size = 64, Channels = TinySteps.Narrow.Channels, Code = 24, Directions = 5,
            Batch = 2, Steps = 8, HeldOut = 1,
        };

        void Cut(string folder, int count, TrainingData whole)
        {
            Folder(folder);
            byte[] picture = new byte[whole.PictureLength];
            for (int part = 1; part <= count; part++)
            {
                using PackWriter writer = new(_work.At(folder, PackParts.Name("d.liapack", part, count)), new(64, false));
                foreach (PackedClip clip in whole.Clips.Where((_, i) => i * count / whole.Clips.Length == part - 1))
                {
                    for (int i = 0; i < clip.Count; i++)
                    {
                        whole.Read(clip.First + i, picture);
                        writer.Add(picture);
                    }
                    writer.EndClip(clip.Name);
                }
                writer.Complete();
            }
        }
    }

    /// <summary>Same pictures for the same numbers of clips and rows, and so the same steps.</summary>
    private static void AssertSame(TrainingData whole, TrainingData parts)
    {
        BatchSampler one = new(whole, 1, 3, Side, 5, new(true, 0.1f, 0)), other = new(parts, 1, 3, Side, 5, new(true, 0.1f, 0));
        TrainingBatch a = one.Create(), b = other.Create();
        for (int step = 0; step < 12; step++)
        {
            one.Fill(a, step);
            other.Fill(b, step);
            Assert.Equal(a.Sources, b.Sources);
            Assert.Equal(a.Targets, b.Targets);
            Assert.Equal(a.Drivings, b.Drivings);
            Assert.Equal(a.Starts, b.Starts);
        }
    }

    private string Folder(string name) => Directory.CreateDirectory(_work.At(name)).FullName;

    private void Write(string path, int first, int[] frames, int side = Side, bool hasWeights = false) =>
        Write(path, first, frames, new PackShape(side, hasWeights));

    /// <summary>A pack of clips whose pixels follow from the clip's number; of picture n the first number is n, but for one that is
    /// changed, and parts are where their own coordinates are.</summary>
    private void Write(string path, int first, int[] frames, PackShape shape, (int Picture, int Number)? changed = null)
    {
        using PackWriter writer = new(_work.At(path.Split('/')), shape);
        byte[] picture = new byte[writer.PictureLength];
        float[] numbers = new float[shape.Numbers];
        // Clips before it have as many pictures as the tests give them.
        int number = first == 2 ? 5 : 0;
        for (int clip = 0; clip < frames.Length; clip++)
        {
            Random random = new(first + clip);
            for (int frame = 0; frame < frames[clip]; frame++)
            {
                random.NextBytes(picture);
                Array.Clear(numbers);
                for (int i = 0; i < numbers.Length; i++)
                    numbers[i] = i == 0 ? number : i >= shape.Labels && (i - shape.Labels) % 16 % 5 == 0 ? 1 : 0;
                if (number++ == changed?.Picture) numbers[changed.Value.Number] += 0.5f;
                writer.Add(picture, numbers);
            }
            writer.EndClip($"clip{first + clip}");
        }
        writer.Complete();
    }
}
