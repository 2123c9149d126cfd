using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Host memory that the device reads and writes directly, so that copies run beside the host and can be captured in a graph. A copy is
/// asked of the view on the device.
/// </summary>
/// <typeparam name="T">A blittable element.</typeparam>
public sealed class PageLockedMemory<T> : MemoryBuffer where T : unmanaged
{
    private const string FromDevice = "copy from or to the view on the device";

    private readonly IKernelDevice _device;

    internal PageLockedMemory(Accelerator accelerator, IKernelDevice device, int length) : base(accelerator, length, Unsafe.SizeOf<T>())
    {
        _device = device;
        NativePtr = device.AllocatePageLocked(Math.Max(1, LengthInBytes));
    }

    /// <summary>The elements. Not to be used after disposal; copies that do not wait must be waited for before reading.</summary>
    /// <exception cref="ObjectDisposedException">The memory was freed.</exception>
    public unsafe Span<T> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(NativePtr == 0, this);
            return new((void*)NativePtr, (int)Length);
        }
    }

    /// <summary>The elements as the other side of a copy: <c>device.CopyFrom(stream, memory.View)</c>.</summary>
    public ArrayView<T> View => new(this, 0, Length);

    /// <inheritdoc/>
    protected override void MemSet(AcceleratorStream stream, byte value, in ArrayView<byte> targetView) =>
        throw new NotSupportedException(FromDevice);

    /// <inheritdoc/>
    protected override void CopyTo(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        throw new NotSupportedException(FromDevice);

    /// <inheritdoc/>
    protected override void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        throw new NotSupportedException(FromDevice);

    /// <inheritdoc/>
    protected override void DisposeAcceleratorObject(bool disposing)
    {
        if (NativePtr == 0) return;
        _device.FreePageLocked(NativePtr);
        NativePtr = 0;
    }
}
