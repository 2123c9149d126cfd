using Lia.Testing;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lia.Studio.Page.Tests;

/// <summary>The picture: dropped, cropped, and refused in a sentence.</summary>
[Collection("page")]
public class PictureTests(Studio studio)
{
    [Fact]
    public async Task A_dropped_picture_stands_on_the_stage_as_computed()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        await visit.ExpectPictureAsync(Truth.Moved());
        await Expect(visit.Page.Locator("#picture-facts")).ToHaveTextAsync("128 × 128");
    }

    [Fact]
    public async Task A_file_may_be_chosen_instead()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.Page.Locator("#picture-choose").FocusAsync();
        await visit.Page.EvaluateAsync("""
            () => document.querySelector("#picture-file").addEventListener("click", event => {
              event.preventDefault();
              document.title = "The choice of a file would open";
            })
            """);
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.Page).ToHaveTitleAsync("The choice of a file would open");
        await visit.Page.Locator("#picture-file").SetInputFilesAsync(TestData.Sample("source.png"));
        await Expect(visit.Page.Locator("#stage")).Not.ToHaveAttributeAsync("data-empty", "");
        await visit.ExpectPictureAsync(Truth.Moved());
    }

    [Fact]
    public async Task The_crop_box_is_moved_and_resized_by_mouse_and_by_keys()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        IPage page = visit.Page;
        LocatorBoundingBoxResult picture = (await page.Locator("#cropper img").BoundingBoxAsync())!;
        float pixel = picture.Width / 128;

        // The lower right corner, 40 pixels of the picture up and left.
        LocatorBoundingBoxResult corner = (await page.Locator("[data-corner=se]").BoundingBoxAsync())!;
        (float x, float y) = (corner.X + (corner.Width / 2), corner.Y + (corner.Height / 2));
        await page.Mouse.MoveAsync(x, y);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(x - (40 * pixel), y - (40 * pixel), new() { Steps = 8 });
        await page.Mouse.UpAsync();
        await Expect(page.Locator("#picture-facts")).ToHaveTextAsync("88 × 88 of 128 × 128");
        await visit.ExpectPictureAsync(Truth.Moved(new PixelBox(0, 0, 88, 88)));

        // The box itself, 20 to the right and 10 down; then by keys one further to the left, and larger by two steps about its middle.
        await page.Mouse.MoveAsync(picture.X + (40 * pixel), picture.Y + (40 * pixel));
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(picture.X + (60 * pixel), picture.Y + (50 * pixel), new() { Steps = 5 });
        await page.Mouse.UpAsync();
        await visit.ExpectPictureAsync(Truth.Moved(new PixelBox(20, 10, 88, 88)));
        await page.Keyboard.PressAsync("Alt+ArrowLeft");
        await page.Keyboard.PressAsync("Shift+ArrowRight");
        await visit.ExpectPictureAsync(Truth.Moved(new PixelBox(16, 7, 94, 94)));

        await page.Locator("#crop-all").ClickAsync();
        await visit.ExpectPictureAsync(Truth.Moved());
    }

    [Theory]
    [InlineData("#picture-drop", "#picture-says", "letter.png")]
    [InlineData("#motion-drop", "#motion-says", "letter.mp4")]
    public async Task What_is_wrong_with_a_file_is_said_where_it_was_dropped(string zone, string says, string name)
    {
        await using Visit visit = await studio.VisitAsync();
        visit.ExpectRefusals();
        await visit.DropAsync(zone, (name, "image/png", "Dear Sir or Madam, this is no picture."u8.ToArray()));
        ILocator sentence = visit.Page.Locator(says);
        await Expect(sentence).ToHaveAttributeAsync("data-tone", "bad");
        string text = await sentence.InnerTextAsync();
        Assert.Contains(name, text, StringComparison.Ordinal);
        Assert.EndsWith(".", text, StringComparison.Ordinal);
        await visit.ScreenshotAsync($"bad-{name.Replace('.', '-')}");
    }

    [Fact]
    public async Task Two_files_and_files_that_are_too_large_are_refused_before_they_are_sent()
    {
        await using Visit visit = await studio.VisitAsync();
        List<string> posts = [];
        visit.Page.Request += (_, request) => { if (request.Method == "POST") posts.Add(request.Url); };
        await visit.DropAsync("#picture-drop", ("a.png", "image/png", [1]), ("b.png", "image/png", [2]));
        await Expect(visit.Page.Locator("#picture-says")).ToHaveTextAsync("One file at a time, please: these were 2.");
        await visit.Page.EvaluateAsync("""
            () => {
              const file = new File([], "film.mp4");
              Object.defineProperty(file, "size", { value: 3e9 });
              const data = new DataTransfer();
              data.items.add(file);
              const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data });
              Object.defineProperty(event, "dataTransfer", { value: { files: [file] } });
              document.querySelector("#motion-drop").dispatchEvent(event);
            }
            """);
        await Expect(visit.Page.Locator("#motion-says")).ToHaveTextAsync("film.mp4 has 3.0 GB; at most 268 MB are taken.");
        Assert.Empty(posts);
    }

    [Fact]
    public async Task A_picture_that_the_service_has_forgotten_is_given_to_it_again()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        string first = visit.Source;
        IResponse again = await visit.Page.RunAndWaitForResponseAsync(async () =>
        {
            visit.ExpectRefusals(50); // Thumbnails that were asked for meanwhile, too.
            await visit.Page.EvaluateAsync("id => fetch(`/api/sources/${id}`, { method: 'DELETE' })", first);
        }, response => response.Request.Method == "POST" && response.Url.EndsWith("/api/sources", StringComparison.Ordinal));
        Assert.Equal(201, again.Status);
        await visit.DragAsync(visit.Direction(0), 1, 4);
        await visit.ExpectPictureAsync(Truth.Moved(new MotionEdit(0, 3)));
    }
}
