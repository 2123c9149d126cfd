using Microsoft.Extensions.Logging;

namespace Lia;

/// <summary>The library's log messages.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{Model} loaded: {Size}x{Size}, {Device}")]
    public static partial void ModelLoaded(this ILogger log, string model, int size, string device);

    [LoggerMessage(2, LogLevel.Information, "{Output}: {Frames} frames in {Seconds:F1} s")]
    public static partial void ClipWritten(this ILogger log, string output, int frames, double seconds);

    [LoggerMessage(4, LogLevel.Warning, "{Reason}")]
    public static partial void DeviceComplained(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Warning, "{Complaint}")]
    public static partial void DecoderComplained(this ILogger log, string complaint);
}
