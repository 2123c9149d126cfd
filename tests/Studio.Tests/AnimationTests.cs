using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Lia.Studio.Tests;

/// <summary>Animations: queued, run, told about, played, cancelled; and the same bytes by the line that is shown.</summary>
public sealed class AnimationTests(StudioFixture studio) : IClassFixture<StudioFixture>
{
    private static CancellationToken Token => StudioFixture.Token;

    public static TheoryData<string, string> Asked => new()
    {
        { "driving", """{"format":"png","frames":"0:12","strength":1.25,"smooth":3,"start-frame":4,"side-by-side":true}""" },
        { "driving", """{"format":"png","frames":":8","crop":"10,20,80,80","paste-back":true,"ping-pong":true,"loop":2}""" },
        { "driving", """{"format":"png","frames":":3","fit":"stretch","fps":"30000/1001","driving-crop":"auto"}""" },
        { "driving", """{"format":"png","frames":"2:10","normalize":"minmax","mode":"absolute","driving-crop":"4,4,100,100"}""" },
        { "driving", """{"format":"png","frames":"2:4","strength":-0.00001}""" },
        { "driving", """{"frames":"0:6","no-audio":true,"size":96,"quality":40,"background":"#3c6e71","start-frame":"best"}""" },
        { "uploads", """{"format":"png","frames":"0:4"}""" },
        { "motion", """{"format":"png","strength":1.5}""" },
        { "directions", """{"direction":["19:-2","6:2.5"]}""" },
        { "directions", """{"format":"png","direction":["3"],"sweep":["19:-1:1:5","2:0:1:3"],"fps":20}""" },
        { "cropped", """{"sweep":["0:-1:1:4"],"format":"png"}""" },
    };

