using System.Diagnostics;
using System.Text;
using Lia.Testing;

namespace Lia.Weights.Tests;

/// <summary>
/// Small checkpoints that ask for far more than their size: read or refused within the limits, and stopped when somebody says so.
/// </summary>
public class PickleBombTests
{
    private const long MostBytes = 200_000_000;

    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(5);
    private static readonly byte[] TwoFloats = [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40];

    /// <summary>What a bomb does, its pickle, and the message that refuses it; null where it is read.</summary>
    public static TheoryData<string, Func<byte[]>, string?> Bombs => new()
    {
        // Names made of two strings, thousands of times.
        { "long names", () => PickleBuilder.Only(p => Many(p.Text(new string('m', 1 << 20)).Op("q\00").Text("n")
            .Op("q\u00010]("), 4_000, "h\0h\u0001\u0093").Op('e')), "longer than 256" },
        { "names of the longest length",
            () => PickleBuilder.Only(p => Many(p.Text(new string('m', 255)).Op("q\00").Text("n")
            .Op("q\u00010]("), 190_000, "h\0h\u0001\u0093").Op('e')), "a list and not a dictionary" },
        // A list of pairs that thousands of dictionaries are made of.
        { "one list, many dictionaries",
            () => PickleBuilder.Only(p => Many(Many(p.Global("collections", "OrderedDict").Op("q\00NN\u0086q\u00020]("), 100_000, "h\u0002")
            .Op("e\u0085q\u00010]("), 5_000, "h\0h\u0001R").Op("e")), "same list of pairs" },
        // A key that is hashed for every reference.
        { "a long storage key", () => PickleBuilder.Only(p => Many(Reference(p, new string('k', 1 << 20)).Op("q\00N"), 300_000, "h\0Q0")),
            "does not describe a storage" },
        { "the longest storage key", () => PickleBuilder.Only(p => Many(Reference(p, new string('0', 256)).Op("q\00N"), 300_000, "h\0Q0")),
            "not in the archive" },
        // A dictionary that is searched for every entry it is the value of.
        { "a search for each entry", () =>
            PickleBuilder.Only(p => Many(Many(p.Text("k").Op("q\00}("), 200_000, "h\0h\0").Op("uq\u00010}("), 200_000, "h\0h\u0001")
            .Op("u")), "no tensors" },
        // Memo indices that fall into the same place of a table that takes them as they are.
        { "memo indices that collide", () => PickleBuilder.Only(p => Collide(p.Op("}"), 165_000)), "no tensors" },
        // A tensor of many axes under many names.
        { "many axes", () => Tensors(60_000), null },
        // A value that is no tensor, under a long name, many times.
        { "a long name that is skipped",
            () => PickleBuilder.GenWith("x", p => Many(p.Op("N").Op("s").Text(new string('k', 1 << 20)).Op("q\00("), 200_000, "h\0N")
            .Op("u").Text("y").Op("N")), null },
        { "keys that are no text", () =>
            PickleBuilder.GenWith("x", p => Many(p.Op("N").Op("s").Text(new string('m', 250)).Op("q\00").Text("n")
            .Op("q\u00010("), 150_000, "h\0h\u0001\u0093N").Op("u").Text("y").Op("N")), null },
        { "text without end", () => PickleBuilder.Only(p => p.Text(new string('t', 17 << 20))), "bytes of text" },
        { "a million dictionaries", () => PickleBuilder.Only(p => Many(p, 999_000, "}")), "no tensors" },
        { "a million memo entries", () => PickleBuilder.Only(p => Many(p.Op("}"), 999_000, "\u0094")), "no tensors" },
        { "tuples of tuples of tuples", () => PickleBuilder.Only(p => Many(p.Op("}"), 330_000, ")\u00850")), "no tensors" },
    };

