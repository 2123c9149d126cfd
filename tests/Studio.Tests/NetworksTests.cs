using Lia.Network.Cuda;
using Lia.Studio.Faces;
using Lia.Studio.Telemetry;
using Lia.Weights;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Tests;

/// <summary>Several devices behind one front: who gets which source, and what one that fails leaves to the others.</summary>
public sealed class NetworksTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly StudioMetrics _metrics = new();
    private readonly Lines _log = new();
    private readonly FakeNetwork _a = new() { DeviceName = "A" }, _b = new() { DeviceName = "B" };

    [Fact]
    public async Task A_source_stays_with_a_device_and_connections_are_spread()
    {
        using Networks networks = Open();
        Assert.Equal("A + B", (await networks.Facts).DeviceName);
        Face[] faces = [.. Enumerable.Range(1, 4).Select(i => new Face([(byte)i]))];
        IDisposable[] sessions = [.. faces.Select(networks.Connect), networks.Connect(faces[0])]; // 1 has two
        for (int round = 0; round < 3; round++)
            foreach (Face face in faces) Assert.Equal(10 * face.Square[0] + 5, await Pixel(networks, face, 5));
        Assert.Equal([1, 3], _a.Encoded);
        Assert.Equal([2, 4], _b.Encoded);

        // The one with fewer connections is next: A has three, B two, then one.
        sessions[1].Dispose();
        sessions[1].Dispose(); // counted once
        Face[] more = [new([6]), new([7]), new([8])];
        foreach (Face face in more)
        {
            networks.Connect(face);
            await Pixel(networks, face, 5);
        }
        Assert.Equal([1, 3, 8], _a.Encoded);
        Assert.Equal([2, 4, 6, 7], _b.Encoded);
    }

    [Fact]
    public async Task A_source_that_nobody_is_connected_to_moves_to_where_there_is_less_to_do_and_another_part_of_it_stays()
    {
        using Networks networks = Open();
        await networks.Facts;
        Face busy = new([1]), idle = new([2]), late = new([3]);
        foreach (Face face in (Face[])[busy, idle, late]) await Pixel(networks, face, 1); // previews: A, B, A
        Assert.Equal([1, 3], _a.Encoded);
        networks.Connect(busy);
        networks.Connect(late);
        await Pixel(networks, late, 1);
        Assert.Equal([2, 3], _b.Encoded);
        Face part = new([4], late);
        networks.Forget(late);
        await Pixel(networks, part, 1);
        Assert.Equal([2, 3, 4], _b.Encoded);
        await networks.DoAsync(_ => true);
        networks.Dispose();
        Assert.Equal((0, 0), (_a.Alive, _b.Alive));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_failing_device_had_goes_to_the_others_and_that_is_told_once(bool isNoted)
    {
        using Networks networks = Open();
        await networks.Facts;
        Face[] faces = [.. Enumerable.Range(1, 6).Select(i => new Face([(byte)i]))];
        foreach (Face face in faces) networks.Connect(face);
        foreach (Face face in faces) await Pixel(networks, face, 1);
        // The failure of ILGPU's runtime comes as the cause of one that names the device.
        Exception lost = new GpuUnavailableException("an illegal\nmemory access.", isAbsent: false);
        _a.Failure = isNoted ? lost : new NotSupportedException("an illegal memory access", lost);
        int[] pixels = await Task.WhenAll(faces.Select(face => Pixel(networks, face, 2))).WaitAsync(Patience, StudioFixture.Token);
        Assert.Equal([12, 22, 32, 42, 52, 62], pixels);
        Assert.Equal(["A is not used any more: an illegal memory access; the others do its work"], _log.Told);
        Assert.Equal<byte>([1, 2, 3, 4, 5, 6], _b.Encoded.Order());
        float[] codes = await networks.DoAsync(Codes);
        Assert.Equal([3], codes);
        Assert.True(SpinWait.SpinUntil(() => _a.IsDisposed, Patience));

        // The last one is asked again and again.
        _b.Failure = lost;
        await Assert.ThrowsAsync<GpuUnavailableException>(() => Pixel(networks, faces[0], 2));
        _b.Failure = null;
        Assert.Equal(12, await Pixel(networks, faces[0], 2));
        Assert.Single(_log.Told);
    }

    [Fact]
    public async Task What_is_no_devices_fault_loses_no_device()
    {
        using Networks networks = Open();
        await networks.Facts;
        await Assert.ThrowsAsync<WeightsException>(() => Pixel(networks, new([1]), FakeNetwork.Faulty));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Pixel(networks, new([1]), FakeNetwork.Broken));
        Assert.Empty(_log.Told);
        networks.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Pixel(networks, new([1]), 1));
    }

    [Fact]
    public async Task A_device_that_does_not_load_is_told_and_when_none_does_the_first_ones_reason_is()
    {
        using (Networks networks = Open(_ => throw new GpuUnavailableException("it is full", isAbsent: false)))
        {
            Assert.Equal("B", (await networks.Facts).DeviceName);
            Assert.Equal(["A is not used: it is full; the others do its work"], _log.Told);
            Assert.Equal(12, await Pixel(networks, new([1]), 2));
        }
        foreach (Exception[] failures in (Exception[][])[[new GpuUnavailableException("full", false), new GpuUnavailableException("gone",
            false)], [new WeightsException("full"), new WeightsException("damaged")]])
        {
            using Networks none = Open(_ => throw failures[0], _ => throw failures[1]);
            Assert.Equal("full", (await Assert.ThrowsAnyAsync<Exception>(() => none.Facts)).Message);
        }
    }

    public void Dispose() => _metrics.Dispose();

    private static float[] Codes(ILiveNetwork network)
    {
        float[] codes = new float[1];
        network.EncodeMotion([[3]], codes);
        return codes;
    }

    private Networks Open(
        Func<CancellationToken, ILiveNetwork>? first = null, Func<CancellationToken, ILiveNetwork>? second = null) =>
        new([("A", first ?? (_ => _a)), ("B", second ?? (_ => _b))], _metrics, 16, _log);

    private static async Task<int> Pixel(Networks networks, Face face, float code)
    {
        Picture picture = await networks.AskAsync(new(face, "test") { Code = [code], Start = [0] });
        int pixel = picture.Pixels[0];
        Networks.Return(picture);
        return pixel;
    }

    private sealed class Lines : ILogger
    {
        private readonly List<string> _told = [];

        public string[] Told
        {
            get
            {
                lock (_told) return [.. _told];
            }
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_told) _told.Add(formatter(state, exception));
        }
    }
}
