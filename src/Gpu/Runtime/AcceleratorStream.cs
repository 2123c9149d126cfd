using System.Runtime.CompilerServices;

namespace Lia.Gpu.Runtime;

/// <summary>A queue of work on an accelerator: what is put into one stream runs in that order; streams run beside each other.</summary>
public abstract class AcceleratorStream : IDisposable
{
    /// <summary>A stream of <paramref name="accelerator"/>.</summary>
    protected AcceleratorStream(Accelerator accelerator) => Accelerator = accelerator;

    /// <summary>The accelerator the stream belongs to.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Whether everything put into the stream so far is done.</summary>
    public abstract bool IsCompleted { get; }

    /// <summary>Waits until everything put into the stream is done.</summary>
    public abstract void Synchronize();

    /// <summary>Marks this point of the stream in <paramref name="mark"/>.</summary>
    public abstract void Record(AcceleratorEvent mark);

    /// <summary>Work put into this stream from now on starts only after <paramref name="mark"/> is reached, whichever stream recorded it.</summary>
    public abstract void Wait(AcceleratorEvent mark);

    /// <summary>Whether what is put into the stream is recorded instead of run.</summary>
    public bool IsCapturing { get; private set; }

    /// <summary>Starts recording: what is put into the stream until <see cref="EndCapture"/> is kept, not run.</summary>
    /// <exception cref="InvalidOperationException">The stream is recording already.</exception>
    public void BeginCapture()
    {
        if (IsCapturing)
            throw new InvalidOperationException("the stream is being captured already");
        StartCapture();
        IsCapturing = true;
    }

    /// <summary>Ends the recording begun with <see cref="BeginCapture"/> and prepares it for replay.</summary>
    /// <exception cref="InvalidOperationException">The stream is not recording.</exception>
    public AcceleratorGraph EndCapture()
    {
        if (!IsCapturing)
            throw new InvalidOperationException("the stream is not being captured");
        IsCapturing = false;
        return FinishCapture();
    }

    /// <summary>Copies host memory to a view, in order. The source may be reused on return.</summary>
    /// <exception cref="ArgumentException">The source is longer than the view.</exception>
    /// <exception cref="InvalidOperationException">The stream is being captured, and the memory may be elsewhere at replay.</exception>
    public unsafe void CopyFromCPU<T>(ArrayView<T> target, ReadOnlySpan<T> source) where T : unmanaged
    {
        if (IsCapturing)
            throw new InvalidOperationException("only page-locked memory can be copied in a captured stream: use CopyFromPageLocked");
        DemandRoom(source.Length, target.Length);
        fixed (T* from = source)
            CopyFromHost(target.Address, (nint)from, Bytes<T>(source.Length));
    }

    /// <summary>Copies a view to host memory after the stream's work, and waits for it.</summary>
    /// <exception cref="ArgumentException">The target is longer than the view.</exception>
    /// <exception cref="InvalidOperationException">The stream is being captured.</exception>
    public unsafe void CopyToCPU<T>(ArrayView<T> source, Span<T> target) where T : unmanaged
    {
        if (IsCapturing)
            throw new InvalidOperationException("a captured stream cannot be waited for: use CopyToPageLocked");
        DemandRoom(target.Length, source.Length);
        fixed (T* to = target)
            CopyToHost((nint)to, source.Address, Bytes<T>(target.Length));
        Synchronize();
    }

    /// <summary>Copies page-locked host memory to a view, in order, without waiting: the source must stay unchanged until the stream has passed this point.</summary>
    /// <exception cref="ArgumentException">The source is longer than the view.</exception>
    public void CopyFromPageLocked<T>(ArrayView<T> target, PageLockedArray1D<T> source) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(source);
        CopyFromPageLocked(target, source, source.Length);
    }

    /// <summary>As <see cref="CopyFromPageLocked{T}(ArrayView{T}, PageLockedArray1D{T})"/>, the first <paramref name="length"/> elements.</summary>
    /// <exception cref="ArgumentException">The source or the view is shorter.</exception>
    public void CopyFromPageLocked<T>(ArrayView<T> target, PageLockedArray1D<T> source, int length) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        DemandRoom(length, Math.Min(source.Length, target.Length));
        CopyFromHost(target.Address, source.NativePtr, Bytes<T>(length));
    }

    /// <summary>Copies a view to page-locked host memory, in order, without waiting: the target is complete when the stream has passed this point.</summary>
    /// <exception cref="ArgumentException">The target is longer than the view.</exception>
    public void CopyToPageLocked<T>(ArrayView<T> source, PageLockedArray1D<T> target) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(target);
        CopyToPageLocked(source, target, target.Length);
    }

    /// <summary>As <see cref="CopyToPageLocked{T}(ArrayView{T}, PageLockedArray1D{T})"/>, the first <paramref name="length"/> elements.</summary>
    /// <exception cref="ArgumentException">The target or the view is shorter.</exception>
    public void CopyToPageLocked<T>(ArrayView<T> source, PageLockedArray1D<T> target, int length) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        DemandRoom(length, Math.Min(source.Length, target.Length));
        CopyToHost(target.NativePtr, source.Address, Bytes<T>(length));
    }

    /// <summary>Copies <paramref name="source"/> to <paramref name="target"/> on the device; the two must not overlap.</summary>
    /// <exception cref="ArgumentException">The source is longer than the target.</exception>
    public void Copy<T>(ArrayView<T> source, ArrayView<T> target) where T : unmanaged
    {
        DemandRoom(source.Length, target.Length);
        CopyOnDevice(target.Address, source.Address, Bytes<T>(source.Length));
    }

    /// <summary>Sets every byte of a view.</summary>
    public void MemSet<T>(ArrayView<T> target, byte value) where T : unmanaged => Fill(target.Address, value, target.LengthInBytes);

    /// <summary>Releases the stream; work in it still completes.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the stream.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Starts recording.</summary>
    protected abstract void StartCapture();

    /// <summary>Ends recording.</summary>
    protected abstract AcceleratorGraph FinishCapture();

    /// <summary>Host to device, in order; returns when pageable host memory may be reused.</summary>
    protected abstract void CopyFromHost(nint target, nint source, long bytes);

    /// <summary>Device to host, in order; may return before the data is there.</summary>
    protected abstract void CopyToHost(nint target, nint source, long bytes);

    /// <summary>Device to device, in order.</summary>
    protected abstract void CopyOnDevice(nint target, nint source, long bytes);

    /// <summary>Sets bytes of device memory, in order.</summary>
    protected abstract void Fill(nint target, byte value, long bytes);

    private static long Bytes<T>(long length) => length * Unsafe.SizeOf<T>();

    private static void DemandRoom(long source, long target)
    {
        if (source > target)
            throw new ArgumentException($"cannot copy {source} elements: the device view and the host memory must both hold them, and one has {target}");
    }
}