    [Theory, MemberData(nameof(Asked))]
    public async Task The_line_that_is_shown_gives_the_same_bytes(string kind, string options)
    {
        string folder = Directory.CreateTempSubdirectory("lia-studio-test-").FullName;
        // As a client may call them: what needs quotes is quoted.
        string face = Path.Combine(folder, "my face's.png"), clip = Path.Combine(folder, "talk.png"),
            motion = Path.Combine(folder, "m.safetensors");
        File.Copy(StudioFixture.Face, face);
        File.Copy(StudioFixture.Clip, clip);
        if (kind == "motion")
        {
            using Animator animator = new(new() { Model = StudioFixture.ModelFile });
            animator.ExtractMotion(clip, new() { Frames = ..6 }).Save(motion);
        }
        List<(string, string)> parts = [("options", "=" + options)];
        if (kind is "uploads" or "cropped")
        {
            string id = (await studio.UploadSourceAsync(face)).GetProperty("id").GetString()!;
            parts.Add(("source", "=" + id));
            using HttpResponseMessage put = await studio.Client.PutAsync(new Uri($"/api/sources/{id}/crop", UriKind.Relative),
                new StringContent("""{"left":8,"top":9,"width":70,"height":60}""", new MediaTypeHeaderValue("application/json")), Token);
            Assert.Equal(200, (int)put.StatusCode);
        }
        else parts.Add(("source", face));
        if (kind == "uploads") parts.Add(("driving", "=" + (await studio.UploadDrivingAsync(clip)).GetProperty("id").GetString()));
        if (kind == "driving") parts.Add(("driving", clip));
        if (kind == "motion") parts.Add(("motion", motion));
        using HttpResponseMessage posted = await studio.PostAsync("/api/animations", [.. parts]);
        JsonElement animation = await StudioFixture.BodyAsync(posted, 202);
        string asked = animation.GetProperty("id").GetString()!;
        Assert.Equal($"/api/animations/{asked}", posted.Headers.Location?.OriginalString);
        Assert.Contains(animation.GetProperty("status").GetString(), (string[])["queued", "running"]);

        JsonElement ended = await studio.EndedAsync(asked);
        Assert.True(ended.GetProperty("status").GetString() == "done", ended.ToString());
        JsonElement result = ended.GetProperty("result");
        byte[] served = await studio.BytesAsync(result.GetProperty("url").GetString()!);
        Assert.Equal(result.GetProperty("bytes").GetInt64(), served.Length);

        string command = ended.GetProperty("command").GetString()!;
        LiaProcess.Shell(folder, command + " --quiet");
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(folder, result.GetProperty("name").GetString()!), Token), served);
        // What was uploaded has gone with the work.
        while (Directory.GetFiles(Path.Combine(studio.Data, "animations", asked)).Length != 1) await Task.Delay(20, Token);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Events_tell_how_far_it_is_and_end_with_it()
    {
        string id = await PostAsync("""{"format":"png"}""");
        using HttpRequestMessage request = new(HttpMethod.Get, $"/api/animations/{id}/events");
        using HttpResponseMessage response = await studio.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        using StreamReader lines = new(await response.Content.ReadAsStreamAsync(Token));
        List<JsonElement> told = [];
        while (await lines.ReadLineAsync(Token) is { } line)
        {
            if (line.StartsWith("event:", StringComparison.Ordinal)) Assert.Equal("event: animation", line);
            if (line.StartsWith("data:", StringComparison.Ordinal)) told.Add(JsonDocument.Parse(line[5..]).RootElement);
        }
        Assert.True(told.Count > 2, $"{told.Count} events");
        int[] done = [.. told.Select(one => one.GetProperty("done").GetInt32())];
        Assert.Equal(done.Order(), done);
        Assert.Contains(told, one => one.GetProperty("status").GetString() == "running"
            && one.GetProperty("of").ValueKind == JsonValueKind.Number && one.GetProperty("secondsLeft").ValueKind == JsonValueKind.Number);
        Assert.Equal(("done", 48), (told[^1].GetProperty("status").GetString(), told[^1].GetProperty("done").GetInt32()));
    }

    [Fact]
    public async Task A_result_is_served_in_parts_and_by_its_name()
    {
        string id = await PostAsync("""{"format":"png","frames":"0:4"}""");
        using (HttpResponseMessage early = await studio.Client.GetAsync(new Uri($"/api/animations/{id}/result", UriKind.Relative), Token))
            if (early.StatusCode != HttpStatusCode.OK) await StudioFixture.RefusedAsync(early, 409);
        await studio.EndedAsync(id);
        byte[] whole = await studio.BytesAsync($"/api/animations/{id}/result");
        using HttpRequestMessage request = new(HttpMethod.Get, $"/api/animations/{id}/result?download");
        request.Headers.Range = new(10, 19);
        using HttpResponseMessage part = await studio.Client.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(whole[10..20], await part.Content.ReadAsByteArrayAsync(Token));
        Assert.Equal("image/png", part.Content.Headers.ContentType?.MediaType);
        Assert.Equal("source-animated.png", part.Content.Headers.ContentDisposition?.FileName?.Trim('"'));

        using HttpResponseMessage removed = await studio.Client.DeleteAsync(new Uri($"/api/animations/{id}", UriKind.Relative), Token);
        Assert.Equal(204, (int)removed.StatusCode);
        Assert.False(Directory.Exists(Path.Combine(studio.Data, "animations", id)));
        using HttpResponseMessage gone = await studio.Client.GetAsync(new Uri($"/api/animations/{id}", UriKind.Relative), Token);
        Assert.Equal(404, (int)gone.StatusCode);
    }

    [Fact]
    public async Task What_runs_and_what_waits_is_cancelled()
    {
        string running = await PostAsync("""{"format":"png","loop":200}"""), waiting = await PostAsync("""{"format":"png"}""");
        while ((await studio.GetAsync($"/api/animations/{running}")).GetProperty("done").GetInt32() == 0) await Task.Delay(20, Token);
        foreach (string id in (string[])[waiting, running])
        {
            using HttpResponseMessage response = await studio.Client.DeleteAsync(new Uri($"/api/animations/{id}", UriKind.Relative), Token);
            Assert.Equal(202, (int)response.StatusCode);
            Assert.Equal("cancelled", (await studio.EndedAsync(id)).GetProperty("status").GetString());
            while (Directory.Exists(Path.Combine(studio.Data, "animations", id))) await Task.Delay(20, Token);
        }
        string[] listed = [.. (await studio.GetAsync("/api/animations")).GetProperty("animations").EnumerateArray()
            .Select(one => one.GetProperty("id").GetString()!)];
        Assert.True(Array.IndexOf(listed, waiting) < Array.IndexOf(listed, running), "The newest is not the first.");
    }

    [Fact]
    public async Task A_full_queue_says_when_to_come_again()
    {
        using StudioFixture small = new(("max-queue", "1"));
        HttpStatusCode last = HttpStatusCode.Accepted;
        List<string> ids = [];
        for (int i = 0; i < 8 && last == HttpStatusCode.Accepted; i++)
        {
            using HttpResponseMessage response = await small.PostAsync("/api/animations", ("source", StudioFixture.Face),
                ("driving", StudioFixture.Clip), ("options", """={"format":"png","loop":100}"""));
            last = response.StatusCode;
            if (last == HttpStatusCode.Accepted) ids.Add((await StudioFixture.BodyAsync(response, 202)).GetProperty("id").GetString()!);
            else
            {
                Assert.Contains("wait already", await StudioFixture.RefusedAsync(response, 429));
                Assert.True(response.Headers.RetryAfter?.Delta > TimeSpan.Zero);
            }
        }
        Assert.Equal(HttpStatusCode.TooManyRequests, last);
        Assert.Equal(ids.Count, Directory.GetDirectories(Path.Combine(small.Data, "animations")).Length);
    }

    [Fact]
    public async Task The_oldest_results_make_room()
    {
        using StudioFixture small = new(("disk-budget", "1"));
        List<string> ids = [];
        for (int i = 0; i < 4; i++)
        {
            using HttpResponseMessage response = await small.PostAsync("/api/animations", ("source", StudioFixture.Face),
                ("driving", StudioFixture.Face), ("options", """={"format":"y4m","loop":8}"""));
            ids.Add((await StudioFixture.BodyAsync(response, 202)).GetProperty("id").GetString()!);
            Assert.Equal("done", (await small.EndedAsync(ids[^1])).GetProperty("status").GetString());
        }
        // Two results of 384 KiB, and none of the third. A row goes before its files.
        Assert.True(SpinWait.SpinUntil(() => Directory.GetDirectories(Path.Combine(small.Data, "animations")).Length == 2, 10_000));
        string[] listed = [.. (await small.GetAsync("/api/animations")).GetProperty("animations").EnumerateArray()
            .Select(one => one.GetProperty("id").GetString()!)];
        Assert.Equal([ids[3], ids[2]], listed);
        Assert.Equal(listed.Order(), Directory.GetDirectories(Path.Combine(small.Data, "animations")).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("""{"wave":1}""", "There is no option 'wave'.")]
    [InlineData("""{"output":"/etc/passwd"}""", "There is no option 'output'.")]
    [InlineData("""{"dump":"/tmp/x"}""", "There is no option 'dump'.")]
    [InlineData("""{"model":"/tmp/x"}""", "There is no option 'model'.")]
    [InlineData("""{"format":"../../x"}""", "format is")]
    [InlineData("""{"strength":"1"}""", "strength is a number")]
    [InlineData("""{"strength":1e9}""", "from -100 to 100")]
    [InlineData("""{"smooth":2}""", "odd")]
    [InlineData("""{"frames":"5:5"}""", "frames is A:B")]
    [InlineData("""{"loop":1001}""", "1 to 1000")]
    [InlineData("""{"fps":"0"}""", "rate")]
    [InlineData("""{"size":2161}""", "1 to 2160")]
    [InlineData("""{"quality":0}""", "1 to 100")]
    [InlineData("""{"crop":"1,2,3"}""", "crop is X,Y,W,H")]
    [InlineData("""{"background":"wave"}""", "color")]
    [InlineData("""{"normalize":"1"}""", "fixed or minmax")]
    [InlineData("""{"paste-back":true,"side-by-side":true}""", "exclude each other")]
    [InlineData("""{"direction":["1"]}""", "moves a picture without a clip")]
    [InlineData("""{"strength":1,"strength":2}""", "twice")]
    [InlineData("[]", "JSON object")]
    [InlineData("{", "no JSON")]
    public async Task Options_that_make_no_sense_are_refused(string options, string says)
    {
        using HttpResponseMessage response = await studio.PostAsync("/api/animations", ("source", StudioFixture.Face),
            ("driving", StudioFixture.Clip), ("options", "=" + options));
        Assert.Contains(says, await StudioFixture.RefusedAsync(response, 400));
    }

    [Theory]
    [InlineData("There is no motion", "source=face")]
    [InlineData("There is no source", "driving=clip")]
    [InlineData("two motions", "source=face", "driving=clip", "motion=clip")]
    [InlineData("is for a clip", "source=face", "options={\"strength\":1,\"direction\":[\"1\"]}")]
    [InlineData("motion direction 20", "source=face", "options={\"direction\":[\"20\"]}")]
    [InlineData("direction is I", "source=face", "options={\"direction\":[\"a\"]}")]
    [InlineData("sweep is I", "source=face", "options={\"sweep\":[\"1:2\"]}")]
    [InlineData("sweep is I", "source=face", "options={\"sweep\":[\"1:-1:1:1001\"]}")]
    [InlineData("no such source", "source=0123456789abcdef0123456789abcdef", "driving=clip")]
    [InlineData("no such driving", "source=face", "driving=../../etc/passwd")]
    [InlineData("'wave' is not understood", "source=face", "wave=1")]
    public async Task Forms_that_make_no_sense_are_refused_and_leave_nothing(string says, params string[] parts)
    {
        int before = Directory.GetDirectories(Path.Combine(studio.Data, "animations")).Length;
        using HttpResponseMessage response = await studio.PostAsync("/api/animations", [.. parts.Select(part =>
        {
            string[] pair = part.Split('=', 2);
            return (pair[0], pair[1] switch { "face" => StudioFixture.Face, "clip" => StudioFixture.Clip, string text => "=" + text });
        })]);
        JsonElement problem = await StudioFixture.BodyAsync(response, says.StartsWith("no such", StringComparison.Ordinal) ? 404 : 400);
        Assert.Contains(says, problem.GetProperty("detail").GetString());
        Assert.Equal(before, Directory.GetDirectories(Path.Combine(studio.Data, "animations")).Length);
    }

    [Theory]
    [InlineData("source")]
    [InlineData("driving")]
    public async Task A_file_that_cannot_be_read_fails_by_the_name_it_was_sent_with(string which)
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("lia-studio-test-").FullName, "broken.png");
        await File.WriteAllBytesAsync(file, (await File.ReadAllBytesAsync(StudioFixture.Clip, Token))[..5000], Token);
        using HttpResponseMessage response = await studio.PostAsync("/api/animations",
            ("source", which == "source" ? file : StudioFixture.Face), ("driving", which == "driving" ? file : StudioFixture.Clip),
            ("options", """={"format":"png"}"""));
        string id = (await StudioFixture.BodyAsync(response, 202)).GetProperty("id").GetString()!;
        JsonElement ended = await studio.EndedAsync(id);
        Assert.Equal("failed", ended.GetProperty("status").GetString());
        Assert.StartsWith("broken.png: ", ended.GetProperty("error").GetString());
        Assert.DoesNotContain(studio.Data, ended.ToString());
        // What it was made from goes a moment later; other tests count folders.
        while (Directory.Exists(Path.Combine(studio.Data, "animations", id))) await Task.Delay(20, Token);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private async Task<string> PostAsync(string options)
    {
        using HttpResponseMessage response = await studio.PostAsync("/api/animations", ("source", StudioFixture.Face),
            ("driving", StudioFixture.Clip), ("options", "=" + options));
        return (await StudioFixture.BodyAsync(response, 202)).GetProperty("id").GetString()!;
    }
}
