namespace Lia.Cli;

/// <summary>Remembers how long frames take, so that it can be told however the work ends.</summary>
internal sealed class LatencyReport
{
    private FrameLatency? _latest;

    /// <summary>Listens to progress that somebody else shows.</summary>
    public IProgress<AnimationProgress> Beside(IProgress<AnimationProgress> progress) => new Listener(this, progress);

    /// <summary>Writes a line, if anything was measured.</summary>
    /// <param name="error">Where to.</param>
    /// <param name="final">The figures of all frames, if they are known.</param>
    public void Write(TextWriter error, FrameLatency? final)
    {
        if ((final ?? _latest) is { } latency)
            error.WriteLine($"latency a frame: p50 {Milliseconds(latency.Median)}, p99 {Milliseconds(latency.P99)}, longest "
                + $"{Milliseconds(latency.Longest)}, over {Nouns.Count(latency.Frames, "frame")}");
    }

    private static string Milliseconds(TimeSpan time) => $"{time.TotalMilliseconds:0.0} ms";

    private sealed class Listener(LatencyReport report, IProgress<AnimationProgress> progress) : IProgress<AnimationProgress>
    {
        public void Report(AnimationProgress value)
        {
            report._latest = value.Latency;
            progress.Report(value);
        }
    }
}
