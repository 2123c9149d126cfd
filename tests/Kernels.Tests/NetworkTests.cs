using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.PtxEmulator;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The whole network, narrow and small, against the CPU executor.</summary>
public class NetworkTests
{
    private sealed record Result(float[] Codes, float[] Frames, Dictionary<string, float[]> Activations, float[] Basis);

    private static Result Animate(IExecutor executor, int count, bool hasTaps)
    {
        ModelArchitecture architecture = executor.Architecture;
        int picture = 3 * architecture.Size * architecture.Size;
        float[] source = RandomFloats(picture, 1), driving = RandomFloats(count * picture, 2);
        Dictionary<string, float[]> activations = [];
        float[] codes = new float[count * architecture.Motion], frames = new float[count * picture], latents = new float[count * architecture.Style];
        if (hasTaps) executor.Tap = (name, shape, values) => activations[name + string.Join("x", shape.ToArray())] = values.ToArray();
        using EncodedSource encoded = executor.EncodeSource(source);
        executor.EncodeMotion(driving, count, codes);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> drive = codes.AsSpan(i * architecture.Motion, architecture.Motion);
            Latents.Relative(
                executor.Basis, encoded.Appearance, encoded.Motion, codes.AsSpan(0, architecture.Motion), drive, 1, latents.AsSpan(i * architecture.Style, architecture.Style));
        }
        executor.Synthesize(encoded, latents, count, frames);
        executor.Tap = null;
        return new(codes, frames, activations, executor.Basis.Q.ToArray());
    }

    [Theory, EveryAccelerator]
    public void Every_activation_matches_the_CPU(string device)
    {
        foreach (var (size, channels) in new[] { (16, new[] { 12, 8, 8 }), (32, new[] { 10, 12, 7, 6 }) })
        {
            ModelArchitecture architecture = new(size, 24, 5, [.. channels]);
            using SyntheticCheckpoint weights = new(architecture, 1);
            using CpuExecutor cpu = new(weights, architecture);
            Result expected = Animate(cpu, 1, hasTaps: true);
            Result actual = Run(device, accelerator =>
            {
                using CudaExecutor cuda = new(accelerator, weights, architecture);
                return Animate(cuda, 1, hasTaps: true);
            });
            Near.Equal(expected.Basis, actual.Basis, 1e-6);
            Near.Equal(expected.Codes, actual.Codes, 1e-5);
            Assert.Equal(expected.Activations.Keys.Order(), actual.Activations.Keys.Order());
            foreach ((string name, float[] values) in expected.Activations) Near.Equal(values, actual.Activations[name], 1e-4);
            Near.Equal(expected.Frames, actual.Frames, 1e-4);
        }
    }

    [Theory, EveryAccelerator]
    public void Results_depend_neither_on_the_run_nor_on_the_frames_beside_them(string device)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        (Result together, Result again, Result alone) = Run(device, accelerator =>
        {
            using CudaExecutor cuda = new(accelerator, weights, architecture);
            return (Animate(cuda, 3, hasTaps: false), Animate(cuda, 3, hasTaps: false), Animate(cuda, 1, hasTaps: false));
        });
        Assert.Equal(together.Frames, again.Frames);
        Assert.Equal(alone.Codes, together.Codes.AsSpan(0, alone.Codes.Length).ToArray());
        Assert.Equal(alone.Frames, together.Frames.AsSpan(0, alone.Frames.Length).ToArray());
    }

    [Fact]
    public void Short_memory_makes_batches_smaller_and_no_memory_is_one_clear_line()
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        long one, eight;
        using (EmulatorAccelerator plenty = new())
        {
            using CudaExecutor cuda = new(plenty, weights, architecture);
            one = MemoryAfter(cuda, plenty, 1);
            eight = MemoryAfter(cuda, plenty, 8);
        }
        using (EmulatorAccelerator little = new(memoryBytes: (one + eight) / 2))
        {
            using CudaExecutor cuda = new(little, weights, architecture);
            float[] codes = new float[8 * 5];
            cuda.EncodeMotion(new float[8 * 3 * 16 * 16], 8, codes);
            Assert.Equal(codes.AsSpan(0, 5).ToArray(), codes.AsSpan(35, 5).ToArray());
            Assert.True(cuda.ArenaBytes > 0);
        }
        using EmulatorAccelerator none = new(memoryBytes: 1000);
        string message = Assert.Throws<AcceleratorOutOfMemoryException>(() => new CudaExecutor(none, weights, architecture)).Message;
        Assert.Contains("device memory were asked for", message);
        Assert.DoesNotContain('\n', message);

        static long MemoryAfter(CudaExecutor cuda, EmulatorAccelerator accelerator, int frames)
        {
            _ = cuda.Plan(CudaPlanKind.Encoder, frames);
            return accelerator.MemoryInfo.Total - accelerator.MemoryInfo.Free;
        }
    }

    [Theory, EveryAccelerator]
    public void A_clip_from_bytes_to_bytes_equals_the_way_through_the_host(string device)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        const int Count = 3, Picture = 3 * 16 * 16;
        byte[] driving = [.. Enumerable.Range(0, Count * Picture).Select(i => (byte)(i * 37 % 251))], expected = new byte[driving.Length];
        byte[] actual = Run(device, accelerator =>
        {
            using CudaExecutor cuda = new(accelerator, weights, architecture);
            float[] planes = new float[driving.Length], codes = new float[Count * 5], latents = new float[Count * 24], frames = new float[driving.Length];
            for (int i = 0; i < driving.Length; i++) planes[Planar(i)] = (driving[i] / 255f - 0.5f) * 2;
            using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
            cuda.EncodeMotion(planes, Count, codes);
            for (int i = 0; i < Count; i++)
                Latents.Relative(cuda.Basis, source.Appearance, source.Motion, codes.AsSpan(0, 5), codes.AsSpan(5 * i, 5), 1.5f, latents.AsSpan(24 * i, 24));
            cuda.Synthesize(source, latents, Count, frames);
            for (int i = 0; i < frames.Length; i++) expected[i] = (byte)Math.Clamp(MathF.Round((frames[Planar(i)] + 1) / 2 * 255), 0, 255);

            byte[] clip = new byte[driving.Length];
            cuda.BeginClip(source, codes.AsSpan(0, 5), 1.5f);
            cuda.AnimateClip(driving, Count, clip);
            return clip;
        });
        // Latents differ in their last bits, which may move a value over a rounding boundary.
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second - pair.First, -1, 1));
        Assert.InRange(expected.Zip(actual).Count(pair => pair.First != pair.Second), 0, 3);
        Assert.True(expected.Distinct().Count() > 50);

        static int Planar(int i) => i / Picture * Picture + i % 3 * 256 + i % Picture / 3;
    }
}
