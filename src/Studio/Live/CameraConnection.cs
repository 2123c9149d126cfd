using System.Buffers;
using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Lia.Media.Imaging;
using Lia.Media.Stills;
using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Lia.Studio.Telemetry;
using Lia.Studio.Uploads;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Live;

/// <summary>How a camera's frames move the source.</summary>
/// <param name="Strength">Factor on the motion.</param>
/// <param name="Fit">How frames become square.</param>
/// <param name="Crop">The part of the frames that is looked at.</param>
/// <param name="IsRelative">Whether the motion is relative to the frame it is aligned with.</param>
internal sealed record CameraSettings(float Strength, Fit Fit, PixelBox? Crop, bool IsRelative);

/// <summary>Frames in, pictures out (docs/service.md has the layout).</summary>
internal sealed class CameraConnection(
    WebSocket socket, SourceUpload source, CameraSettings settings, int size, Networks network, StudioMetrics metrics, ILogger log)
    : PictureConnection(socket, source, network, metrics, log, MostMessage)
{
    private const int RequestHeader = 16, MostSide = 1024, MostMessage = RequestHeader + 4 * MostSide * MostSide;

    private readonly FrameFitter _fitter = new(size, settings.Fit, settings.Crop, "the camera's frame");
    private volatile float[]? _start;
    private volatile float _strength = settings.Strength;

    protected override Ask? Understand(bool isText, ReadOnlyMemory<byte> message)
    {
        if (isText)
        {
            Tell(message);
            return null;
        }
        ReadOnlySpan<byte> bytes = message.Span;
        if (bytes.Length <= RequestHeader) throw ProblemException.Bad($"A frame has {RequestHeader} bytes before its pixels.");
        int width = BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]), height = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        if (width > MostSide || height > MostSide) throw TooLarge(width, height);
        if ((width != 0 || height != 0) && bytes.Length - RequestHeader != 4 * width * height)
            throw ProblemException.Bad($"{width}x{height} pixels take {4 * width * height} bytes, not {bytes.Length - RequestHeader}.");
        return new CameraFrame(bytes[RequestHeader..], width, height)
        {
            Sequence = BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            Time = BinaryPrimitives.ReadDoubleLittleEndian(bytes[8..]),
        };
    }

    // Only what was not replaced meanwhile is decoded.
    protected override Task<PictureRequest> PrepareAsync(Ask ask, CancellationToken cancellationToken)
    {
        RgbImage frame = ((CameraFrame)ask).Decode(cancellationToken);
        byte[] square = new byte[3 * size * size];
        _fitter.Fit(frame, square);
        return Task.FromResult(new PictureRequest(Source.Face, "camera")
        {
            Frame = square,
            Start = settings.IsRelative ? _start : null,
            Strength = _strength,
            IsRelative = settings.IsRelative,
        });
    }

    protected override void Made(Ask ask, Picture picture) => _start ??= picture.Code;

    private void Tell(ReadOnlyMemory<byte> message)
    {
        if (message.Length > 256) throw ProblemException.Bad("The message is too long.");
        if (Encoding.UTF8.GetString(message.Span) == "align")
        {
            _start = null;
            return;
        }
        using JsonDocument document = JsonDocument.Parse(message);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("strength", out JsonElement strength)
            || strength.ValueKind != JsonValueKind.Number || root.EnumerateObject().Count() != 1)
            throw ProblemException.Bad("A text message is align, or {\"strength\": number}.");
        _strength = Limits.Strength(strength.GetSingle());
    }

    private static ProblemException TooLarge(int width, int height) =>
        ProblemException.Bad($"{width}x{height} is too large; a camera's frame has at most {MostSide} pixels a side.");

    private sealed class CameraFrame : Ask
    {
        private readonly int _width, _height, _length;
        private byte[]? _bytes;

        public CameraFrame(ReadOnlySpan<byte> bytes, int width, int height)
        {
            (_width, _height, _length) = (width, height, bytes.Length);
            bytes.CopyTo(_bytes = ArrayPool<byte>.Shared.Rent(bytes.Length));
        }

        public RgbImage Decode(CancellationToken cancellationToken)
        {
            if (_width > 0 && _height > 0)
            {
                RgbImage frame = new(_width, _height);
                RgbaPixels.ToRgb(_bytes.AsSpan(0, _length), frame.Pixels);
                return frame;
            }
            using MemoryStream file = new(_bytes!, 0, _length, writable: false);
            return StillReader.TryRead(file, "the camera's frame", isClip: false, null, cancellationToken, MostSide)
                ?? throw ProblemException.Bad("A camera's frame is a JPEG or WebP file, or RGBA pixels with their width and height.");
        }

        public override void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is { } bytes) ArrayPool<byte>.Shared.Return(bytes);
            base.Dispose();
        }
    }
}
