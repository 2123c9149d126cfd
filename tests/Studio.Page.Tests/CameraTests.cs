using System.Collections.Concurrent;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lia.Studio.Page.Tests;

/// <summary>The camera: a file that the browser takes for one.</summary>
[Collection("page")]
public class CameraTests(Studio studio)
{
    [Fact]
    public async Task The_camera_moves_the_picture_and_what_it_shows_is_recorded()
    {
        await using Visit visit = await studio.VisitAsync();
        IPage page = visit.Page;
        ConcurrentQueue<string> said = new(); // filled while it is looked at
        page.WebSocket += (_, socket) => socket.FrameSent += (_, frame) => { if (frame.Text is { } text) said.Enqueue(text); };
        await visit.DropPictureAsync();
        await page.Locator("#motion-camera").ClickAsync();
        await page.Locator("[data-view=side]").ClickAsync();
        await Expect(page.Locator("#before-caption")).ToHaveTextAsync("Camera");
        HashSet<string> results = [], seen = [];
        for (int i = 0; i < 200 && (results.Count < 5 || seen.Count < 5); i++)
        {
            results.Add(await Fingerprint(visit, "#after"));
            seen.Add(await Fingerprint(visit, "#before"));
            await page.WaitForTimeoutAsync(40);
        }
        Assert.True(results.Count >= 5 && seen.Count >= 5, $"{seen.Count} frames of the camera, {results.Count} pictures");
        await Expect(page.Locator("#meter-latency")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^[\d.]+ ms$"));
        await Expect(page.Locator("#meter-rate")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^\d+ /s$"));
        TestContext.Current.SendDiagnosticMessage($"camera: frame to pixels {await page.Locator("#meter-latency").InnerTextAsync()}, "
            + $"{await page.Locator("#meter-rate").InnerTextAsync()}");

        await page.Keyboard.PressAsync("r");
        await Expect(page.Locator("#camera-says")).ToContainTextAsync("Aligned");
        Assert.Contains("align", said);

        await page.Locator("#camera-record").ClickAsync();
        await Expect(page.Locator("#camera-says")).ToContainTextAsync("Recording");
        await page.WaitForTimeoutAsync(1500);
        IDownload saved = await page.RunAndWaitForDownloadAsync(() => page.Locator("#camera-record").ClickAsync());
        string file = Path.Combine(studio.Folder, "camera.webm");
        await saved.SaveAsAsync(file);
        // EBML, as every WebM file begins.
        Assert.Equal([0x1A, 0x45, 0xDF, 0xA3], (await File.ReadAllBytesAsync(file)).AsSpan(0, 4).ToArray());
        await visit.ScreenshotAsync("camera");

        // Strength 0 keeps the picture still, whatever the camera sees.
        await page.GetByLabel("Strength").Last.FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await visit.ExpectPictureAsync(Truth.Moved());
        for (int i = 0; i < 5; i++, await page.WaitForTimeoutAsync(200)) Assert.Equal(Truth.Moved(), await visit.PixelsAsync());
        await page.Locator("#camera-start").ClickAsync();
        await Expect(page.Locator("#camera-start")).ToHaveTextAsync("Start the camera");
    }

    [Fact]
    public async Task Without_a_picture_the_camera_is_not_started()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.Page.Locator("#tab-camera").ClickAsync();
        await Expect(visit.Page.Locator("#camera-start")).ToBeDisabledAsync();
        await Expect(visit.Page.Locator("#camera-says")).ToContainTextAsync("A picture first");
    }

    private static async Task<string> Fingerprint(Visit visit, string canvas) =>
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await visit.PixelsAsync(canvas)));
}
