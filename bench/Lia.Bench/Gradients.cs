using System.Runtime.InteropServices;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Network.Cuda;
using Lia.Training.Data;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// The gradient of every parameter of a trained generator, in each precision, for tools/demo-model/gradients.py to hold against PyTorch's.
/// The loss is that of a step without VGG19 and discriminator, P + L1 (docs/training.md), of the sample pictures: eight pictures of
/// source.png moved as driving.png moved, with truth.png for the right answer, and eight pairs of driving.png.
/// </summary>
internal static class Gradients
{
    private const int PairsOfAKind = 8;

    // In the order of a supervised batch.
    private static readonly string[] Sets = ["sources", "drivings", "starts", "targets"];

    public static int Run(string[] arguments)
    {
        if (arguments.Option("--model") is not { } model || arguments.Option("-o") is not { } output)
        {
            Console.Error.WriteLine(
                "usage: Lia.Bench gradients --model FILE [--samples FOLDER] [--precision exact,fast] -o FILE.safetensors");
            return 2;
        }
        using ITensorSource weights = Checkpoint.Open(model);
        ModelArchitecture architecture = ModelArchitecture.Infer(weights);
        byte[][] pictures = Samples(arguments.Option("--samples") ?? "samples", architecture.Size);
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        CudaPrecision[] precisions = arguments.Precisions(CudaPrecision.Exact, CudaPrecision.Fast);
        foreach ((CudaPrecision precision, StepLosses losses) in Write(output, loader, weights, architecture, pictures, precisions))
            Console.WriteLine($"{loader.Properties.Name}, {precision}: P {losses.Perceptual:G9}, L1 {losses.L1:G9}");
        Console.WriteLine($"{output}: {new FileInfo(output).Length} bytes");
        return 0;
    }

    /// <summary>
    /// Writes <c>sources</c>, <c>drivings</c>, <c>starts</c> and <c>targets</c> (uint8 [pair, S, S, 3]), and of each precision
    /// <c>PRECISION.losses</c> (P and L1) and <c>PRECISION.NAME</c>, the gradient of the parameter NAME.
    /// </summary>
    /// <param name="output">The safetensors file.</param>
    /// <param name="loader">The device.</param>
    /// <param name="weights">The generator.</param>
    /// <param name="architecture">Its extents.</param>
    /// <param name="pictures">Those four sets, each as it is written.</param>
    /// <param name="precisions">Exact or fast.</param>
    /// <returns>The losses.</returns>
    internal static IReadOnlyList<(CudaPrecision Precision, StepLosses Losses)> Write(string output, KernelLoader loader,
        ITensorSource weights, ModelArchitecture architecture, byte[][] pictures, CudaPrecision[] precisions)
    {
        int size = architecture.Size, picture = 3 * size * size, pairs = pictures[0].Length / picture;
        TrainingBatch batch = new(pairs, size) { Drivings = new float[pairs * picture], Starts = new float[pairs * picture] };
        foreach ((byte[] bytes, float[] planes) in pictures.Zip([batch.Sources, batch.Drivings, batch.Starts, batch.Targets]))
            for (int at = 0; at < bytes.Length; at += picture)
                Augmentation.None(0).Apply(bytes.AsSpan(at, picture), size, planes.AsSpan(at, picture), size);

        Dictionary<string, (TensorInfo Info, Array Values)> tensors = [];
        foreach ((string name, byte[] bytes) in Sets.Zip(pictures)) Add(new(name, DType.UInt8, [pairs, size, size, 3]), bytes);
        List<(CudaPrecision, StepLosses)> all = [];
        foreach (CudaPrecision precision in precisions)
        {
            string prefix = $"{precision}.".ToLowerInvariant();
            using TrainingStep step = new(loader, new StepSettings(architecture, pairs, IsSupervised: true, Adversarial: 0,
                IsExact: precision != CudaPrecision.Fast), new(1, weights), vgg: null);
            StepLosses losses = step.Run(batch, default);
            all.Add((precision, losses));
            Add(new($"{prefix}losses", DType.Float32, [2]), (float[])[losses.Perceptual, losses.L1]);
            Dictionary<string, float[]> gradients = step.Gradients();
            foreach (TensorInfo tensor in step.State.Where(tensor => gradients.ContainsKey(tensor.Name)))
                Add(tensor with { Name = prefix + tensor.Name["generator.".Length..] }, gradients[tensor.Name]);
        }
        SafetensorsWriter.Write(output, tensors.Values.Select(tensor => tensor.Info), new Dictionary<string, string>(), (tensor, bytes) =>
            Bytes(tensors[tensor.Name].Values).CopyTo(bytes));
        return all;

        void Add(TensorInfo info, Array values) => tensors.Add(info.Name, (info, values));
    }

    private static ReadOnlySpan<byte> Bytes(Array values) =>
        values is float[] numbers ? MemoryMarshal.AsBytes(numbers.AsSpan()) : (byte[])values;

    private static byte[][] Samples(string folder, int size)
    {
        byte[][] driving = Frames(Path.Combine(folder, "driving.png"), size), truth = Frames(Path.Combine(folder, "truth.png"), size);
        byte[] source = Frames(Path.Combine(folder, "source.png"), size)[0];
        int every = driving.Length / PairsOfAKind, half = driving.Length / 2 - 1;
        // Each relative, then each of one clip; started at the source itself, these move absolutely.
        (byte[] Source, byte[] Driving, byte[] Start, byte[] Target)[] rows =
        [
            .. Enumerable.Range(0, PairsOfAKind).Select(i => (source, driving[every * i], driving[0], truth[i])),
            .. Enumerable.Range(0, PairsOfAKind).Select(i => (driving[every * i], driving[(every * i + half) % driving.Length],
                driving[every * i], driving[(every * i + half) % driving.Length])),
        ];
        return [[.. rows.SelectMany(row => row.Source)], [.. rows.SelectMany(row => row.Driving)], [.. rows.SelectMany(row => row.Start)],
            [.. rows.SelectMany(row => row.Target)]];
    }

    private static byte[][] Frames(string path, int size)
    {
        using IFrameReader reader = FrameReaders.Open(path, default, CancellationToken.None);
        List<byte[]> frames = [];
        while (reader.Read() is { } frame)
        {
            if (frame.Width != size || frame.Height != size)
                throw new InvalidDataException($"{path}: {frame.Width} x {frame.Height} pixels, and the model has {size}.");
            frames.Add([.. frame.Pixels]);
        }
        return [.. frames];
    }
}
