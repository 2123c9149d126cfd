using Lia.Testing;
using Lia.Weights;

namespace Lia.Tests;

public class DumpTests
{
    /// <summary>The whole way, source picture to frames, against the official program: pictures in memory, synthetic weights, frames as
    /// dumped.</summary>
    [Theory]
    [InlineData("net64.safetensors", 3)]
    [InlineData("net64_absolute.safetensors", 1)]
    public void Dumped_frames_are_those_of_the_official_program(string golden, int batch)
    {
        using TempFolder folder = new();
        using SafetensorsFile truth = new(TestData.Unpack(golden));
        int size = int.Parse(truth.Metadata["size"]);
        bool relative = truth.Metadata["relative"] is "1" or "true" or "True";
        Assert.Equal(golden.Contains("absolute", StringComparison.Ordinal), !relative);
        RgbImage source = new(size, size, truth.Bytes("source.u8").ToArray());
        RgbImage[] driving = [.. truth.Bytes("driving.u8").ToArray().Chunk(3 * size * size).Select(pixels =>
            new RgbImage(size, size, pixels))];
        AnimationOptions options = new()
        {
            Mode = relative ? MotionMode.Relative : MotionMode.Absolute,
            Dump = folder["frames.safetensors"],
        };
        using SyntheticCheckpoint weights = new(ModelArchitecture.Official(size), ulong.Parse(truth.Metadata["seed"]));
        using (Animator animator = new(new ModelOptions { Weights = weights, Batch = batch }, options))
            animator.All(source, driving);

        using SafetensorsFile dump = new(folder["frames.safetensors"]);
        Assert.Equal(truth.Tensors["frames"].Shape, dump.Tensors["frames"].Shape);
        float[] expected = truth.Read("frames"), actual = dump.Read("frames");
        double error = Math.Sqrt(expected.Zip(actual, (e, a) => Math.Pow((double)e - a, 2)).Sum() / expected.Sum(e => (double)e * e));
        Assert.InRange(error, 0, 5 * double.Parse(truth.Metadata["frames.f32err"], System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Frames_are_dumped_before_clamping()
    {
        using TempFolder folder = new();
        RgbImage white = Pictures.Flat(64, 255, 255, 255);
        using Animator animator = new FakeExecutor(64).Animator();
        animator.All(white, [white, white], new() { Mode = MotionMode.Absolute, Dump = folder["d.safetensors"] });
        using SafetensorsFile dump = new(folder["d.safetensors"]);
        Assert.Equal([2, 3, 64, 64], dump.Tensors["frames"].Shape);
        Assert.All(dump.Read("frames"), value => Assert.Equal(1.5f, value, 1e-5f));
        Assert.Equal(256 + 4 * 2 * 3 * 64 * 64, new FileInfo(folder["d.safetensors"]).Length);
    }
}
