using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text.Json;
using Lia.Testing;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;

namespace Lia.Studio.Tests;

/// <summary>The service in this process, with the demonstration model and a folder of its own.</summary>
public sealed class StudioFixture : IDisposable
{
    private readonly Factory _factory;
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-studio-test-").FullName;

    public StudioFixture() : this([])
    {
    }

    internal StudioFixture(params (string Name, string Value)[] settings)
    {
        Data = Path.Combine(_folder, "data");
        _factory = new(settings.Any(one => one.Name == "data") ? settings
            : [.. settings, ("data", Data)]);
        Client = _factory.CreateClient(new() { BaseAddress = new("http://localhost"), AllowAutoRedirect = false });
    }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public string Data { get; }

    public HttpClient Client { get; }

    public static string Face => TestData.Sample("source.png");

    public static string Clip => TestData.Sample("driving.png");

    public static string ModelFile => TestData.Model("demo.safetensors");

    /// <summary>A client without a base address of its own.</summary>
    public HttpClient NewClient() => _factory.CreateClient(new() { BaseAddress = new("http://localhost"), AllowAutoRedirect = false });

    public async Task<JsonElement> GetAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(new Uri(path, UriKind.Relative), Token);
        return await BodyAsync(response, 200);
    }

    public async Task<byte[]> BytesAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(new Uri(path, UriKind.Relative), Token);
        Assert.True((int)response.StatusCode == 200, await response.Content.ReadAsStringAsync(Token));
        return await response.Content.ReadAsByteArrayAsync(Token);
    }

    /// <summary>Sends a form of files, and of fields that begin with =.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, params (string Field, string Value)[] parts)
    {
        using MultipartFormDataContent form = Form(parts);
        return await Client.PostAsync(new Uri(path, UriKind.Relative), form, Token);
    }

    public static MultipartFormDataContent Form(params (string Field, string Value)[] parts)
    {
        MultipartFormDataContent form = [];
        foreach ((string field, string value) in parts)
        {
            if (value.StartsWith('=')) form.Add(new StringContent(value[1..]), field);
            else form.Add(new ByteArrayContent(File.ReadAllBytes(value)), field, Path.GetFileName(value));
        }
        return form;
    }

    public async Task<JsonElement> UploadSourceAsync(string? file = null)
    {
        using HttpResponseMessage response = await PostAsync("/api/sources", ("source", file ?? Face));
        return await BodyAsync(response, 201);
    }

    public async Task<JsonElement> UploadDrivingAsync(string? file = null)
    {
        using HttpResponseMessage response = await PostAsync("/api/drivings", ("driving", file ?? Clip));
        return await BodyAsync(response, 201);
    }

    /// <summary>Waits until all frames of a clip are encoded: before, what needs them is refused.</summary>
    /// <returns>The clip's id.</returns>
    public async Task<string> EncodedAsync(JsonElement driving)
    {
        string id = driving.GetProperty("id").GetString()!;
        int frames = driving.GetProperty("frames").GetInt32();
        while ((await GetAsync($"/api/drivings/{id}")).GetProperty("encoded").GetInt32() < frames) await Task.Delay(20, Token);
        return id;
    }

    public static async Task<JsonElement> BodyAsync(HttpResponseMessage response, int status)
    {
        string text = await response.Content.ReadAsStringAsync(Token);
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}, not {status}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>What a refusal says.</summary>
    public static async Task<string> RefusedAsync(HttpResponseMessage response, int status)
    {
        JsonElement problem = await BodyAsync(response, status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        return problem.GetProperty("detail").GetString()!;
    }

    /// <summary>Waits for an animation to end.</summary>
    public async Task<JsonElement> EndedAsync(string id)
    {
        while (true)
        {
            JsonElement animation = await GetAsync($"/api/animations/{id}");
            if (animation.GetProperty("status").GetString() is "done" or "failed" or "cancelled") return animation;
            await Task.Delay(50, Token);
        }
    }

    public async Task<WebSocket> ConnectAsync(string path, string? origin = "http://localhost", string host = "localhost")
    {
        WebSocketClient client = _factory.Server.CreateWebSocketClient();
        client.ConfigureRequest = request =>
        {
            if (origin is not null) request.Headers.Origin = origin;
        };
        return await client.ConnectAsync(new Uri($"ws://{host}{path}"), Token);
    }

    public void Dispose()
    {
        Client.Dispose();
        _factory.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Factory((string Name, string Value)[] settings) : WebApplicationFactory<Program>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseContentRoot(AppContext.BaseDirectory);
            foreach ((string name, string value) in settings) builder.UseSetting(name, value);
        }
    }
}

/// <summary>The client's side of a live connection.</summary>
internal static class LiveClient
{
    public static byte[] Parameters(uint sequence, float strength, params float[] directions)
    {
        using MemoryStream bytes = new();
        using BinaryWriter writer = new(bytes);
        writer.Write(sequence);
        writer.Write(strength);
        foreach (float delta in directions) writer.Write(delta);
        return bytes.ToArray();
    }

    public static byte[] Frame(uint sequence, double time, RgbImage picture)
    {
        using MemoryStream bytes = new();
        using BinaryWriter writer = new(bytes);
        writer.Write(sequence);
        writer.Write((ushort)picture.Width);
        writer.Write((ushort)picture.Height);
        writer.Write(time);
        for (int i = 0; i < picture.Pixels.Length; i += 3)
        {
            writer.Write(picture.Pixels.AsSpan(i, 3));
            writer.Write((byte)255);
        }
        return bytes.ToArray();
    }

    public static Task SendAsync(this WebSocket socket, byte[] message) =>
        socket.SendAsync(message, WebSocketMessageType.Binary, true, StudioFixture.Token);

    public static Task SendAsync(this WebSocket socket, string message) =>
        socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, StudioFixture.Token);

    /// <summary>The next message: a picture, or what is wrong.</summary>
    public static async Task<Answer> NextAsync(this WebSocket socket)
    {
        byte[] buffer = new byte[1 << 20];
        int length = 0;
        WebSocketReceiveResult result;
        do
        {
            result = await socket.ReceiveAsync(new ArraySegment<byte>(buffer, length, buffer.Length - length), StudioFixture.Token);
            length += result.Count;
        }
        while (!result.EndOfMessage);
        if (result.MessageType == WebSocketMessageType.Close) return new(0, null, null, 0, result.CloseStatus);
        if (result.MessageType == WebSocketMessageType.Text)
        {
            JsonElement error = JsonDocument.Parse(buffer.AsMemory(0, length)).RootElement;
            return new(error.GetProperty("sequence").GetUInt32(), null, error.GetProperty("error").GetString(), 0, null);
        }
        int width = BitConverter.ToUInt16(buffer, 4), height = BitConverter.ToUInt16(buffer, 6);
        Assert.Equal(24 + 4 * width * height, length);
        RgbImage picture = new(width, height);
        for (int i = 0; i < width * height; i++)
        {
            buffer.AsSpan(24 + 4 * i, 3).CopyTo(picture.Pixels.AsSpan(3 * i));
            Assert.Equal(255, buffer[24 + 4 * i + 3]);
        }
        Assert.True(BitConverter.ToSingle(buffer, 8) > 0);
        return new(BitConverter.ToUInt32(buffer), picture, null, BitConverter.ToDouble(buffer, 16), null);
    }

    internal sealed record Answer(uint Sequence, RgbImage? Picture, string? Error, double Time, WebSocketCloseStatus? Closed);
}
