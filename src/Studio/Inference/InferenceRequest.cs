using System.Text.Json;
using Lia.Studio.Problems;

namespace Lia.Studio.Inference;

/// <summary>A tensor of bytes.</summary>
internal sealed record Tensor(int[] Shape, ReadOnlyMemory<byte> Data)
{
    /// <summary>The pictures in it: [H, W, 3], or [N, H, W, 3].</summary>
    /// <exception cref="ProblemException">It has another shape.</exception>
    public RgbImage[] Pictures(string name)
    {
        if (Shape.Length is not (3 or 4) || Shape[^1] != 3) throw ProblemException.Bad($"{name} has the shape [H, W, 3] or [N, H, W, 3].");
        int count = Shape.Length == 4 ? Shape[0] : 1, height = Shape[^3], width = Shape[^2], length = 3 * width * height;
        if (width > 8192 || height > 8192) throw ProblemException.Bad($"{name} has pictures larger than 8192x8192.");
        return [.. Enumerable.Range(0, count).Select(i => new RgbImage(width, height, Data.Slice(i * length, length).ToArray()))];
    }
}

/// <summary>A request of the Open Inference Protocol.</summary>
internal sealed record InferenceRequest
{
    private const int MostId = 128;

    public string? Id { get; private init; }

    public string? SequenceId { get; private init; }

    public bool IsStart { get; private init; }

    public bool IsEnd { get; private init; }

    public float Strength { get; private init; } = 1;

    /// <summary>Whether the answer's tensors are to be binary.</summary>
    public bool IsBinary { get; private init; }

    public required IReadOnlyDictionary<string, Tensor> Inputs { get; init; }

    /// <summary>Reads a request.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="binary">What follows it: the tensors that are not in it, one after another.</param>
    /// <exception cref="ProblemException">It is not in order.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static InferenceRequest Read(ReadOnlyMemory<byte> json, ReadOnlyMemory<byte> binary)
    {
        using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16 });
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw ProblemException.Bad("A request is a JSON object.");
        JsonElement parameters = Member(root, "parameters");
        Dictionary<string, Tensor> inputs = [];
        JsonElement all = Member(root, "inputs");
        if (all.ValueKind != JsonValueKind.Array || all.GetArrayLength() > 8) throw ProblemException.Bad("inputs is an array of tensors.");
        foreach (JsonElement input in all.EnumerateArray())
        {
            string name = Text(Member(input, "name")) ?? throw ProblemException.Bad("An input has no name.");
            if (Text(Member(input, "datatype")) != "UINT8") throw ProblemException.Bad($"The input '{name}' is not UINT8.");
            int[] shape = Shape(Member(input, "shape"), name, out int length);
            ReadOnlyMemory<byte> data;
            if (Member(Member(input, "parameters"), "binary_data_size") is { ValueKind: JsonValueKind.Number } size)
            {
                if (!size.TryGetInt32(out int bytes) || bytes != length || bytes > binary.Length)
                    throw ProblemException.Bad($"The binary data of '{name}' has not the {length} bytes of its shape.");
                (data, binary) = (binary[..bytes], binary[bytes..]);
            }
            else data = Bytes(Member(input, "data"), name, length);
            if (!inputs.TryAdd(name, new(shape, data))) throw ProblemException.Bad($"The input '{name}' is there twice.");
        }
        if (!binary.IsEmpty) throw ProblemException.Bad($"{binary.Length} bytes of binary data belong to no input.");
        return new()
        {
            Id = Text(Member(root, "id")),
            SequenceId = SequenceOf(Member(parameters, "sequence_id")),
            IsStart = Flag(parameters, "sequence_start"),
            IsEnd = Flag(parameters, "sequence_end"),
            Strength = Member(parameters, "strength") is { ValueKind: JsonValueKind.Number } strength
                && strength.TryGetSingle(out float value) ? value : 1,
            IsBinary = Flag(parameters, "binary_data_output") || (Member(root, "outputs") is { ValueKind: JsonValueKind.Array } outputs
                && outputs.EnumerateArray().Any(output => Flag(Member(output, "parameters"), "binary_data"))),
            Inputs = inputs,
        };
    }

    private static JsonElement Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member) ? member : default;

    private static string? Text(JsonElement element) =>
        element.ValueKind == JsonValueKind.String && element.GetString() is { Length: <= MostId } text ? text : null;

    private static bool Flag(JsonElement parameters, string name) => Member(parameters, name).ValueKind == JsonValueKind.True;

    private static string? SequenceOf(JsonElement id) => id.ValueKind switch
    {
        // 0 and an empty text are no sequence, as Triton has it.
        JsonValueKind.Number => id.TryGetUInt64(out ulong number) && number > 0 ? $"{number}" : null,
        JsonValueKind.String => Text(id) is { Length: > 0 } text ? $"\"{text}" : null,
        _ => null,
    };

    private static int[] Shape(JsonElement shape, string name, out int length)
    {
        ProblemException wrong = ProblemException.Bad($"The shape of '{name}' is not one.");
        if (shape.ValueKind != JsonValueKind.Array || shape.GetArrayLength() is < 1 or > 4) throw wrong;
        int[] extents = [.. shape.EnumerateArray().Select(extent =>
            extent.ValueKind == JsonValueKind.Number && extent.TryGetInt32(out int value) && value > 0 ? value : throw wrong)];
        long product = 1;
        foreach (int extent in extents)
            if ((product *= extent) > 1 << 30) throw wrong;
        length = (int)product;
        return extents;
    }

    /// <summary>Numbers, flat or nested.</summary>
    private static byte[] Bytes(JsonElement data, string name, int length)
    {
        // A number takes two bytes of JSON at least: what is believed of a shape is bounded by what was sent.
        byte[] bytes = new byte[Math.Min(length, Count(data))];
        int next = 0;
        Add(data);
        return next == length ? bytes : throw Wrong();

        void Add(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement inner in element.EnumerateArray()) Add(inner);
                return;
            }
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetByte(out byte value) || next == bytes.Length) throw Wrong();
            bytes[next++] = value;
        }

        static int Count(JsonElement element) =>
            element.ValueKind == JsonValueKind.Array ? element.EnumerateArray().Sum(Count) : 1;

        ProblemException Wrong() => ProblemException.Bad($"The data of '{name}' is not the {length} bytes of its shape.");
    }
}
