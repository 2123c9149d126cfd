using System.Net.WebSockets;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Http;

namespace Lia.Studio.Live;

/// <summary>The live connections there are, up to a number.</summary>
internal sealed class Sessions(StudioSettings settings)
{
    private int _count;

    /// <summary>Accepts a WebSocket and serves it to its end.</summary>
    /// <exception cref="ProblemException">The request is none.</exception>
    public async Task ServeAsync(HttpContext context, Func<WebSocket, PictureConnection> open, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest)
            throw new ProblemException(StatusCodes.Status426UpgradeRequired, "This is a WebSocket's address.");
        bool isOneTooMany = Interlocked.Increment(ref _count) > settings.MostSessions;
        try
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
            // A browser's page cannot see the status of a request that is refused, but of a WebSocket that is closed.
            if (isOneTooMany) await socket.CloseAsync((WebSocketCloseStatus)1013, "too many sessions", stopping).ConfigureAwait(false);
            else
            {
                using PictureConnection connection = open(socket);
                await connection.RunAsync(stopping).ConfigureAwait(false);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
