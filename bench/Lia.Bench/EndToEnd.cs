using System.Diagnostics;
using System.Text.Json;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// The table that is quoted: driving frames through the network on a GPU, the source encoded before. On the device: from planes to planes,
/// frames resident, between events, the median of several runs after a warm-up. From bytes to bytes: through pixel pipes, from and to host
/// memory, copies beside the computation, by the host's clock over many batches. PyTorch stands beside it when <c>pytorch-cuda.py</c> has
/// left its figures.
/// </summary>
internal static class EndToEnd
{
    public static int Run(string[] arguments)
    {
        int runs = arguments.Number("--runs", 31);
        PyTorchFigures pytorch = PyTorchFigures.Read((arguments.Option("--pytorch") ?? "")
            .Split(',', StringSplitOptions.RemoveEmptyEntries));
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        Console.WriteLine($"{loader.Properties.Name}, {CudaDeviceInfo.DriverRelease}, median of {runs} runs");
        Console.WriteLine();
        Console.WriteLine(
            "| size | precision | frames together | ms a frame | best | frames/s | TFLOP/s | bytes to bytes, ms a frame | PyTorch as " +
            "published | ratio | best tuned PyTorch | ratio |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
        List<Row> rows = [];
        foreach (int size in arguments.Numbers("--sizes", 256, 512))
        {
            ModelArchitecture architecture = ModelArchitecture.Official(size);
            using SyntheticCheckpoint weights = new(architecture, 1);
            foreach (CudaPrecision precision in arguments.Precisions(CudaPrecision.Float32, CudaPrecision.Exact, CudaPrecision.Fast))
            {
                using CudaExecutor executor = new(loader, weights, architecture, precision);
                foreach (int batch in arguments.Numbers("--batches", 1, 8, 32))
                {
                    Row row = Measure(loader, executor, batch, runs);
                    rows.Add(row);
                    Console.WriteLine(
                        $"| {size} | {row.Precision} | {batch} | {row.Milliseconds:0.000} | {row.Best:0.000} | " +
                            $"{1e3 / row.Milliseconds:0} | {row.Tflops:0.0} | {row.Piped:0.000} "
                        + $"| {Beside(pytorch.Published(size, batch), row)} | {Beside(pytorch.BestTuned(size, batch), row)} |");
                }
            }
        }
        if (arguments.Option("--json") is { } path) WriteJson(path, loader, rows, pytorch, runs);
        return 0;
    }

    private static string Beside((double Milliseconds, string Name)? other, Row row) =>
        other is { } figure ? $"{figure.Milliseconds:0.00} ({figure.Name}) | {figure.Milliseconds / row.Milliseconds:0.0}" : " | ";

    private static Row Measure(KernelLoader loader, CudaExecutor executor, int batch, int runs)
    {
        int picture = executor.Architecture.PictureLength();
        Random random = new(1);
        float[] images = [.. Enumerable.Range(0, batch * picture).Select(_ => random.NextSingle() * 2 - 1)];
        using EncodedSource source = executor.EncodeSource(images.AsSpan(0, picture));
        ResidentFrames frames = new(executor, source, images, batch);
        double[] times = DeviceTiming.Runs(loader, executor.Stream, frames.Enqueue, runs);
        double operations = frames.Launches.Sum(launch => launch.Operations);
        return new(executor.Architecture.Size, executor.Precision.ToString().ToLowerInvariant(), batch, times.Median() / batch,
            times.Min() / batch, operations / times.Median() / 1e9, Piped(executor, source, batch, runs) / batch);
    }

    /// <summary>Milliseconds a batch from bytes to bytes, the way a clip goes: three batches under way, latents by the host.</summary>
    private static double Piped(CudaExecutor executor, EncodedSource source, int batch, int runs)
    {
        ModelArchitecture architecture = executor.Architecture;
        Random random = new(1);
        byte[][] pictures = [.. Enumerable.Range(0, batch).Select(_ => new byte[architecture.PictureLength()])];
        foreach (byte[] picture in pictures) random.NextBytes(picture);
        float[] codes = new float[batch * architecture.Motion], latents = new float[batch * architecture.Style];
        using IMotionPipe motion = executor.OpenMotion(batch);
        using IPicturePipe results = executor.OpenPictures(batch);
        Pass(4);
        long start = Stopwatch.GetTimestamp();
        Pass(runs);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / runs;

        void Pass(int batches)
        {
            for (int i = 0; i < batches + 2; i++)
            {
                if (i < batches) motion.Submit(pictures);
                if (i >= 1 && i <= batches)
                {
                    motion.Receive(codes);
                    for (int frame = 0; frame < batch; frame++)
                    {
                        Latents.Relative(
                            executor.Basis, source.Appearance, source.Motion, source.Motion,
                            codes.AsSpan(frame * architecture.Motion, architecture.Motion), 1,
                            latents.AsSpan(frame * architecture.Style, architecture.Style));
                    }
                    results.Submit(source, latents, batch);
                }
                if (i >= 2) results.Receive(pictures);
            }
        }
    }

    private static void WriteJson(string path, KernelLoader loader, List<Row> rows, PyTorchFigures pytorch, int runs)
    {
        using FileStream file = File.Create(path);
        using Utf8JsonWriter json = new(file, new() { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, loader);
        json.WriteNumber("runs", runs);
        json.WriteStartArray("rows");
        foreach (Row row in rows)
        {
            json.WriteStartObject();
            json.WriteNumber("size", row.Size);
            json.WriteString("precision", row.Precision);
            json.WriteNumber("framesTogether", row.Batch);
            json.WriteNumber("millisecondsAFrame", row.Milliseconds);
            json.WriteNumber("best", row.Best);
            json.WriteNumber("framesASecond", 1e3 / row.Milliseconds);
            json.WriteNumber("tflops", row.Tflops);
            json.WriteNumber("bytesToBytesMillisecondsAFrame", row.Piped);
            WriteOther("pytorchPublished", pytorch.Published(row.Size, row.Batch));
            WriteOther("pytorchTuned", pytorch.BestTuned(row.Size, row.Batch));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();

        void WriteOther(string name, (double Milliseconds, string Name)? other)
        {
            if (other is not { } figure) return;
            json.WriteStartObject(name);
            json.WriteString("program", figure.Name);
            json.WriteNumber("millisecondsAFrame", figure.Milliseconds);
            json.WriteEndObject();
        }
    }

    private sealed record Row(int Size, string Precision, int Batch, double Milliseconds, double Best, double Tflops, double Piped);
}
