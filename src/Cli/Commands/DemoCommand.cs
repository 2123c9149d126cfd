using System.CommandLine;
using Lia.Weights;

namespace Lia.Cli.Commands;

/// <summary><c>lia demo</c></summary>
internal static class DemoCommand
{
    private const int Size = 64;

    public static Command Create(CliContext context)
    {
        Option<string> output = new("--output", "-o") { Description = "what to write; .png needs nothing installed", HelpName = "OUT", DefaultValueFactory = _ => "demo.png" };
        Option<int> frames = Options.Number("--frames", "length of the clip", 2, 1000).Or(24);
        Option<bool> quiet = Options.Quiet();
        Command command = new("demo", "Animates a small drawn face end to end, with nothing to download: synthetic weights, so that the result is a pattern and not a face.")
        {
            output, frames, quiet,
        };
        command.SetAction(parsed =>
        {
            bool isQuiet = parsed.GetValue(quiet);
            if (!isQuiet) context.Error.WriteLine($"The weights are synthetic (size {Size}): every step runs as with a trained model, and the result is an abstract pattern.");
            // Synthetic weights answer faintly to motion: the strength makes it visible.
            AnimationOptions options = new() { SideBySide = true, FrameRate = new FrameRate(12), MotionStrength = 8 };
            using SyntheticCheckpoint weights = new(ModelArchitecture.Official(Size), seed: 1);
            using DemoPictures pictures = new(Size, parsed.GetValue(frames), context.Cancellation);
            AnimationSummary summary;
            using (ProgressReport progress = ProgressReport.Create(context, isQuiet))
            using (Animator animator = new(weights, options))
            {
                summary = animator.Animate(pictures.Source, pictures.Driving, parsed.GetValue(output)!, null, progress, context.Cancellation);
            }
            if (isQuiet) return ExitCode.Success;
            context.Output.WriteLine(AnimateCommand.Describe(summary));
            context.Output.WriteLine("From left to right: the source, the driving clip, the result.");
            return ExitCode.Success;
        });
        return command;
    }
}
