using Lia.Weights;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia.Cli.Tests;

/// <summary>What was chosen is what is computed with: a checkpoint's generator, the color behind a transparent picture.</summary>
public sealed class ChoiceTests(Workspace files) : IClassFixture<Workspace>
{
    private byte[] Animate(string source, string driving, string model, params string[] more)
    {
        string output = files.At($"{Guid.NewGuid():N}.rgb");
        CliRunner.Succeed(["animate", source, driving, "-o", output, "-m", model, "--frames", "0:3", "--device", "cpu", "-q", .. more]);
        return File.ReadAllBytes(output);
    }

    private string Write(string name, ITensorSource weights)
    {
        string path = files.At(name);
        using (weights) SafetensorsWriter.Write(path, weights, weights.Metadata);
        return path;
    }

    [Fact]
    public void Weights_names_the_generator_that_computes()
    {
        string several = Write("several.safetensors", new Several(("g.", 5), ("g_ema.module.", 6)));
        string g = Write("g.safetensors", new SyntheticCheckpoint(Workspace.Narrow, 5));
        string ema = Write("ema.safetensors", new SyntheticCheckpoint(Workspace.Narrow, 6));
        byte[] byG = Animate(files.Source, files.Driving, g), byEma = Animate(files.Source, files.Driving, ema);
        Assert.NotEqual(byG, byEma);
        Assert.Equal(byG, Animate(files.Source, files.Driving, several, "--weights", "g"));
        Assert.Equal(byEma, Animate(files.Source, files.Driving, several, "--weights", "g_ema"));
        Assert.Equal(byEma, Animate(files.Source, files.Driving, several, "--weights", "g_ema.module"));

        Outcome unnamed = CliRunner.Run("animate", files.Source, files.Driving, "-o", files.At("x.rgb"), "-m", several);
        Assert.Equal(ExitCode.BadInput, unnamed.Status);
        Assert.Contains("it holds 2 generators: 'g', 'g_ema.module'; say which is wanted (--weights NAME)", unnamed.Error);
        Assert.Contains("the tensors are under 'g_ema.module'", CliRunner.Succeed("inspect", several, "--weights", "g_ema").Output);
    }

    [Fact]
    public void Without_a_name_gen_is_taken()
    {
        string several = Write("gen.safetensors", new Several(("gen.", 7), ("dis_ema.", 8)));
        string gen = Write("seven.safetensors", new SyntheticCheckpoint(Workspace.Narrow, 7));
        Assert.Equal(Animate(files.Source, files.Driving, gen), Animate(files.Source, files.Driving, several));
    }

    /// <summary>Wholly transparent pixels are the background, wholly opaque ones themselves: the same as pictures without
    /// transparency.</summary>
    [Theory]
    [InlineData("#3c6e71", 0x3c, 0x6e, 0x71)]
    [InlineData("white", 255, 255, 255)]
    [InlineData("RED", 255, 0, 0)]
    public void Background_shows_where_a_source_and_its_driving_pictures_are_transparent(string name, byte red, byte green, byte blue)
    {
        Rgb24 color = new(red, green, blue);
        string stored = Picture("stored.png", null, isTransparent: false), filled = Picture("filled.png", color, isTransparent: false);
        string hole = Picture("hole.png", null, isTransparent: true);
        byte[] byFilled = Animate(filled, files.Driving, files.Model), byStored = Animate(stored, files.Driving, files.Model);
        Assert.NotEqual(byFilled, byStored);
        Assert.Equal(byFilled, Animate(hole, files.Driving, files.Model, "--background", name));
        Assert.Equal(byStored, Animate(hole, files.Driving, files.Model));

        byte[] drivenByFilled = Animate(files.Source, filled, files.Model, "--mode", "absolute");
        Assert.NotEqual(drivenByFilled, Animate(files.Source, stored, files.Model, "--mode", "absolute"));
        Assert.Equal(drivenByFilled, Animate(files.Source, hole, files.Model, "--mode", "absolute", "--background", name));
    }

    /// <summary>A picture whose left half is transparent, or filled with a color, or has the colors that are stored for it.</summary>
    private string Picture(string name, Rgb24? left, bool isTransparent)
    {
        using Image<Rgba32> image = new(64, 64);
        for (int y = 0; y < 64; y++)
        {
            for (int x = 0; x < 64; x++)
            {
                Rgb24 stored = new((byte)(4 * x), (byte)(4 * y), 60);
                Rgb24 shown = x < 32 ? left ?? stored : stored;
                image[x, y] = new(shown.R, shown.G, shown.B, isTransparent && x < 32 ? (byte)0 : (byte)255);
            }
        }
        string path = files.At(name);
        image.SaveAsPng(path, new() { TransparentColorMode = SixLabors.ImageSharp.Formats.Png.PngTransparentColorMode.Preserve });
        return path;
    }

    /// <summary>A training checkpoint: generators beside each other, told apart by what their tensors' names begin with.</summary>
    private sealed class Several(params (string Prefix, ulong Seed)[] generators) : ITensorSource
    {
        private readonly Dictionary<string, (SyntheticCheckpoint From, string Name)> _origins = generators
            .SelectMany(generator =>
            {
                SyntheticCheckpoint weights = new(Workspace.Narrow, generator.Seed);
                return weights.Tensors.Keys.Select(name => (Key: generator.Prefix + name, Origin: (weights, name)));
            })
            .ToDictionary(tensor => tensor.Key, tensor => tensor.Origin);

        public string Name => "several generators";

        public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

        public IReadOnlyDictionary<string, TensorInfo> Tensors =>
            _origins.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.From.Tensors[tensor.Value.Name] with { Name = tensor.Key });

        public void CopyTo(string name, Span<float> destination) => _origins[name].From.CopyTo(_origins[name].Name, destination);

        public void CopyBytesTo(string name, Span<byte> destination) => _origins[name].From.CopyBytesTo(_origins[name].Name, destination);

        public void Dispose() { }
    }
}
