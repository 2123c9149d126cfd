namespace Lia.Bench;

/// <summary>What a run over many machines is made of. Times in seconds.</summary>
internal sealed record ScaleModel
{
    /// <summary>Clips to be made.</summary>
    public int Clips { get; init; } = 1_000_000;

    /// <summary>Frames of each: 10 s at 25 a second.</summary>
    public int Frames { get; init; } = 250;

    /// <summary>Workers at a time, a GPU each.</summary>
    public int Gpus { get; init; } = 1000;

    /// <summary>Shares the clips are cut into.</summary>
    public int Shards { get; init; } = 10_000;

    /// <summary>From the scheduler's word to the first clip: a container, the program, the model on the GPU.</summary>
    public double Start { get; init; } = 15;

    /// <summary>Reading the manifest, twice, for each row of it.</summary>
    public double ManifestRow { get; init; } = 6e-6;

    /// <summary>What a clip takes whatever its length: its source, two programs that decode and encode, files on the disk.</summary>
    public double Clip { get; init; } = 0.35;

    /// <summary>What each of its frames takes, from file to file.</summary>
    public double Frame { get; init; } = 0.004;

    /// <summary>How clips differ: the standard deviation of the logarithm of their times.</summary>
    public double Spread { get; init; } = 0.3;

    /// <summary>The part of machines that are slow, and how much longer they take.</summary>
    public double SlowPart { get; init; } = 0.02;

    /// <inheritdoc cref="SlowPart"/>
    public double SlowFactor { get; init; } = 2;

    /// <summary>Failures of a machine, an hour of work.</summary>
    public double FailuresAnHour { get; init; } = 0.002;

    /// <summary>Until a shard that failed is given to a worker again, at the least.</summary>
    public double Requeue { get; init; } = 120;

    /// <summary>Bytes a clip reads and writes.</summary>
    public double BytesOfClip { get; init; } = 3e6;

    /// <summary>Bytes of a row of the manifest, which every shard reads whole, twice.</summary>
    public double BytesOfRow { get; init; } = 150;

    /// <summary>Bytes a second of the file system, for all workers together.</summary>
    public double BytesASecond { get; init; } = 20e9;

    /// <summary>Operations on names that a clip takes: opening, making, renaming, writing through.</summary>
    public double NamesOfClip { get; init; } = 40;

    /// <summary>Operations on names that the file system does in a second.</summary>
    public double NamesASecond { get; init; } = 50_000;

    /// <summary>Price of a GPU for an hour.</summary>
    public double Price { get; init; } = 2.5;
}

/// <summary>What a simulated run came to.</summary>
/// <param name="Seconds">From the first start to the last end.</param>
/// <param name="Busy">GPU seconds that clips took.</param>
/// <param name="Starting">GPU seconds that starts and manifests took.</param>
/// <param name="Lost">GPU seconds of clips that failures cut short.</param>
/// <param name="Idle">GPU seconds between a worker's last shard and the end of the run.</param>
/// <param name="Failures">Shards that were begun again.</param>
internal sealed record ScaleRun(double Seconds, double Busy, double Starting, double Lost, double Idle, int Failures);

/// <summary>Simulates shards on workers, event by event. What is done is not done again.</summary>
internal static class ScaleSimulation
{
    /// <summary>Runs clips of equal length.</summary>
    public static ScaleRun Run(ScaleModel model, int seed = 1)
    {
        int[][] shards = [.. Enumerable.Range(0, model.Shards).Select(shard =>
            Enumerable.Repeat(model.Frames, (int)((long)model.Clips * (shard
                + 1) / model.Shards - (long)model.Clips * shard / model.Shards)).ToArray())];
        return Run(model, shards, seed);
    }

    /// <summary>Runs shards.</summary>
    /// <param name="model">All but the clips.</param>
    /// <param name="shards">The frames of the clips of each, in their order.</param>
    /// <param name="seed">Another run of the dice.</param>
    public static ScaleRun Run(ScaleModel model, int[][] shards, int seed)
    {
        Random random = new(seed);
        int rows = shards.Sum(shard => shard.Length), workers = Math.Min(model.Gpus, shards.Length);
        // What the file system is asked for together, as seconds of each worker's own.
        double shared = Math.Max(model.BytesOfClip * workers / model.BytesASecond, model.NamesOfClip * workers / model.NamesASecond);
        double begin = model.Start + rows * model.ManifestRow + 2 * rows * model.BytesOfRow * workers / model.BytesASecond;
        Queue<(int Shard, int Clip, double NotBefore)> waiting = new(Enumerable.Range(0, shards.Length).Select(shard => (shard, 0, 0.0)));
        PriorityQueue<int, double> free = new(Enumerable.Range(0, workers).Select(worker => (worker, 0.0)));
        double[] pace = [.. Enumerable.Range(0, workers).Select(_ => random.NextDouble() < model.SlowPart ? model.SlowFactor : 1)];
        double[] ends = new double[workers];
        double busy = 0, starting = 0, lost = 0;
        int failures = 0;
        while (waiting.TryDequeue(out (int Shard, int Clip, double NotBefore) next) && free.TryDequeue(out int worker, out double time))
        {
            time = Math.Max(time, next.NotBefore) + begin;
            starting += begin;
            double fails = time - Math.Log(1 - random.NextDouble()) * 3600 / model.FailuresAnHour;
            int clip = next.Clip;
            for (; clip < shards[next.Shard].Length; clip++)
            {
                double takes = (model.Clip + model.Frame * shards[next.Shard][clip]) * pace[worker]
                    * Math.Exp(model.Spread * Gauss() - model.Spread * model.Spread / 2);
                // While a worker computes, its neighbors' files go by; only what that does not cover is waited for.
                takes = Math.Max(takes, shared);
                if (time + takes > fails)
                {
                    lost += fails - time;
                    time = fails;
                    failures++;
                    waiting.Enqueue((next.Shard, clip, time + model.Requeue));
                    break;
                }
                time += takes;
                busy += takes;
            }
            ends[worker] = time;
            free.Enqueue(worker, time);
        }
        double end = ends.Max();
        return new(end, busy, starting, lost, ends.Sum(last => end - last), failures);

        double Gauss() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }
}
