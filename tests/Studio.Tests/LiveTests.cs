using System.Net.WebSockets;

namespace Lia.Studio.Tests;

/// <summary>Live connections: what comes back is what the library makes of the same, and the newest message wins.</summary>
public sealed class LiveTests(StudioFixture studio) : IClassFixture<StudioFixture>
{
    private const int Directions = 20;

    [Fact]
    public async Task Parameters_give_the_picture_that_manipulate_gives()
    {
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        string id = await SourceAsync();
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{id}/live");
        LiveClient.Answer first = await socket.NextAsync();
        Assert.Equal(0u, first.Sequence);
        Assert.Equal(animator.Manipulate(StudioFixture.Face, []).Pixels, first.Picture!.Pixels);

        float[] deltas = new float[Directions];
        (deltas[0], deltas[19]) = (1.5f, -2);
        await socket.SendAsync(LiveClient.Parameters(7, 1, deltas));
        LiveClient.Answer moved = await socket.NextAsync();
        Assert.Equal(7u, moved.Sequence);
        Assert.Equal(animator.Manipulate(StudioFixture.Face, [new(0, 1.5f), new(19, -2)]).Pixels, moved.Picture!.Pixels);

        await socket.SendAsync("""{"sequence":8,"strength":2,"directions":[1]}""");
        LiveClient.Answer text = await socket.NextAsync();
        Assert.Equal(8u, text.Sequence);
        Assert.Equal(animator.Manipulate(StudioFixture.Face, [new(0, 2)]).Pixels, text.Picture!.Pixels);
    }

    [Fact]
    public async Task A_frame_of_a_clip_is_what_the_deltas_are_added_to_until_it_is_taken_away()
    {
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        RgbImage[] frames = [.. animator.Frames(StudioFixture.Face, StudioFixture.Clip,
            new() { MotionStrength = 1.25f, SmoothingWindow = 3 })];
        string id = await SourceAsync(), driving = await studio.EncodedAsync(await studio.UploadDrivingAsync());
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{id}/live");
        await socket.NextAsync();
        await socket.SendAsync($$"""{"sequence":1,"strength":1.25,"driving":"{{driving}}","frame":31,"smooth":3}""");
        Assert.Equal(frames[31].Pixels, (await socket.NextAsync()).Picture!.Pixels);
        // The clip stays when binary parameters come.
        await socket.SendAsync(LiveClient.Parameters(2, 1.25f, new float[Directions]));
        Assert.Equal(frames[31].Pixels, (await socket.NextAsync()).Picture!.Pixels);
        await socket.SendAsync("""{"sequence":3,"driving":null}""");
        Assert.Equal(animator.Manipulate(StudioFixture.Face, []).Pixels, (await socket.NextAsync()).Picture!.Pixels);
    }

    [Fact]
    public async Task The_newest_message_wins_and_the_last_is_answered()
    {
        const uint Count = 400;
        string id = await SourceAsync();
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{id}/live");
        await socket.NextAsync();
        for (uint i = 1; i <= Count; i++)
        {
            float[] deltas = new float[Directions];
            deltas[0] = i / 200f;
            await socket.SendAsync(LiveClient.Parameters(i, 1, deltas));
        }
        List<uint> answered = [];
        while (answered.Count == 0 || answered[^1] != Count) answered.Add((await socket.NextAsync()).Sequence);
        Assert.Equal(answered.Order(), answered);
        Assert.True(answered.Count < Count / 2, $"{answered.Count} of {Count} were answered: they queue up.");
    }

