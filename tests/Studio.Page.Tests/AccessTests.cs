using System.Text.Json;
using Microsoft.Playwright;

namespace Lia.Studio.Page.Tests;

/// <summary>Who is not let in, seen from a browser.</summary>
[Collection("page")]
public class AccessTests(Studio studio)
{
    [Fact]
    public async Task A_page_of_another_origin_gets_nothing()
    {
        await using Visit visit = await studio.VisitAsync();
        await visit.DropPictureAsync();
        IPage other = await visit.Page.Context.NewPageAsync();
        // The same machine under another name, and so another site: nothing but the service's own refusal is in the way.
        string elsewhere = studio.Address.Replace("localhost", "127.0.0.1", StringComparison.Ordinal);
        await other.RouteAsync($"{elsewhere}/elsewhere", route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = "<title>Elsewhere</title>",
        }));
        await other.GotoAsync($"{elsewhere}/elsewhere");
        JsonElement answers = await other.EvaluateAsync<JsonElement>("""
            async ([address, source]) => {
              const read = await fetch(`${address}/api/model`).then(answer => answer.status, () => "failed");
              const blind = await fetch(`${address}/api/animations`, { method: "POST", mode: "no-cors", body: new FormData() }).then(() => "sent", () => "failed");
              const socket = await new Promise(resolve => {
                const made = new WebSocket(`${address.replace("http", "ws")}/api/sources/${source}/live`);
                made.onopen = () => resolve("open");
                made.onerror = () => resolve("failed");
              });
              const image = await new Promise(resolve => {
                const made = new Image();
                made.onload = () => resolve("shown");
                made.onerror = () => resolve("failed");
                made.src = `${address}/api/sources/${source}/picture`;
              });
              return { read, blind, socket, image };
            }
            """, new[] { studio.Address, visit.Source });
        Assert.Equal("failed", answers.GetProperty("read").ToString());
        Assert.Equal("failed", answers.GetProperty("socket").GetString());
        Assert.Equal("failed", answers.GetProperty("image").GetString());
        Assert.Equal("failed", answers.GetProperty("blind").GetString());
        // What the browser hides from such a page, and from us: the service said no, and not only the browser.
        IAPIResponse refused = await other.Context.APIRequest.GetAsync($"{studio.Address}/api/model",
            new() { Headers = new Dictionary<string, string> { ["Origin"] = elsewhere } });
        Assert.Equal(403, refused.Status);
        Assert.DoesNotContain((await visit.FetchAsync("/api/animations")).GetProperty("animations").EnumerateArray(),
            animation => animation.GetProperty("status").GetString() == "queued");
    }

    [Fact]
    public async Task Code_that_is_not_ours_does_not_run()
    {
        await using Visit visit = await studio.VisitAsync();
        JsonElement told = await visit.Page.EvaluateAsync<JsonElement>("""
            async () => {
              const violations = [];
              document.addEventListener("securitypolicyviolation", event => violations.push(event.effectiveDirective));
              const script = document.createElement("script");
              script.textContent = "window.ran = true";
              document.head.append(script);
              const paragraph = document.createElement("p");
              paragraph.setAttribute("style", "color: red");
              document.body.append(paragraph);
              await fetch("https://example.org/").catch(() => {});
              await new Promise(resolve => setTimeout(resolve, 100));
              paragraph.remove();
              return { ran: window.ran === true, violations };
            }
            """);
        Assert.False(told.GetProperty("ran").GetBoolean());
        Assert.Equal(["script-src-elem", "style-src-attr", "connect-src"],
            told.GetProperty("violations").EnumerateArray().Select(directive => directive.GetString()!));
        visit.Forgive("Content Security Policy");
    }
}
