using System.Text.Json;

namespace Lia.Studio.Tests;

/// <summary>Uploads, and the pictures that are asked for one by one.</summary>
public sealed class EndpointTests(StudioFixture studio) : IClassFixture<StudioFixture>
{
    private static CancellationToken Token => StudioFixture.Token;

    [Fact]
    public async Task The_model_is_told()
    {
        JsonElement model = await studio.GetAsync("/api/model");
        Assert.Equal("demo", model.GetProperty("name").GetString());
        Assert.Equal(128, model.GetProperty("size").GetInt32());
        Assert.Equal(20, model.GetProperty("directions").GetInt32());
        Assert.True(model.GetProperty("demonstration").GetBoolean());
        Assert.Equal("relative", model.GetProperty("mode").GetString());
        Assert.Contains("CPU", model.GetProperty("device").GetString());
        Assert.Contains("png", model.GetProperty("formats").EnumerateArray().Select(format => format.GetString()));
        Assert.True(model.GetProperty("limits").GetProperty("uploadBytes").GetInt64() > 0);
    }

    [Fact]
    public async Task A_source_is_what_was_sent_and_goes_when_it_is_deleted()
    {
        JsonElement source = await studio.UploadSourceAsync();
        string id = source.GetProperty("id").GetString()!;
        RgbImage face = RgbImage.Load(StudioFixture.Face);
        Assert.Equal("source.png", source.GetProperty("name").GetString());
        Assert.Equal((face.Width, face.Height), (source.GetProperty("width").GetInt32(), source.GetProperty("height").GetInt32()));
        int side = Math.Min(face.Width, face.Height);
        Assert.Equal(new PixelBox((face.Width - side) / 2, (face.Height - side) / 2, side, side), Box(source));
        Assert.Equal(face.Pixels, (await PictureAsync($"/api/sources/{id}/picture")).Pixels);
        Assert.Contains(id, Directory.GetDirectories(Path.Combine(studio.Data, "uploads")).Select(Path.GetFileName));

        using HttpResponseMessage deleted = await studio.Client.DeleteAsync(new Uri($"/api/sources/{id}", UriKind.Relative), Token);
        Assert.Equal(204, (int)deleted.StatusCode);
        Assert.DoesNotContain(id, Directory.GetDirectories(Path.Combine(studio.Data, "uploads")).Select(Path.GetFileName));
        using HttpResponseMessage gone = await studio.Client.GetAsync(new Uri($"/api/sources/{id}", UriKind.Relative), Token);
        Assert.Equal("There is no such source.", await StudioFixture.RefusedAsync(gone, 404));
    }

    [Fact]
    public async Task A_direction_moves_the_picture_as_manipulate_does_and_so_after_a_crop()
    {
        string id = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        RgbImage face = RgbImage.Load(StudioFixture.Face);
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        Assert.Equal(animator.Manipulate(face, [new(4, -2)]).Pixels,
            (await PictureAsync($"/api/sources/{id}/directions/4.png?delta=-2&size=128")).Pixels);
        Assert.Equal(96, (await PictureAsync($"/api/sources/{id}/directions/4.png")).Width);

        PixelBox box = new(10, 20, face.Width / 2, face.Height / 2);
        using HttpResponseMessage put = await studio.Client.PutAsync(new Uri($"/api/sources/{id}/crop", UriKind.Relative),
            new StringContent($$"""{"left":{{box.X}},"top":{{box.Y}},"width":{{box.Width}},"height":{{box.Height}}}""",
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), Token);
        Assert.Equal(box, Box(await StudioFixture.BodyAsync(put, 200)));
        Assert.Equal(animator.Manipulate(face, [new(4, -2), new(0, 1.5f)], new() { Crop = box }).Pixels,
            (await PictureAsync($"/api/sources/{id}/preview?direction=4:-2&direction=0:1.5&format=png")).Pixels);
    }

