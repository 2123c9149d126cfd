using System.Runtime.CompilerServices;
using Lia.Animation.Flow;

namespace Lia.Tests;

/// <summary>Buffers that go round.</summary>
public class FramePoolTests
{
    [Fact]
    public void A_buffer_that_came_back_is_rented_again()
    {
        FramePool pool = new(12);
        byte[] first = pool.Rent(), second = pool.Rent();
        Assert.Equal((12, 12), (first.Length, second.Length));
        Assert.NotSame(first, second);
        pool.Return(first);
        Assert.Same(first, pool.Rent());
        Assert.NotSame(first, pool.Rent());
    }

    /// <summary>Nothing of a clip that is done waits for a finalizer: then it would outlive the collection that finds it.</summary>
    [Fact]
    public void The_buffers_of_a_pool_nobody_has_are_gone_with_the_next_collection()
    {
        WeakReference buffer = Used();
        GC.Collect();
        Assert.False(buffer.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Used()
        {
            FramePool pool = new(100_000);
            byte[] buffer = pool.Rent();
            pool.Return(buffer);
            return new(buffer);
        }
    }
}
