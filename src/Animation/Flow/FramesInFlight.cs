using System.Collections.Concurrent;
using System.Diagnostics;

namespace Lia.Animation.Flow;

/// <summary>
/// The frames of a live clip that have come and whose results have not left: few, so that nothing grows old in a queue, and timed. The next
/// frame
/// is read only when there is room.
/// </summary>
/// <param name="most">How many there may be.</param>
internal sealed class FramesInFlight(int most) : IDisposable
{
    private readonly SemaphoreSlim _room = new(most);
    private readonly ConcurrentQueue<long> _arrivals = [];
    private readonly LatencyMeter _meter = new();
    private readonly CancellationTokenSource _abandoned = new();

    /// <summary>From a frame's last byte in to its last byte out; null before the first frame.</summary>
    public FrameLatency? Latency => _meter.Read();

    /// <summary>Signaled when no result can leave any more, so that nobody waits for another frame.</summary>
    public CancellationToken Abandoned => _abandoned.Token;

    /// <summary>Waits for room for a frame.</summary>
    public void WaitForRoom(CancellationToken cancellationToken) => _room.Wait(cancellationToken);

    /// <summary>A frame is there.</summary>
    public void Arrived() => _arrivals.Enqueue(Stopwatch.GetTimestamp());

    /// <summary>The result of the oldest frame has left.</summary>
    public void Left()
    {
        if (_arrivals.TryDequeue(out long arrival)) _meter.Add(Stopwatch.GetElapsedTime(arrival));
        _room.Release();
    }

    /// <summary>No result can leave any more.</summary>
    public void Abandon() => _abandoned.Cancel();

    public void Dispose()
    {
        _room.Dispose();
        _abandoned.Dispose();
    }
}
