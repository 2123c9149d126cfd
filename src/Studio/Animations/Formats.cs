using Lia.Media.Ffmpeg;

namespace Lia.Studio.Animations;

/// <summary>What this machine can write.</summary>
internal static class Formats
{
    /// <summary>Whether there is an ffmpeg.</summary>
    public static bool HasFfmpeg => Programs.Find("ffmpeg") is not null && Programs.Find("ffprobe") is not null;
}
