using System.Collections.Concurrent;

namespace Lia.Animation.Flow;

/// <summary>Pixel buffers of one size that go round between the threads of a pipeline.</summary>
internal sealed class FramePool(int bytes)
{
    private readonly ConcurrentBag<byte[]> _free = [];

    public byte[] Rent() => _free.TryTake(out byte[]? buffer) ? buffer : new byte[bytes];

    public void Return(byte[] buffer) => _free.Add(buffer);
}
