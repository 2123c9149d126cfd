namespace Lia.Samples;

/// <summary>Learns a small model from a folder of clips, on a CUDA GPU. Run it again after Ctrl-C: it goes on from its last
/// checkpoint.</summary>
internal static class TrainModel
{
    public static void Run(string clips, string run)
    {
        using CancellationTokenSource stop = new();
        Console.CancelKeyPress += (_, key) =>
        {
            key.Cancel = true;
            stop.Cancel();
        };
        TrainerOptions options = new() { Data = clips, Output = run, Size = 128, Code = 128, Channels = [128, 128, 128, 96, 64, 32] };
        Trainer trainer = new(options) { IsResumed = File.Exists(Path.Combine(run, "checkpoint.safetensors")) };
        TrainingSummary summary = trainer.Run(new Progress<TrainingProgress>(now =>
        {
            if (now.Step % 100 == 0) Console.WriteLine($"{now.Step}/{now.Steps}: L1 {now.Losses.L1:0.0000}, {now.Remaining} left");
        }), stop.Token);
        Console.WriteLine($"{summary.Model}: {summary.Steps} steps");
    }
}
