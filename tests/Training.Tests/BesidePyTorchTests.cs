using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lia.Bench;
using Lia.Network.Cuda;
using Lia.PtxEmulator;
using Lia.Training.Data;
using Lia.Training.Steps;
using Lia.Weights;
using Picture = Lia.Network.Tests.Reference.Tensor;

namespace Lia.Training.Tests;

/// <summary>The files by which PyTorch does what was done here (tools/demo-model/gradients.py, tools/training/curves.py).</summary>
public sealed class BesidePyTorchTests : IDisposable
{
    private readonly TrainingWorkspace _work = new();

    public void Dispose() => _work.Dispose();

    /// <summary>From the pictures in the file alone the losses come out in double, and differences of theirs are the gradients.</summary>
    [Fact]
    public void Gradients_are_those_of_the_pictures_beside_them()
    {
        const int Size = 16, Pairs = 2;
        ModelArchitecture architecture = new(Size, 8, 3, [8, 8, 4]);
        Tensors generator = Tensors.Of(architecture.Layout(), 5),
            discriminator = Tensors.Of(Graph.Discriminator.Create(architecture).Parameters(), 6);
        byte[][] pictures = [.. Enumerable.Range(1, 4).Select(set =>
        {
            byte[] bytes = new byte[Pairs * 3 * Size * Size];
            new Random(set).NextBytes(bytes);
            return bytes;
        })];
        string path = _work.At("gradients.safetensors");
        using (var loader = EmulatorAccelerator.CreateLoader())
            Gradients.Write(path, loader, generator, architecture, pictures, [CudaPrecision.Exact, CudaPrecision.Fast]);

        using SafetensorsFile file = new(path);
        Picture[][] sets = [.. ((string[])["sources", "drivings", "starts", "targets"]).Select(name =>
        {
            Assert.Equal([Pairs, Size, Size, 3], file.Tensors[name].Shape);
            float[] bytes = file.Read(name);
            return (Picture[])[.. Enumerable.Range(0, Pairs).Select(pair => Picture.From(3, Size, Size, (c, y, x) =>
                2 * (bytes[((pair * Size + y) * Size + x) * 3 + c] / 255.0) - 1))];
        })];
        (double perceptual, double l1) = Losses();
        Assert.Equal(perceptual, file.Read("exact.losses")[0], 1e-5 * perceptual);
        Assert.Equal(l1, file.Read("exact.losses")[1], 1e-5 * l1);

        string[] names = [.. generator.Names.Where(Parameters.ParameterLayout.IsTrained)];
        Assert.Equal(names.Order(), file.Tensors.Keys.Where(name => name.StartsWith("exact.") && !name.EndsWith("losses"))
            .Select(name => name["exact.".Length..]).Order());
        foreach (string name in names)
        {
            float[] exact = file.Read($"exact.{name}"), fast = file.Read($"fast.{name}");
            Assert.Equal(generator.Read(name).Length, exact.Length);
            double cosine = Dot(exact, fast) / Math.Sqrt(Dot(exact, exact) * Dot(fast, fast));
            Assert.True(cosine > 0.9, $"{name}: {cosine}");
        }
        Assert.NotEqual(file.Read("exact.dec.convs.0.conv.weight"), file.Read("fast.dec.convs.0.conv.weight"));
        foreach (string name in (string[])["enc.net_app.convs.1.conv2.1.weight", "enc.fc.4.bias", "dec.direction.weight",
            "dec.input.input", "dec.convs.1.conv.modulation.weight", "dec.to_flows.1.bias", "dec.to_rgbs.0.conv.0.weight"])
        {
            const float Step = 1 / 1048576f; // Few kinks are crossed.
            float[] gradient = file.Read($"exact.{name}"), values = generator.Read(name);
            Random random = new(1);
            float[] direction = [.. values.Select(_ => random.NextSingle() * 2 - 1)];
            float[] up = [.. values.Zip(direction, (value, part) => value + Step * part)];
            float[] down = [.. values.Zip(direction, (value, part) => value - Step * part)];
            double expected = gradient.Select((slope, i) => slope * ((double)up[i] - down[i])).Sum();
            double difference = Sum(up) - Sum(down), scale = 2 * Step * Math.Sqrt(Dot(gradient, gradient) / 3) + Math.Abs(difference);
            Assert.True(Math.Abs(expected - difference) <= 2e-3 * scale, $"{name}: {expected} for {difference}, of {scale}");

            double Sum(float[] at)
            {
                generator.Replace(name, at);
                (double p, double d) = Losses();
                generator.Replace(name, values);
                return p + d;
            }
        }

        (double Perceptual, double L1) Losses()
        {
            (double p, double d, _, _) = new ReferenceLosses(architecture, generator, discriminator).Of(sets[0], sets[1], sets[2], sets[3]);
            return (p, d);
        }
    }

