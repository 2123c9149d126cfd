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
        FakeNetwork fake = new() { GainsTogether = true };
        using NetworkThread thread = new(_ => fake, _metrics, 16);
        thread.Count(4);
        Picture[] pictures = await Task.WhenAll(Enumerable.Range(1, 4).Select(i => thread.AskAsync(Request(new Face([(byte)i]), i))));
        Assert.Equal([4], fake.Batches);
        Assert.Equal([11, 22, 33, 44], pictures.Select(picture => (int)picture.Pixels[0])); // source and code, each its own
        // Alone among four that might come, one goes when its two milliseconds are over.
        Picture alone = await thread.AskAsync(Request(new Face([5]), 5));
        Assert.Equal([4, 1], fake.Batches);
        Assert.InRange(alone.Waiting.TotalMilliseconds, 1, 500);
    }

    [Fact]
    public async Task One_session_waits_for_nobody_and_nobody_waits_where_nothing_is_gained()
    {
        foreach ((bool gains, int sessions) in ((bool, int)[])[(true, 1), (false, 32)])
        {
            FakeNetwork fake = new() { GainsTogether = gains };
            using NetworkThread thread = new(_ => fake, _metrics, 16);
            thread.Count(sessions);
            await thread.AskAsync(Request(new Face([1]), 1)); // the first call is compiled
            List<double> waits = [];
            for (int i = 0; i < 21; i++) waits.Add((await thread.AskAsync(Request(new Face([1]), 1))).Waiting.TotalMilliseconds);
            double median = waits.Order().ElementAt(10);
            Assert.True(median < NetworkThread.Window.TotalMilliseconds, $"A median of {median} ms.");
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
        Assert.Equal(3, await thread.DoAsync(_ => 3).WaitAsync(TimeSpan.FromSeconds(10), StudioFixture.Token));
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
        Task<Picture> faulty = thread.AskAsync(Request(new Face([2]), FakeNetwork.Faulty)), fine = thread.AskAsync(Request(new Face([3]), 3));
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

    private static PictureRequest Request(Face face, float code) => new(face, "test") { Code = [code], Start = [0] };
}
