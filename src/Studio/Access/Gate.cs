using System.Net;
using System.Security.Cryptography;
using System.Text;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lia.Studio.Access;

/// <summary>
/// Who is let in. A name that is not ours in Host is a page that had its own name lead to this machine (rebinding); a foreign Origin or
/// Sec-Fetch-Site is a page of somebody else's in the same browser, WebSockets included; and where other machines may ask, a token is
/// asked for.
/// </summary>
internal sealed class Gate
{
    private const string Cookie = "lia-token";

    private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase) { "localhost", "127.0.0.1", "[::1]" };
    private readonly bool _takesAddresses;
    private readonly byte[]? _token;

    public Gate(StudioSettings settings)
    {
        _token = settings.Token is { } token ? Hash(token) : null;
        foreach (string host in Hosts(settings))
        {
            bool isAddress = IPAddress.TryParse(host, out IPAddress? address);
            if (isAddress && (address!.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)))
            {
                _takesAddresses = true;
                _names.Add(Dns.GetHostName());
            }
            else _names.Add(isAddress && address!.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{host}]" : host);
        }
    }

    /// <summary>The addresses and names of <c>--host</c>.</summary>
    public static string[] Hosts(StudioSettings settings) =>
        settings.Host?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>Refuses names and pages that are not ours, before all else: what they ask counts for nobody.</summary>
    public async Task FaceAsync(HttpContext context, RequestDelegate next)
    {
        HttpRequest request = context.Request;
        WriteHeaders(context.Response.Headers);
        if (!IsOurName(request.Host.Host))
            await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "This service does not go by that name (Host).")
                .ConfigureAwait(false);
        else if (!IsOurPage(request))
            await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "Another site's page asks, and is not let in (Origin).")
                .ConfigureAwait(false);
        else await next(context).ConfigureAwait(false);
    }

    /// <summary>Refuses who has no token where one is asked for, after the limiter: a token is guessed no faster than that lets
    /// one.</summary>
    public async Task AdmitAsync(HttpContext context, RequestDelegate next)
    {
        HttpRequest request = context.Request;
        if (_token is null || IsProbe(request) || HasToken(request)) await next(context).ConfigureAwait(false);
        else if (HttpMethods.IsGet(request.Method) && request.Path == "/" && Matches(request.Query["token"]))
        {
            context.Response.Cookies.Append(Cookie, request.Query["token"]!, new CookieOptions
            {
                HttpOnly = true,
                SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Strict,
                Secure = request.IsHttps,
                Path = "/",
                MaxAge = TimeSpan.FromDays(30),
            });
            context.Response.Redirect("/");
        }
        else
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            await Problem.WriteAsync(context, StatusCodes.Status401Unauthorized,
                "A token is needed: Authorization: Bearer TOKEN, or /?token=TOKEN once in a browser.").ConfigureAwait(false);
        }
    }

    /// <summary>What browsers are told: nothing of others' in the page, no code but files of ours, no page of others' around it.</summary>
    private static void WriteHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            + "media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
            + "base-uri 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()";
        headers.CacheControl = "no-cache";
    }

    private bool IsOurName(string host) => _names.Contains(host) || (_takesAddresses && IPAddress.TryParse(host.Trim('[', ']'), out _));

    private static bool IsOurPage(HttpRequest request)
    {
        if (request.Headers.Origin is { Count: > 0 } origins)
            return origins.Count == 1 && Uri.TryCreate(origins[0], UriKind.Absolute, out Uri? origin)
                && origin.Scheme is "http" or "https" && Same(origin, request.Host);
        // Browsers say where a request without Origin comes from; other programs say nothing.
        string? site = request.Headers["Sec-Fetch-Site"];
        return site is null or "same-origin" or "none"
            // A link to the page may be followed from anywhere: it only shows the page.
            || (HttpMethods.IsGet(request.Method) && request.Path == "/" && request.Headers["Sec-Fetch-Mode"] == "navigate"
                && request.Headers["Sec-Fetch-Dest"] == "document");

        // A proxy may have taken the s off https; a port that is not said is that of the scheme.
        static bool Same(Uri origin, HostString host) =>
            (origin.HostNameType == UriHostNameType.IPv6 ? origin.Host : origin.IdnHost)
                .Equals(host.Host, StringComparison.OrdinalIgnoreCase)
            && (host.Port is { } port ? origin.Port == port : origin.IsDefaultPort);
    }

    private static bool IsProbe(HttpRequest request) =>
        request.Path.StartsWithSegments("/v2/health", StringComparison.Ordinal) && HttpMethods.IsGet(request.Method);

    private bool HasToken(HttpRequest request)
    {
        const string Scheme = "Bearer ";
        string? authorization = request.Headers[HeaderNames.Authorization];
        return (authorization?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) == true
                && Matches(authorization[Scheme.Length..].Trim()))
            || (request.Cookies.TryGetValue(Cookie, out string? cookie) && Matches(cookie));
    }

    /// <summary>Whether it is the token; the time it takes says nothing of how near it is.</summary>
    private bool Matches(string? text) => text is not null && CryptographicOperations.FixedTimeEquals(Hash(text), _token);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
