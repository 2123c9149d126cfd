using System.Diagnostics;

namespace Lia.Cli;

/// <summary>Shows how far packing and training are: a bar on a terminal, drawn once a second; elsewhere a line a second in the first
/// minute, and one every ten seconds from then on; nothing when quiet.</summary>
internal sealed class TrainingReport : IProgress<TrainingProgress>, IProgress<PackProgress>, IDisposable
{
    private static readonly TimeSpan s_often = TimeSpan.FromSeconds(1), s_seldom = TimeSpan.FromSeconds(10),
        s_patience = TimeSpan.FromMinutes(1);

    private readonly TextWriter? _error;
    private readonly ProgressBar? _bar;
    private readonly Stopwatch _sinceStart = Stopwatch.StartNew(), _sinceLast = new();

    public TrainingReport(CliContext context, bool isQuiet)
    {
        if (isQuiet) return;
        if (context.ErrorIsTerminal) _bar = new ProgressBar(context.Error as TerminalText ?? new(context.Error), Terminal.Width);
        else _error = context.Error;
    }

    /// <summary>Steps done; null until the first.</summary>
    public long? Step { get; private set; }

    public void Report(TrainingProgress value)
    {
        if (Step is null) _sinceLast.Reset(); // The first step is told, however short ago packing was.
        Step = value.Step;
        Show(() => Words(value), value.Step, value.Steps);
    }

    public void Report(PackProgress value)
    {
        string total = value.Total is { } count ? $"/{count} clips" : " rows";
        Show(() => $"{value.Done}{total} packed, {Nouns.Count(value.Pictures, "picture")}", value.Done, value.Total);
    }

    /// <summary>Steps, losses, rate and time left in words.</summary>
    public static string Words(TrainingProgress progress)
    {
        TrainingLosses losses = progress.Losses;
        string guides = (losses.Labels > 0 ? $", labels {losses.Labels:0.0000}" : "")
            + (losses.Surfaces > 0 ? $", surfaces {losses.Surfaces:0.0000}" : ""),
            held = progress.Measures is { } measures ? $", held out {measures.Psnr:0.00} dB" : "",
            left = progress.Remaining is { } remaining ? $", {ProgressReport.Duration(remaining)} left" : "";
        return $"{progress.Step}/{progress.Steps} steps, P {losses.Perceptual:0.000}, L1 {losses.L1:0.0000}, G {losses.Adversarial:0.000}, "
            + $"D {losses.Discriminator:0.000}{guides}{held}, rate {progress.Rate:0.000000}, {progress.PairsPerSecond:0.0} pairs/s{left}";
    }

    public void Dispose() => _bar?.Dispose();

    private void Show(Func<string> words, long done, long? total)
    {
        if (_bar is null && _error is null) return;
        TimeSpan interval = _bar is null && _sinceStart.Elapsed > s_patience ? s_seldom : s_often;
        if (_sinceLast.IsRunning && _sinceLast.Elapsed < interval && done != total) return;
        _sinceLast.Restart();
        if (_bar is not null) _bar.Show(words(), done, total);
        else _error!.WriteLine(words());
    }
}
