using System.CommandLine;
using System.CommandLine.Parsing;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Lia.Media.Ffmpeg;

namespace Lia.Cli.Commands;

/// <summary>
/// <c>lia studio</c>, the page, and <c>lia serve</c>, the service without it. Both are the program <c>lia-studio</c>, which lies beside
/// this one: this one needs no ASP.NET, and starts no slower for it.
/// </summary>
internal static class StudioCommand
{
    /// <summary>Where <c>lia-studio</c> reads the token: a command line can be read by others on the machine.</summary>
    private const string TokenVariable = "LIA_TOKEN";

    /// <summary>How long <c>lia-studio</c> has to end when it is asked to.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    public static Command CreateStudio(CliContext context) =>
        Create(context, "studio", "Opens a page in the browser where a face moves while sliders are dragged, with clips and the camera.",
            hasPage: true);

    public static Command CreateServe(CliContext context) =>
        Create(context, "serve", "Serves animations over HTTP and WebSockets, without the page.", hasPage: false);

    private static Command Create(CliContext context, string name, string description, bool hasPage)
    {
        Option<int> port = Options.Number("--port", "the port to listen on, of this machine alone unless there is --host; 0 takes a free "
            + "one", 0, 65535).Or(5170);
        Option<string> host = new("--host")
        {
            Description = "lets other machines in: the address to listen on (0.0.0.0: every one), and after commas the names it goes by; "
                + "needs --token",
            HelpName = "ADDRESS[,NAME]",
        };
        Option<string> token = new("--token")
        {
            Description = $"what a client must know [default: what the variable {TokenVariable} says]",
            HelpName = "TOKEN",
        };
        Option<string> data = new("--data")
        {
            Description = "the folder of queue, results and uploads [default: lia/studio among your applications' data]",
            HelpName = "FOLDER",
        };
        Option<int> budget = Options.Number("--disk-budget", "MiB of results that are kept; the oldest make room [default: 10240]",
            1, 1 << 30);
        Option<string> otlp = new("--otlp")
        {
            Description = "sends measurements to an OpenTelemetry collector, such as http://localhost:4317",
            HelpName = "URL",
        };
        Option<bool> logJson = new("--log-json") { Description = "log lines are JSON" };
        Option<bool> noBrowser = new("--no-browser") { Description = "open no browser" };
        Command command = new(name, description) { port, host, token, data, budget, otlp, logJson };
        if (hasPage) command.Add(noBrowser);
        ModelChoice model = new(command, isDemonstration: true);
        command.SetAction(parsed =>
        {
            List<string> arguments = [.. model.Spell(parsed), $"--port={parsed.GetValue(port).ToString(CultureInfo.InvariantCulture)}"];
            if (parsed.GetValue(host) is { } address) arguments.Add($"--host={address}");
            if (parsed.GetValue(data) is { } folder) arguments.Add($"--data={Path.GetFullPath(folder)}");
            if (parsed.GetValue(budget) is var bytes and > 0)
                arguments.Add($"--disk-budget={bytes.ToString(CultureInfo.InvariantCulture)}");
            if (parsed.GetValue(otlp) is { } collector) arguments.Add($"--otlp={collector}");
            if (parsed.GetValue(logJson)) arguments.Add("--log=json");
            arguments.Add($"--page={hasPage}");
            arguments.Add($"--browser={hasPage && !parsed.GetValue(noBrowser)}");
            return Run(context, arguments, parsed.GetValue(token));
        });
        return command;
    }

    private static int Run(CliContext context, List<string> arguments, string? token)
    {
        string program = Find();
        // It ends when this pipe does: however this program ends.
        ProcessStartInfo start = new(Host, [program, .. arguments, "--until-input-ends=true"]) { RedirectStandardInput = true };
        if (token is not null) start.Environment[TokenVariable] = token;
        using Process studio = Start(start);
        using CancellationTokenRegistration stop = context.Cancellation.Register(studio.StandardInput.Close);
        studio.WaitForExitAsync(context.Cancellation).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
        if (studio.WaitForExit(Farewell)) return studio.ExitCode;
        studio.Kill(entireProcessTree: true);
        studio.WaitForExit();
        return ExitCode.Failure;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception failure)
        {
            throw new MediaException($"{start.FileName}: the service's program cannot be started: {failure.Message}", failure);
        }
    }

    /// <summary>The program's assembly. Installed, published and built it lies in the folder <c>studio</c> beside this one.</summary>
    private static string Find()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "studio", "lia-studio.dll");
        return File.Exists(path) ? path : throw new MediaException(
            $"{path}: this file belongs to the program and is missing; build or install it again (dotnet build src/Cli).");
    }

    /// <summary>The <c>dotnet</c> that runs this program, or would; where this one brings its own runtime, the one of PATH.</summary>
    private static string Host
    {
        get
        {
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") return Environment.ProcessPath!;
            // A runtime of the machine lies in DOTNET/shared/Microsoft.NETCore.App/VERSION.
            string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
            string? shared = Path.GetFileName(Path.GetDirectoryName(runtime)) == "Microsoft.NETCore.App"
                ? Path.GetFullPath(Path.Combine(runtime, "..", "..", "..")) : null;
            return ((string?[])[Environment.GetEnvironmentVariable("DOTNET_ROOT"), shared])
                .Where(static root => !string.IsNullOrEmpty(root)).Select(static root => Path.Combine(root!, Executable))
                .FirstOrDefault(File.Exists) ?? Programs.Find("dotnet") ?? throw new MediaException(
                    "the service's program runs on the .NET runtime of this machine (ASP.NET Core 10), and no folder of PATH has dotnet: "
                    + "install it, or name its folder in DOTNET_ROOT");
        }
    }

    private static string Executable => OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
}
