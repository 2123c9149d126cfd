using Lia.Testing;

namespace Lia.Weights.Tests;

public class PyTorchCheckpointTests
{
    [Theory]
    [InlineData("tiny_zip.pt", "tiny_expected.safetensors")]
    [InlineData("tiny_legacy.pt", "tiny_expected.safetensors")]
    [InlineData("module_zip.pt", "module_expected.safetensors")]
    [InlineData("module_legacy.pt", "module_expected.safetensors")]
    public void Reference_checkpoints_give_exactly_the_expected_tensors(string checkpoint, string expected)
    {
        using ITensorSource actual = Weights.Checkpoint.Open(TestData.Unpack(checkpoint));
        using SafetensorsFile truth = new(TestData.Unpack(expected));
        Assert.Equal("gen", Assert.IsType<PyTorchCheckpoint>(actual).Location);
        Assert.Equal(truth.Tensors.Keys.Order(), actual.Tensors.Keys.Order());
        foreach (TensorInfo tensor in truth.Tensors.Values)
        {
            TensorInfo read = actual.Tensors[tensor.Name];
            Assert.Equal(tensor.DType, read.DType);
            Assert.Equal(tensor.Shape, read.Shape);
            byte[] bytes = new byte[truth.Bytes(tensor.Name).Length];
            actual.CopyBytesTo(tensor.Name, bytes);
            Assert.True(truth.Bytes(tensor.Name).SequenceEqual(bytes), tensor.Name);
            Assert.Equal(truth.Read(tensor.Name), actual.Read(tensor.Name));
        }
    }

    [Fact]
    public void Entries_beside_the_tensors_are_told()
    {
        using PyTorchCheckpoint checkpoint = new(TestData.Unpack("tiny_zip.pt"));
        Assert.Empty(checkpoint.Skipped);
        using TemporaryFile mixed = Checkpoint(PickleBuilder.GenWith("epoch", p => p.Int(3)));
        using PyTorchCheckpoint other = new(mixed.Path);
        Assert.Equal(["epoch"], other.Skipped);
    }

    public static TheoryData<string, byte[], string> Places => new()
    {
        { "under gen, whatever else there is", PickleBuilder.Only(p => p.Op('}').Text("dis").Op('}').Text("d").Pair().Op('s').Op('s')
            .Text("gen").Op('}').Text("w").Pair().Op('s').Op('s')), "gen" },
        { "at the top level", PickleBuilder.Only(p => p.Op('}').Text("w").Pair().Op('s')), "" },
        { "in the only dictionary of tensors", PickleBuilder.Only(p => p.Op('}').Text("epoch").Int(3).Op('s').Text("state_dict").Op('}')
            .Text("w").Pair().Op('s').Op('s')), "state_dict" },
    };

    [Theory, MemberData(nameof(Places))]
    public void Tensors_are_found(string where, byte[] pickle, string location)
    {
        Assert.NotEmpty(where);
        using TemporaryFile file = Checkpoint(pickle);
        using PyTorchCheckpoint checkpoint = new(file.Path);
        Assert.Equal(location, checkpoint.Location);
        Assert.Equal(["w"], checkpoint.Tensors.Keys);
        Assert.Equal([1f, 2f], checkpoint.Read("w"));
    }

    /// <summary>The ways different versions of Python and PyTorch write the same thing.</summary>
    public static TheoryData<string, byte[]> Dialects => new()
    {
        { "Python 2's OrderedDict of pairs and short strings", PickleBuilder.Only(p => p.Global("collections", "OrderedDict")
            .Op(']').Op(']').Raw((byte)'U', 1, (byte)'w').Op('a').Pair().Op('a').Op('a').Raw(0x85).Op('R')) },
        { "protocol 0: quoted names, decimal numbers, numbered memo",
            PickleBuilder.Only(p => p.Op("(dp0\nS'w'\np1\n").Op("ctorch._utils\n_rebuild_tensor_v2\n(")
            .Op("(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nL2L\ntQ").Op("I0\n(I2\nt(I1\ntI00\nNt").Op('R').Op('s')) },
        { "protocol 4: frames, short text, memoize, stack global",
            PickleBuilder.Only(p => p.Raw(0x95, 1, 0, 0, 0, 0, 0, 0, 0).Op('}').Raw(0x94, 0x8c, 1, (byte)'w').Raw(0x94)
            .Raw(0x8c, 12).Op("torch._utils").Raw(0x8c, 18).Op("_rebuild_tensor_v2").Raw(0x93).Op('(').Storage("FloatStorage", "0", 2)
                .Raw((byte)'K', 0).Tuple(2).Tuple(1).Raw(0x89).Op('N').Op('t').Op('R').Op('s')) },
        { "a Parameter", PickleBuilder.Only(p => p.Op('}').Text("w").Global("torch._utils", "_rebuild_parameter").Pair().Raw(0x88).Op('}')
            .Raw(0x87).Op('R').Op('s')) },
        { "a tensor with attributes", PickleBuilder.Only(p => p.Op('}').Text("w").Global("torch._tensor", "_rebuild_from_type_v2").Op('(')
            .Global("torch._utils", "_rebuild_tensor_v2").Global("torch", "Tensor").Op('(').Storage("FloatStorage", "0", 2).Int(0).Tuple(2)
                .Tuple(1).Raw(0x89).Op('}').Op('t').Op('}').Op('t').Op('R').Op('s')) },
        { "the oldest rebuild function", PickleBuilder.Only(p => p.Op('}').Text("w").Global("torch._utils", "_rebuild_tensor").Op('(')
            .Storage("FloatStorage", "0", 2).Int(0).Tuple(2).Tuple(1).Op('t').Op('R').Op('s')) },
    };

    [Theory, MemberData(nameof(Dialects))]
    public void Every_dialect_gives_the_same_tensor(string dialect, byte[] pickle)
    {
        Assert.NotEmpty(dialect);
        using TemporaryFile file = Checkpoint(pickle);
        using PyTorchCheckpoint checkpoint = new(file.Path);
        Assert.Equal([1f, 2f], checkpoint.Read("w"));
    }

    [Theory]
    [InlineData("uint16", DType.UInt16, new float[] { 0, 0x3f80, 0, 0x4000 })]
    [InlineData("float8_e5m2", DType.Float8E5M2, new float[] { 0, 0, -0f, 1.75f, 0, 0, 0, 2 })]
    public void Newer_types_come_over_an_untyped_storage(string name, DType type, float[] expected)
    {
        using TemporaryFile file =
            Checkpoint(PickleBuilder.Only(p => p.Op('}').Text("w").Global("torch._utils", "_rebuild_tensor_v3").Op('(')
            .Storage("UntypedStorage", "0", 8).Int(0).Tuple(expected.Length).Tuple(1).Raw(0x89).Op('}').Global("torch", name).Op('}')
                .Op('t').Op('R').Op('s')));
        using PyTorchCheckpoint checkpoint = new(file.Path);
        Assert.Equal(type, checkpoint.Tensors["w"].DType);
        Assert.Equal(expected, checkpoint.Read("w"));
    }

    private static TemporaryFile Checkpoint(byte[] pickle) => new(ZipBuilder.Checkpoint(pickle, ("0", [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])));
}
