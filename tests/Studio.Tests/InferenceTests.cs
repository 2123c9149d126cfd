using System.Net.Http.Headers;
using System.Text.Json;

namespace Lia.Studio.Tests;

/// <summary>The Open Inference Protocol: what a client of Triton sends gives what the library makes of the same.</summary>
public sealed class InferenceTests(StudioFixture studio) : IClassFixture<StudioFixture>
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    private static CancellationToken Token => StudioFixture.Token;

    [Fact]
    public async Task Health_and_metadata_are_told()
    {
        foreach (string path in (string[])["/v2/health/live", "/v2/health/ready", "/v2/models/demo/ready"])
            using (HttpResponseMessage response = await studio.Client.GetAsync(new Uri(path, UriKind.Relative), Token))
                Assert.Equal(200, (int)response.StatusCode);
        JsonElement model = await studio.GetAsync("/v2/models/demo");
        Assert.Equal(["source", "driving"], model.GetProperty("inputs").EnumerateArray()
            .Select(input => input.GetProperty("name").GetString()));
        Assert.Contains("binary_tensor_data", (await studio.GetAsync("/v2")).GetProperty("extensions").ToString());
        using HttpResponseMessage other = await studio.Client.GetAsync(new Uri("/v2/models/vox/ready", UriKind.Relative), Token);
        Assert.Equal("no such model", (await StudioFixture.BodyAsync(other, 404)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_request_of_source_and_frames_in_JSON_gives_the_frames()
    {
        RgbImage face = Small(0), frame = Small(1);
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        byte[] expected = animator.Frames(face, Driving.From([face, frame])).Last().Pixels;
        JsonElement answer = await StudioFixture.BodyAsync(await PostAsync(new
        {
            id = "7",
            inputs = new object[]
            {
                new { name = "source", datatype = "UINT8", shape = (int[])[face.Height, face.Width, 3], data = Numbers(face) },
                new
                {
                    name = "driving",
                    datatype = "UINT8",
                    shape = (int[])[2, face.Height, face.Width, 3],
                    data = (int[][])[Numbers(face), Numbers(frame)], // nested, as clients have it
                },
            },
        }), 200);
        Assert.Equal(("7", "demo"), (answer.GetProperty("id").GetString(), answer.GetProperty("model_name").GetString()));
        JsonElement output = answer.GetProperty("outputs")[0];
        Assert.Equal([2, 128, 128, 3], output.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt32()));
        byte[] frames = [.. output.GetProperty("data").EnumerateArray().Select(value => value.GetByte())];
        Assert.Equal(expected, frames[(frames.Length / 2)..]);
    }

    [Fact]
    public async Task A_sequence_has_its_source_once_and_binary_tensors()
    {
        RgbImage face = Small(0);
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        using LiveAnimator live = animator.Live(face);
        for (int i = 0; i < 3; i++)
        {
            RgbImage frame = Small(i);
            object[] inputs = i == 0 ? [Binary("source", face), Binary("driving", frame)] : [Binary("driving", frame)];
            byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
            {
                inputs,
                parameters = new { sequence_id = 42, sequence_start = i == 0, sequence_end = i == 2, binary_data_output = true },
            });
            using ByteArrayContent body = new([.. header, .. i == 0 ? face.Pixels : [], .. frame.Pixels]);
            body.Headers.ContentType = new("application/octet-stream");
            body.Headers.Add(HeaderLength, $"{header.Length}");
            using HttpResponseMessage response = await studio.Client.PostAsync(
                new Uri("/v2/models/demo/infer", UriKind.Relative), body, Token);
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Token));
            byte[] answer = await response.Content.ReadAsByteArrayAsync(Token);
            int length = int.Parse(Assert.Single(response.Headers.GetValues(HeaderLength)),
                System.Globalization.CultureInfo.InvariantCulture);
            JsonElement told = JsonDocument.Parse(answer.AsMemory(0, length)).RootElement;
            Assert.Equal(answer.Length - length,
                told.GetProperty("outputs")[0].GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
            Assert.Equal(live.Next(frame).Pixels, answer[length..]);
        }
        using HttpResponseMessage after = await PostAsync(
            new { inputs = (object[])[Json("driving")], parameters = new { sequence_id = 42 } });
        Assert.Contains("no such sequence", (await StudioFixture.BodyAsync(after, 400)).GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("""{"inputs":[]}""", "source and driving")]
    [InlineData("""{}""", "inputs is an array")]
    [InlineData("""[]""", "JSON object")]
    [InlineData("""{""", "JSON is not in order")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"FP32","shape":[1,1,3],"data":[0,0,0]}]}""", "not UINT8")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[1,1,3],"data":[0,0]}]}""", "not the 3 bytes")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[1,1,3],"data":[0,0,256]}]}""", "not the 3 bytes")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[1000000,1000000,3],"data":[0]}]}""", "is not one")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[10000,10000,3],"data":[0]}]}""", "not the 300000000 bytes")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[-1,1,3],"data":[0]}]}""", "is not one")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[3],"data":[0,0,0]}]}""", "has the shape")]
    [InlineData("""{"inputs":[{"name":"wave","datatype":"UINT8","shape":[3],"data":[0,0,0]}]}""", "no input 'wave'")]
    [InlineData("""{"inputs":[{"name":"source","datatype":"UINT8","shape":[1,1,3],"parameters":{"binary_data_size":3}}]}""", "binary data")]
    [InlineData("""{"inputs":[],"parameters":{"sequence_id":9}}""", "no such sequence")]
    [InlineData("""{"inputs":[],"parameters":{"sequence_id":9,"sequence_start":true}}""", "starts with source")]
    [InlineData(
        """{"inputs":[{"name":"source","datatype":"UINT8","shape":[1,1,3],"data":[0,0,0]}],"parameters":{"sequence_id":9}}""", "once")]
    public async Task What_makes_no_sense_is_refused_as_the_protocol_says(string json, string says)
    {
        using StringContent body = new(json, new MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage response = await studio.Client.PostAsync(new Uri("/v2/models/demo/infer", UriKind.Relative), body, Token);
        Assert.Contains(says, (await StudioFixture.BodyAsync(response, 400)).GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("999999")]
    [InlineData("-1")]
    [InlineData("x")]
    public async Task A_header_length_that_is_none_is_refused(string length)
    {
        using ByteArrayContent body = new([1, 2, 3]);
        body.Headers.Add(HeaderLength, length);
        using HttpResponseMessage response = await studio.Client.PostAsync(new Uri("/v2/models/demo/infer", UriKind.Relative), body, Token);
        Assert.Contains(HeaderLength, (await StudioFixture.BodyAsync(response, 400)).GetProperty("error").GetString());
    }

    private static object Binary(string name, RgbImage picture) => new
    {
        name,
        datatype = "UINT8",
        shape = (int[])[picture.Height, picture.Width, 3],
        parameters = new { binary_data_size = picture.Pixels.Length },
    };

    private static object Json(string name) => new { name, datatype = "UINT8", shape = (int[])[1, 1, 3], data = (int[])[0, 0, 0] };

    private static int[] Numbers(RgbImage picture) => [.. picture.Pixels.Select(value => (int)value)];

    /// <summary>Some picture: the face, darker from one to the next.</summary>
    private static RgbImage Small(int number)
    {
        RgbImage face = RgbImage.Load(StudioFixture.Face);
        RgbImage small = new(64, 64);
        for (int y = 0; y < 64; y++)
        {
            for (int x = 0; x < 64; x++)
            {
                int from = 3 * (y * face.Height / 64 * face.Width + x * face.Width / 64);
                for (int c = 0; c < 3; c++) small.Pixels[3 * (y * 64 + x) + c] = (byte)(face.Pixels[from + c] * (10 - number) / 10);
            }
        }
        return small;
    }

    private Task<HttpResponseMessage> PostAsync(object request) => studio.Client.PostAsync(
        new Uri("/v2/models/demo/infer", UriKind.Relative),
        new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(request)) { Headers = { ContentType = new("application/json") } }, Token);
}
