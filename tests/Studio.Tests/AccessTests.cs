using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;

namespace Lia.Studio.Tests;

/// <summary>Nobody is let in who was not asked.</summary>
public sealed class AccessTests(StudioFixture studio) : IClassFixture<StudioFixture>
{
    private static CancellationToken Token => StudioFixture.Token;

    [Theory]
    [InlineData("localhost", 200)]
    [InlineData("localhost:5170", 200)]
    [InlineData("127.0.0.1:5170", 200)]
    [InlineData("[::1]:5170", 200)]
    [InlineData("rebound.example.org", 403)]
    [InlineData("localhost.example.org", 403)]
    [InlineData("127.0.0.1.nip.io", 403)]
    [InlineData("192.168.0.7:5170", 403)]
    [InlineData("0.0.0.0", 403)]
    public async Task Only_our_own_names_are_answered(string host, int status)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/api/model");
        request.Headers.Host = host;
        using HttpResponseMessage response = await studio.Client.SendAsync(request, Token);
        Assert.Equal(status, (int)response.StatusCode);
        if (status == 403) Assert.Contains("Host", await StudioFixture.RefusedAsync(response, 403));
    }

    [Theory]
    [InlineData("http://localhost", 201)]
    [InlineData("https://localhost", 201)] // behind a proxy that takes the s off
    [InlineData("http://localhost:8080", 403)]
    [InlineData("http://evil.example.org", 403)]
    [InlineData("http://localhost.evil.example.org", 403)]
    [InlineData("null", 403)]
    [InlineData("file://", 403)]
    [InlineData("chrome-extension://localhost", 403)]
    public async Task A_foreign_page_cannot_post(string origin, int status)
    {
        using MultipartFormDataContent form = StudioFixture.Form(("source", StudioFixture.Face));
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/sources") { Content = form };
        request.Headers.Add("Origin", origin);
        using HttpResponseMessage response = await studio.Client.SendAsync(request, Token);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("/api/animations", "cross-site", "no-cors", "image", 403)]
    [InlineData("/api/animations", "same-site", "cors", "empty", 403)]
    [InlineData("/api/animations", "cross-site", "navigate", "document", 403)]
    [InlineData("/", "cross-site", "no-cors", "iframe", 403)]
    [InlineData("/api/animations", "same-origin", "cors", "empty", 200)]
    [InlineData("/api/animations", "none", "navigate", "document", 200)]
    public async Task A_foreign_page_cannot_look(string path, string site, string mode, string destination, int status)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Add("Sec-Fetch-Site", site);
        request.Headers.Add("Sec-Fetch-Mode", mode);
        request.Headers.Add("Sec-Fetch-Dest", destination);
        using HttpResponseMessage response = await studio.Client.SendAsync(request, Token);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("live")]
    [InlineData("camera")]
    public async Task A_foreign_page_gets_no_WebSocket(string kind)
    {
        string id = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            studio.ConnectAsync($"/api/sources/{id}/{kind}", "http://evil.example.org"));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            studio.ConnectAsync($"/api/sources/{id}/{kind}", "http://rebound.example.org", "rebound.example.org"));
        using WebSocket own = await studio.ConnectAsync($"/api/sources/{id}/{kind}");
        using WebSocket program = await studio.ConnectAsync($"/api/sources/{id}/{kind}", null); // no browser
        Assert.Equal(WebSocketState.Open, program.State);
    }

    [Fact]
    public async Task Every_answer_keeps_foreign_code_and_foreign_frames_out()
    {
        foreach (string path in (string[])["/", "/api/model", "/api/nothing", "/openapi/v1.json"])
        {
            using HttpResponseMessage response = await studio.Client.GetAsync(new Uri(path, UriKind.Relative), Token);
            string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.Contains("default-src 'none'", policy);
            Assert.Contains("frame-ancestors 'none'", policy);
            Assert.DoesNotContain("unsafe", policy);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("same-origin", Assert.Single(response.Headers.GetValues("Cross-Origin-Resource-Policy")));
            Assert.False(response.Headers.Contains("Server"));
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task With_a_token_nobody_without_it_is_let_in()
    {
        const string Secret = "a-token-of-ours";
        using StudioFixture guarded = new(("host", "0.0.0.0,face.example.org"), ("token", Secret));
        async Task<HttpResponseMessage> AskAsync(
            string path, string? authorization = null, string? cookie = null, string host = "10.1.2.3:5170")
        {
            using HttpRequestMessage request = new(HttpMethod.Get, path);
            request.Headers.Host = host;
            if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
            if (cookie is not null) request.Headers.Add("Cookie", cookie);
            return await guarded.Client.SendAsync(request, Token);
        }
        using (HttpResponseMessage without = await AskAsync("/api/model"))
        {
            Assert.Contains("token", await StudioFixture.RefusedAsync(without, 401));
            Assert.Equal("Bearer", without.Headers.WwwAuthenticate.Single().Scheme);
        }
        foreach (string wrong in (string[])["Bearer wrong-token", "Bearer", "Basic " + Secret, "Bearer " + Secret + "x"])
            using (HttpResponseMessage refused = await AskAsync("/api/model", wrong)) Assert.Equal(401, (int)refused.StatusCode);
        using (HttpResponseMessage let = await AskAsync("/api/model", "Bearer " + Secret)) Assert.Equal(200, (int)let.StatusCode);
        using (HttpResponseMessage named = await AskAsync("/api/model", "Bearer " + Secret, host: "face.example.org"))
            Assert.Equal(200, (int)named.StatusCode);
        using (HttpResponseMessage rebound = await AskAsync("/api/model", "Bearer " + Secret, host: "rebound.example.org"))
            Assert.Equal(403, (int)rebound.StatusCode);
        using (HttpResponseMessage probe = await AskAsync("/v2/health/live")) Assert.Equal(200, (int)probe.StatusCode);
        using (HttpResponseMessage wrong = await AskAsync("/?token=wrong-token")) Assert.Equal(401, (int)wrong.StatusCode);
        string cookie;
        using (HttpResponseMessage entered = await AskAsync("/?token=" + Secret))
        {
            Assert.Equal(HttpStatusCode.Redirect, entered.StatusCode);
            Assert.Equal("/", entered.Headers.Location?.OriginalString);
            cookie = Assert.Single(entered.Headers.GetValues("Set-Cookie"));
            foreach (string attribute in (string[])["httponly", "samesite=strict", "path=/"]) Assert.Contains(attribute, cookie);
        }
        using (HttpResponseMessage carried = await AskAsync("/api/model", cookie: cookie.Split(';')[0]))
            Assert.Equal(200, (int)carried.StatusCode);
    }

    [Theory]
    [InlineData("--host needs a token", "--host", "0.0.0.0")]
    [InlineData("too short", "--host", "0.0.0.0", "--token", "short")]
    [InlineData("--wave", "--wave", "1")]
    [InlineData("'wave'", "wave")]
    [InlineData("needs a value", "--port")]
    [InlineData("--port is a number", "--port", "70000")]
    [InlineData("--device", "--device", "abacus")]
    [InlineData("--precision", "--precision", "7")]
    [InlineData("--otlp", "--otlp", "file:///etc/passwd")]
    [InlineData("--page is true or false", "--page", "maybe")]
    public void What_it_is_started_with_is_refused_with_a_reason(string says, params string[] arguments)
    {
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => Settings.StudioSettings.Read(arguments));
        if (says == "--host needs a token") Assert.Contains("--token", refusal.Message);
        else Assert.Contains(says, refusal.Message);
    }

    [Fact]
    public void It_listens_on_this_machine_alone_unless_it_is_told_otherwise()
    {
        Settings.StudioSettings settings = Settings.StudioSettings.Read(["--model=x"]);
        Assert.Null(settings.Host);
        Assert.Empty(Access.Gate.Hosts(settings));
    }

    [Fact]
    public async Task Too_many_requests_are_answered_with_when_to_come_again()
    {
        using StudioFixture slow = new(("rate", "2"));
        int refused = 0;
        // At once: one after another they may come as slowly as they may.
        foreach (HttpResponseMessage response in await Task.WhenAll(Enumerable.Range(0, 40).Select(_ =>
            slow.Client.GetAsync(new Uri("/api/animations", UriKind.Relative), Token))))
        {
            using HttpResponseMessage one = response;
            if (response.StatusCode != HttpStatusCode.TooManyRequests) continue;
            Assert.NotNull(response.Headers.RetryAfter?.Delta);
            await StudioFixture.RefusedAsync(response, 429);
            refused++;
        }
        Assert.InRange(refused, 1, 39);
    }

    [Fact]
    public async Task A_file_that_is_too_large_is_refused_and_leaves_nothing()
    {
        using StudioFixture small = new(("max-upload", "1"));
        string file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, new byte[(1 << 20) + 1], Token);
        foreach ((string path, string field) in ((string, string)[])[("/api/sources", "source"), ("/api/drivings", "driving"),
            ("/api/animations", "source")])
        {
            using HttpResponseMessage response = await small.PostAsync(path, (field, file));
            Assert.Contains("too large", await StudioFixture.RefusedAsync(response, 413));
        }
        File.Delete(file);
        Assert.Empty(Directory.GetDirectories(Path.Combine(small.Data, "uploads")));
        Assert.Empty(Directory.GetDirectories(Path.Combine(small.Data, "animations")));
    }

    [Fact]
    public async Task A_clip_of_too_many_frames_is_refused()
    {
        using StudioFixture small = new(("max-frames", "47"));
        using HttpResponseMessage response = await small.PostAsync("/api/drivings", ("driving", StudioFixture.Clip));
        Assert.Contains("more than 47 frames", await StudioFixture.RefusedAsync(response, 413));
    }

    [Theory]
    [InlineData("../../../../tmp/lia-was-here.png", "lia-was-here.png")]
    [InlineData("/etc/passwd", "passwd")]
    [InlineData("..\\..\\windows\\win.ini", "win.ini")]
    [InlineData("..", "source")]
    [InlineData("-rf", "rf")]
    [InlineData("a\u001b[31m\u202eb.png", "a[31mb.png")]
    public async Task A_name_is_shown_and_never_a_path(string name, string shown)
    {
        using MultipartFormDataContent form = [];
        ByteArrayContent file = new(await File.ReadAllBytesAsync(StudioFixture.Face, Token));
        file.Headers.ContentDisposition = new("form-data") { Name = "source", FileNameStar = name };
        form.Add(file);
        using HttpResponseMessage response = await studio.Client.PostAsync(new Uri("/api/sources", UriKind.Relative), form, Token);
        Assert.Equal(shown, (await StudioFixture.BodyAsync(response, 201)).GetProperty("name").GetString());
        Assert.False(File.Exists("/tmp/lia-was-here.png"));
    }

    [Theory]
    [InlineData("application/json", "{}", 415)]
    [InlineData("text/plain", "source=x", 415)]
    [InlineData("application/x-www-form-urlencoded", "source=x", 415)]
    [InlineData("multipart/form-data", "x", 415)]
    [InlineData("multipart/form-data; boundary=b", "no boundary", 400)]
    [InlineData("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--", 400)]
    [InlineData("multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=\"source\"; filename=\"x\"\r\n\r\nhalf", 400)]
    [InlineData("multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=\"../x\"; filename=\"x\"\r\n\r\nx\r\n--b--", 400)]
    [InlineData("multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=\"source\"; filename=\"x\"\r\n\r\nx\r\n--b\r\n"
        + "Content-Disposition: form-data; name=\"source\"; filename=\"y\"\r\n\r\nx\r\n--b--",
        400)]
    public async Task A_form_that_is_none_is_refused_and_leaves_nothing(string type, string body, int status)
    {
        int before = Directory.GetDirectories(Path.Combine(studio.Data, "uploads")).Length;
        using StringContent content = new(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using HttpResponseMessage response = await studio.Client.PostAsync(new Uri("/api/sources", UriKind.Relative), content, Token);
        await StudioFixture.RefusedAsync(response, status);
        Assert.Equal(before, Directory.GetDirectories(Path.Combine(studio.Data, "uploads")).Length);
    }

    [Fact]
    public void What_is_kept_is_for_our_eyes_alone()
    {
        if (OperatingSystem.IsWindows()) return;
        foreach (string folder in (string[])[studio.Data, Path.Combine(studio.Data, "uploads"), Path.Combine(studio.Data, "animations")])
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }
}
