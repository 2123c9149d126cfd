using Lia.Network.Cpu;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Network.Tests;

/// <summary>
/// The trained demonstration model (narrow channels, fp16 weights) against float64 arithmetic in PyTorch: held-out person 40 moved by a
/// held-out clip of person 41. The limit is five times the error of PyTorch's own float32.
/// </summary>
public class DemonstrationModelTests
{
    [Fact]
    public void Codes_and_frame_are_those_of_the_training_program()
    {
        using SafetensorsFile golden = Golden.Open("demo.golden");
        using SafetensorsFile weights = new(TestData.Model("demo.safetensors"));
        ModelIdentity identity = ModelManifest.Identify(weights, weights.Name);
        Assert.Equal("demo", identity.Variant?.Name);
        int size = identity.Architecture.Size, picture = 3 * size * size, motion = identity.Architecture.Motion;
        double limit = 5 * double.Parse(golden.Metadata["frame.f32err"]);
        using CpuExecutor executor = new(weights, identity.Architecture);

        using EncodedSource source = executor.EncodeSource(Planar(golden.Read("source.u8"), size));
        float[] driving = golden.Read("driving.u8"), codes = new float[2 * motion];
        executor.EncodeMotion([.. Planar(driving[..picture], size), .. Planar(driving[picture..], size)], 2, codes);
        float[] latent = new float[identity.Architecture.Style], frame = new float[picture];
        Latents.Relative(executor.Basis, source.Appearance, source.Motion, codes.AsSpan(0, motion), codes.AsSpan(motion), 1, latent);
        executor.Synthesize(source, latent, 1, frame);

        Near("wa", source.Appearance);
        Near("alpha.source", source.Motion);
        Near("alpha.start", codes.AsSpan(0, motion));
        Near("alpha.drive", codes.AsSpan(motion));
        Near("Q", executor.Basis.Q);
        Near("frame", frame);

        void Near(string name, ReadOnlySpan<float> actual)
        {
            double error = Verification.GoldenVerification.RelativeError(actual, golden.Read(name));
            Assert.True(error <= limit, $"{name}: relative error {error:E2}, limit {limit:E2}");
        }
    }

    /// <summary>[height, width, 3] bytes as [3, height, width] in [-1, 1].</summary>
    private static float[] Planar(float[] pixels, int size)
    {
        float[] planar = new float[pixels.Length];
        for (int i = 0; i < pixels.Length; i++) planar[i % 3 * size * size + i / 3] = (pixels[i] / 255 - 0.5f) * 2;
        return planar;
    }
}
