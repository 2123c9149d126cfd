using Lia.Training.Steps;

namespace Lia.Training.Runs;

/// <summary>The rates of each step.</summary>
internal static class Rates
{
    /// <summary>Adam's steps are shorter by these, the recipe's allowance for regularization that is done now and then.</summary>
    private const double GeneratorRatio = 4 / 5.0, DiscriminatorRatio = 16 / 17.0;

    /// <summary>Adam's step sizes in a step.</summary>
    public static StepRates At(TrainerOptions options, long step)
    {
        double part = Part(options, step);
        return new((float)(options.Rate * GeneratorRatio * part),
            (float)((options.DiscriminatorRate ?? options.Rate) * DiscriminatorRatio * part));
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
