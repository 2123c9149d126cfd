using System.Text.Json;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lia.Studio.Page.Tests;

/// <summary>The clip: looked through, cut, and made into a job whose result is played.</summary>
[Collection("page")]
public class ClipTests(Studio studio)
{
    [Fact]
    public async Task Every_frame_that_is_looked_at_is_that_of_the_result()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DropClipAsync();
        byte[][] frames = Truth.Animated(new());
        await visit.ExpectPictureAsync(frames[0]);

        // A click on the strip, then one further by the key.
        LocatorBoundingBoxResult strip = (await visit.Page.Locator(".timeline-track canvas").BoundingBoxAsync())!;
        await visit.Page.Mouse.ClickAsync(strip.X + (strip.Width * 20.5f / 48), strip.Y + (strip.Height / 2));
        await visit.ExpectPictureAsync(frames[20]);
        await visit.Page.Keyboard.PressAsync("ArrowRight");
        await visit.ExpectPictureAsync(frames[21]);
        await Expect(visit.Page.Locator("#frame-facts")).ToContainTextAsync("Frame 21 of 48");

        // The motion starts here: the picture rests.
        await visit.Page.Keyboard.PressAsync("s");
        await visit.ExpectPictureAsync(Truth.Animated(new() { StartFrame = StartFrame.At(21) })[21]);
        await visit.Page.GetByLabel("Smoothing").Last.FocusAsync();
        for (int i = 0; i < 2; i++) await visit.Page.Keyboard.PressAsync("ArrowRight");
        await visit.ExpectPictureAsync(Truth.Animated(new() { StartFrame = StartFrame.At(21), SmoothingWindow = 5 })[21]);
    }

    [Fact]
    public async Task A_clip_plays_and_the_picture_with_it()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DropClipAsync();
        await visit.Page.Keyboard.PressAsync("v");
        await visit.Page.Keyboard.PressAsync("v");
        await Expect(visit.Page.Locator("#stage")).ToHaveAttributeAsync("data-view", "side");
        await visit.Page.Locator("#stage-heading").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Space");
        HashSet<string> seen = [];
        for (int i = 0; i < 100 && seen.Count < 4; i++)
        {
            seen.Add(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await visit.PixelsAsync())));
            await visit.Page.WaitForTimeoutAsync(50);
        }
        Assert.True(seen.Count >= 4, "The picture does not play.");
        await visit.Page.Keyboard.PressAsync("Space");
        await Expect(visit.Page.Locator("#play")).ToHaveAttributeAsync("aria-label", "Play");
    }

    [Fact]
    public async Task A_job_runs_and_its_result_is_played_and_downloaded()
    {
        await using Visit visit = await studio.VisitAsync();
        IPage page = visit.Page;
        await visit.DropPictureAsync();
        await visit.DropClipAsync();
        // The first twelve frames.
        await page.Locator(".knob.out").FocusAsync();
        for (int i = 0; i < 36; i++) await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.Locator("#clip-says")).ToContainTextAsync("12 frames");
        ILocator job = await visit.StartJobAsync("#animate");
        await Expect(job).ToHaveAttributeAsync("data-status", "done", new() { Timeout = 180_000 });
        await Expect(job.Locator(".job-state")).ToContainTextAsync("12 frames");

        JsonElement told = await visit.FetchAsync($"/api/animations/{await job.GetAttributeAsync("data-id")}");
        Assert.Equal(12, told.GetProperty("result").GetProperty("frames").GetInt32());
        await job.GetByText("Command").ClickAsync();
        await Expect(job).ToContainTextAsync("Copied");
        string command = await page.EvaluateAsync<string>("navigator.clipboard.readText()");
        Assert.Equal(told.GetProperty("command").GetString(), command);
        Assert.StartsWith("lia animate", command, StringComparison.Ordinal);
        Assert.Contains("--frames", command, StringComparison.Ordinal);

        await job.GetByText("Play").ClickAsync();
        ILocator video = page.Locator("#player video");
        await Expect(video).ToBeVisibleAsync();
        // Not by a function that the page waits for: its policy lets nobody evaluate text.
        double time = 0;
        for (int i = 0; i < 300 && time <= 0.1; i++, await page.WaitForTimeoutAsync(50))
            time = await video.EvaluateAsync<double>("video => video.currentTime");
        Assert.True(time > 0.1, "The result does not play.");
        Assert.Equal(128, await video.EvaluateAsync<int>("video => video.videoWidth"));
        await visit.ScreenshotAsync("player");
        await page.Keyboard.PressAsync("Escape");

        IDownload saved = await page.RunAndWaitForDownloadAsync(() => job.GetByText("Download").ClickAsync());
        string file = Path.Combine(studio.Folder, "result.mp4");
        await saved.SaveAsAsync(file);
        Assert.Equal(told.GetProperty("result").GetProperty("bytes").GetInt64(), new FileInfo(file).Length);
        Assert.Equal(told.GetProperty("result").GetProperty("name").GetString(), saved.SuggestedFilename);

        // It outlives the page, and goes when it is told to.
        await page.ReloadAsync();
        ILocator kept = page.Locator($".job[data-id='{told.GetProperty("id").GetString()}']");
        await kept.GetByTitle("Remove", new() { Exact = true }).ClickAsync();
        await Expect(kept).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_job_is_cancelled()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DropClipAsync();
        await visit.Page.GetByLabel("Played").FocusAsync();
        await visit.Page.Keyboard.PressAsync("End");
        ILocator job = await visit.StartJobAsync("#animate");
        await job.GetByText("Cancel", new() { Exact = true }).ClickAsync();
        await Expect(job).ToHaveAttributeAsync("data-status", "cancelled", new() { Timeout = 20_000 });
        await Expect(job.Locator(".job-state")).ToHaveTextAsync("Cancelled");
    }
}
