using System.Buffers.Binary;
using System.Text.Json;

namespace Lia.Weights;

/// <summary>
/// Where a tensor's bytes lie: <paramref name="Begin"/> and <paramref name="End"/> count from the first byte after the header.
/// </summary>
internal readonly record struct SafetensorsEntry(TensorInfo Info, long Begin, long End);

/// <summary>
/// The header of a safetensors file, checked completely.
/// <code>
/// u64 N (little-endian) | N bytes of JSON, '{' first, spaces last | tensor data
/// {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
/// </code>
/// The rules are those of the format's description and of its reference reader: at most 100,000,000 bytes of header, no
/// duplicate keys, offsets that tile the data from its first byte to the file's last without hole or overlap,
/// lengths that agree with type and shape. Nothing is allocated for a number the file merely claims:
/// memory grows only with header bytes that are there.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The longest header the format allows, in bytes.</summary>
    public const int LongestHeader = 100_000_000;

    /// <summary>The most axes a tensor may have, as in PyTorch and NumPy.</summary>
    public const int HighestRank = 64;

    private const string MetadataKey = "__metadata__";

    private readonly string _file;
    private readonly List<SafetensorsEntry> _entries = [];
    private readonly HashSet<string> _names = [];

    private SafetensorsHeader(string file) => _file = file;

    /// <summary>Offset of the first data byte in the file.</summary>
    public long DataStart { get; private init; }

    /// <summary>Every tensor, in the order of the header.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries => _entries;

    /// <summary>The <c>__metadata__</c> pairs.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Reads the length field.</summary>
    /// <param name="start">At least the first 8 bytes of the file, or the whole file when it is shorter.</param>
    /// <param name="fileLength">Length of the file in bytes.</param>
    /// <param name="file">What messages call the file.</param>
    /// <exception cref="WeightsException">There is no room for the header, or it is too long.</exception>
    public static int ReadLength(ReadOnlySpan<byte> start, long fileLength, string file)
    {
        if (fileLength < 8 || start.Length < 8)
            throw new WeightsException($"{file}: {fileLength} bytes are too few for a safetensors file");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > LongestHeader)
            throw new WeightsException($"{file}: the safetensors header claims {length} bytes, at most {LongestHeader} are allowed");
        if ((long)length > fileLength - 8)
            throw new WeightsException(
                $"{file}: the safetensors header claims {length} bytes and the file ends after {fileLength - 8} (truncated?)");
        return (int)length;
    }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="json">The header's bytes, without the length field.</param>
    /// <param name="fileLength">Length of the whole file in bytes.</param>
    /// <param name="file">What messages call the file.</param>
    /// <exception cref="WeightsException">A rule of the format is broken; the message says which and where.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file)
    {
        if (json.IsEmpty || json[0] != '{') throw new WeightsException($"{file}: the safetensors header does not begin with '{{'");
        SafetensorsHeader header = new(file) { DataStart = 8 + json.Length };
        try
        {
            Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 4 });
            header.ReadTop(ref reader);
        }
        catch (JsonException e)
        {
            throw new WeightsException($"{file}: the safetensors header is not valid JSON at byte {e.BytePositionInLine}", e);
        }
        catch (InvalidOperationException e) // A string that is not UTF-8 or has a lone surrogate.
        {
            throw new WeightsException($"{file}: the safetensors header holds text that is not valid Unicode", e);
        }
        header.CheckTiling(fileLength - header.DataStart);
        return header;
    }

    private void ReadTop(ref Utf8JsonReader reader)
    {
        reader.Read(); // The opening brace.
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!_names.Add(name)) throw Broken($"the key {Text.Quote(name)} occurs twice");
            if (Next(ref reader) != JsonTokenType.StartObject) throw Broken($"{Text.Quote(name)} is not an object");
            if (name == MetadataKey) ReadMetadata(ref reader);
            else ReadTensor(ref reader, name);
        }
        if (reader.Read()) throw Broken("there is something after the closing brace");
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (Next(ref reader) != JsonTokenType.String) throw Broken($"the metadata value of {Text.Quote(key)} is not a string");
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Broken($"the metadata key {Text.Quote(key)} occurs twice");
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader, string name)
    {
        DType? type = null;
        List<int>? shape = null;
        (long Begin, long End)? offsets = null;
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8) && type is null) type = ReadType(ref reader, name);
            else if (reader.ValueTextEquals("shape"u8) && shape is null) shape = ReadShape(ref reader, name);
            else if (reader.ValueTextEquals("data_offsets"u8) && offsets is null) offsets = ReadOffsets(ref reader, name);
            else throw Broken($"tensor {Text.Quote(name)} has the field {Text.Quote(reader.GetString()!)}, unknown or for the second time");
        }
        if (type is null || shape is null || offsets is null)
            throw Broken($"tensor {Text.Quote(name)} has no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");

        (long begin, long end) = offsets.Value;
        if (begin > end) throw Broken($"tensor {Text.Quote(name)} ends at {end}, before it begins at {begin}");
        if (ByteLength(type.Value, shape) is not { } expected)
            throw Broken(
                $"tensor {Text.Quote(name)}: shape {Text.Shape(shape)} of {type.Value.SafetensorsName()} is not a whole number of " +
                "bytes, or too large");
        if (expected != end - begin)
            throw Broken(
                $"tensor {Text.Quote(name)}: shape {Text.Shape(shape)} of {type.Value.SafetensorsName()} takes {expected} bytes, its " +
                $"offsets hold {end - begin}");
        _entries.Add(new(new(name, type.Value, shape.ToArray()), begin, end));
    }

    private DType ReadType(ref Utf8JsonReader reader, string name)
    {
        if (Next(ref reader) != JsonTokenType.String) throw Broken($"the dtype of {Text.Quote(name)} is not a string");
        string text = reader.GetString()!;
        return DTypeExtensions.TryParseSafetensors(text, out DType type)
            ? type
            : throw Broken($"tensor {Text.Quote(name)} has the unknown dtype {Text.Quote(text)}");
    }

    private List<int> ReadShape(ref Utf8JsonReader reader, string name)
    {
        if (Next(ref reader) != JsonTokenType.StartArray) throw Broken($"the shape of {Text.Quote(name)} is not a list");
        List<int> shape = [];
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (shape.Count == HighestRank) throw Broken($"tensor {Text.Quote(name)} has more than {HighestRank} axes");
            if (!TryReadNatural(ref reader, out long extent) || extent > int.MaxValue)
                throw Broken($"axis {shape.Count} of {Text.Quote(name)} is not an integer from 0 to {int.MaxValue}");
            shape.Add((int)extent);
        }
        return shape;
    }

    private (long Begin, long End) ReadOffsets(ref Utf8JsonReader reader, string name)
    {
        bool good = Next(ref reader) == JsonTokenType.StartArray;
        long begin = 0, end = 0;
        good = good && Next(ref reader) == JsonTokenType.Number && TryReadNatural(ref reader, out begin);
        good = good && Next(ref reader) == JsonTokenType.Number && TryReadNatural(ref reader, out end);
        good = good && Next(ref reader) == JsonTokenType.EndArray;
        return good ? (begin, end) : throw Broken($"the data_offsets of {Text.Quote(name)} are not two integers from 0 to {long.MaxValue}");
    }

    /// <summary>
    /// Sorted by where they begin, tensors must touch: each begins where the one before ended, the last ends with the file.
    /// </summary>
    private void CheckTiling(long dataLength)
    {
        SafetensorsEntry[] sorted = [.. _entries];
        Array.Sort(sorted, static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long covered = 0;
        foreach ((TensorInfo info, long begin, long end) in sorted)
        {
            if (begin != covered)
                throw Broken(
                    $"tensor {Text.Quote(info.Name)} begins at {begin}, " +
                    $"{(begin < covered ? "inside the tensor before it, which ends" : "leaving a hole after")} at {covered}");
            covered = end;
        }
        if (covered > dataLength) throw Broken($"the tensors take {covered} bytes and the file holds {dataLength} (truncated?)");
        if (covered < dataLength) throw Broken($"{dataLength - covered} bytes at the end of the file belong to no tensor");
    }

    /// <summary>
    /// Bytes of a tensor, or null when their number or that of the elements overflows, in any part of the product, or bits are left over.
    /// </summary>
    internal static long? ByteLength(DType type, IReadOnlyList<int> shape)
    {
        Int128 elements = 1, bits = type.BitSize();
        foreach (int extent in shape)
        {
            elements *= extent;
            if (elements > long.MaxValue || elements * bits / 8 > long.MaxValue) return null;
        }
        bits *= elements;
        return bits % 8 == 0 ? (long)(bits / 8) : null;
    }

    private static bool TryReadNatural(ref Utf8JsonReader reader, out long value)
    {
        value = 0;
        return reader.TokenType == JsonTokenType.Number && reader.ValueSpan[0] != '-' && reader.TryGetInt64(out value);
    }

    private static JsonTokenType Next(ref Utf8JsonReader reader)
    {
        reader.Read(); // A complete reader throws at an early end.
        return reader.TokenType;
    }

    private WeightsException Broken(string what) => new($"{_file}: broken safetensors header: {what}");
}
