using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Lia.Studio.Telemetry;
using Lia.Studio.Uploads;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Live;

/// <summary>What a client asked for with one message.</summary>
internal abstract class Ask : IDisposable
{
    /// <summary>The client's number.</summary>
    public uint Sequence { get; init; }

    /// <summary>The client's time.</summary>
    public double Time { get; init; }

    /// <summary>When it came.</summary>
    public long Came { get; init; } = Stopwatch.GetTimestamp();

    public virtual void Dispose()
    {
    }
}

/// <summary>
/// A connection that asks for pictures. The newest message wins: one picture is under way, one message waits, and a message that comes
/// meanwhile takes the place of the one that waits.
/// <code>
///   receive ==> slot of one ==> ask the network ==> send
/// </code>
/// </summary>
internal abstract class PictureConnection(
    WebSocket socket, SourceUpload source, Networks network, StudioMetrics metrics, ILogger log, int mostMessage)
    : IDisposable
{
    /// <summary>Bytes before the pixels.</summary>
    public const int HeaderLength = 24;

    private const int MostErrors = 16;
    private static readonly TimeSpan Farewell = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _something = new(0);
    private readonly Channel<(uint Sequence, string Error)> _errors = Channel.CreateBounded<(uint, string)>(
        new BoundedChannelOptions(MostErrors) { FullMode = BoundedChannelFullMode.DropOldest });
    private Ask? _waiting;

    protected SourceUpload Source => source;

    protected Networks Network => network;

    /// <summary>Serves the connection until either side ends it.</summary>
    /// <param name="stopping">The service ends.</param>
    public async Task RunAsync(CancellationToken stopping)
    {
        using IDisposable connection = source.Connect();
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(stopping, source.Removed.Token);
        using CancellationTokenSource aborting = new();
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = ending.Token.Register(ended.SetResult);
        IDisposable session = network.Connect(source.Face);
        source.Changed += Again;
        WebSocketCloseStatus status = WebSocketCloseStatus.NormalClosure;
        Task<WebSocketCloseStatus?> receiving = ReceiveAsync(aborting.Token);
        Task working = WorkAsync(ending.Token, aborting.Token);
        try
        {
            if (Opening() is { } first) Put(first);
            await Task.WhenAny(receiving, working, ended.Task).ConfigureAwait(false);
            if (stopping.IsCancellationRequested) status = WebSocketCloseStatus.EndpointUnavailable;
            else if (source.Removed.IsCancellationRequested) status = WebSocketCloseStatus.PolicyViolation;
            else if (receiving.IsCompletedSuccessfully) status = await receiving.ConfigureAwait(false) ?? status;
        }
        finally
        {
            source.Changed -= Again;
            session.Dispose();
            await ending.CancelAsync().ConfigureAwait(false);
            // A message that is on its way goes out whole: cut short, it would take the connection with it, and no farewell were said.
            if (await Task.WhenAny(working, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false) != working)
                await aborting.CancelAsync().ConfigureAwait(false);
            await SettleAsync(working).ConfigureAwait(false);
            await SettleAsync(CloseAsync(status)).ConfigureAwait(false);
            if (await Task.WhenAny(receiving, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false) != receiving)
                await aborting.CancelAsync().ConfigureAwait(false);
            await SettleAsync(receiving).ConfigureAwait(false);
            Interlocked.Exchange(ref _waiting, null)?.Dispose();
        }

        async Task SettleAsync(Task task)
        {
            try
            {
                await task.ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is OperationCanceledException or WebSocketException or IOException
                or ObjectDisposedException)
            {
                // The other side has gone, or we have.
            }
        }
    }

    public void Dispose() => _something.Dispose();

    /// <summary>Reads a message.</summary>
    /// <returns>What is asked for; null where nothing is to be drawn.</returns>
    /// <exception cref="ProblemException">It is not understood.</exception>
    protected abstract Ask? Understand(bool isText, ReadOnlyMemory<byte> message);

    /// <summary>What the network is to be asked.</summary>
    /// <exception cref="ProblemException">It cannot be.</exception>
    protected abstract Task<PictureRequest> PrepareAsync(Ask ask, CancellationToken cancellationToken);

    /// <summary>A picture was made.</summary>
    protected virtual void Made(Ask ask, Picture picture)
    {
    }

    /// <summary>What is asked for when the connection opens.</summary>
    protected virtual Ask? Opening() => null;

    /// <summary>What is asked for when the source has changed.</summary>
    protected virtual Ask? Renewed() => null;

    /// <summary>The number of a message that is not understood, as far as it can be told.</summary>
    protected static uint SequenceOf(bool isText, ReadOnlySpan<byte> message) =>
        !isText && message.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(message) : 0;

    private void Again()
    {
        if (Renewed() is not { } ask) return;
        // What waits is newer than what is renewed, and will see the new source.
        if (Interlocked.CompareExchange(ref _waiting, ask, null) is null) Signal();
        else ask.Dispose();
    }

    private void Put(Ask ask)
    {
        if (Interlocked.Exchange(ref _waiting, ask) is { } stale)
        {
            stale.Dispose();
            metrics.Dropped();
        }
        else Signal();
    }

    private void Signal()
    {
        try
        {
            _something.Release();
        }
        catch (ObjectDisposedException)
        {
            // The connection has ended.
        }
    }

    /// <summary>Receives messages until the client closes.</summary>
    /// <returns>Why the service closes: null where the client did.</returns>
    private async Task<WebSocketCloseStatus?> ReceiveAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[Math.Min(mostMessage, 1 << 16)];
        while (true)
        {
            int length = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                if (length == buffer.Length)
                {
                    if (length == mostMessage) return WebSocketCloseStatus.MessageTooBig;
                    Array.Resize(ref buffer, (int)Math.Min(mostMessage, 2L * length));
                }
                result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                if (result.MessageType == WebSocketMessageType.Close) return null;
                length += result.Count;
            }
            while (!result.EndOfMessage);
            bool isText = result.MessageType == WebSocketMessageType.Text;
            try
            {
                if (Understand(isText, buffer.AsMemory(0, length)) is { } ask) Put(ask);
            }
            catch (Exception failure) when (failure is ProblemException or JsonException)
            {
                Report(SequenceOf(isText, buffer.AsSpan(0, length)),
                    failure is JsonException ? "The JSON is not in order." : failure.Message);
            }
        }
    }

    private void Report(uint sequence, string error)
    {
        _errors.Writer.TryWrite((sequence, error));
        Signal();
    }

    private async Task WorkAsync(CancellationToken ending, CancellationToken aborting)
    {
        while (true)
        {
            await _something.WaitAsync(ending).ConfigureAwait(false);
            while (_errors.Reader.TryRead(out (uint Sequence, string Error) error))
                await TellAsync(error.Sequence, error.Error, aborting).ConfigureAwait(false);
            using Ask? ask = Interlocked.Exchange(ref _waiting, null);
            if (ask is null) continue;
            Picture picture;
            try
            {
                PictureRequest request = await PrepareAsync(ask, ending).ConfigureAwait(false);
                picture = await network.AskAsync(request).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                string? told = failure is ProblemException ? failure.Message : Problem.Tell(failure, (source.File, source.Name));
                if (told is null) log.PictureFailed(failure, source.Id);
                await TellAsync(ask.Sequence, told ?? "The service has failed here; its log says more.", aborting)
                    .ConfigureAwait(false);
                continue;
            }
            Made(ask, picture);
            await SendAsync(ask, picture, aborting).ConfigureAwait(false);
            metrics.Answered(Stopwatch.GetElapsedTime(ask.Came));
        }
    }

    private async Task SendAsync(Ask ask, Picture picture, CancellationToken cancellationToken)
    {
        int pixels = picture.Pixels.Length / 3, size = (int)Math.Sqrt(pixels), length = HeaderLength + 4 * pixels;
        byte[] message = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Span<byte> header = message;
            BinaryPrimitives.WriteUInt32LittleEndian(header, ask.Sequence);
            BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)size);
            BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)size);
            BinaryPrimitives.WriteSingleLittleEndian(header[8..], (float)picture.Computing.TotalMilliseconds);
            BinaryPrimitives.WriteSingleLittleEndian(header[12..], (float)picture.Waiting.TotalMilliseconds);
            BinaryPrimitives.WriteDoubleLittleEndian(header[16..], ask.Time);
            RgbaPixels.FromRgb(picture.Pixels, message.AsSpan(HeaderLength, 4 * pixels));
            Networks.Return(picture);
            await socket.SendAsync(message.AsMemory(0, length), WebSocketMessageType.Binary, WebSocketMessageFlags.EndOfMessage,
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(message);
        }
    }

    private ValueTask TellAsync(uint sequence, string error, CancellationToken cancellationToken) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(new { sequence, error }).AsMemory(), WebSocketMessageType.Text,
        WebSocketMessageFlags.EndOfMessage, cancellationToken);

    private async Task CloseAsync(WebSocketCloseStatus status)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) return;
        using CancellationTokenSource late = new(Farewell);
        await socket.CloseOutputAsync(status, null, late.Token).ConfigureAwait(false);
    }
}

/// <summary>Log messages of connections.</summary>
internal static partial class ConnectionLog
{
    [LoggerMessage(1, LogLevel.Error, "a picture of source {Id} failed")]
    public static partial void PictureFailed(this ILogger log, Exception failure, string id);
}
