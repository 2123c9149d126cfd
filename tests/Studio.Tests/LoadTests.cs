using System.Globalization;
using System.Net.WebSockets;

namespace Lia.Studio.Tests;

/// <summary>Many clients at once on loopback. <c>LIA_LOAD_SECONDS=60</c> loads it longer than the suite has time for.</summary>
public sealed class LoadTests : IDisposable
{
    private const int Clients = 32;
    private readonly string _data = Directory.CreateTempSubdirectory("lia-studio-test-").FullName;

    private static TimeSpan Time => TimeSpan.FromSeconds(int.Parse(
        Environment.GetEnvironmentVariable("LIA_LOAD_SECONDS") ?? "10", CultureInfo.InvariantCulture));

    [Fact]
    public async Task No_job_is_lost_no_client_starves_and_memory_stays_flat()
    {
        using LiaProcess service = await LiaProcess.ServeAsync(_data, "--rate=1000");
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(StudioFixture.Token);
        List<string> posted = [];
        int[] answered = new int[Clients];
        ClientWebSocket[] sockets = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => RecoveryTests.ConnectAsync(service)));
        using CountdownEvent seen = new(Clients);
        Task[] live = [.. Enumerable.Range(0, Clients).Select(client => Task.Run(() => DragAsync(client)))];
        // The time begins when everybody has a picture: how long that takes the machine says.
        await await Task.WhenAny([Task.Run(() => seen.Wait(StudioFixture.Token), StudioFixture.Token), .. live]);
        over.CancelAfter(Time);
        Task jobs = Task.Run(PostAsync);
        // What the first third takes is warming up.
        await Task.Delay(Time / 3, StudioFixture.Token);
        long warm = service.WorkingSet, most = 0;
        while (!over.IsCancellationRequested)
        {
            most = Math.Max(most, service.WorkingSet);
            await Task.Delay(100, StudioFixture.Token);
        }
        await Task.WhenAll([.. live, jobs]);
        Assert.All(answered, count => Assert.True(count > 0, "A client starved."));
        Assert.True(most < warm + (96 << 20), $"Memory grew from {warm >> 20} to {most >> 20} MiB.");
        TestContext.Current.SendDiagnosticMessage("{0} pictures for {1} clients in {2}, {3} jobs, {4} to {5} MiB", answered.Sum(), Clients,
            Time, posted.Count, warm >> 20, most >> 20);
        Assert.NotEmpty(posted);
        foreach (string id in posted)
            Assert.Equal("done", (await RecoveryTests.EndedAsync(service, id)).GetProperty("status").GetString());
        service.Terminate();
        Assert.Equal(0, await service.ExitedAsync().WaitAsync(LiaProcess.Ending, StudioFixture.Token));

        async Task DragAsync(int client)
        {
            using ClientWebSocket socket = sockets[client];
            await socket.NextAsync();
            seen.Signal();
            float[] deltas = new float[20];
            for (uint i = 1; !over.IsCancellationRequested; i++)
            {
                deltas[client % 20] = MathF.Sin(i / 10f);
                await socket.SendAsync(LiveClient.Parameters(i, 1, deltas));
                Assert.NotNull((await socket.NextAsync()).Picture);
                answered[client]++;
            }
            // The service waits half a second for the other side's word, which a busy machine may not give in time.
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, StudioFixture.Token);
        }

        async Task PostAsync()
        {
            while (!over.IsCancellationRequested)
            {
                posted.Add(await RecoveryTests.PostAsync(service, 1));
                await Task.Delay(500, StudioFixture.Token);
            }
        }
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);
}
