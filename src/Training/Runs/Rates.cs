using Lia.Training.Steps;

namespace Lia.Training.Runs;

/// <summary>The rates of each step.</summary>
internal static class Rates
{
    /// <summary>Adam's step sizes in a step.</summary>
    public static StepRates At(TrainerOptions options, long step)
    {
        double part = Part(options, step);
        return StepRates.Of(options.Rate * part, (options.DiscriminatorRate ?? options.Rate) * part) with
            { Adversary = (float)Adversary(options, step), Guide = (float)Guide(options, step) };
    }

    /// <summary>Which part of the weights of labels and surfaces counts: all at first, and less with every step.</summary>
    internal static double Guide(TrainerOptions options, long step) => 1 + (options.GuideEnd - 1) * step / options.Steps;

    /// <summary>Which part of the patch critic's verdict counts: it learns alone at first, and comes in over the first fifth.</summary>
    internal static double Adversary(TrainerOptions options, long step)
    {
        const double Begins = 0.05, IsThere = 0.2;
        return options.Discriminator == DiscriminatorKind.Patches
            ? Math.Clamp(((double)step / options.Steps - Begins) / (IsThere - Begins), 0, 1) : 1;
    }

    /// <summary>Which part of the full rates is taken.</summary>
    internal static double Part(TrainerOptions options, long step)
    {
        double rise = step < options.WarmUp ? (step + 1.0) / options.WarmUp : 1, done = (double)step / options.Steps;
        if (options.Schedule == RateSchedule.Constant || done <= options.Flat) return rise;
        double fall = (done - options.Flat) / (1 - options.Flat);
        return rise * (options.RateEnd + (1 - options.RateEnd) * (1 + Math.Cos(Math.PI * fall)) / 2);
    }
}
