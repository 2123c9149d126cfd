using System.Diagnostics;

namespace Lia.Cli;

/// <summary>Shows how far an animation is: a bar on a terminal, a line now and then elsewhere, nothing when quiet.</summary>
internal abstract class ProgressReport : IProgress<AnimationProgress>, IDisposable
{
    public static ProgressReport Create(CliContext context, bool isQuiet) =>
        isQuiet ? new Silence()
        : context.ErrorIsTerminal ? new ProgressBar(context.Error as TerminalText ?? new(context.Error), Terminal.Width)
        : new Lines(context.Error);

    public abstract void Report(AnimationProgress value);

    public virtual void Dispose() { }

    /// <summary>Frames, rate and time left in words.</summary>
    public static string Words(AnimationProgress progress)
    {
        string total = progress.Total is { } count ? $"/{count}" : "";
        string left = progress.Remaining is { } remaining ? $", {Duration(remaining)} left" : "";
        string noun = (progress.Total ?? progress.Frames) == 1 ? "frame" : "frames";
        string what = progress.Stage == AnimationStage.Encoding ? $"driving {noun} encoded" : noun;
        return $"{progress.Frames}{total} {what}, {progress.FramesPerSecond:0.00} frames/s{left}";
    }

    /// <summary>A time to a second: <c>1:02:03</c>, <c>2:03</c>.</summary>
    public static string Duration(TimeSpan time)
    {
        time = TimeSpan.FromSeconds(Math.Ceiling(time.TotalSeconds));
        return time.TotalHours >= 1 ? $"{(long)time.TotalHours}:{time:mm\\:ss}" : $"{time:m\\:ss}";
    }

    private sealed class Silence : ProgressReport
    {
        public override void Report(AnimationProgress value) { }
    }

    /// <summary>The first batch, the last, and one every few seconds.</summary>
    private sealed class Lines(TextWriter error) : ProgressReport
    {
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

        private readonly Stopwatch _sinceLast = new();

        public override void Report(AnimationProgress value)
        {
            if (_sinceLast.IsRunning && _sinceLast.Elapsed < Interval && value.Frames != value.Total) return;
            _sinceLast.Restart();
            error.WriteLine(Words(value));
        }
    }
}
