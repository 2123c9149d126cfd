using System.ComponentModel;
using System.Diagnostics;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lia.Studio;

/// <summary>Tells where the service is.</summary>
internal static partial class Announcement
{
    /// <summary>Writes the address to standard output, and opens it in a browser where that is asked for.</summary>
    public static void Make(WebApplication application)
    {
        StudioSettings settings = application.Services.GetRequiredService<StudioSettings>();
        string? address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses
            .Select(one => one.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)).FirstOrDefault();
        if (address is null) return;
        Console.Out.WriteLine(address);
        Console.Out.Flush();
        if (!settings.OpensBrowser || !settings.HasPage) return;
        try
        {
            // The page of a service with a token needs it once.
            string page = settings.Token is { } token ? $"{address}/?token={Uri.EscapeDataString(token)}" : address;
            using Process? browser = Process.Start(new ProcessStartInfo(page) { UseShellExecute = true });
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException or PlatformNotSupportedException)
        {
            application.Logger.NoBrowser(address);
        }
    }

    /// <summary>Ends the service when the program that started it has gone, or closes the pipe.</summary>
    public static void EndWithInput(IHostApplicationLifetime lifetime)
    {
        Thread watch = new(() =>
        {
            using Stream input = Console.OpenStandardInput();
            Span<byte> nothing = stackalloc byte[16];
            while (input.Read(nothing) > 0)
            {
            }
            lifetime.StopApplication();
        }) { IsBackground = true, Name = "input" };
        watch.Start();
    }

    [LoggerMessage(1, LogLevel.Warning, "no browser could be opened: open {Address} yourself")]
    private static partial void NoBrowser(this ILogger log, string address);
}
