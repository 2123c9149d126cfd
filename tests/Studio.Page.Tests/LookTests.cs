using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lia.Studio.Page.Tests;

/// <summary>How it looks, to people and to the programs that read pages to them.</summary>
[Collection("page")]
public class LookTests(Studio studio)
{
    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Nothing_is_in_the_way_of_anybody(ColorScheme scheme)
    {
        await using Visit visit = await studio.VisitAsync(scheme: scheme);
        await Check(visit, "empty");
        await visit.DropPictureAsync();
        await visit.DragAsync(visit.Direction(0), 0.8, 3);
        await Check(visit, "directions");
        await visit.DropClipAsync();
        await visit.Page.Locator("[data-view=wipe]").ClickAsync();
        await Check(visit, "clip");
        ILocator job = await visit.StartJobAsync("#animate");
        await Expect(job).ToHaveAttributeAsync("data-status", "done", new() { Timeout = 180_000 });
        await visit.Page.Locator("#tab-camera").ClickAsync();
        await Check(visit, "camera and jobs");
        visit.ExpectRefusals();
        await visit.DropAsync("#picture-drop", ("no.png", "image/png", [1, 2, 3]));
        await Expect(visit.Page.Locator("#picture-says")).ToHaveAttributeAsync("data-tone", "bad");
        await Check(visit, "a sentence");
        await visit.Page.Locator("#keys-open").ClickAsync();
        await Check(visit, "keys");
    }

    private static async Task Check(Visit visit, string state)
    {
        AxeResult result = await visit.Page.RunAxe();
        Assert.Empty(result.Violations.SelectMany(violation => violation.Nodes.Select(node =>
            $"{state}: {violation.Id}: {violation.Help}: {node.Html} {string.Join("; ", node.Any.Select(check => check.Message))}")));
    }

    [Theory]
    [InlineData("desktop", 1440, 900)]
    [InlineData("laptop", 1280, 720)]
    [InlineData("tablet", 820, 1180)]
    [InlineData("phone", 390, 844)]
    public async Task Everything_has_its_place_at_every_size(string name, int width, int height)
    {
        foreach (ColorScheme scheme in name == "laptop" ? (ColorScheme[])[ColorScheme.Light] : [ColorScheme.Light, ColorScheme.Dark])
        {
            await using Visit visit = await studio.VisitAsync((width, height), scheme);
            await visit.Page.WaitForTimeoutAsync(300);
            await visit.Page.EvaluateAsync("window.shifts = []");
            await visit.DropPictureAsync();
            await visit.DragAsync(visit.Direction(0), 0.75, 4);
            await visit.DragAsync(visit.Direction(10), 0.3, 4);
            await Expect(visit.Page.Locator("#directions img:not([hidden])").First).ToBeVisibleAsync();
            await visit.Page.WaitForTimeoutAsync(1500);
            await visit.ScreenshotAsync($"{name}-{scheme}-directions");
            await NothingSticksOut(visit);
            Assert.Empty(await visit.Page.EvaluateAsync<string[]>(
                "window.shifts.filter(shift => shift.value > 0.002).map(shift => JSON.stringify(shift))"));
            await visit.DropClipAsync();
            await visit.Page.Locator($"[data-view={(scheme == ColorScheme.Light ? "wipe" : "side")}]").ClickAsync();
            await visit.Page.Locator(".knob.head").FocusAsync();
            for (int i = 0; i < 4; i++) await visit.Page.Keyboard.PressAsync("PageUp");
            await visit.Page.WaitForTimeoutAsync(1000);
            await visit.ScreenshotAsync($"{name}-{scheme}-clip");
            await NothingSticksOut(visit);
        }
    }

    /// <summary>The page is as wide as the window, and no label is cut off.</summary>
    private static async Task NothingSticksOut(Visit visit)
    {
        string[] out_ = await visit.Page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll("body *")].filter(element => {
              const box = element.getBoundingClientRect();
              if (box.width === 0 || getComputedStyle(element).visibility === "hidden") return false;
              if (element.closest(".unseen, .skip, svg, dialog, .crop-box")) return false;
              const isFull = element.matches("button, .row, .actions, .stage-tools, .meter, .job-tools, .settings, .direction, .panel, .card-head");
              const isCut = isFull && element.scrollWidth > element.clientWidth + 1;
              return isCut || box.right > innerWidth + 1 || box.left < -1;
            }).map(element => element.outerHTML.slice(0, 120))
            """);
        Assert.Empty(out_);
        Assert.Equal(0, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth"));
    }

    [Fact]
    public async Task The_theme_is_the_systems_until_another_is_chosen()
    {
        await using Visit visit = await studio.VisitAsync(scheme: ColorScheme.Dark);
        await Expect(visit.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await visit.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await Expect(visit.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "light");
        await visit.Page.Keyboard.PressAsync("t");
        await Expect(visit.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await visit.Page.ReloadAsync();
        await Expect(visit.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
    }

    [Fact]
    public async Task Every_control_is_reached_by_the_keyboard_and_shows_that_it_is()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.Page.EvaluateAsync("document.activeElement?.blur()");
        HashSet<string> reached = [];
        for (int i = 0; i < 60; i++)
        {
            await visit.Page.Keyboard.PressAsync("Tab");
            string[] told = await visit.Page.EvaluateAsync<string[]>("""
                () => {
                  const element = document.activeElement, style = getComputedStyle(element);
                  const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
                  const isSeen = isOutlined || element.classList.contains("skip");
                  return [element.id || element.className || element.tagName, String(isSeen)];
                }
                """);
            Assert.True(told[1] == "true" || told[0] == "BODY", $"{told[0]} does not show that it has the focus.");
            reached.Add(told[0]);
        }
        foreach (string id in (string[])["skip", "picture-replace", "crop-box", "motion-choose", "motion-camera", "tab-directions",
            "directions-reset", "preset-save", "export-picture", "theme", "keys-open"]) Assert.Contains(id, reached);
        await visit.Page.Keyboard.PressAsync("?");
        await Expect(visit.Page.Locator("#keys")).ToBeVisibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        foreach ((string key, string tab) in ((string, string)[])[("2", "#panel-clip"), ("3", "#panel-camera"), ("1", "#panel-directions")])
        {
            await visit.Page.Keyboard.PressAsync(key);
            await Expect(visit.Page.Locator(tab)).ToBeVisibleAsync();
        }
    }
}
