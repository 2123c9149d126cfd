using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.PtxEmulator;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The fp16 network, small, on every architecture's kernels: against the float32 one, and at the limits of fp16.</summary>
public class FastNetworkTests
{
    private static readonly ModelArchitecture Small = new(32, 24, 5, [48, 64, 32, 20]);

    private sealed record Result(float[] Codes, float[] Frames, Dictionary<string, float[]> Activations);

    /// <summary>A checkpoint whose tensors are multiplied by a factor that depends on their name.</summary>
    private sealed class Scaled(ITensorSource source, Func<string, float> factor) : ITensorSource
    {
        public string Name => source.Name;

        public IReadOnlyDictionary<string, TensorInfo> Tensors => source.Tensors;

        public IReadOnlyDictionary<string, string> Metadata => source.Metadata;

        public void CopyBytesTo(string name, Span<byte> destination) => throw new NotSupportedException();

        public void CopyTo(string name, Span<float> destination)
        {
            source.CopyTo(name, destination);
            float scale = factor(name);
            foreach (ref float value in destination) value *= scale;
        }

        public void Dispose() => source.Dispose();
    }

    private static Result Animate(IExecutor executor, float[] source, float[] driving, bool hasTaps)
    {
        int motion = executor.Architecture.Motion, style = executor.Architecture.Style, count = driving.Length / source.Length;
        Dictionary<string, float[]> activations = [];
        float[] codes = new float[count * motion], frames = new float[driving.Length], latents = new float[count * style];
        if (hasTaps) executor.Tap = (name, _, values) => activations[name] = values.ToArray();
        using EncodedSource encoded = executor.EncodeSource(source);
        executor.EncodeMotion(driving, count, codes);
        for (int i = 0; i < count; i++)
            Latents.Absolute(executor.Basis, encoded.Appearance, encoded.Motion, codes.AsSpan(i * motion, motion), 1,
                latents.AsSpan(i * style, style));
        executor.Synthesize(encoded, latents, count, frames);
        executor.Tap = null;
        return new(codes, frames, activations);
    }

