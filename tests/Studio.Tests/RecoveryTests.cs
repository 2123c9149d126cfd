using System.Net.WebSockets;
using System.Text.Json;

namespace Lia.Studio.Tests;

/// <summary>What outlives the process, and how it ends.</summary>
public sealed class RecoveryTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("lia-studio-test-").FullName;

    private static CancellationToken Token => StudioFixture.Token;

    [Fact]
    public async Task After_a_kill_what_waited_runs_and_what_ran_runs_again()
    {
        List<string> ids = [];
        string done;
        using (LiaProcess first = await LiaProcess.ServeAsync(_data))
        {
            done = await PostAsync(first, 1);
            await EndedAsync(first, done);
            for (int i = 0; i < 3; i++) ids.Add(await PostAsync(first, 5));
            while ((await GetAsync(first, $"/api/animations/{ids[0]}")).GetProperty("done").GetInt32() == 0) await Task.Delay(10, Token);
            first.Kill();
            await first.ExitedAsync();
        }
        // A form that was being read has a folder and no row; a result that somebody removed has a row and no file.
        string orphan = Path.Combine(_data, "animations", new string('a', 32)),
            upload = Path.Combine(_data, "uploads", new string('b', 32));
        Directory.CreateDirectory(orphan);
        Directory.CreateDirectory(upload);
        using (LiaProcess second = await LiaProcess.ServeAsync(_data))
        {
            Assert.False(Directory.Exists(orphan));
            Assert.False(Directory.Exists(upload));
            foreach (string id in ids) Assert.Equal("done", (await EndedAsync(second, id)).GetProperty("status").GetString());
            byte[] once = await second.Client.GetByteArrayAsync(new Uri($"/api/animations/{ids[0]}/result", UriKind.Relative), Token);
            Assert.Equal(once, await second.Client.GetByteArrayAsync(new Uri($"/api/animations/{ids[2]}/result", UriKind.Relative), Token));
            Assert.Equal("done", (await GetAsync(second, $"/api/animations/{done}")).GetProperty("status").GetString());
            // What a result was made from goes after the row says that it is done.
            foreach (string id in ids)
                Assert.True(SpinWait.SpinUntil(() => Directory.GetFiles(Path.Combine(_data, "animations", id)).Length == 1, 10_000));
            second.Kill();
            await second.ExitedAsync();
        }
        File.Delete(Assert.Single(Directory.GetFiles(Path.Combine(_data, "animations", ids[1]))));
        using LiaProcess third = await LiaProcess.ServeAsync(_data);
        string[] listed = [.. (await GetAsync(third, "/api/animations")).GetProperty("animations").EnumerateArray()
            .Select(one => one.GetProperty("id").GetString()!)];
        Assert.Equal([ids[2], ids[0], done], listed);
        foreach (string id in listed)
            Assert.NotEmpty(await third.Client.GetByteArrayAsync(new Uri($"/api/animations/{id}/result", UriKind.Relative), Token));
    }

    [Fact]
    public async Task TERM_ends_it_within_a_second_of_the_running_frame_and_the_work_goes_on_at_the_next_start()
    {
        string id;
        using (LiaProcess first = await LiaProcess.ServeAsync(_data))
        {
            id = await PostAsync(first, 40);
            using ClientWebSocket socket = await ConnectAsync(first);
            while ((await GetAsync(first, $"/api/animations/{id}")).GetProperty("done").GetInt32() == 0) await Task.Delay(10, Token);
            first.Terminate();
            LiveClient.Answer answer;
            do answer = await socket.NextAsync();
            while (answer.Closed is null);
            Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, answer.Closed);
            // Long before the animation would have ended: the next start has work to go on with.
            Assert.Equal(0, await first.ExitedAsync().WaitAsync(LiaProcess.Ending, Token));
        }
        using LiaProcess second = await LiaProcess.ServeAsync(_data);
        JsonElement again;
        do again = await GetAsync(second, $"/api/animations/{id}");
        while (again.GetProperty("status").GetString() is "queued" || again.GetProperty("done").GetInt32() == 0);
        Assert.Equal("running", again.GetProperty("status").GetString());
    }

    [Fact]
    public async Task It_ends_with_the_program_that_started_it()
    {
        using LiaProcess service = await LiaProcess.ServeAsync(_data, "--until-input-ends=true");
        service.CloseInput();
        Assert.Equal(0, await service.ExitedAsync());
    }

    [Fact]
    public async Task A_folder_belongs_to_one_service_at_a_time()
    {
        using LiaProcess first = await LiaProcess.ServeAsync(_data);
        using LiaProcess second = LiaProcess.Refusing("--port=0", $"--data={_data}");
        Assert.Equal(2, await second.ExitedAsync());
        Assert.Contains("--data", second.Errors);
        Assert.StartsWith("lia: ", second.Errors);
    }

    [Theory]
    [InlineData("--model=/nowhere/model.safetensors", "/nowhere/model.safetensors")]
    [InlineData("--host=0.0.0.0", "--token")]
    [InlineData("--device=cuda:9", "cuda")]
    public async Task What_cannot_be_started_says_why(string argument, string says)
    {
        using LiaProcess service = LiaProcess.Refusing("--port=0", $"--data={_data}", argument);
        Assert.Equal(2, await service.ExitedAsync());
        Assert.Contains(says, service.Errors, StringComparison.OrdinalIgnoreCase);
        Assert.Single(service.Errors.Split('\n'), line => line.StartsWith("lia: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("serve", false)]
    [InlineData("studio", true)]
    public async Task Lia_starts_it_and_passes_a_TERM_on(string command, bool hasPage)
    {
        string[] browser = hasPage ? ["--no-browser"] : [];
        using LiaProcess lia = await LiaProcess.CommandAsync([command, "--port", "0", "--data", _data, "--threads", "1", .. browser]);
        JsonElement model = await GetAsync(lia, "/api/model");
        Assert.Equal(hasPage, model.GetProperty("page").GetBoolean());
        Assert.Contains("1 thread", model.GetProperty("device").GetString());
        lia.Terminate();
        Assert.Equal(0, await lia.ExitedAsync());
        await Assert.ThrowsAsync<HttpRequestException>(() => lia.Client.GetAsync(new Uri("/api/model", UriKind.Relative), Token));
    }

    [Fact]
    public async Task When_lia_is_killed_the_service_ends_too()
    {
        using LiaProcess lia = await LiaProcess.CommandAsync("serve", "--port", "0", "--data", _data);
        lia.Kill();
        await lia.ExitedAsync();
        bool isThere = true;
        for (int i = 0; i < 100 && isThere; i++)
        {
            try
            {
                using HttpResponseMessage response = await lia.Client.GetAsync(new Uri("/v2/health/live", UriKind.Relative), Token);
                await Task.Delay(50, Token);
            }
            catch (HttpRequestException)
            {
                isThere = false;
            }
        }
        Assert.False(isThere);
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    internal static async Task<string> PostAsync(LiaProcess service, int loops)
    {
        using MultipartFormDataContent form = StudioFixture.Form(("source", StudioFixture.Face), ("driving", StudioFixture.Clip),
            ("options", $$"""={"format":"png","frames":"0:8","loop":{{loops}}}"""));
        using HttpResponseMessage response = await service.Client.PostAsync(new Uri("/api/animations", UriKind.Relative), form, Token);
        return (await StudioFixture.BodyAsync(response, 202)).GetProperty("id").GetString()!;
    }

    internal static async Task<JsonElement> GetAsync(LiaProcess service, string path)
    {
        using HttpResponseMessage response = await service.Client.GetAsync(new Uri(path, UriKind.Relative), Token);
        return await StudioFixture.BodyAsync(response, 200);
    }

    internal static async Task<JsonElement> EndedAsync(LiaProcess service, string id)
    {
        while (true)
        {
            JsonElement animation = await GetAsync(service, $"/api/animations/{id}");
            if (animation.GetProperty("status").GetString() is "done" or "failed" or "cancelled") return animation;
            await Task.Delay(50, Token);
        }
    }

    internal static async Task<ClientWebSocket> ConnectAsync(LiaProcess service, string kind = "live")
    {
        using MultipartFormDataContent form = StudioFixture.Form(("source", StudioFixture.Face));
        using HttpResponseMessage response = await service.Client.PostAsync(new Uri("/api/sources", UriKind.Relative), form, Token);
        string id = (await StudioFixture.BodyAsync(response, 201)).GetProperty("id").GetString()!;
        ClientWebSocket socket = new();
        await socket.ConnectAsync(new Uri($"ws://{service.Address.Authority}/api/sources/{id}/{kind}"), Token);
        return socket;
    }
}
