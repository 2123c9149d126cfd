using System.Diagnostics;
using Lia.Testing;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Lia.Studio.Page.Tests.Studio))]

namespace Lia.Studio.Page.Tests;

/// <summary>The service, as <c>lia studio</c> starts it, and a browser: one of each for all tests, and both are gone after them. The
/// tests are one collection, one after another: what one of them measures would else be the others' work.</summary>
public sealed class Studio : IAsyncLifetime
{
    private static readonly string[] Browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>Milliseconds after which what a page is to show does not come any more, on a busy machine.</summary>
    private const int Patience = 30_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lia-page-tests-");
    private Process? _service;
    private IPlaywright? _playwright;

    /// <summary>What the service said of itself on standard error.</summary>
    private readonly System.Text.StringBuilder _log = new();

    /// <summary>The browser that the tests share.</summary>
    public IBrowser Browser { get; private set; } = null!;

    /// <summary>Where the page is, without a slash at the end: <c>http://localhost:PORT</c>.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The browser's program, or null where there is none.</summary>
    private static string? BrowserProgram { get; } = Find(Browsers);

    /// <summary>A folder for what the tests make, gone after them.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Where screenshots are kept for people to look at: <c>LIA_TEST_ARTIFACTS</c>, or a temporary folder.</summary>
    public static string Artifacts { get; } = Directory.CreateDirectory(
        Environment.GetEnvironmentVariable("LIA_TEST_ARTIFACTS") ?? Path.Combine(Path.GetTempPath(), "lia-studio-pages")).FullName;

    /// <summary>The first program of these names in the folders of PATH.</summary>
    public static string? Find(params string[] names) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (BrowserProgram is null) return;
        Task<string> address = StartService();
        string camera = await MakeCamera();
        _playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout(Patience);
        string[] sandbox = Environment.IsPrivilegedProcess ? ["--no-sandbox"] : [];
        Browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = BrowserProgram,
            Headless = true,
            Args =
            [
                .. sandbox, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                $"--use-file-for-fake-video-capture={camera}", "--autoplay-policy=no-user-gesture-required",
            ],
        });
        Address = await address.WaitAsync(TimeSpan.FromSeconds(90));
    }

    /// <summary>A new visitor: a page of its own, at the address, with the model known.</summary>
    /// <param name="size">Width and height of the window.</param>
    /// <param name="scheme">What the system prefers.</param>
    public async Task<Visit> VisitAsync((int Width, int Height)? size = null, ColorScheme scheme = ColorScheme.Light)
    {
        Assert.SkipWhen(BrowserProgram is null, $"There is none of {string.Join(", ", Browsers)} here.");
        (int width, int height) = size ?? (1440, 900);
        IBrowserContext context = await Browser.NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            AcceptDownloads = true,
            Permissions = ["camera", "clipboard-read", "clipboard-write"],
        });
        context.SetDefaultTimeout(Patience);
        Visit visit = new(this, context, await context.NewPageAsync());
        await visit.OpenAsync();
        return visit;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Browser is not null) await Browser.CloseAsync().WaitAsync(TimeSpan.FromSeconds(10));
        }
        finally
        {
            // The driver takes the browser with it, should that not have closed.
            _playwright?.Dispose();
            if (_service is not null)
            {
                if (!_service.HasExited) _service.Kill(entireProcessTree: true);
                await _service.WaitForExitAsync();
                _service.Dispose();
            }
            _folder.Delete(recursive: true);
        }
    }

    private async Task<string> StartService()
    {
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardInput = true, // Its end, should this process be killed, is the service's.
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "lia-studio.dll"), "--port", "0", "--device", "cpu",
            "--data", Path.Combine(Folder, "data"), "--page", "true", "--browser", "false", "--until-input-ends", "true"])
            start.ArgumentList.Add(argument);
        _service = Process.Start(start)!;
        _service.ErrorDataReceived += (_, line) => { lock (_log) _log.AppendLine(line.Data); };
        _service.BeginErrorReadLine();
        string? address = await _service.StandardOutput.ReadLineAsync();
        if (address is null)
        {
            await _service.WaitForExitAsync();
            throw new InvalidOperationException($"The service did not start: {_log}");
        }
        return address.TrimEnd('/');
    }

    /// <summary>What the browser takes for a camera: the sample clip, gray at its sides, over and over.</summary>
    private async Task<string> MakeCamera()
    {
        string path = Path.Combine(Folder, "camera.y4m");
        ProcessStartInfo start = new("ffmpeg");
        foreach (string argument in (string[])["-v", "error", "-i", TestData.Sample("driving.png"), "-vf",
            "scale=240:240,pad=320:240:40:0:gray,fps=25", "-pix_fmt", "yuv420p", path]) start.ArgumentList.Add(argument);
        using Process ffmpeg = Process.Start(start)!;
        await ffmpeg.WaitForExitAsync();
        Assert.Equal(0, ffmpeg.ExitCode);
        return path;
    }
}