    private static Result AnimateFast(int sm, ITensorSource weights, float[] source, float[] driving, bool hasTaps)
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm);
        return AnimateOn(loader, CudaPrecision.Fast, weights, source, driving, hasTaps);
    }

    private static Result AnimateOn(
        KernelLoader loader, CudaPrecision precision, ITensorSource weights, float[] source, float[] driving, bool hasTaps)
    {
        using CudaExecutor executor = new(loader, weights, Small, precision);
        return Animate(executor, source, driving, hasTaps);
    }

    [Theory, InlineData(80, CudaPrecision.Fast), InlineData(90, CudaPrecision.Fast), InlineData(90, CudaPrecision.Exact)]
    public void What_is_packed_before_the_device_is_open_computes_the_same(int sm, CudaPrecision precision)
    {
        using SyntheticCheckpoint weights = new(Small, 3);
        float[] source = RandomFloats(3 * 32 * 32, 1), driving = RandomFloats(2 * 3 * 32 * 32, 2);
        CompileTarget target;
        Result expected;
        using (KernelLoader loader = EmulatorAccelerator.CreateLoader(sm))
        {
            target = loader.Target;
            expected = AnimateOn(loader, precision, weights, source, driving, hasTaps: false);
        }
        CudaWeights packed = CudaExecutor.Pack(weights, Small, precision, target)!;
        using KernelLoader late = EmulatorAccelerator.CreateLoader(sm);
        using CudaExecutor executor = new(late, weights, Small, precision, ownsLoader: false, packed);
        Result result = Animate(executor, source, driving, hasTaps: false);
        Assert.Equal(expected.Frames, result.Frames);
        Assert.Equal(expected.Codes, result.Codes);
    }

    /// <summary>The checkpoint is unmapped next: whoever reads then reads nothing.</summary>
    [Fact]
    public void Packing_that_is_given_up_reads_no_more()
    {
        using SyntheticCheckpoint weights = new(Small, 3);
        int under = 0, read = 0;
        using Scaled slow = new(weights, _ =>
        {
            Interlocked.Increment(ref under);
            Thread.Sleep(20);
            Interlocked.Increment(ref read);
            Interlocked.Decrement(ref under);
            return 1;
        });
        CudaWeights packed = CudaExecutor.Pack(slow, Small, CudaPrecision.Fast, new CompileTarget(80))!;
        packed.Dispose();
        int done = read;
        Assert.True(done > 0);
        Assert.Equal(0, under);
        Thread.Sleep(100);
        Assert.Equal(done, read);
    }

    [Theory, InlineData(75), InlineData(80), InlineData(90)]
    public void Every_activation_is_as_near_as_halves_allow(int sm)
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        float[] source = RandomFloats(3 * 32 * 32, 1), driving = RandomFloats(3 * 32 * 32, 2);
        using CpuExecutor cpu = new(weights, Small);
        Result expected = Animate(cpu, source, driving, hasTaps: true), actual = AnimateFast(sm, weights, source, driving, hasTaps: true);
        // 2^-11 is what one rounding to half may lose; a dozen layers deep it is a few times that, and behind the warps a few dozen.
        Near.Equal(expected.Codes, actual.Codes, 4 * MathF.ScaleB(1, -11));
        foreach ((string name, float[] values) in expected.Activations)
            Near.Equal(values, actual.Activations[name],
                (name.StartsWith("dec.", StringComparison.Ordinal) ? 32 : 4) * MathF.ScaleB(1, -11));
        Near.Equal(expected.Frames, actual.Frames, 32 * MathF.ScaleB(1, -11));
        Assert.NotEqual(expected.Frames, actual.Frames);
    }

    [Theory, InlineData(75), InlineData(80)]
    public void A_device_for_which_an_older_architecture_is_named_computes_as_that_architecture_does(int sm)
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        float[] source = RandomFloats(3 * 32 * 32, 1), driving = RandomFloats(3 * 32 * 32, 2);
        using KernelLoader older = EmulatorAccelerator.CreateLoader(sm), newest = EmulatorAccelerator.CreateLoader();
        using KernelLoader forced = EmulatorAccelerator.CreateLoader(target: new CompileTarget(sm));
        Result expected = AnimateOn(older, CudaPrecision.Fast, weights, source, driving, hasTaps: false);
        Result actual = AnimateOn(forced, CudaPrecision.Fast, weights, source, driving, hasTaps: false);
        Assert.Equal(expected.Frames, actual.Frames);
        Assert.NotEqual(AnimateOn(newest, CudaPrecision.Fast, weights, source, driving, hasTaps: false).Frames, actual.Frames);

        // The kernels for float32 cores are the same on all.
        Assert.Equal(
            AnimateOn(newest, CudaPrecision.Float32, weights, source, driving, hasTaps: false).Frames,
            AnimateOn(forced, CudaPrecision.Float32, weights, source, driving, hasTaps: false).Frames);
    }

    [Theory, InlineData(80), InlineData(90)]
    public void Without_taps_the_last_level_ends_in_the_same_pictures(int sm)
    {
        using SyntheticCheckpoint weights = new(Small, 3);
        float[] source = RandomFloats(3 * 32 * 32, 3), driving = RandomFloats(2 * 3 * 32 * 32, 4);
        using CpuExecutor cpu = new(weights, Small);
        Result expected = Animate(cpu, source, driving, hasTaps: false), actual = AnimateFast(sm, weights, source, driving, hasTaps: false);
        Near.Equal(expected.Frames, actual.Frames, 32 * MathF.ScaleB(1, -11));
    }

    [Theory]
    [InlineData(75, 100f), InlineData(75, 0.01f), InlineData(80, 100f), InlineData(80, 0.01f), InlineData(90, 100f), InlineData(90, 0.01f)]
    public void Weights_a_hundred_times_too_large_or_small_and_extreme_pictures_overflow_nothing(int sm, float scale)
    {
        float[] source = new float[3 * 32 * 32], driving = new float[3 * 32 * 32];
        for (int i = 0; i < source.Length; i++) (source[i], driving[i]) = (i % 7 < 3 ? 1 : -1, i % 5 < 2 ? 1 : -1);
        using Scaled weights = new(new SyntheticCheckpoint(Small, 1), name => ModelArchitecture.IsFirKernel(name) ? 1 : scale);
        Result result = AnimateFast(sm, weights, source, driving, hasTaps: true);
        Assert.NotEmpty(result.Activations);
        Assert.All(result.Activations, activation => Assert.True(activation.Value.All(float.IsFinite), activation.Key));
        Assert.All(result.Frames, value => Assert.True(float.IsFinite(value)));
    }

    [Theory, InlineData(80), InlineData(90)]
    public void Demodulation_takes_out_what_weights_are_too_large_by(int sm)
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        using Scaled scaled = new(new SyntheticCheckpoint(Small, 1), name => IsDemodulated(name) ? 1e4f : 1);
        float[] source = RandomFloats(3 * 32 * 32, 1), driving = RandomFloats(3 * 32 * 32, 2);
        using CpuExecutor cpu = new(weights, Small);
        Result expected = Animate(cpu, source, driving, hasTaps: false), actual = AnimateFast(sm, scaled, source, driving, hasTaps: false);
        Near.Equal(expected.Frames, actual.Frames, 32 * MathF.ScaleB(1, -11));

        static bool IsDemodulated(string name) =>
            (name.StartsWith("dec.convs.", StringComparison.Ordinal) || name.StartsWith("dec.conv1.", StringComparison.Ordinal))
                && name.EndsWith("conv.weight", StringComparison.Ordinal);
    }
}
