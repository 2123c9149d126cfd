using System.CommandLine;
using System.Diagnostics;
using Lia.Media.Ffmpeg;

namespace Lia.Cli.Commands;

/// <summary><c>lia demo</c></summary>
internal static class DemoCommand
{
    private const int SheetRows = 6, Frames = 48;
    private static readonly FrameRate Rate = new(24);

    public static Command Create(CliContext context)
    {
        Option<string> output = new("--output", "-o")
        {
            Description = "the animated PNG to write; NAME-sheet.png and, with ffmpeg, NAME.mp4 appear beside it",
            HelpName = "NAME.png",
            DefaultValueFactory = _ => "demo.png",
        };
        Option<Device> device = Options.Device();
        Option<bool> quiet = Options.Quiet();
        Command command = new("demo", "Animates a portrait with the demonstration model: nothing to download, nothing to install.")
        {
            output, device, quiet,
        };
        command.SetAction(parsed =>
        {
            string animation = parsed.GetValue(output)!;
            if (Path.GetExtension(animation).ToLowerInvariant() is not (".png" or ".apng"))
                throw new MediaException($"{animation}: the demonstration is an animated PNG; its name must end in .png.");
            bool isQuiet = parsed.GetValue(quiet);
            List<string> written = [animation];
            if (Programs.Find("ffmpeg") is not null) written.Add(Path.ChangeExtension(animation, ".mp4"));
            string sheetName = Path.Combine(Path.GetDirectoryName(animation)
                ?? "", $"{Path.GetFileNameWithoutExtension(animation)}-sheet.png");

            using WarningLog log = new(context.Error);
            Stopwatch watch = Stopwatch.StartNew();
            ContactSheet sheet = new(SheetRows, Frames);
            using (ProgressReport progress = ProgressReport.Create(context, isQuiet))
            {
                ModelOptions model = new() { Model = DemoFiles.Model, Device = parsed.GetValue(device), LoggerFactory = log };
                AnimationOptions options = new() { SideBySide = true };
                ClipWriter[] writers = [];
                try
                {
                    foreach (RgbImage frame in Native.Frames(DemoFiles.Source, DemoFiles.Driving, model, options, progress,
                        context.Cancellation))
                    {
                        if (writers.Length == 0) writers = [.. written.Select(path =>
                            new ClipWriter(path, frame.Width, frame.Height, Rate, context.Cancellation))];
                        foreach (ClipWriter writer in writers) writer.Write(frame);
                        sheet.Add(frame);
                    }
                    foreach (ClipWriter writer in writers) writer.Complete();
                }
                finally
                {
                    foreach (ClipWriter writer in writers) writer.Dispose();
                }
            }
            sheet.Save(sheetName);
            written.Add(sheetName);
            if (isQuiet) return ExitCode.Success;
            context.Output.WriteLine($"{string.Join(", ", written)}: {Frames} frames in {watch.Elapsed.TotalSeconds:0.0} s.");
            context.Output.WriteLine("From left to right: the source, the driving clip, the result. The model has seen neither person "
                + "before.");
            return ExitCode.Success;
        });
        return command;
    }
}
