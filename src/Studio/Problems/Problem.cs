using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Lia.Weights;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Problems;

/// <summary>What a request is refused with; becomes problem details.</summary>
internal sealed class ProblemException(int status, string detail, int? retryAfter = null) : Exception(detail)
{
    public int Status => status;

    /// <summary>Seconds after which it may do.</summary>
    public int? RetryAfter => retryAfter;

    public static ProblemException Bad(string detail) => new(StatusCodes.Status400BadRequest, detail);

    public static ProblemException Missing(string what) => new(StatusCodes.Status404NotFound, $"There is no such {what}.");
}

/// <summary>Failures in the words of problem details (RFC 9457).</summary>
internal static partial class Problem
{
    /// <summary>Answers with a problem.</summary>
    public static Task WriteAsync(HttpContext context, int status, string detail, int? retryAfter = null)
    {
        context.Response.StatusCode = status;
        if (retryAfter is { } seconds) context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return Results.Problem(detail, statusCode: status).ExecuteAsync(context);
    }

    /// <summary>What is wrong, in a sentence that names no file of ours.</summary>
    /// <param name="failure">What was thrown.</param>
    /// <param name="names">Our files, and what the client calls them.</param>
    /// <returns>Null when the fault is not the client's.</returns>
    public static string? Tell(Exception failure, params ReadOnlySpan<(string Path, string Name)> names)
    {
        if (failure is not (MediaException or WeightsException or ArgumentException or NotSupportedException)) return null;
        string text = failure.Message;
        foreach ((string path, string name) in names) text = text.Replace(path, name, StringComparison.Ordinal);
        return text.ReplaceLineEndings(" ");
    }

    /// <summary>Turns what a handler threw into problem details.</summary>
    public static async ValueTask<bool> HandleAsync(HttpContext context, Exception failure, ILogger log)
    {
        switch (failure)
        {
            case ProblemException problem:
                await WriteAsync(context, problem.Status, problem.Message, problem.RetryAfter).ConfigureAwait(false);
                return true;
            case BadHttpRequestException bad:
                await WriteAsync(context, bad.StatusCode, bad.StatusCode == StatusCodes.Status413PayloadTooLarge
                    ? "The request is larger than this service takes." : "The request is not understood.").ConfigureAwait(false);
                return true;
            case JsonException:
                await WriteAsync(context, StatusCodes.Status400BadRequest, "The JSON is not in order.").ConfigureAwait(false);
                return true;
            case OperationCanceledException or IOException or WebSocketException when context.RequestAborted.IsCancellationRequested:
                return true; // Nobody is there to be told.
            default:
                if (Tell(failure) is { } told)
                {
                    await WriteAsync(context, StatusCodes.Status400BadRequest, told).ConfigureAwait(false);
                    return true;
                }
                log.Failed(failure, context.Request.Path);
                await WriteAsync(context, StatusCodes.Status500InternalServerError, "The service has failed here; its log says more.")
                    .ConfigureAwait(false);
                return true;
        }
    }

    [LoggerMessage(1, LogLevel.Error, "{Path} failed")]
    private static partial void Failed(this ILogger log, Exception failure, string path);
}

/// <summary>The handler as ASP.NET wants it.</summary>
internal sealed class ProblemHandler(ILogger<ProblemHandler> log) : IExceptionHandler
{
    public ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken) =>
        Problem.HandleAsync(httpContext, exception, log);
}
