using Lia.Network.Cpu;

namespace Lia.Network.Tests.Cpu;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_item_is_done_exactly_once_run_after_run(int workers)
    {
        using WorkerPool pool = new(workers);
        for (int run = 0; run < 3000; run++)
        {
            Counter counter = new(run % 19, workers);
            pool.Run(counter, counter.Counts.Length);
            Assert.All(counter.Counts, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void Workers_that_fell_asleep_wake_up()
    {
        using WorkerPool pool = new(2);
        for (int run = 0; run < 3; run++)
        {
            Thread.Sleep(50); // Far longer than a worker spins.
            // Neither item ends before the other has begun, so one thread alone could not do both.
            using Barrier barrier = new(2);
            pool.Run(new Meeting(barrier), 2);
            Assert.Equal(1, barrier.CurrentPhaseNumber);
        }
    }

    [Fact]
    public void An_exception_reaches_the_caller_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(3);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => pool.Run(new Failing(), 10));
        Assert.Equal("item 7", error.Message);
        Counter counter = new(10, 3);
        pool.Run(counter, 10);
        Assert.All(counter.Counts, count => Assert.Equal(1, count));
    }

    private sealed class Counter(int items, int workers) : ParallelWork
    {
        public int[] Counts { get; } = new int[items];

        public override void Run(int item, int worker)
        {
            Assert.InRange(worker, 0, workers - 1);
            Interlocked.Increment(ref Counts[item]);
        }
    }

    private sealed class Meeting(Barrier barrier) : ParallelWork
    {
        public override void Run(int item, int worker) => Assert.True(barrier.SignalAndWait(TimeSpan.FromSeconds(20)));
    }

    private sealed class Failing : ParallelWork
    {
        public override void Run(int item, int worker)
        {
            if (item == 7) throw new InvalidOperationException("item 7");
        }
    }
}
