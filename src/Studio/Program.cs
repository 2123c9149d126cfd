using System.Net;
using System.Runtime.InteropServices;
using Lia.Studio.Access;
using Lia.Studio.Animations;
using Lia.Studio.Faces;
using Lia.Studio.Files;
using Lia.Studio.Inference;
using Lia.Studio.Live;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Lia.Studio.Telemetry;
using Lia.Studio.Uploads;
using Lia.Weights;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace Lia.Studio;

/// <summary>The service, and the page where it is asked for: <c>lia studio</c> and <c>lia serve</c> start this program.</summary>
internal sealed class Program
{
    /// <summary>How long the end may take: what runs is stopped within a frame, and what does not heed that is left.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private static async Task<int> Main(string[] arguments)
    {
        try
        {
            WebApplication application = Build(StudioSettings.Read(arguments), arguments);
            await using (application.ConfigureAwait(false))
            {
                Networks network = application.Services.GetRequiredService<Networks>();
                await application.StartAsync().ConfigureAwait(false);
                // Asked for now: a model that cannot be loaded is no service.
                await network.Facts.ConfigureAwait(false);
                Announcement.Make(application);
                await application.WaitForShutdownAsync().ConfigureAwait(false);
            }
            return 0;
        }
        catch (Exception failure) when (failure is WeightsException or MediaException or ArgumentException or NotSupportedException
            or IOException or UnauthorizedAccessException or Microsoft.Data.Sqlite.SqliteException)
        {
            await Console.Error.WriteLineAsync($"lia: {failure.Message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
            return 2;
        }
    }

    private static WebApplication Build(StudioSettings settings, string[] arguments)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            // The host's own words are those tests give; a file of settings in the current folder is nobody's business.
            Args = [.. arguments.Where(word => word.StartsWith("--environment=", StringComparison.Ordinal)
                || word.StartsWith("--contentRoot=", StringComparison.Ordinal)
                || word.StartsWith("--applicationName=", StringComparison.Ordinal))],
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        if (settings.LogsJson) builder.Logging.AddJsonConsole(json => json.UseUtcTimestamp = true);
        else builder.Logging.AddSimpleConsole(text => text.SingleLine = true);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Microsoft.AspNetCore.Diagnostics", LogLevel.None);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, settings));
        AddServices(builder.Services, settings);
        WebApplication application = builder.Build();
        Gate gate = new(settings);
        application.Use(next => context => gate.FaceAsync(context, next));
        application.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        application.UseStatusCodePages();
        application.UseRouting();
        application.UseRateLimiter();
        application.Use(next => context => gate.AdmitAsync(context, next));
        application.UseWebSockets(new() { KeepAliveInterval = TimeSpan.FromSeconds(15), KeepAliveTimeout = TimeSpan.FromSeconds(15) });
        if (settings.HasPage && Directory.Exists(PageFolder))
            application.UseFileServer(new FileServerOptions { FileProvider = new PhysicalFileProvider(PageFolder) });
        Endpoints.Map(application);
        InferenceEndpoints.Map(application);
        application.MapOpenApi();
        AnimationStore store = application.Services.GetRequiredService<AnimationStore>();
        StudioMetrics metrics = application.Services.GetRequiredService<StudioMetrics>();
        metrics.Gauge("lia.animations.queued", "{animation}", "Animations that wait.", () => store.Queued);
        metrics.Gauge("lia.disk.bytes", "By", "Results, and what waits.", () => store.Bytes);
        if (settings.EndsWithInput) Announcement.EndWithInput(application.Lifetime);
        return application;
    }

    private static string PageFolder => Path.Combine(AppContext.BaseDirectory, "wwwroot");

    private static void Listen(KestrelServerOptions kestrel, StudioSettings settings)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = 1 << 20; // Uploads say otherwise themselves.
        kestrel.Limits.MaxConcurrentConnections = 4 * settings.MostSessions + 64;
        kestrel.Limits.MaxConcurrentUpgradedConnections = settings.MostSessions + 16;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        string[] hosts = Gate.Hosts(settings);
        IPAddress[] addresses = [.. hosts.Where(host => IPAddress.TryParse(host, out _)).Select(IPAddress.Parse)];
        if (hosts.Length == 0)
        {
            // A port of the system's choice cannot be the same for two addresses.
            if (settings.Port == 0) kestrel.Listen(IPAddress.Loopback, 0);
            else kestrel.ListenLocalhost(settings.Port);
        }
        else if (addresses.Length == 0) kestrel.ListenAnyIP(settings.Port);
        else foreach (IPAddress address in addresses) kestrel.Listen(address, settings.Port);
    }

    private static void AddServices(IServiceCollection services, StudioSettings settings)
    {
        services.AddSingleton(settings);
        services.AddSingleton(_ => new PrivateFolder(settings.Data));
        services.AddSingleton<StudioMetrics>();
        services.AddSingleton(provider =>
        {
            ModelOptions model = settings.Model with { LoggerFactory = provider.GetRequiredService<ILoggerFactory>() };
            Func<CancellationToken, ILiveNetwork> On(Device device) => token => new LiveNetwork(model with { Device = device }, token);
            return new Networks([.. LiveNetwork.Devices(model.Device).Select(device => (device.ToString(), On(device)))],
                provider.GetRequiredService<StudioMetrics>(), settings.MostSessions, provider.GetRequiredService<ILogger<Networks>>());
        });
        services.AddSingleton(new Shelf<SourceUpload>("source", settings.MostKept.Sources));
        services.AddSingleton(new Shelf<DrivingUpload>("driving clip", settings.MostKept.Drivings));
        services.AddSingleton<Uploader>();
        services.AddSingleton<AnimationStore>();
        services.AddSingleton<AnimationRunner>();
        services.AddHostedService(provider => provider.GetRequiredService<AnimationRunner>());
        services.AddSingleton<Submission>();
        services.AddSingleton<Sessions>();
        services.AddSingleton<Sequences>();
        services.AddExceptionHandler<ProblemHandler>();
        services.AddProblemDetails();
        services.AddRateLimiter(options => Rates.Set(options, settings));
        services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "LIA.Native", Version = Endpoints.Version, Description = "See docs/service.md." };
            document.Servers?.Clear();
            return Task.CompletedTask;
        }));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = Farewell);
        if (settings.Otlp is { } collector)
            services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(StudioMetrics.Name, "Microsoft.AspNetCore.Hosting",
                "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime").AddOtlpExporter(otlp => otlp.Endpoint = collector));
    }
}
