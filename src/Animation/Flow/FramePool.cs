namespace Lia.Animation.Flow;

/// <summary>Pixel buffers of one size that go round between the threads of a pipeline.</summary>
/// <remarks>
/// A plain stack, and no ConcurrentBag: that keeps its content with the threads that put it there until it is finalized, so that the
/// buffers of clip after clip outlived collections.
/// </remarks>
internal sealed class FramePool(int bytes)
{
    private readonly Lock _gate = new();
    private readonly Stack<byte[]> _free = [];

    public byte[] Rent()
    {
        lock (_gate)
        {
            if (_free.TryPop(out byte[]? buffer)) return buffer;
        }
        return new byte[bytes];
    }

    public void Return(byte[] buffer)
    {
        lock (_gate) _free.Push(buffer);
    }
}
