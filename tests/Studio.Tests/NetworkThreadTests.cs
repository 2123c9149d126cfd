using Lia.Studio.Faces;
using Lia.Studio.Telemetry;
using Lia.Weights;

namespace Lia.Studio.Tests;

/// <summary>The thread that shares a network: what goes together, what waits, what is kept.</summary>
public sealed class NetworkThreadTests : IDisposable
{
    private readonly StudioMetrics _metrics = new();

    [Fact]
    public async Task Frames_of_different_sources_go_together_and_wait_for_each_other_two_milliseconds()
    {
        using ManualResetEventSlim go = new();
        FakeNetwork fake = new() { GainsTogether = true, Gate = go };
        using NetworkThread thread = new(_ => fake, _metrics, 16);
        thread.Count(4);
        // Four come while the network is busy: however slowly, they are there when it is not.
        Task<Picture> busy = thread.AskAsync(Request(new Face([9]), 9));
        await fake.Running.WaitAsync(StudioFixture.Token);
        Task<Picture>[] four = [.. Enumerable.Range(1, 4).Select(i => thread.AskAsync(Request(new Face([(byte)i]), i)))];
        go.Set();
        await busy;
        // source and code, each its own
        Assert.Equal([11, 22, 33, 44], (await Task.WhenAll(four)).Select(picture => (int)picture.Pixels[0]));
        Assert.Equal([1, 4], fake.Batches);
        // Alone among four that might come, one goes when its two milliseconds are over. A busy machine makes more of them, not always.
        List<double> waits = await WaitsAsync(thread);
        Assert.All(waits, wait => Assert.True(wait >= 1, $"It waited {wait} ms."));
        Assert.InRange(waits.Min(), 1, 500);
    }

    [Fact]
    public async Task One_session_waits_for_nobody_and_nobody_waits_where_nothing_is_gained()
    {
        foreach ((bool gains, int sessions) in ((bool, int)[])[(true, 1), (false, 32)])
        {
            FakeNetwork fake = new() { GainsTogether = gains };
            using NetworkThread thread = new(_ => fake, _metrics, 16);
            thread.Count(sessions);
            // Who waits for others waits for them every time; who waits for the processor, on a busy machine, does not.
            double least = (await WaitsAsync(thread)).Min();
            Assert.True(least < NetworkThread.Window.TotalMilliseconds, $"All waited {least} ms or more.");
        }
    }

    [Fact]
    public async Task What_is_not_urgent_has_its_turn_though_somebody_always_waits()
    {
        FakeNetwork fake = new() { Delay = TimeSpan.FromMilliseconds(1) };
        using NetworkThread thread = new(_ => fake, _metrics, 16);
        using CancellationTokenSource over = new();
        Face face = new([1]);
        Task[] greedy = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested) await thread.AskAsync(Request(face, 1));
        }))];
        Assert.Equal(3, await thread.DoAsync(_ => 3).WaitAsync(TimeSpan.FromSeconds(60), StudioFixture.Token));
        await over.CancelAsync();
        await Task.WhenAll(greedy);
    }

    [Fact]
    public async Task A_source_is_encoded_once_and_the_one_used_longest_ago_is_given_up()
    {
        FakeNetwork fake = new();
        using NetworkThread thread = new(_ => fake, _metrics, 2);
        Face a = new([1]), b = new([2]), c = new([3]);
        foreach (Face face in (Face[])[a, b, a, c, a]) await thread.AskAsync(Request(face, 1));
        Assert.Equal([1, 2, 3], fake.Encoded);
        await thread.AskAsync(Request(b, 1)); // was given up for c
        Assert.Equal([1, 2, 3, 2], fake.Encoded);
        Assert.Equal(2, fake.Alive);
        thread.Drop(b);
        await thread.DoAsync(_ => true);
        Assert.Equal(1, fake.Alive);
        thread.Dispose();
        Assert.Equal(0, fake.Alive);
        Assert.True(fake.IsDisposed);
    }

    [Fact]
    public async Task A_fault_is_one_pictures_and_a_failure_ends_nothing()
    {
        FakeNetwork fake = new() { GainsTogether = true, Delay = TimeSpan.FromMilliseconds(20) };
        using NetworkThread thread = new(_ => fake, _metrics, 16);
        Task<Picture> first = thread.AskAsync(Request(new Face([1]), 1));
        Task<Picture> faulty = thread.AskAsync(Request(new Face([2]), FakeNetwork.Faulty)),
            fine = thread.AskAsync(Request(new Face([3]), 3));
        await Assert.ThrowsAsync<WeightsException>(() => faulty);
        Assert.Equal(33, (await fine).Pixels[0]);
        await first;
        await Assert.ThrowsAsync<InvalidOperationException>(() => thread.AskAsync(Request(new Face([4]), FakeNetwork.Broken)));
        Assert.Equal(55, (await thread.AskAsync(Request(new Face([5]), 5))).Pixels[0]);
    }

    [Fact]
    public async Task The_end_cancels_what_waits_and_a_network_that_cannot_be_loaded_says_so()
    {
        FakeNetwork fake = new() { Delay = TimeSpan.FromMilliseconds(100) };
        NetworkThread thread = new(_ => fake, _metrics, 16);
        Task<Picture> running = thread.AskAsync(Request(new Face([1]), 1));
        await fake.Running.WaitAsync(StudioFixture.Token);
        Task<Picture> waiting = thread.AskAsync(Request(new Face([1]), 1));
        thread.Dispose();
        Assert.Equal(11, (await running).Pixels[0]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => thread.AskAsync(Request(new Face([1]), 1)));

        using NetworkThread broken = new(_ => throw new WeightsException("no model"), _metrics, 16);
        Assert.Equal("no model", (await Assert.ThrowsAsync<WeightsException>(() => broken.Facts)).Message);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => broken.AskAsync(Request(new Face([1]), 1)));
    }

    public void Dispose() => _metrics.Dispose();

    /// <summary>How long each of many requests waited, one after another.</summary>
    private static async Task<List<double>> WaitsAsync(NetworkThread thread)
    {
        List<double> waits = [];
        for (int i = 0; i < 50; i++) waits.Add((await thread.AskAsync(Request(new Face([1]), 1))).Waiting.TotalMilliseconds);
        return waits;
    }

    private static PictureRequest Request(Face face, float code) => new(face, "test") { Code = [code], Start = [0] };
}
