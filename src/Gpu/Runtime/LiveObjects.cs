using System.Collections.Concurrent;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Counts the native objects (memory, streams, events, modules, graphs) of one accelerator that were not released yet. Debug builds also
/// remember where each was made, and an accelerator disposed before its objects says which these are.
/// </summary>
public sealed class LiveObjects
{
    private readonly ConcurrentDictionary<long, string> _origins = new();
    private long _tickets;
    private int _count;

    /// <summary>Number of objects made and not released.</summary>
    public int Count => Volatile.Read(ref _count);

    internal long Add(string what)
    {
        Interlocked.Increment(ref _count);
        long ticket = Interlocked.Increment(ref _tickets);
#if DEBUG
        _origins[ticket] = what + Environment.NewLine + Environment.StackTrace;
#else
        _ = what;
#endif
        return ticket;
    }

    internal void Remove(long ticket)
    {
        Interlocked.Decrement(ref _count);
        _origins.TryRemove(ticket, out _);
    }

    /// <summary>Throws in debug builds when objects are left; does nothing in release builds.</summary>
    /// <exception cref="InvalidOperationException">Objects were not released; the message holds the stack of each one's creation.</exception>
    internal void DemandNone(string owner)
    {
        if (!_origins.IsEmpty)
            throw new InvalidOperationException($"{owner} was disposed before {Count} of its objects:{Environment.NewLine}{string.Join(Environment.NewLine, _origins.Values)}");
    }
}