    [Theory, MemberData(nameof(Bombs))]
    public void A_bomb_costs_little_memory_and_time(string bomb, Func<byte[]> make, string? refusal)
    {
        Assert.NotEmpty(bomb);
        using TemporaryFile file = new(ZipBuilder.Checkpoint(make(), ("0", TwoFloats)), ".pt");
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        string? message = null;
        try
        {
            using ITensorSource checkpoint = Checkpoint.Open(file.Path);
            if (checkpoint is PyTorchCheckpoint pyTorch)
                Assert.True(pyTorch.Skipped.Sum(name => (long)name.Length) < new FileInfo(file.Path).Length);
        }
        catch (WeightsException e)
        {
            message = e.Message;
        }
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        if (refusal is null) Assert.Null(message);
        else Assert.Contains(refusal, message);
        Assert.True(time < MostTime, $"it took {time.TotalSeconds:0.0} s");
        Assert.True(bytes < MostBytes, $"it took {bytes} bytes");
    }

    /// <summary>A limit on each pickle would be five limits: the older format has five in a file.</summary>
    [Fact]
    public void The_pickles_of_a_file_have_one_budget()
    {
        byte[] whole = TestData.Read("tiny_legacy.pt"),
            many = PickleBuilder.Only(p => Many(p.Op("}"), 400_000, "N0").Text("little_endian").Op("\u0088s"));
        byte[] start = whole[..SecondPickleEnd(whole)];
        using TemporaryFile file = new([.. start, .. many, .. many, .. many]);
        Assert.Contains("more than 1000000 operations", Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path)).Message);
    }

    [Fact]
    public void Parsing_is_canceled_in_the_middle()
    {
        byte[] pickle = PickleBuilder.Only(p => Many(p.Op("}"), 490_000, "N0"));
        using CancellationTokenSource canceled = new();
        PickleBudget budget = new(canceled.Token);
        for (int i = 0; i < 10_000; i++) Assert.True(budget.TryTakeOperation());
        canceled.Cancel();
        Assert.Throws<OperationCanceledException>(() => PickleReader.Parse(pickle, "bomb", out _, [], budget));
        using TemporaryFile file = new(ZipBuilder.Checkpoint(pickle, ("0", TwoFloats)), ".pt");
        Assert.Throws<OperationCanceledException>(() => Checkpoint.Open(file.Path, canceled.Token));
    }

    private static PickleBuilder Many(PickleBuilder builder, int times, string codes)
    {
        byte[] piece = Encoding.Latin1.GetBytes(codes);
        for (int i = 0; i < times; i++) builder.Raw(piece);
        return builder;
    }

    private static PickleBuilder Reference(PickleBuilder builder, string key) =>
        builder.Op('(').Text("storage").Global("torch", "FloatStorage").Text(key).Text("cpu").Op("K\u0002t");

    /// <summary>
    /// Puts under indices that are multiples of a size that the table of a dictionary has while it grows, and reads them again.
    /// </summary>
    private static PickleBuilder Collide(PickleBuilder builder, int count)
    {
        const uint TableSize = 187_751;
        for (int i = 0; i < count; i++) builder.Op('r').Raw(BitConverter.GetBytes((uint)(i % 20_000) * TableSize + (uint)(i / 20_000)));
        for (int i = 0; i < count; i++)
            builder.Op('j').Raw(BitConverter.GetBytes((uint)(i % 20_000) * TableSize + (uint)(i / 20_000))).Op('0');
        return builder;
    }

    private static byte[] Tensors(int count)
    {
        PickleBuilder builder = new PickleBuilder().Op('}')
            .Tensor("FloatStorage", "0", 2, 0, [.. Enumerable.Repeat(1L, 64)], [.. Enumerable.Repeat(1L, 64)]).Op("q\00(");
        for (int i = 0; i < count; i++) builder.Text($"{i:x}").Op("h\0");
        return builder.Op('u').End();
    }

    private static int SecondPickleEnd(byte[] legacy)
    {
        PickleReader.Parse(legacy, "legacy", out int first, [], new PickleBudget());
        PickleReader.Parse(legacy.AsSpan(first), "legacy", out int second, [], new PickleBudget());
        return first + second;
    }
}
