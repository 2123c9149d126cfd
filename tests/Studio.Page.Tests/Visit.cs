using System.Text.Json;
using Lia.Testing;
using Microsoft.Playwright;

namespace Lia.Studio.Page.Tests;

/// <summary>Somebody before the page: what they do, and what they see. Ends with an error if the browser complained of anything.</summary>
public sealed class Visit(Studio studio, IBrowserContext context, IPage page) : IAsyncDisposable
{
    private readonly List<string> _complaints = [];

    /// <summary>Answers that a test expects: the browser's console shows each of them, too.</summary>
    private int _refusalsExpected;

    /// <summary>The page.</summary>
    public IPage Page => page;

    /// <summary>The picture's id, once one is there.</summary>
    public string Source { get; private set; } = "";

    /// <summary>The clip's id, once one is there.</summary>
    public string Driving { get; private set; } = "";

    /// <summary>Opens the page and waits until it knows the model.</summary>
    public async Task OpenAsync()
    {
        page.PageError += (_, error) => _complaints.Add(error);
        page.Console += (_, message) =>
        {
            // That pixels are read back often is these tests' doing.
            if (message.Type is not ("error" or "warning") || message.Text.StartsWith("Canvas2D", StringComparison.Ordinal)) return;
            if (message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal) && _refusalsExpected > 0) _refusalsExpected--;
            else _complaints.Add($"{message.Text} ({message.Location})");
        };
        // Shifts of what stands in the page that nobody's hand has caused.
        await context.AddInitScriptAsync("""
            window.shifts = [];
            new PerformanceObserver(list => {
              for (const entry of list.getEntries()) if (!entry.hadRecentInput)
                window.shifts.push({
                  value: entry.value, what: entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName).join(" "),
                });
            }).observe({ type: "layout-shift", buffered: true });
            """);
        await page.GotoAsync(studio.Address + "/");
        await Assertions.Expect(page.Locator(".direction")).ToHaveCountAsync(20);
    }

    /// <summary>The next answers that refuse something are expected.</summary>
    public void ExpectRefusals(int count = 1) => _refusalsExpected += count;

    /// <summary>Complaints about this, which the test has caused, are none.</summary>
    public void Forgive(string about) => _complaints.RemoveAll(complaint => complaint.Contains(about, StringComparison.Ordinal));

    /// <summary>Drops files, as a file manager does, on what a selector names.</summary>
    public async Task DropAsync(string selector, params (string Name, string Type, byte[] Bytes)[] files)
    {
        IJSHandle data = await page.EvaluateHandleAsync("""
            files => {
              const data = new DataTransfer();
              for (const [name, type, bytes] of files)
                data.items.add(new File([Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))], name, { type }));
              return data;
            }
            """, files.Select(file => new object[] { file.Name, file.Type, Convert.ToBase64String(file.Bytes) }).ToArray());
        foreach (string type in (string[])["dragenter", "dragover", "drop"])
            await page.Locator(selector).DispatchEventAsync(type, new { dataTransfer = data });
    }

    /// <summary>Drops the sample portrait and waits until it stands on the stage.</summary>
    public async Task DropPictureAsync(string sample = "source.png")
    {
        IResponse added = await page.RunAndWaitForResponseAsync(
            () => DropAsync("#picture-drop", (sample, "image/png", File.ReadAllBytes(TestData.Sample(sample)))),
            response => response.Request.Method == "POST" && response.Url.EndsWith("/api/sources", StringComparison.Ordinal));
        Assert.Equal(201, added.Status);
        Source = (await added.JsonAsync())!.Value.GetProperty("id").GetString()!;
        await Assertions.Expect(page.Locator("#stage")).Not.ToHaveAttributeAsync("data-empty", "");
    }

    /// <summary>Drops the sample clip and waits until its timeline is there.</summary>
    public async Task DropClipAsync()
    {
        IResponse added = await page.RunAndWaitForResponseAsync(
            () => DropAsync("#motion-drop", ("driving.png", "image/png", File.ReadAllBytes(TestData.Sample("driving.png")))),
            response => response.Request.Method == "POST" && response.Url.EndsWith("/api/drivings", StringComparison.Ordinal));
        Assert.Equal(201, added.Status);
        Driving = (await added.JsonAsync())!.Value.GetProperty("id").GetString()!;
        await Assertions.Expect(page.Locator("#timeline-area")).ToBeVisibleAsync();
    }

    /// <summary>The pixels of a canvas: R, G, B, rows from the top.</summary>
    public async Task<byte[]> PixelsAsync(string canvas = "#after") => Rgb(await page.Locator(canvas).EvaluateAsync<string>("""
        canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let text = "";
          for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
          return btoa(text);
        }
        """));

    /// <summary>Waits until the picture on the stage is this one, to the last bit.</summary>
    public async Task ExpectPictureAsync(byte[] pixels)
    {
        byte[] seen = [];
        for (long end = Environment.TickCount64 + 60_000; Environment.TickCount64 < end; await Task.Delay(50))
        {
            seen = await PixelsAsync();
            if (seen.AsSpan().SequenceEqual(pixels)) return;
        }
        Assert.Equal(pixels.Length, seen.Length);
        int different = seen.Zip(pixels).Count(pair => pair.First != pair.Second);
        int most = seen.Zip(pixels).Max(pair => Math.Abs(pair.First - pair.Second));
        Assert.Fail($"{different} of {pixels.Length} values differ, by {most} at most.");
    }

    /// <summary>A picture that the service gives, as pixels.</summary>
    /// <param name="path">Of the service, a PNG.</param>
    public async Task<byte[]> FetchPictureAsync(string path)
    {
        IAPIResponse response = await context.APIRequest.GetAsync(studio.Address + path);
        Assert.True(response.Ok, $"{path}: {response.Status} {await response.TextAsync()}");
        string file = Path.Combine(studio.Folder, Path.GetRandomFileName() + ".png");
        await File.WriteAllBytesAsync(file, await response.BodyAsync());
        return RgbImage.Load(file).Pixels;
    }

    /// <summary>What the service says, as JSON.</summary>
    public async Task<JsonElement> FetchAsync(string path) =>
        (await (await context.APIRequest.GetAsync(studio.Address + path)).JsonAsync())!.Value;

    /// <summary>Presses a button that starts a job, and finds it in the list, where those of other visits may be too.</summary>
    public async Task<ILocator> StartJobAsync(string button)
    {
        HashSet<string> before = [.. await Jobs()];
        await page.Locator(button).ClickAsync();
        for (int i = 0; i < 400; i++, await page.WaitForTimeoutAsync(50))
        {
            foreach (string id in await Jobs())
                if (!before.Contains(id)) return page.Locator($".job[data-id='{id}']");
        }
        throw new TimeoutException($"{button} starts no job.");

        async Task<IEnumerable<string>> Jobs() => (await FetchAsync("/api/animations")).GetProperty("animations").EnumerateArray()
            .Select(job => job.GetProperty("id").GetString()!);
    }

    /// <summary>The address of the slider of a direction.</summary>
    public ILocator Direction(int index) => page.Locator("#directions input").Nth(index);

    /// <summary>Drags a slider's thumb from where it is to a share of its way, in steps.</summary>
    public async Task DragAsync(ILocator slider, double to, int steps)
    {
        await slider.ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = (await slider.BoundingBoxAsync())!;
        double from = await slider.EvaluateAsync<double>("input => (input.value - input.min) / (input.max - input.min)");
        const float Thumb = 18;
        float At(double share) => box.X + (Thumb / 2) + ((float)share * (box.Width - Thumb));
        await page.Mouse.MoveAsync(At(from), box.Y + (box.Height / 2));
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(At(to), box.Y + (box.Height / 2), new() { Steps = steps });
        await page.Mouse.UpAsync();
    }

    /// <summary>Keeps what the page looks like for people.</summary>
    public async Task ScreenshotAsync(string name) =>
        await page.ScreenshotAsync(new()
        {
            Path = Path.Combine(Studio.Artifacts, name + ".png"),
            Animations = ScreenshotAnimations.Disabled,
        });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await context.CloseAsync();
        Assert.Empty(_complaints);
    }

    private static byte[] Rgb(string base64)
    {
        byte[] rgba = Convert.FromBase64String(base64);
        byte[] rgb = new byte[rgba.Length / 4 * 3];
        for (int i = 0; i < rgba.Length / 4; i++)
        {
            Assert.Equal(255, rgba[4 * i + 3]);
            rgba.AsSpan(4 * i, 3).CopyTo(rgb.AsSpan(3 * i));
        }
        return rgb;
    }
}