    [Fact]
    public void Pairs_of_a_run_are_those_it_learned_from()
    {
        const int Batch = 4, Steps = 7, Size = 64;
        for (int clip = 0; clip < 6; clip++) _work.Clip($"data/clip{clip}", 40 + 30 * clip, 3 + clip);
        string pack = _work.At("data.liapack"), run = _work.At("run"), path = _work.At("start.safetensors");
        TrainingPack.Write(_work.At("data"), pack, new PackOptions { Size = Size });
        TinySteps steps = new();
        TrainerOptions options = Options(pack, run) with { Batch = Batch, Steps = Steps, Channels = TinySteps.Narrow.Channels, Code = 24 };
        new Trainer(options, steps).Run();
        RunStart.Write(run, path);

        using SafetensorsFile file = new(path);
        using PackFile pictures = new(pack);
        int[] pairs = MemoryMarshal.Cast<byte, int>(file.Bytes("pairs")).ToArray();
        Assert.Equal([Steps, Batch, 4], file.Tensors["pairs"].Shape);
        byte[] bytes = new byte[pictures.PictureLength];
        float[] planes = new float[bytes.Length];
        for (int step = 0; step < Steps; step++)
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (int part in (int[])[0, 3]) // all sources, then all targets
            {
                for (int pair = 0; pair < Batch; pair++)
                {
                    pictures.Read(pairs[(step * Batch + pair) * 4 + part], bytes);
                    Augmentation.None(0).Apply(bytes, Size, planes, Size);
                    hash.AppendData(MemoryMarshal.AsBytes(planes.AsSpan()));
                }
            }
            Assert.Equal(steps.Seen[step].Batch, Convert.ToHexString(hash.GetHashAndReset()));
        }
    }

    [Fact]
    public void Parameters_of_a_run_are_those_it_began_with()
    {
        ModelArchitecture architecture = new(64, 8, 2, [4, 4, 4, 4, 4]);
        for (int clip = 0; clip < 2; clip++) _work.Clip($"data/clip{clip}", 40 + 30 * clip, 3);
        string pack = _work.At("data.liapack"), run = _work.At("run"), path = _work.At("start.safetensors");
        TrainingPack.Write(_work.At("data"), pack, new PackOptions { Size = 64 });
        new Trainer(Options(pack, run) with { Batch = 1, Steps = 1, Seed = 5, Channels = architecture.Channels, Code = 8, Directions = 2 },
            new TinySteps()).Run();
        RunStart.Write(run, path);

        using SafetensorsFile file = new(path);
        using TrainingStep step = new(EmulatorAccelerator.CreateLoader(), new(architecture, 1, 5), new(5), vgg: null, ownsLoader: true);
        TensorInfo[] parameters = [.. step.State.Where(tensor => !tensor.Name.StartsWith("adam."))];
        Assert.Equal(parameters.Select(tensor => tensor.Name).Append("pairs").Order(), file.Tensors.Keys.Order());
        foreach (TensorInfo tensor in parameters)
        {
            float[] values = new float[tensor.ElementCount];
            step.ReadState(tensor.Name, values);
            Assert.Equal(tensor.Shape, file.Tensors[tensor.Name].Shape);
            Assert.Equal(values, file.Read(tensor.Name));
        }
        Assert.Equal("4,4,4,4,4", file.Metadata["channels"]);
        Assert.Equal("0.002", file.Metadata["discriminator-rate"]);
    }

    [Fact]
    public void A_run_that_is_not_plain_is_refused()
    {
        for (int clip = 0; clip < 2; clip++) _work.Clip($"data/clip{clip}", 40 + 30 * clip, 3);
        string pack = _work.At("data.liapack"), run = _work.At("run"), path = _work.At("start.safetensors");
        TrainingPack.Write(_work.At("data"), pack, new PackOptions { Size = 64 });
        new Trainer(Options(pack, run) with { Batch = 1, Steps = 1, Channels = TinySteps.Narrow.Channels, Code = 24, FlowStart = 0.5 },
            new TinySteps()).Run();
        Assert.Contains("beyond the recipe", Assert.Throws<ArgumentException>(() => RunStart.Write(run, path)).Message);
        Assert.False(File.Exists(path));
    }

    private static TrainerOptions Options(string data, string output) => new()
    {
        Data = data,
        Output = output,
        Size = 64,
        Directions = 5,
        HeldOut = 0,
        CheckpointEvery = 100,
        SheetEvery = 100,
    };

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
}
