using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Lia.Studio.Telemetry;
using Lia.Studio.Uploads;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Live;

/// <summary>Parameters in, pictures out (docs/service.md has the layout).</summary>
internal sealed class LiveConnection(
    WebSocket socket, SourceUpload source, Shelf<DrivingUpload> drivings, int directions, Networks network, StudioMetrics metrics,
    ILogger log) : PictureConnection(socket, source, network, metrics, log, MostMessage)
{
    private const int MostMessage = 1 << 16;
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 4 };

    private readonly Lock _gate = new();
    private Pose _pose = new() { Directions = new float[directions] };
    private uint _sequence;

    protected override Ask? Opening() => new LiveAsk(_pose);

    protected override Ask? Renewed()
    {
        lock (_gate) return new LiveAsk(_pose) { Sequence = _sequence };
    }

    protected override Ask? Understand(bool isText, ReadOnlyMemory<byte> message)
    {
        (uint sequence, Pose pose) = isText ? Text(message) : Binary(message.Span);
        lock (_gate) (_sequence, _pose) = (sequence, pose);
        return new LiveAsk(pose) { Sequence = sequence };
    }

    protected override Task<PictureRequest> PrepareAsync(Ask ask, CancellationToken cancellationToken) =>
        ((LiveAsk)ask).Pose.AskAsync(Source, Network, "live", cancellationToken);

    private (uint, Pose) Binary(ReadOnlySpan<byte> message)
    {
        int expected = 8 + 4 * directions;
        if (message.Length != expected) throw ProblemException.Bad(
            $"A message is a sequence number, the strength and {directions} directions: {expected} bytes, not {message.Length}.");
        float[] deltas = new float[directions];
        for (int i = 0; i < deltas.Length; i++) deltas[i] = Limits.Delta(BinaryPrimitives.ReadSingleLittleEndian(message[(8 + 4 * i)..]));
        return (BinaryPrimitives.ReadUInt32LittleEndian(message), _pose with
        {
            Strength = Limits.Strength(BinaryPrimitives.ReadSingleLittleEndian(message[4..])),
            Directions = deltas,
        });
    }

    private (uint, Pose) Text(ReadOnlyMemory<byte> message)
    {
        using JsonDocument document = JsonDocument.Parse(message, Strict);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw ProblemException.Bad("A text message is a JSON object.");
        uint sequence = 0;
        Pose pose = _pose;
        foreach (JsonProperty member in root.EnumerateObject())
        {
            JsonElement value = member.Value;
            switch (member.Name)
            {
                case "sequence":
                    if (value.ValueKind != JsonValueKind.Number || !value.TryGetUInt32(out sequence))
                        throw ProblemException.Bad("The sequence number is a whole number from 0 to 4294967295.");
                    break;
                case "strength":
                    pose = pose with { Strength = Limits.Strength(Number(value, member.Name)) };
                    break;
                case "directions":
                    pose = pose with { Directions = Deltas(value) };
                    break;
                case "driving":
                    pose = pose with { Driving = value.ValueKind == JsonValueKind.Null ? null : drivings.Find(value.ToString()) };
                    break;
                case "frame":
                    pose = pose with { Frame = Whole(value, member.Name) };
                    break;
                case "smooth":
                    pose = pose with { Smooth = Limits.Smooth(Whole(value, member.Name)) };
                    break;
                case "start-frame":
                    pose = pose with { Start = value.ValueKind == JsonValueKind.Null ? null : Limits.Start(value.ToString()) };
                    break;
                case "mode":
                    pose = pose with { Mode = Limits.Mode(value.ToString()) };
                    break;
                default:
                    throw ProblemException.Bad($"'{member.Name}' is not understood.");
            }
        }
        return (sequence, pose);
    }

    private float[] Deltas(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > directions)
            throw ProblemException.Bad($"directions is an array of at most {directions} numbers.");
        float[] deltas = new float[directions];
        int i = 0;
        foreach (JsonElement delta in value.EnumerateArray()) deltas[i++] = Limits.Delta(Number(delta, "directions"));
        return deltas;
    }

    private static float Number(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) ? number
            : throw ProblemException.Bad($"{name}: a number is expected.");

    private static int Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw ProblemException.Bad($"{name}: a whole number is expected.");

    private sealed class LiveAsk(Pose pose) : Ask
    {
        public Pose Pose => pose;
    }
}
