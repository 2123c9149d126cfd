using System.Net;
using System.Threading.RateLimiting;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;

namespace Lia.Studio.Access;

/// <summary>How much a client may ask, by ASP.NET's limiter.</summary>
internal static class Rates
{
    /// <summary>The policy of what decodes files or computes at once: few at a time, others wait a little.</summary>
    public const string Work = "work";

    private const int AtOnce = 4, MostWaiting = 64, Burst = 5;

    public static void Set(RateLimiterOptions options, StudioSettings settings)
    {
        options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, IPAddress>(context => RateLimitPartition.GetTokenBucketLimiter(
            context.Connection.RemoteIpAddress ?? IPAddress.None, _ => new()
            {
                TokenLimit = settings.Rate * Burst,
                TokensPerPeriod = settings.Rate,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            }));
        options.AddConcurrencyLimiter(Work, work => (work.PermitLimit, work.QueueLimit) = (AtOnce, MostWaiting));
        options.OnRejected = async (rejected, _) =>
        {
            int after = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait)
                ? Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : 1;
            await Problem.WriteAsync(rejected.HttpContext, StatusCodes.Status429TooManyRequests, "That is too much at once.", after)
                .ConfigureAwait(false);
        };
    }
}
