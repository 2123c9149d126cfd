using ILGPU.Runtime;

namespace Lia.Gpu.Runtime;

/// <summary>
/// A point in a stream: to wait for, from the host or another stream, or to measure time from. It is made once and recorded any number of
/// times, which ILGPU's profiling markers are not.
/// </summary>
/// <param name="accelerator">Whose streams record it.</param>
public abstract class AcceleratorEvent(Accelerator accelerator) : AcceleratorObject(accelerator)
{
    /// <summary>Whether the point was reached (or nothing was recorded yet).</summary>
    public abstract bool IsCompleted { get; }

    /// <summary>Waits until the point is reached.</summary>
    public abstract void Synchronize();

    /// <summary>
    /// Milliseconds between <paramref name="start"/> and this event, both recorded and reached. Resolution about 0.5 microseconds on CUDA.
    /// </summary>
    public abstract double MillisecondsSince(AcceleratorEvent start);
}
