using System.Buffers;
using System.Runtime.CompilerServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Memory;

namespace Lia.Media.Stills;

/// <summary>
/// Memory for decoding one picture: no more in all than it was given for, whatever the file makes the decoder ask for. Nothing is pooled,
/// so that nothing stays when the picture is read.
/// </summary>
/// <param name="limit">Bytes that may be out at once.</param>
internal sealed class BoundedAllocator(long limit) : MemoryAllocator
{
    private long _taken;

    public override IMemoryOwner<T> Allocate<T>(int length, AllocationOptions options = AllocationOptions.None)
    {
        if (length < 0) throw new InvalidMemoryOperationException($"A buffer of {length} elements was asked for.");
        long bytes = (long)length * Unsafe.SizeOf<T>();
        if (Interlocked.Add(ref _taken, bytes) > limit)
        {
            Interlocked.Add(ref _taken, -bytes);
            throw new InvalidMemoryOperationException($"Decoding takes more than {limit:N0} bytes of memory.");
        }
        return new Buffer<T>(this, new T[length], bytes);
    }

    // Pictures lie in one piece.
    protected override int GetBufferCapacityInBytes() => int.MaxValue;

    private void Return(long bytes) => Interlocked.Add(ref _taken, -bytes);

    private sealed class Buffer<T>(BoundedAllocator allocator, T[] values, long bytes) : MemoryManager<T> where T : struct
    {
        private bool _isReturned;

        public override Memory<T> Memory => values;

        public override Span<T> GetSpan() => values;

        public override unsafe MemoryHandle Pin(int elementIndex = 0) => values.AsMemory(elementIndex).Pin();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            if (_isReturned) return;
            _isReturned = true;
            allocator.Return(bytes);
        }
    }
}
