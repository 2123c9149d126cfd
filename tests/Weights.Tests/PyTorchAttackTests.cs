using System.Buffers.Binary;
using System.Text;
using Lia.Testing;

namespace Lia.Weights.Tests;

/// <summary>Hostile and damaged PyTorch checkpoints: nothing runs, nothing grows, every refusal is one line.</summary>
public class PyTorchAttackTests
{
    /// <summary>Bytes a refusal may allocate beside what is in proportion to the file.</summary>
    private const long FewBytes = 256 << 10;

    private static readonly byte[] TwoFloats = [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40];

    /// <summary>Every way a pickle has to name a callable and call it.</summary>
    public static TheoryData<string, byte[]> Calls => new()
    {
        { "GLOBAL REDUCE", PickleBuilder.GenWith("evil", p => p.Global("os", "system").Op('(').Text("touch hacked").Op('t').Op('R')) },
        { "GLOBAL REDUCE of posix", PickleBuilder.GenWith("evil", p => p.Global("posix", "system").Text("touch hacked").Raw(0x85)
            .Op('R')) },
        { "STACK_GLOBAL REDUCE", PickleBuilder.GenWith("evil", p => p.Text("builtins").Text("eval").Raw(0x93).Text("1+1").Raw(0x85)
            .Op('R')) },
        { "builtins exec", PickleBuilder.GenWith("evil", p => p.Global("__builtin__", "exec").Text("import os").Raw(0x85).Op('R')) },
        { "nested getattr", PickleBuilder.GenWith("evil", p => p.Global("builtins", "getattr").Global("os", "path").Text("system").Raw(0x86)
            .Op('R').Text("id").Raw(0x85).Op('R')) },
        { "INST", PickleBuilder.GenWith("evil", p => p.Op('(').Text("touch hacked").Op("ios\nsystem\n")) },
        { "OBJ", PickleBuilder.GenWith("evil", p => p.Op('(').Global("subprocess", "Popen").Text("touch hacked").Op('o')) },
        { "NEWOBJ", PickleBuilder.GenWith("evil", p => p.Global("subprocess", "Popen").Text("touch hacked").Raw(0x85).Raw(0x81)) },
        { "NEWOBJ_EX", PickleBuilder.GenWith("evil", p => p.Global("subprocess", "Popen").Op(')').Op('}').Raw(0x92)) },
        { "BUILD", PickleBuilder.GenWith("evil", p => p.Global("argparse", "Namespace").Op(')').Raw(0x81).Op('}').Text("__class__")
            .Global("os", "system").Op('s').Op('b')) },
        { "EXT1", PickleBuilder.GenWith("evil", p => p.Raw(0x82, 1).Op(')').Op('R')) },
        { "a call that pretends to be a tensor",
            PickleBuilder.GenWith("evil", p => p.Global("torch._utils", "_rebuild_tensor_v2 ").Op(')').Op('R')) },
        { "a rebuild of a parameter around a call", PickleBuilder.GenWith("evil", p => p.Global("torch._utils", "_rebuild_parameter")
            .Global("os", "system").Text("id").Raw(0x85).Op('R').Raw(0x88).Op('}').Raw(0x87).Op('R')) },
        { "a parameter around itself many times",
            PickleBuilder.GenWith("evil", p => Repeat(p.Op('N'), 300, q => q.Op('0').Global("torch._utils", "_rebuild_parameter").Pair()
            .Raw(0x85).Op('R').Raw(0x85))) },
    };

    [Theory, MemberData(nameof(Calls))]
    public void Calls_are_written_down_and_skipped(string way, byte[] pickle)
    {
        Assert.NotEmpty(way);
        using TemporaryFile file = new(ZipBuilder.Checkpoint(pickle, ("0", TwoFloats)));
        using PyTorchCheckpoint checkpoint = new(file.Path);
        Assert.Equal(["w"], checkpoint.Tensors.Keys);
        Assert.Equal(["evil"], checkpoint.Skipped);
        Assert.Equal([1f, 2f], checkpoint.Read("w"));
    }