    [Theory]
    [InlineData("relative", "", 1, 1)]
    [InlineData("relative", "&start-frame=7&smooth=5&strength=1.5", 5, 1.5)]
    [InlineData("relative", "&start-frame=best", 1, 1)]
    [InlineData("absolute", "&mode=absolute&strength=0.5", 1, 0.5)]
    public async Task A_preview_is_the_frame_of_the_result(string mode, string query, int smooth, double strength)
    {
        string source = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        string driving = await studio.EncodedAsync(await studio.UploadDrivingAsync());
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        AnimationOptions options = new()
        {
            Mode = mode == "absolute" ? MotionMode.Absolute : MotionMode.Relative,
            SmoothingWindow = smooth,
            MotionStrength = (float)strength,
            StartFrame = query.Contains("best", StringComparison.Ordinal) ? StartFrame.Best
                : query.Contains("=7", StringComparison.Ordinal) ? StartFrame.At(7) : null,
        };
        RgbImage[] frames = [.. animator.Frames(StudioFixture.Face, StudioFixture.Clip, options)];
        foreach (int frame in (int[])[0, 21, 47])
        {
            RgbImage preview = await PictureAsync($"/api/sources/{source}/preview?driving={driving}&frame={frame}&format=png{query}");
            Assert.Equal(frames[frame].Pixels, preview.Pixels);
        }
        Assert.NotEqual(frames[21].Pixels, frames[0].Pixels);
    }

    [Fact]
    public async Task A_driving_clip_is_counted_shown_and_encoded()
    {
        JsonElement driving = await studio.UploadDrivingAsync();
        string id = driving.GetProperty("id").GetString()!, source = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        Assert.Equal(48, driving.GetProperty("frames").GetInt32());
        Assert.False(driving.GetProperty("sound").GetBoolean());
        Assert.Equal(driving.GetProperty("width").GetInt32(), (await PictureAsync($"/api/drivings/{id}/frames/47.jpg")).Width);
        Assert.Equal(await File.ReadAllBytesAsync(StudioFixture.Clip, Token), await studio.BytesAsync($"/api/drivings/{id}/clip"));
        await studio.EncodedAsync(driving);

        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        AnimationSummary summary = animator.Animate(StudioFixture.Face, StudioFixture.Clip, Stream.Null,
            new() { StartFrame = StartFrame.Best });
        Assert.Equal(summary.StartFrame,
            (await studio.GetAsync($"/api/drivings/{id}/start?source={source}")).GetProperty("frame").GetInt32());
        using HttpResponseMessage deleted = await studio.Client.DeleteAsync(new Uri($"/api/drivings/{id}", UriKind.Relative), Token);
        Assert.Equal(204, (int)deleted.StatusCode);
    }

