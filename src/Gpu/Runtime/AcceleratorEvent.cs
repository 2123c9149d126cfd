namespace Lia.Gpu.Runtime;

/// <summary>A point in a stream: to wait for, from the host or another stream, or to measure time from.</summary>
public abstract class AcceleratorEvent : IDisposable
{
    /// <summary>Whether the point was reached (or nothing was recorded yet).</summary>
    public abstract bool IsCompleted { get; }

    /// <summary>Waits until the point is reached.</summary>
    public abstract void Synchronize();

    /// <summary>Milliseconds between <paramref name="start"/> and this event, both recorded and reached. Resolution about 0.5 microseconds on CUDA.</summary>
    public abstract double MillisecondsSince(AcceleratorEvent start);

    /// <summary>Releases the event.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the event.</summary>
    protected abstract void Dispose(bool disposing);
}