    [Theory]
    [InlineData("0102", 0u, "88 bytes, not 1")] // hexadecimal
    [InlineData("0900000000", 9u, "88 bytes, not 5")]
    [InlineData("text:{", 0u, "JSON")]
    [InlineData("text:[]", 0u, "JSON object")]
    [InlineData("text:{\"wave\":1}", 0u, "'wave'")]
    [InlineData("text:{\"strength\":\"1\"}", 0u, "number")]
    [InlineData("text:{\"strength\":1e30}", 0u, "strength")]
    [InlineData("text:{\"directions\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}", 0u, "at most 20")]
    [InlineData("text:{\"directions\":[[1]]}", 0u, "number")]
    [InlineData("text:{\"smooth\":2}", 0u, "odd")]
    [InlineData("text:{\"frame\":1.5}", 0u, "whole number")]
    [InlineData("text:{\"driving\":\"../../etc\"}", 0u, "driving clip")]
    [InlineData("text:{\"driving\":7}", 0u, "driving clip")]
    [InlineData("text:{\"sequence\":-1}", 0u, "sequence")]
    [InlineData("text:{\"start-frame\":\"worst\"}", 0u, "start-frame")]
    public async Task What_is_not_understood_is_said_and_the_connection_goes_on(string message, uint sequence, string says)
    {
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/live");
        await socket.NextAsync();
        if (message.StartsWith("text:", StringComparison.Ordinal)) await socket.SendAsync(message[5..]);
        else await socket.SendAsync(Convert.FromHexString(message)[(message == "0102" ? 1 : 0)..]);
        LiveClient.Answer answer = await socket.NextAsync();
        Assert.Equal(sequence, answer.Sequence);
        Assert.Contains(says, answer.Error);
        await socket.SendAsync(LiveClient.Parameters(77, 1, new float[Directions]));
        Assert.Equal(77u, (await socket.NextAsync()).Sequence);
    }

