using System.Globalization;
using System.Text.Json;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lia.Studio.Page.Tests;

/// <summary>Sliders, and the picture that follows them.</summary>
[Collection("page")]
public class DirectionsTests(Studio studio)
{
    [Fact]
    public async Task The_picture_is_the_one_that_the_sliders_say()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DragAsync(visit.Direction(0), 0.8, 12);
        float first = await Value(visit.Direction(0));
        Assert.InRange(first, 1, 2.9f);
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(0, first)));
        // What the service says of the same parameters, by another way.
        Assert.Equal(await visit.PixelsAsync(), await visit.FetchPictureAsync(
            string.Create(CultureInfo.InvariantCulture, $"/api/sources/{visit.Source}/preview?direction=0:{first}&format=png")));

        await visit.Direction(19).FocusAsync();
        for (int i = 0; i < 10; i++) await visit.Page.Keyboard.PressAsync("ArrowLeft");
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(0, first), new MotionEdit(19, -0.5f)));
        await visit.Page.Keyboard.PressAsync("0");
        await visit.Direction(0).DblClickAsync();
        await visit.ExpectPictureAsync(Truth.Moved());
    }

    [Fact]
    public async Task Strength_is_a_factor_on_all_directions()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DragAsync(visit.Direction(2), 1, 5);
        await visit.Page.GetByLabel("Strength").First.FocusAsync();
        for (int i = 0; i < 10; i++) await visit.Page.Keyboard.PressAsync("ArrowLeft");
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(2, 1.5f)));
    }

    [Fact]
    public async Task From_the_drag_to_the_pixels_little_time_goes_by()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        // Thumbnails come first, else they are measured.
        await Expect(visit.Page.Locator("#directions img:not([hidden])").First).ToBeVisibleAsync();
        double best = double.PositiveInfinity;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            await visit.Page.WaitForTimeoutAsync(1000);
            await visit.Page.EvaluateAsync("performance.clearMeasures('lia-latency')");
            await visit.DragAsync(visit.Direction(0), attempt % 2, 60);
            await visit.Page.WaitForTimeoutAsync(500);
            double[] measured = await visit.Page.EvaluateAsync<double[]>(
                "performance.getEntriesByName('lia-latency').map(entry => entry.duration).sort((a, b) => a - b)");
            Assert.NotEmpty(measured);
            string compute = await visit.Page.Locator("#meter-compute").InnerTextAsync();
            TestContext.Current.SendDiagnosticMessage($"input event to pixels: p50 {measured[measured.Length / 2]:0.0} ms, "
                + $"p95 {measured[measured.Length * 95 / 100]:0.0} ms, {measured.Length} pictures, of which computing {compute}");
            best = Math.Min(best, measured[measured.Length / 2]);
        }
        await Expect(visit.Page.Locator("#meter-latency")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^[\d.]+ ms$"));
        // 60 ms is what is promised on two cores that have nothing else to do; here they are shared.
        Assert.InRange(best, 1, 400);
    }

    [Fact]
    public async Task A_preset_is_saved_and_loaded_and_a_wrong_one_refused()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DragAsync(visit.Direction(4), 0, 3);
        IDownload saved = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Page.Locator("#preset-save").ClickAsync());
        string file = Path.Combine(studio.Folder, "preset.json");
        await saved.SaveAsAsync(file);
        using (JsonDocument preset = JsonDocument.Parse(await File.ReadAllTextAsync(file)))
            Assert.Equal(-3, preset.RootElement.GetProperty("directions")[4].GetDouble());

        await visit.Page.Locator("#directions-reset").ClickAsync();
        await visit.ExpectPictureAsync(Truth.Moved());
        await visit.Page.Locator("#preset-file").SetInputFilesAsync(file);
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(4, -3)));

        foreach ((string text, string sentence) in ((string, string)[])
            [("nothing", "it is not JSON"), ("{}", "lia-preset"), (Preset("1"), "of 1 directions"),
             (Preset(string.Join(',', Enumerable.Repeat("1e9", 20))), "from -3 to 3")])
        {
            await visit.Page.Locator("#preset-file").SetInputFilesAsync(new FilePayload
            {
                Name = "wrong.json",
                MimeType = "application/json",
                Buffer = System.Text.Encoding.UTF8.GetBytes(text),
            });
            await Expect(visit.Page.Locator("#preset-says")).ToContainTextAsync(sentence);
        }
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(4, -3)));

        static string Preset(string directions) => $$"""{"format":"lia-preset","version":1,"directions":[{{directions}}]}""";
    }

    [Fact]
    public async Task The_picture_is_saved_as_it_stands_and_a_sweep_is_made()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.DragAsync(visit.Direction(0), 1, 4);
        IDownload saved = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Page.Locator("#export-picture").ClickAsync());
        string file = Path.Combine(studio.Folder, "moved.png");
        await saved.SaveAsAsync(file);
        Assert.Equal(Truth.Moved(new MotionEdit(0, 3)), RgbImage.Load(file).Pixels);

        ILocator job = await visit.StartJobAsync("#export-sweep");
        await Expect(job).ToHaveAttributeAsync("data-status", "done", new() { Timeout = 180_000 });
        await Expect(job.Locator(".job-state")).ToContainTextAsync("25 frames");
    }

    private static async Task<float> Value(ILocator slider) => float.Parse(await slider.InputValueAsync(), CultureInfo.InvariantCulture);
}