    public static TheoryData<string, byte[], string> BrokenPickles => new()
    {
        { "a class as the whole", PickleBuilder.Only(p => p.Global("os", "system").Text("id").Raw(0x85).Op('R')), "'os.system'" },
        { "a number as the whole", PickleBuilder.Only(p => p.Int(1)), "an integer and not a dictionary" },
        { "no tensors", PickleBuilder.Only(p => p.Op('}')), "no tensors" },
        { "two state dicts", PickleBuilder.Only(p => p.Op('}').Text("a").Op('}').Text("w").Pair().Op('s').Op('s').Text("b").Op('}')
            .Text("w").Pair().Op('s').Op('s')), "2 other entries hold tensors: 'a', 'b'" },
        { "deep tuples", PickleBuilder.Only(p => Repeat(p.Op(')'), 100_000, q => q.Raw(0x85))), "nest deeper" },
        { "deep marks", PickleBuilder.Only(p => Repeat(p, 100_000, q => q.Op('('))), "marks nest too deep" },
        { "deep lists through the memo",
            PickleBuilder.Only(p => Repeat(p.Op(']'), 100_000, q => q.Raw((byte)'q', 0).Op(']').Raw((byte)'h', 0).Op('a'))),
            "nest deeper" },
        { "a list that holds itself without end", PickleBuilder.Only(p => Repeat(p.Op(']'), 100_000, q => q.Op('2').Op('a'))),
            "nest deeper" },
        { "too many operations", PickleBuilder.Only(p => Repeat(p, 1_000_001, q => q.Op('N'))), "more than 1000000 operations" },
        { "a memo entry out of nothing", PickleBuilder.Only(p => p.Raw((byte)'h', 7)), "memo entry 7" },
        { "a memo index that is no number", PickleBuilder.Only(p => p.Op("Np-1\n")), "memo index" },
        { "a huge memo index", PickleBuilder.Only(p => p.Op('}').Raw((byte)'r', 255, 255, 255, 255)), "no tensors" },
        { "an empty stack", PickleBuilder.Only(p => p.Op('R')), "stack is empty" },
        { "nothing at the end", PickleBuilder.Only(p => p), "stack is empty" },
        { "a mark that is missing", PickleBuilder.Only(p => p.Op('N').Op('t')), "no mark" },
        { "a pop through a mark", PickleBuilder.Only(p => p.Op('N').Op('(').Raw(0x85)), "stack is empty" },
        { "an unknown operation", PickleBuilder.Only(p => p.Raw(0xff)), "unknown operation 0xff" },
        { "an out-of-band buffer", PickleBuilder.Only(p => p.Raw(0x97)), "unknown operation 0x97" },
        { "protocol 6", [0x80, 6, (byte)'N', (byte)'.'], "protocol" },
        { "a frame beyond the file", PickleBuilder.Only(p => p.Raw(0x95, 255, 255, 255, 255, 255, 255, 255, 127)), "frame" },
        { "text of 4 GB", PickleBuilder.Only(p => p.Raw((byte)'X', 255, 255, 255, 255)), "4294967295 bytes are wanted" },
        { "text of 2^64 bytes", PickleBuilder.Only(p => p.Raw(0x8d, 255, 255, 255, 255, 255, 255, 255, 255)), "bytes are wanted" },
        { "bytes of 4 GB", PickleBuilder.Only(p => p.Raw((byte)'B', 255, 255, 255, 255)), "bytes are wanted" },
        { "an integer of 2 GB", PickleBuilder.Only(p => p.Raw(0x8b, 255, 255, 255, 127)), "bytes are wanted" },
        { "an integer of negative length", PickleBuilder.Only(p => p.Raw(0x8b, 255, 255, 255, 255)), "negative" },
        { "a line without an end", PickleBuilder.Only(p => p.Op("cos")), "does not end" },
        { "an integer in words", PickleBuilder.Only(p => p.Op("Ione\n")), "not a number" },
        { "a key without a value", PickleBuilder.Only(p => p.Op('}').Op('(').Text("a").Op('u')), "key without a value" },
        { "an item set in a number", PickleBuilder.Only(p => p.Int(1).Text("a").Text("b").Op('s')), "set in an integer" },
        { "an item appended to a dictionary", PickleBuilder.Only(p => p.Op('}').Int(1).Op('a')), "appended to a dictionary" },
        { "a reference that is no storage", PickleBuilder.GenWith("x", p => p.Text("anything").Op('Q')), "does not describe a storage" },
        { "a storage of negative length", PickleBuilder.GenWith("x", p => p.Storage("FloatStorage", "0", -2)),
            "does not describe a storage" },
        { "a storage of 2^62 elements", PickleBuilder.GenWith("x", p => p.Storage("FloatStorage", "0", 1L << 62)),
            "does not describe a storage" },
        { "a storage described in two ways", PickleBuilder.GenWith("x", p => p.Storage("DoubleStorage", "0", 1)), "described in two ways" },
        { "a storage that is not there", PickleBuilder.GenWith("x", p => p.Storage("FloatStorage", "1", 2)), "not in the archive" },
        { "a storage key that climbs folders", PickleBuilder.GenWith("x", p => p.Storage("FloatStorage", "../../../etc/passwd", 2)),
            "not in the archive" },
        { "a storage longer than its member",
            PickleBuilder.Only(p => p.Op('}').Text("w").Tensor("FloatStorage", "0", 3, 0, [2], [1]).Op('s')), "claims 12 bytes and has 8" },
        { "a storage shorter than its member",
            PickleBuilder.Only(p => p.Op('}').Text("w").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Op('s')), "claims 4 bytes and has 8" },
        { "a view past its storage", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 0, [3], [1])),
            "reach past its storage" },
        { "an offset past its storage", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 2, [1], [1])),
            "reach past its storage" },
        { "an offset that wraps", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, long.MaxValue, [2], [1])),
            "reach past its storage" },
        { "strides past the storage", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 0, [2, 2], [2, 1])),
            "reach past its storage" },
        { "strides that wrap", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 0, [3, 3], [long.MaxValue, long.MaxValue])),
            "reach past its storage" },
        { "a billion repeated elements", PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 0, [1000, 1000, 500], [0, 0, 0])),
            "repeat their elements" },
        { "more repeated elements than can be counted",
            PickleBuilder.GenWith("x", p => p.Tensor("FloatStorage", "0", 2, 0, [1 << 30, 1 << 30, 1 << 30], [0, 0, 0])), "too large" },
        { "a tensor twice", PickleBuilder.GenWith("w", p => p.Pair()), "occurs twice" },
    };

    [Theory, MemberData(nameof(BrokenPickles))]
    public void Broken_pickles_are_refused_without_growing(string attack, byte[] pickle, string message)
    {
        Assert.NotEmpty(attack);
        using TemporaryFile file = new(ZipBuilder.Checkpoint(pickle, ("0", TwoFloats)));
        Assert.Throws<WeightsException>(() => new PyTorchCheckpoint(file.Path)); // what is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        WeightsException refusal = Assert.Throws<WeightsException>(() => new PyTorchCheckpoint(file.Path));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Contains(message, refusal.Message);
        Assert.DoesNotContain(refusal.Message, char.IsControl);
        Assert.True(allocated < FewBytes + 60L * pickle.Length, $"{allocated} bytes were allocated for a pickle of {pickle.Length}");
    }

    [Fact]
    public void A_billion_laughs_stay_a_few_bytes()
    {
        // l1 = [l0] * 10, l2 = [l1] * 10, ...: 10^60 values if anything followed the references.
        byte[] pickle = PickleBuilder.GenWith("laughs", p =>
        {
            p.Op(']').Raw((byte)'q', 0);
            for (byte level = 1; level < 60; level++)
                p = Repeat(p.Op('0').Op('(').Raw((byte)'h', (byte)(level - 1)), 9, q => q.Raw((byte)'h', (byte)(level - 1))).Op('l')
                    .Raw((byte)'q', level);
            return p;
        });
        using TemporaryFile file = new(ZipBuilder.Checkpoint(pickle, ("0", TwoFloats)));
        new PyTorchCheckpoint(file.Path).Dispose(); // what is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        using PyTorchCheckpoint checkpoint = new(file.Path);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < FewBytes);
        Assert.Equal(["laughs"], checkpoint.Skipped);
    }

    /// <summary>The bytes of a file's members, whose lies are found out.</summary>
    public static TheoryData<string, byte[], string> BrokenZips
    {
        get
        {
            Member pickle = new("model/data.pkl", PickleBuilder.Only(p => p.Op('}').Text("w").Pair().Op('s'))),
                storage = new("model/data/0", TwoFloats);
            byte[] zip64Sizes =
                [1, 0, 24, 0, .. Enumerable.Repeat<byte>(0xff, 7), 0x7f, .. Enumerable.Repeat<byte>(0xff, 7), 0x7f, .. new byte[8]];
            return new()
            {
                { "a compressed pickle", ZipBuilder.Zip(pickle with { Method = 8 }, storage), "is compressed" },
                { "a compressed storage that expands to 4 GB",
                    ZipBuilder.Zip(pickle, storage with { Method = 8, PlainSize = uint.MaxValue - 1 }), "is compressed" },
                { "an encrypted member", ZipBuilder.Zip(pickle, storage with { Flags = 1 }), "is encrypted" },
                { "a size beyond the file", ZipBuilder.Zip(pickle, storage with { StoredSize = 1 << 30, PlainSize = 1 << 30 }),
                    "claims 1073741824 bytes" },
                { "two sizes that differ", ZipBuilder.Zip(pickle, storage with { PlainSize = 1 << 30 }), "sizes differ" },
                { "a local header outside", ZipBuilder.Zip(pickle, storage with { LocalOffset = 1 << 30 }), "lies outside" },
                { "a local header inside another member", ZipBuilder.Zip(pickle, storage with { LocalOffset = 3 }), "no local header" },
                { "members that share bytes", ZipBuilder.Zip(pickle, storage,
                    storage with { Name = "model/data/1", LocalName = "model/data/1" }, new("model/x", [])
                    { LocalOffset = 0, LocalName = "model/data.pkl" }), "another name" },
                { "a member over another", ZipBuilder.Zip(pickle with { StoredSize = 200, PlainSize = 200 }, storage,
                    new("model/pad", new byte[200])), "members overlap" },
                { "a name that differs in the local header", ZipBuilder.Zip(pickle, storage with { LocalName = "model/data/1" }),
                    "another name" },
                { "two members of one name", ZipBuilder.Zip(pickle, storage, storage), "two members are called" },
                { "two pickles", ZipBuilder.Zip(pickle, storage, pickle with { Name = "other/data.pkl" }), "2 pickles" },
                { "no pickle", ZipBuilder.Zip(storage), "0 pickles" },
                { "big-endian storages", ZipBuilder.Zip(pickle, storage, new("model/byteorder", "big"u8.ToArray())), "little-endian" },
                { "zip64 sizes beyond the file",
                    ZipBuilder.Zip(pickle, storage with { StoredSize = uint.MaxValue, PlainSize = uint.MaxValue, Extra = zip64Sizes }),
                    "more than the file has" },
                { "zip64 sizes that are missing",
                    ZipBuilder.Zip(pickle, storage with { StoredSize = uint.MaxValue, PlainSize = uint.MaxValue }), "no zip64 field" },
                { "a zip64 field that is cut off",
                    ZipBuilder.Zip(pickle, storage with { StoredSize = uint.MaxValue, PlainSize = uint.MaxValue,
                    Extra = [1, 0, 4, 0, 1, 2, 3, 4] }), "cut off" },
                { "an extra field beyond its header",
                    ZipBuilder.Zip(pickle, storage with { StoredSize = uint.MaxValue, PlainSize = uint.MaxValue,
                    Extra = [9, 0, 255, 255] }), "cut off" },
                { "a zip64 record that counts otherwise", ZipBuilder.Zip([pickle, storage], record => record[32]++), "contradict" },
                { "a zip64 record elsewhere", ZipBuilder.Zip([pickle, storage], record => record[64]++), "points" },
                { "a zip64 locator into nowhere", ZipBuilder.Zip([pickle, storage], record => record.AsSpan(64, 8).Fill(0xff)), "nowhere" },
                { "a directory of 2^63 bytes",
                    ZipBuilder.Zip([pickle, storage], record => record[47] = 0x80, end => { end.AsSpan(8, 12).Fill(0xff); return end; }),
                    "does not end where" },
                { "a directory that begins elsewhere", ZipBuilder.Zip([pickle, storage], null, end => { end[16]++; return end; }),
                    "does not end where" },
                { "too many members claimed", ZipBuilder.Zip([pickle, storage], null, end => { end[10] = 9; return end; }), "cut off" },
                { "too few members claimed", ZipBuilder.Zip([pickle, storage], null, end => { end[10] = 1; return end; }),
                    "more than its entries" },
                { "several disks", ZipBuilder.Zip([pickle, storage], null, end => { end[4] = 1; return end; }), "several disks" },
                { "bytes after the end", [.. ZipBuilder.Zip(pickle, storage), 0], "no end record" },
                { "only a start", [.. "PK\x03\x04"u8], "no end record" },
            };
        }
    }

    [Theory, MemberData(nameof(BrokenZips))]
    public void Broken_zip_files_are_refused_without_growing(string attack, byte[] zip, string message)
    {
        Assert.NotEmpty(attack);
        using TemporaryFile file = new(zip);
        Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path)); // what is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        WeightsException refusal = Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < FewBytes);
        Assert.Contains(message, refusal.Message);
    }

    [Fact]
    public void Zip_comments_and_zip64_records_are_fine()
    {
        Member[] members = [new("m/data.pkl", PickleBuilder.Only(p => p.Op('}').Text("w").Pair().Op('s'))), new("m/data/0", TwoFloats)];
        using TemporaryFile file = new(ZipBuilder.Zip(members, _ => { }, end =>
        {
            end.AsSpan(8, 12).Fill(0xff); // Everything is in the zip64 record.
            BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(20), 7);
            return [.. end, .. "comment"u8];
        }));
        using ITensorSource checkpoint = Checkpoint.Open(file.Path);
        Assert.Equal([1f, 2f], checkpoint.Read("w"));
    }

    [Theory]
    [InlineData("tiny_zip.pt")]
    [InlineData("tiny_legacy.pt")]
    public void A_file_cut_off_at_any_byte_is_refused(string name)
    {
        byte[] whole = TestData.Read(name);
        for (int length = 0; length < whole.Length; length++)
        {
            using TemporaryFile file = new(whole[..length]);
            Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path));
        }
    }

    [Theory]
    [InlineData(1, "torch.save")]
    [InlineData(17, "1001")]
    public void Streams_that_are_not_of_torch_are_refused(int keep, string message)
    {
        byte[] magic = TestData.Read("tiny_legacy.pt")[..(keep == 1 ? 0 : 15)];
        using TemporaryFile file = new([.. magic, 0x80, 2, (byte)'K', 7, (byte)'.', 0x80, 2, (byte)'K', 7, (byte)'.']);
        Assert.Contains(message, Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path)).Message);
    }

    [Fact]
    public void Legacy_storages_that_contradict_the_pickle_are_refused()
    {
        byte[] whole = TestData.Read("tiny_legacy.pt");
        const int FirstCount = 1488; // After the five pickles: the count of the first storage.
        foreach (byte count in new byte[] { 0, 1, 200, 255 })
        {
            if (whole[FirstCount] == count) continue;
            byte[] changed = [.. whole];
            changed[FirstCount] = count;
            using TemporaryFile file = new(changed);
            Assert.Contains("elements and has", Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path)).Message);
        }
        using TemporaryFile longer = new([.. whole, 0]);
        Assert.Contains("follow its last storage", Assert.Throws<WeightsException>(() => Checkpoint.Open(longer.Path)).Message);
    }

    private static PickleBuilder Repeat(PickleBuilder builder, int times, Func<PickleBuilder, PickleBuilder> step)
    {
        for (int i = 0; i < times; i++) step(builder);
        return builder;
    }
}
