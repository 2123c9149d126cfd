using System.CommandLine;

namespace Lia.Cli.Commands;

/// <summary><c>lia demo</c>: our own small model on our own sample, which lie beside the program.</summary>
internal static class DemoCommand
{
    public static Command Create(CliContext context)
    {
        Option<string> output = new("--output", "-o") { Description = "what to write; .png needs nothing installed", HelpName = "OUT", DefaultValueFactory = _ => "demo.png" };
        Option<Range?> frames = Options.Frames();
        Option<bool> quiet = Options.Quiet();
        Command command = new("demo", "Animates a drawn portrait with the small demonstration model, end to end, with nothing to download.") { output, frames, quiet };
        command.SetAction(parsed =>
        {
            string folder = Path.Combine(AppContext.BaseDirectory, "demo");
            AnimationOptions options = new() { Model = Path.Combine(folder, "demo.safetensors"), SideBySide = true, Frames = parsed.GetValue(frames) ?? Range.All };
            bool isQuiet = parsed.GetValue(quiet);
            AnimationSummary summary;
            using (ProgressReport progress = ProgressReport.Create(context, isQuiet))
            {
                summary = Native.Animate(Path.Combine(folder, "source.png"), Path.Combine(folder, "driving.png"), parsed.GetValue(output)!, options, progress, context.Cancellation);
            }
            if (isQuiet) return ExitCode.Success;
            context.Output.WriteLine(AnimateCommand.Describe(summary));
            context.Output.WriteLine("From left to right: the source, the driving clip, the result.");
            return ExitCode.Success;
        });
        return command;
    }
}