    [Theory]
    [InlineData("/api/sources/{source}/directions/20.png", 404, "motion direction 20")]
    [InlineData("/api/sources/{source}/directions/0.png?delta=101", 400, "from -100 to 100")]
    [InlineData("/api/sources/{source}/directions/0.png?delta=NaN", 400, "from -100 to 100")]
    [InlineData("/api/sources/{source}/directions/0.png?size=8", 400, "from 16 to 128")]
    [InlineData("/api/sources/{source}/preview?driving={driving}&frame=48", 404, "0 to 47")]
    [InlineData("/api/sources/{source}/preview?driving={driving}&smooth=4", 400, "odd")]
    [InlineData("/api/sources/{source}/preview?driving={driving}&start-frame=x", 400, "start-frame")]
    [InlineData("/api/sources/{source}/preview?driving={driving}&mode=1", 400, "mode is auto, relative or absolute")]
    [InlineData("/api/sources/{source}/preview?driving={driving}&mode=absolute&start-frame=1", 400, "absolute")]
    [InlineData("/api/sources/{source}/preview?driving=none", 404, "driving clip")]
    [InlineData("/api/sources/{source}/preview?strength=1e9", 400, "strength")]
    [InlineData("/api/sources/{source}/preview?loop=2", 400, "'loop'")]
    [InlineData("/api/sources/{source}/preview?format=gif", 400, "jpg or png")]
    [InlineData("/api/sources/{source}/preview?direction=20", 400, "motion direction 20")]
    [InlineData("/api/sources/../../etc/passwd/picture", 404, null)]
    [InlineData("/api/sources/..%2f..%2fetc/picture", 404, "source")]
    [InlineData("/api/drivings/{driving}/frames/48.jpg", 404, "0 to 47")]
    [InlineData("/api/drivings/{driving}/frames/-1.jpg", 404, null)]
    [InlineData("/api/drivings/0123/clip", 404, "driving clip")]
    [InlineData("/api/animations/0123", 404, "animation")]
    [InlineData("/api/animations/0123/result", 404, "animation")]
    [InlineData("/api/animations/0123/events", 404, "animation")]
    [InlineData("/api/sources/{source}/live", 426, "WebSocket")]
    [InlineData("/api/nothing", 404, null)]
    public async Task What_cannot_be_had_is_refused_in_a_sentence(string path, int status, string? says)
    {
        string source = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        string driving = path.Contains("{driving}", StringComparison.Ordinal)
            ? (await studio.UploadDrivingAsync()).GetProperty("id").GetString()! : "";
        path = path.Replace("{source}", source, StringComparison.Ordinal).Replace("{driving}", driving, StringComparison.Ordinal);
        using HttpResponseMessage response = await studio.Client.GetAsync(new Uri(path, UriKind.Relative), Token);
        JsonElement problem = await StudioFixture.BodyAsync(response, status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        if (says is not null) Assert.Contains(says, problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("""{"left":-1,"top":0,"width":10,"height":10}""", "reaches beyond")]
    [InlineData("""{"left":0,"top":0,"width":100000,"height":10}""", "reaches beyond")]
    [InlineData("""{"left":2147483647,"top":0,"width":2147483647,"height":10}""", "reaches beyond")]
    [InlineData("""{"left":0,"top":0,"width":0,"height":0}""", "reaches beyond")]
    [InlineData("""{"left":"a"}""", "JSON")]
    [InlineData("{", "JSON")]
    public async Task A_crop_that_is_none_is_refused(string body, string says)
    {
        string id = (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
        using HttpResponseMessage put = await studio.Client.PutAsync(new Uri($"/api/sources/{id}/crop", UriKind.Relative),
            new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), Token);
        Assert.Contains(says, await StudioFixture.RefusedAsync(put, 400));
    }

    [Fact]
    public async Task A_file_that_is_none_is_told_by_the_name_it_was_sent_with()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("lia-studio-test-").FullName, "not a face.png");
        await File.WriteAllBytesAsync(file, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3], Token);
        foreach (string kind in (string[])["source", "driving"])
        {
            using HttpResponseMessage response = await studio.PostAsync($"/api/{kind}s", (kind, file));
            string detail = await StudioFixture.RefusedAsync(response, 400);
            Assert.StartsWith("not a face.png: ", detail);
            Assert.DoesNotContain(studio.Data, detail);
        }
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task What_was_used_longest_ago_makes_room()
    {
        using StudioFixture small = new();
        int most = (await small.GetAsync("/api/model")).GetProperty("limits").GetProperty("sources").GetInt32();
        List<string> ids = [];
        for (int i = 0; i <= most; i++) ids.Add((await small.UploadSourceAsync()).GetProperty("id").GetString()!);
        using HttpResponseMessage first = await small.Client.GetAsync(new Uri($"/api/sources/{ids[0]}", UriKind.Relative), Token);
        Assert.Equal(404, (int)first.StatusCode);
        await small.GetAsync($"/api/sources/{ids[1]}");
        Assert.Equal(most, Directory.GetDirectories(Path.Combine(small.Data, "uploads")).Length);
    }

    [Fact]
    public async Task Every_address_is_in_the_OpenAPI_document()
    {
        JsonElement document = await studio.GetAsync("/openapi/v1.json");
        string[] paths = [.. document.GetProperty("paths").EnumerateObject().Select(path => path.Name)];
        foreach (string path in (string[])["/api/model", "/api/sources", "/api/sources/{id}/crop", "/api/drivings", "/api/animations",
            "/api/animations/{id}", "/api/animations/{id}/events", "/api/animations/{id}/result", "/v2/models/{name}/infer"])
            Assert.Contains(path, paths);
        Assert.StartsWith("3.", document.GetProperty("openapi").GetString());
    }

    private static PixelBox Box(JsonElement source)
    {
        JsonElement crop = source.GetProperty("crop");
        return new(crop.GetProperty("left").GetInt32(), crop.GetProperty("top").GetInt32(), crop.GetProperty("width").GetInt32(),
            crop.GetProperty("height").GetInt32());
    }

    private async Task<RgbImage> PictureAsync(string path)
    {
        string file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, await studio.BytesAsync(path), Token);
        RgbImage picture = RgbImage.Load(file);
        File.Delete(file);
        return picture;
    }
}
