using Lia.Training.Runs;
using Lia.Weights;

namespace Lia;

/// <summary>How a run stands, as its folder tells: anywhere, and while it goes on.</summary>
public sealed record TrainingStatus
{
    /// <summary>The folder.</summary>
    public required string Output { get; init; }

    /// <summary>What is learned, and how.</summary>
    public required TrainerOptions Options { get; init; }

    /// <summary>Steps done, by the log.</summary>
    public long Step { get; private set; }

    /// <summary>Of how many.</summary>
    public long Steps => Options.Steps;

    /// <summary>Means of the last line of the log; null if there is none.</summary>
    public TrainingLosses? Losses { get; private set; }

    /// <summary>Adam's step size for the generator then.</summary>
    public double Rate { get; private set; }

    /// <summary>The pace then.</summary>
    public double PairsPerSecond { get; private set; }

    /// <summary>The time left at this pace; null if it is not known or over.</summary>
    public TimeSpan? Remaining => PairsPerSecond > 0 && Step < Steps
        ? TimeSpan.FromSeconds(Math.Min((Steps - Step) * (double)Options.Batch / PairsPerSecond, 1e9)) : null;

    /// <summary>The last measures; null if there are none.</summary>
    public TrainingMeasures? Measures { get; private set; }

    /// <summary>The measures with the highest PSNR so far.</summary>
    public TrainingMeasures? Best { get; private set; }

    /// <summary>The step of the last checkpoint; null if there is none.</summary>
    public long? Checkpoint { get; private set; }

    /// <summary>What computes.</summary>
    public string? Device { get; private set; }

    /// <summary>When the log was written to last, in UTC.</summary>
    public DateTime? Told { get; private set; }

    /// <summary>Whether a program is at work on it, as far as this machine can tell.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Why the run ended before its time; null if it did not.</summary>
    public string? Failure { get; private set; }

    /// <summary>In a word: <c>running</c>, <c>done</c>, <c>failed</c> or <c>stopped</c>.</summary>
    public string State => IsRunning ? "running" : Failure is not null ? "failed" : Step >= Steps ? "done" : "stopped";

    /// <summary>Looks into a run's folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MediaException">There is no run in it, or it cannot be read.</exception>
    /// <exception cref="WeightsException">Its checkpoint is damaged.</exception>
    public static TrainingStatus Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        TrainingStatus status = new() { Output = folder, Options = RunFolder.ReadOptions(folder) };
        foreach (LogLine line in RunLog.Read(RunFolder.LogOf(folder))) status.Take(line);
        string checkpoint = RunFolder.CheckpointOf(folder);
        if (File.Exists(checkpoint)) status.Checkpoint = TrainingCheckpoint.ReadHeader(checkpoint).Step;
        status.IsRunning = RunFolder.IsHeld(folder);
        return status;
    }

    private void Take(LogLine line)
    {
        Step = line.Step;
        Told = line.Time ?? Told;
        if (line.Event == "begun") Device = line.Told;
        Failure = line.Event == "failed" ? line.Told : null;
        if (line.Steps is { } steps)
        {
            Losses = new(steps.Perceptual, steps.L1, steps.Adversarial, steps.Discriminator, steps.Matching, steps.Labels,
                steps.Surfaces);
            (Rate, PairsPerSecond) = (steps.Rate, steps.PairsPerSecond);
        }
        if (line.Measures is not { } measures) return;
        Measures = new(measures.Step, measures.Pictures, measures.L1, measures.Psnr, measures.Lpips);
        if (Best is not { } best || measures.Psnr > best.Psnr) Best = Measures;
    }
}
