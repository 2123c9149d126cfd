using System.Text.Json;
using System.Text.Json.Serialization;
using Lia.Media.IO;

namespace Lia.Training.Runs;

/// <summary>
/// The folder of a run, held by one program at a time:
/// <code>
/// options.json                 what is learned, and how
/// data.liapack                 the data, where it was no pack
/// checkpoint.safetensors       the last state; checkpoint-000010000.safetensors: kept ones
/// model.safetensors            the last model; model-000010000.safetensors: of kept states
/// log.jsonl                    what happened
/// curves.png                   losses, rates and measures in the course of the run
/// sheets/000010000.png         source, target, reconstruction, swapped pairs
/// </code>
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private readonly FileStream _lock;

    private RunFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    /// <summary>The folder.</summary>
    public string Path { get; }

    public string Options => OptionsOf(Path);

    public string Data => At("data.liapack");

    public string Checkpoint => CheckpointOf(Path);

    public string Model => At("model.safetensors");

    public string Log => LogOf(Path);

    public string Curves => At("curves.png");

    /// <summary>Files of a step that are kept.</summary>
    public string KeptCheckpoint(long step) => At($"checkpoint-{step:d9}.safetensors");

    /// <inheritdoc cref="KeptCheckpoint"/>
    public string KeptModel(long step) => At($"model-{step:d9}.safetensors");

    /// <inheritdoc cref="KeptCheckpoint"/>
    public string Sheet(long step) => At("sheets", $"{step:d9}.png");

    public static string OptionsOf(string folder) => System.IO.Path.Combine(folder, "options.json");

    public static string CheckpointOf(string folder) => System.IO.Path.Combine(folder, "checkpoint.safetensors");

    public static string LogOf(string folder) => System.IO.Path.Combine(folder, "log.jsonl");

    /// <summary>Takes a folder for a run that begins.</summary>
    /// <exception cref="MediaException">There is a run in it, or it cannot be written.</exception>
    public static RunFolder Begin(TrainerOptions options)
    {
        RunFolder folder = Open(options.Output);
        try
        {
            if (File.Exists(folder.Checkpoint))
                throw new MediaException($"{folder.Path}: there is a run in it already, with a checkpoint; --resume goes on with it, "
                    + "another folder begins anew.");
            // What a run that came to no checkpoint has left.
            foreach (string old in (string[])[folder.Log, folder.Curves]) Outputs.Guard(old, () => File.Delete(old));
            folder.Write(options);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Takes the folder of a run that goes on.</summary>
    /// <exception cref="MediaException">There is none that can, or options that decide what is computed are others than they
    /// were.</exception>
    public static RunFolder Resume(TrainerOptions options)
    {
        if (!File.Exists(CheckpointOf(options.Output)))
            throw new MediaException($"{options.Output}: there is no checkpoint in it, and so nothing to go on with.");
        RunFolder folder = Open(options.Output);
        try
        {
            if (Difference(ReadOptions(options.Output), options) is { } difference)
                throw new MediaException($"{options.Output}: a run goes on as it was begun: {difference}.");
            folder.Write(options);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Whether a program is at work in a folder. Known on one machine, and where a file system has locks on others too.</summary>
    public static bool IsHeld(string folder)
    {
        try
        {
            using FileStream file = new(LockOf(folder), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>The options of a run.</summary>
    /// <exception cref="MediaException">There is no run, or its options cannot be read.</exception>
    public static TrainerOptions ReadOptions(string folder)
    {
        const int Longest = 1 << 20;
        string path = OptionsOf(folder);
        if (!File.Exists(path)) throw new MediaException($"{folder}: there is no run in it (no options.json).");
        using FileStream file = Inputs.OpenFile(path);
        if (file.Length > Longest) throw new MediaException($"{path}: it is too long for the options of a run.");
        try
        {
            return JsonSerializer.Deserialize(file, OptionsJson.Default.TrainerOptions)
                ?? throw new MediaException($"{path}: these are no options of a run.");
        }
        catch (JsonException failure)
        {
            throw new MediaException($"{path}: these are no options of a run: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    public void Dispose() => _lock.Dispose();

    private static string LockOf(string folder) => System.IO.Path.Combine(folder, ".run.lock");

    private static RunFolder Open(string path) => Outputs.Guard(path, () =>
    {
        if (File.Exists(path)) throw new MediaException($"{path}: it is a file; a run takes a folder.");
        Directory.CreateDirectory(System.IO.Path.Combine(path, "sheets"));
        FileStream held;
        try
        {
            held = new(LockOf(path), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (IsHeld(path))
        {
            throw new MediaException($"{path}: another program is at work on this run.");
        }
        return new RunFolder(path, held);
    });

    /// <summary>The first option in which two runs would compute otherwise, in words; null for none.</summary>
    private static string? Difference(TrainerOptions was, TrainerOptions now)
    {
        // Channels are compared by what they are, and files by whether there is one: they may have moved. The data has a fingerprint.
        (string Name, object? Was, object? Now)[] all =
        [
            ("size", was.Size, now.Size), ("channels", string.Join(',', was.Channels), string.Join(',', now.Channels)),
            ("code", was.Code, now.Code), ("directions", was.Directions, now.Directions), ("batch", was.Batch, now.Batch),
            ("seed", was.Seed, now.Seed), ("in-order", was.InOrder, now.InOrder), ("flip", was.Flip, now.Flip),
            ("jitter", was.Jitter, now.Jitter), ("crop", was.Crop, now.Crop),
            ("held-out", was.HeldOut, now.HeldOut), ("vgg", was.Vgg is not null, now.Vgg is not null),
            ("from", was.From is not null, now.From is not null), ("rate", was.Rate, now.Rate),
            ("discriminator-rate", was.DiscriminatorRate, now.DiscriminatorRate), ("schedule", was.Schedule, now.Schedule),
            ("warm-up", was.WarmUp, now.WarmUp), ("flat", was.Flat, now.Flat), ("rate-end", was.RateEnd, now.RateEnd),
            ("average", was.Average, now.Average), ("adversarial", was.Adversarial, now.Adversarial),
            ("discriminator", was.Discriminator, now.Discriminator), ("matching", was.Matching, now.Matching),
            ("labels", was.Labels, now.Labels), ("surfaces", was.Surfaces, now.Surfaces), ("guide-end", was.GuideEnd, now.GuideEnd),
            ("momentum", was.Momentum, now.Momentum), ("l1", was.L1, now.L1),
            ("fixed-directions", was.FixedDirections, now.FixedDirections), ("flow-start", was.FlowStart, now.FlowStart),
            ("precision", was.Precision, now.Precision),
        ];
        foreach ((string name, object? before, object? after) in all)
            if (!Equals(before, after)) return $"--{name} was {Told(before)}, and is {Told(after)}";
        return null;

        static string Told(object? value) => value switch
        {
            null or "" => "unset",
            bool isTrue => isTrue ? "given" : "not given",
            Enum choice => choice.ToString().ToLowerInvariant(),
            _ => $"{value}",
        };
    }

    private string At(params ReadOnlySpan<string> names) => System.IO.Path.Combine([Path, .. names]);

    private void Write(TrainerOptions options)
    {
        using PendingFile file = new(Options);
        Outputs.Guard(Options, () => JsonSerializer.Serialize(file.Open(), options, OptionsJson.Default.TrainerOptions));
        file.Commit();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TrainerOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
