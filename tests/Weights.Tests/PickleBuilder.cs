using System.Buffers.Binary;
using System.Text;

namespace Lia.Weights.Tests;

/// <summary>Writes pickles operation by operation, so that hostile ones can be made too.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> _bytes = [];

    public PickleBuilder() => Raw(0x80, 2);

    public PickleBuilder Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBuilder Op(char code) => Raw((byte)code);

    /// <summary>Codes, a character each, or a code followed by ASCII text.</summary>
    public PickleBuilder Op(string text) => Raw(Encoding.Latin1.GetBytes(text));

    public PickleBuilder Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op('X').Raw(BitConverter.GetBytes(utf8.Length)).Raw(utf8);
    }

    public PickleBuilder Int(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8a, 8).Raw(bytes);
    }

    public PickleBuilder Global(string module, string name) => Op($"c{module}\n{name}\n");

    public PickleBuilder Tuple(params long[] values)
    {
        Op('(');
        foreach (long value in values) Int(value);
        return Op('t');
    }

    public PickleBuilder Storage(string type, string key, long count) =>
        Op('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Int(count).Op('t').Op('Q');

    public PickleBuilder Tensor(string type, string key, long count, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage(type, key, count).Int(offset).Tuple(shape).Tuple(strides)
            .Raw(0x89).Op('}').Op('t').Op('R');

    /// <summary>One float32 tensor [2] in storage 0.</summary>
    public PickleBuilder Pair() => Tensor("FloatStorage", "0", 2, 0, [2], [1]);

    /// <summary>STOP.</summary>
    public byte[] End() => [.. _bytes, (byte)'.'];

    /// <summary><c>{'gen': {'w': a good tensor, NAME: whatever}}</c>.</summary>
    public static byte[] GenWith(string name, Func<PickleBuilder, PickleBuilder> value) =>
        value(new PickleBuilder().Op('}').Text("gen").Op('}').Text("w").Pair().Op('s').Text(name)).Op('s').Op('s').End();

    /// <summary>Just a value.</summary>
    public static byte[] Only(Func<PickleBuilder, PickleBuilder> value) => value(new PickleBuilder()).End();
}
