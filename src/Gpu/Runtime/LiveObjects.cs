using System.Diagnostics;
using ILGPU.Util;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Knows the objects (memory, streams, events, graphs) that were made through one <see cref="KernelLoader"/> and not released yet; ILGPU
/// counts only what it ever made. Debug builds also remember where each was made, and a loader disposed before its objects says which these
/// are.
/// </summary>
public sealed class LiveObjects
{
    private const int LeastUntilSweep = 256;

    private readonly Lock _gate = new();
    private readonly List<(WeakReference<DisposeBase> Object, string Origin)> _all = [];
    private int _nextSweep = LeastUntilSweep;

    /// <summary>Number of objects made and not released.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                Sweep();
                return _all.Count;
            }
        }
    }

    internal T Add<T>(T made) where T : DisposeBase
    {
        string origin = typeof(T).Name;
#if DEBUG
        origin += Environment.NewLine + Environment.StackTrace;
#endif
        lock (_gate)
        {
            if (_all.Count >= _nextSweep) Sweep();
            _all.Add((new(made), origin));
        }
        return made;
    }

    /// <summary>Throws in debug builds when objects are left; does nothing in release builds.</summary>
    /// <exception cref="InvalidOperationException">Objects were not released; the message holds the stack of each one's
    /// creation.</exception>
    [Conditional("DEBUG")]
    internal void DemandNone(string owner)
    {
        int left = Count;
        if (left > 0)
            throw new InvalidOperationException(
                $"{owner} was disposed before {left} of its " +
                $"objects:{Environment.NewLine}{string.Join(Environment.NewLine, _all.Select(static one => one.Origin))}");
    }

    private void Sweep()
    {
        _all.RemoveAll(static one => !one.Object.TryGetTarget(out DisposeBase? made) || made.IsDisposed);
        _nextSweep = Math.Max(LeastUntilSweep, 2 * _all.Count);
    }
}
