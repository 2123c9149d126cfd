using System.Globalization;
using System.Runtime.InteropServices;
using Lia.Network.Graph;
using Lia.Training.Data;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Training.Runs;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// What a run of <c>lia train</c> started with, and the pictures of each of its steps, for another program to do the same steps
/// (tools/training/curves.py). Needs no GPU.
/// </summary>
internal static class RunStart
{
    public static int Run(string[] arguments)
    {
        if (arguments.FirstOrDefault() is not { } run || arguments.Option("-o") is not { } output)
        {
            Console.Error.WriteLine("usage: Lia.Bench run-start RUN -o FILE.safetensors");
            return 2;
        }
        Write(run, output);
        Console.WriteLine($"{output}: {new FileInfo(output).Length} bytes");
        return 0;
    }

    /// <summary>
    /// Writes <c>generator.NAME</c> and <c>discriminator.NAME</c>, the parameters before the first step, and <c>pairs</c>, int32 [step,
    /// pair, 4], the numbers in the pack of source, driving picture, start and target; in the metadata the options that decide the rest.
    /// </summary>
    /// <param name="run">The run's folder.</param>
    /// <param name="output">The safetensors file.</param>
    /// <exception cref="ArgumentException">The run began with a model, varies its pictures or goes beyond the recipe.</exception>
    internal static void Write(string run, string output)
    {
        TrainerOptions options = RunFolder.ReadOptions(run);
        if (options.From is not null || options.Flip || options.Jitter > 0 || options.Crop > 0 || options.Momentum > 0
            || options.FixedDirections || options.L1 != 1 || options.FlowStart != 1 || options.Discriminator != DiscriminatorKind.Whole)
            throw new ArgumentException($"{run}: it began with a model, varies its pictures or goes beyond the recipe; a plain run is "
                + "looked for.");
        ModelArchitecture architecture = options.Architecture();
        using TrainingData pack = new(options.Data);
        BatchSampler sampler = new(pack, options.HeldOut ?? HeldOut.Usual(pack), options.Batch, architecture.Size, options.Seed, default);
        int[] pairs = [.. from step in Enumerable.Range(0, checked((int)options.Steps))
            from pair in Enumerable.Range(0, options.Batch)
            let row = sampler.Row(step, pair)
            from picture in (int[])[row.Source, row.Driving, row.Start, row.Target]
            select picture];
        InitialParameters start = new(options.Seed);
        List<TensorInfo> tensors = [new("pairs", DType.Int32, [(int)options.Steps, options.Batch, 4])];
        Add("generator.", ParameterLayout.OfGenerator(LiaGraph.Create(architecture)).Tensors);
        if (options.Adversarial > 0) Add("discriminator.", Discriminator.Create(architecture).Parameters());
        Dictionary<string, string> metadata = new()
        {
            ["size"] = Text(architecture.Size),
            ["channels"] = string.Join(',', architecture.Channels),
            ["code"] = Text(architecture.Style),
            ["directions"] = Text(architecture.Motion),
            ["adversarial"] = Text(options.Adversarial),
            ["rate"] = Text(options.Rate),
            ["discriminator-rate"] = Text(options.DiscriminatorRate ?? options.Rate),
        };
        SafetensorsWriter.Write(output, tensors, metadata, (tensor, bytes) =>
        {
            if (tensor.DType == DType.Int32) MemoryMarshal.AsBytes(pairs.AsSpan()).CopyTo(bytes);
            else if (Named("generator.") is { } ofGenerator) start.FillGenerator(ofGenerator, MemoryMarshal.Cast<byte, float>(bytes));
            else start.FillDiscriminator(Named("discriminator.")!, MemoryMarshal.Cast<byte, float>(bytes));

            TensorInfo? Named(string prefix) => tensor.Name.StartsWith(prefix, StringComparison.Ordinal)
                ? tensor with { Name = tensor.Name[prefix.Length..] } : null;
        });

        void Add(string prefix, IEnumerable<TensorInfo> all) => tensors.AddRange(all.Select(tensor =>
            tensor with { Name = prefix + tensor.Name }));

        static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
    }
}