    [Fact]
    public async Task Infinite_parameters_are_refused()
    {
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/live");
        await socket.NextAsync();
        float[] deltas = new float[Directions];
        deltas[3] = float.NaN;
        await socket.SendAsync(LiveClient.Parameters(5, 1, deltas));
        LiveClient.Answer answer = await socket.NextAsync();
        Assert.Equal((5u, true), (answer.Sequence, answer.Error?.Contains("delta", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Another_crop_is_shown_at_once_and_a_deleted_source_ends_the_connection()
    {
        string id = await SourceAsync();
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{id}/live");
        await socket.NextAsync();
        await socket.SendAsync(LiveClient.Parameters(3, 1, new float[Directions]));
        await socket.NextAsync();
        PixelBox box = new(5, 5, 60, 60);
        using HttpResponseMessage put = await studio.Client.PutAsync(new Uri($"/api/sources/{id}/crop", UriKind.Relative),
            new StringContent("""{"left":5,"top":5,"width":60,"height":60}""",
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), StudioFixture.Token);
        LiveClient.Answer cut = await socket.NextAsync();
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        Assert.Equal(3u, cut.Sequence);
        Assert.Equal(animator.Manipulate(StudioFixture.Face, [], new() { Crop = box }).Pixels, cut.Picture!.Pixels);

        using HttpResponseMessage deleted = await studio.Client.DeleteAsync(
            new Uri($"/api/sources/{id}", UriKind.Relative), StudioFixture.Token);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await socket.NextAsync()).Closed);
    }

    [Fact]
    public async Task A_camera_moves_the_picture_as_a_live_animator_does_and_align_starts_anew()
    {
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        RgbImage[] camera = [.. Frames().Take(8)];
        byte[][] expected;
        using (LiveAnimator live = animator.Live(StudioFixture.Face, new() { MotionStrength = 1.5f }))
        {
            expected = [.. camera.Select((frame, i) =>
            {
                if (i == 5) live.Restart();
                return live.Next(frame).Pixels;
            })];
        }
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/camera?strength=1.5");
        for (int i = 0; i < camera.Length; i++)
        {
            if (i == 5) await socket.SendAsync("align");
            await socket.SendAsync(LiveClient.Frame((uint)i, 1000.5 + i, camera[i]));
            LiveClient.Answer answer = await socket.NextAsync();
            Assert.Equal(((uint)i, 1000.5 + i), (answer.Sequence, answer.Time));
            Assert.Equal(expected[i], answer.Picture!.Pixels);
        }
        Assert.NotEqual(expected[4], expected[5]);
    }

    [Fact]
    public async Task A_camera_may_send_JPEG()
    {
        RgbImage frame = Frames().First();
        string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jpg");
        frame.Save(file);
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        using LiveAnimator live = animator.Live(StudioFixture.Face);
        byte[] expected = live.Next(RgbImage.Load(file)).Pixels;
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/camera");
        await socket.SendAsync([.. new byte[16], .. await File.ReadAllBytesAsync(file, StudioFixture.Token)]);
        Assert.Equal(expected, (await socket.NextAsync()).Picture!.Pixels);
        File.Delete(file);
    }

    [Theory]
    [InlineData(1025, 8, 0, "too large")]
    [InlineData(8, 8, 255, "256 bytes, not 255")]
    [InlineData(0, 0, 100, "JPEG or WebP")]
    [InlineData(0, 8, 100, "0 bytes, not 100")]
    public async Task A_frame_that_is_none_is_refused(int width, int height, int bytes, string says)
    {
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/camera");
        byte[] message = new byte[16 + Math.Max(bytes, 1)];
        BitConverter.TryWriteBytes(message, 4u);
        BitConverter.TryWriteBytes(message.AsSpan(4), (ushort)width);
        BitConverter.TryWriteBytes(message.AsSpan(6), (ushort)height);
        await socket.SendAsync(message);
        LiveClient.Answer answer = await socket.NextAsync();
        Assert.Equal(4u, answer.Sequence);
        Assert.Contains(says, answer.Error);
        await socket.SendAsync(LiveClient.Frame(5, 0, Frames().First()));
        Assert.Equal(5u, (await socket.NextAsync()).Sequence);
    }

    [Fact]
    public async Task A_picture_file_that_claims_to_be_huge_is_refused_before_it_is_decoded()
    {
        string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jpg");
        new RgbImage(1040, 16).Save(file);
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/camera");
        await socket.SendAsync([.. new byte[16], .. await File.ReadAllBytesAsync(file, StudioFixture.Token)]);
        Assert.Contains("at most 1024 pixels a side", (await socket.NextAsync()).Error);
        File.Delete(file);
    }

    [Fact]
    public async Task A_message_too_large_ends_the_connection()
    {
        using WebSocket socket = await studio.ConnectAsync($"/api/sources/{await SourceAsync()}/live");
        await socket.NextAsync();
        await socket.SendAsync(new byte[(1 << 16) + 1]);
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, (await socket.NextAsync()).Closed);
    }

    [Fact]
    public async Task One_session_too_many_is_closed_with_try_again_later()
    {
        using StudioFixture small = new(("max-sessions", "2"));
        string id = (await small.UploadSourceAsync()).GetProperty("id").GetString()!;
        using WebSocket first = await small.ConnectAsync($"/api/sources/{id}/live");
        using WebSocket second = await small.ConnectAsync($"/api/sources/{id}/live");
        Assert.NotNull((await second.NextAsync()).Picture);
        using (WebSocket third = await small.ConnectAsync($"/api/sources/{id}/live"))
            Assert.Equal(1013, (int?)(await third.NextAsync()).Closed);
        await second.CloseAsync(WebSocketCloseStatus.NormalClosure, null, StudioFixture.Token);
        LiveClient.Answer answer;
        do
        {
            using WebSocket again = await small.ConnectAsync($"/api/sources/{id}/live");
            answer = await again.NextAsync();
        }
        while (answer.Closed is not null); // the place is free as soon as the service has seen the other end
        Assert.NotNull(answer.Picture);
    }

    private static IEnumerable<RgbImage> Frames()
    {
        using Animator animator = new(new() { Model = StudioFixture.ModelFile });
        // Driving frames of the size that costs least, as a page would cut them: the clip's own side by side.
        RgbImage[] both = [.. animator.Frames(StudioFixture.Face, StudioFixture.Clip, new() { SideBySide = true, Frames = ..12 })];
        foreach (RgbImage three in both)
        {
            RgbImage frame = new(animator.Size, animator.Size);
            for (int y = 0; y < animator.Size; y++)
                three.Pixels.AsSpan(3 * (y * three.Width + animator.Size), 3 * animator.Size)
                    .CopyTo(frame.Pixels.AsSpan(3 * y * animator.Size));
            yield return frame;
        }
    }

    private async Task<string> SourceAsync() => (await studio.UploadSourceAsync()).GetProperty("id").GetString()!;
}
