using System.Reflection;
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
        float[] codes = new float[count * architecture.Motion], frames = new float[count * picture],
            latents = new float[count * architecture.Style];
        if (hasTaps) executor.Tap = (name, shape, values) => activations[name + string.Join("x", shape.ToArray())] = values.ToArray();
        using EncodedSource encoded = executor.EncodeSource(source);
        executor.EncodeMotion(driving, count, codes);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> drive = codes.AsSpan(i * architecture.Motion, architecture.Motion);
            Latents.Relative(
                executor.Basis, encoded.Appearance, encoded.Motion, codes.AsSpan(0, architecture.Motion), drive, 1,
                latents.AsSpan(i * architecture.Style, architecture.Style));
        }
        executor.Synthesize(encoded, latents, count, frames);
        executor.Tap = null;
        return new(codes, frames, activations, executor.Basis.Q.ToArray());
    }

    [Theory]
    [EveryWay(16, 12, 8, 8)]
    [EveryWay(32, 10, 12, 7, 6)]
    public void Every_activation_matches_the_CPU(string device, string way, int size, params int[] channels)
    {
        ModelArchitecture architecture = new(size, 24, 5, [.. channels]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using CpuExecutor cpu = new(weights, architecture);
        Result expected = Animate(cpu, 1, hasTaps: true);
        Result actual = Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture, Enum.Parse<CudaPrecision>(way));
            return Animate(cuda, 1, hasTaps: true);
        });
        Near.Equal(expected.Basis, actual.Basis, 1e-6);
        Near.Equal(expected.Codes, actual.Codes, 1e-5);
        // On tensor cores there are more: the features' projections.
        Assert.Equal(expected.Activations.Keys.Order(),
            actual.Activations.Keys.Where(name => !name.Contains("projection", StringComparison.Ordinal)).Order());
        foreach ((string name, float[] values) in expected.Activations) Near.Equal(values, actual.Activations[name], 1e-4);
        Near.Equal(expected.Frames, actual.Frames, 1e-4);
    }

    // The network takes the better part of a minute on ILGPU's processor accelerator: there its activations above and the way of pictures
    // at the end are enough.
    [Theory, EveryWay(OnProcessor = false)]
    public void Results_depend_neither_on_the_run_nor_on_the_frames_beside_them(string device, string way)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        (Result together, Result again, Result alone) = Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture, Enum.Parse<CudaPrecision>(way));
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
        using (KernelLoader plenty = EmulatorAccelerator.CreateLoader())
        {
            using CudaExecutor cuda = new(plenty, weights, architecture);
            one = MemoryAfter(cuda, plenty, 1);
            eight = MemoryAfter(cuda, plenty, 8);
        }
        using (KernelLoader little = EmulatorAccelerator.CreateLoader(memoryBytes: (one + eight) / 2))
        {
            using CudaExecutor cuda = new(little, weights, architecture);
            float[] codes = new float[8 * 5];
            cuda.EncodeMotion(new float[8 * 3 * 16 * 16], 8, codes);
            Assert.Equal(codes.AsSpan(0, 5).ToArray(), codes.AsSpan(35, 5).ToArray());
            Assert.True(cuda.ArenaBytes > 0);
            // The room of a batch is not there for its first frame either.
            using IMotionPipe motion = cuda.OpenMotion(8);
            motion.Submit([new byte[3 * 16 * 16]]);
            motion.Receive(codes.AsSpan(0, 5));
        }
        using KernelLoader none = EmulatorAccelerator.CreateLoader(memoryBytes: 1000);
        string message = Assert.Throws<AcceleratorOutOfMemoryException>(() => new CudaExecutor(none, weights, architecture)).Message;
        Assert.Contains("device memory were asked for", message);
        Assert.DoesNotContain('\n', message);

        static long MemoryAfter(CudaExecutor cuda, KernelLoader loader, int frames)
        {
            _ = cuda.Plan(CudaPlanKind.Encoder, frames);
            return loader.MemoryInfo.Total - loader.MemoryInfo.Free;
        }
    }

    [Fact]
    public void Fast_is_refused_by_ILGPUs_own_compiler_with_what_there_is_instead()
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        string message = Run(StockProcessorName, loader =>
            Assert.Throws<NotSupportedException>(() => new CudaExecutor(loader, weights, architecture, CudaPrecision.Fast)).Message);
        Assert.Contains("fast (fp16) needs the kernels of our compiler", message);
        Assert.Contains("exact (float32)", message);
    }

    private sealed class Failure() : AcceleratorException("the cable was pulled")
    {
        public override AcceleratorType AcceleratorType => AcceleratorType.OpenCL;
    }

    [Fact]
    public void What_ILGPU_throws_is_told_in_our_words_wherever_it_happens()
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        // So many kernels load, the others fail. The first is that of the constructor.
        int left = 0;
        using (KernelLoader loader = Open())
        {
            AssertTold(Assert.Throws<NotSupportedException>(() => new CudaExecutor(loader, weights, architecture)));
            left = 1;
            using CudaExecutor cuda = new(loader, weights, architecture);
            AssertTold(Assert.Throws<NotSupportedException>(() => cuda.EncodeSource(new float[Picture])));
            AssertTold(Assert.Throws<NotSupportedException>(() => cuda.EncodeMotion(new float[Picture], 1, new float[5])));
            using IMotionPipe motion = cuda.OpenMotion(1);
            AssertTold(Assert.Throws<NotSupportedException>(() => motion.Submit(Pictures(1))));
        }
        left = int.MaxValue;
        using (KernelLoader loader = Open())
        {
            using CudaExecutor cuda = new(loader, weights, architecture);
            using EncodedSource source = cuda.EncodeSource(new float[Picture]);
            left = 0;
            AssertTold(Assert.Throws<NotSupportedException>(() => cuda.Synthesize(source, new float[24], 1, new float[Picture])));
            using IPicturePipe pictures = cuda.OpenPictures(1);
            AssertTold(Assert.Throws<NotSupportedException>(() => pictures.Submit(source, new float[24], 1)));
        }

        KernelLoader Open() =>
            EmulatorAccelerator.CreateLoader(80,
            replace: compiled => Interlocked.Decrement(ref left) >= 0 ? compiled : throw new Failure());

        static void AssertTold(NotSupportedException told)
        {
            Assert.Equal("PTX emulator (sm_80) cannot be used: the cable was pulled", told.Message);
            Assert.IsType<Failure>(told.InnerException);
        }
    }

    [Theory]
    [InlineData("CUDA_ERROR_ILLEGAL_ADDRESS", 700, "no work can be done on this device until the process ends")]
    [InlineData("CUDA_ERROR_LAUNCH_FAILED", 719, "no work can be done on this device until the process ends")]
    [InlineData("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", 701, "what the driver said")]
    [InlineData("N/A", 0, "what the driver said")]
    public void A_failure_of_the_driver_that_ILGPU_met_keeps_its_name_and_number(string name, int code, string words)
    {
        using KernelLoader loader = KernelLoader.CreateStock(new EmulatorAccelerator(80), ownsAccelerator: true);
        var told = Assert.IsType<Lia.Gpu.Cuda.CudaException>(loader.Explain(DriverFailure(name)));
        Assert.Equal((name, code), (told.ErrorName, told.Code));
        Assert.Contains(words, told.Message);
        Assert.IsType<AcceleratorOutOfMemoryException>(loader.Explain(DriverFailure("CUDA_ERROR_OUT_OF_MEMORY")));

        // ILGPU asks the driver for the words, and here is none.
        static ILGPU.Runtime.Cuda.CudaException DriverFailure(string error)
        {
            ILGPU.Runtime.Cuda.CudaException failure = new("what the driver said");
            typeof(ILGPU.Runtime.Cuda.CudaException)
                .GetField("<Error>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(failure, error);
            return failure;
        }
    }

    private const int Picture = 3 * 16 * 16;

    private static byte[][] Pictures(int count) =>
        [.. Enumerable.Range(0, count)
            .Select(frame => Enumerable.Range(frame * Picture, Picture).Select(i => (byte)(i * 37 % 251)).ToArray())];

    private static byte[][] Empty(int count) => [.. Enumerable.Range(0, count).Select(_ => new byte[Picture])];

    private static int Planar(int i) => i % 3 * 256 + i / 3;

    [Theory, EveryWay(OnProcessor = false, IsExact = false)]
    public void From_bytes_to_bytes_the_result_is_that_of_the_way_through_planes(string device, string way)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        const int Count = 5;
        byte[][] driving = Pictures(Count), expected = Empty(Count), actual = Empty(Count);
        float[] codes = new float[Count * 5], pipedCodes = new float[Count * 5];
        Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture, Enum.Parse<CudaPrecision>(way));
            float[] planes = new float[Count * Picture], latents = new float[Count * 24], frames = new float[Count * Picture];
            for (int i = 0; i < planes.Length; i++)
                planes[i / Picture * Picture + Planar(i % Picture)] = (driving[i / Picture][i % Picture] / 255f - 0.5f) * 2;
            using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
            // In the pipe's batches: in fp16 their size may change the order of sums.
            for (int first = 0; first < Count; first += 2)
            {
                int count = Math.Min(2, Count - first);
                cuda.EncodeMotion(planes.AsSpan(first * Picture, count * Picture), count, codes.AsSpan(first * 5, count * 5));
                for (int i = first; i < first + count; i++)
                    Latents.Relative(cuda.Basis, source.Appearance, source.Motion, codes.AsSpan(0, 5), codes.AsSpan(5 * i, 5), 1.5f,
                        latents.AsSpan(24 * i, 24));
                cuda.Synthesize(source, latents.AsSpan(first * 24, count * 24), count, frames.AsSpan(first * Picture, count * Picture));
            }
            for (int i = 0; i < frames.Length; i++)
                expected[i / Picture][i % Picture] =
                    (byte)Math.Clamp(MathF.Round((frames[i / Picture * Picture + Planar(i % Picture)] + 1) / 2 * 255), 0, 255);

            // Batches of 2, 2 and 1, as many under way as there may be.
            using IMotionPipe motion = cuda.OpenMotion(2);
            using IPicturePipe pictures = cuda.OpenPictures(2);
            motion.Submit(driving.AsSpan(0, 2));
            motion.Submit(driving.AsSpan(2, 2));
            motion.Receive(pipedCodes.AsSpan(0, 10));
            motion.Submit(driving.AsSpan(4, 1));
            motion.Receive(pipedCodes.AsSpan(10, 10));
            pictures.Submit(source, latents.AsSpan(0, 48), 2);
            motion.Receive(pipedCodes.AsSpan(20, 5));
            pictures.Submit(source, latents.AsSpan(48, 48), 2);
            Assert.Equal(-1, pictures.Receive(actual.AsSpan(0, 2)));
            pictures.Submit(source, latents.AsSpan(96, 24), 1);
            Assert.Equal(-1, pictures.Receive(actual.AsSpan(2, 2)));
            Assert.Equal(-1, pictures.Receive(actual.AsSpan(4, 1)));
            Assert.Equal((0, 0), (motion.UnderWay, pictures.UnderWay));
            Assert.True(motion.Times.Compute > TimeSpan.Zero && pictures.Times.Compute > TimeSpan.Zero);
            return 0;
        });
        Assert.Equal(codes, pipedCodes);
        Assert.Equal(expected, actual);
        Assert.True(expected.SelectMany(picture => picture).Distinct().Count() > 50);
    }

    // Side by side they take as long as the slowest, one plan after the other as long as the slowest of each.
    [Theory]
    [InlineData(CudaPrecision.Fast, 90)]
    [InlineData(CudaPrecision.Fast, 80)]
    [InlineData(CudaPrecision.Exact, 90)]
    [InlineData(CudaPrecision.Float32, 90)]
    public void Once_pipes_are_open_all_kernels_of_their_clip_are_loading(CudaPrecision precision, int sm)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm);
        using CudaExecutor cuda = new(loader, weights, architecture, precision);
        using IMotionPipe motion = cuda.OpenMotion(2);
        using IPicturePipe pictures = cuda.OpenPictures(2);
        int asked = loader.KernelsAskedFor.Count;
        Assert.InRange(asked, 8, 100);
        using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
        byte[][] driving = [new byte[Picture], new byte[Picture]];
        motion.Submit(driving);
        motion.Receive(new float[10]);
        pictures.Submit(source, new float[48], 2);
        Assert.Equal(-1, pictures.Receive(driving));
        Assert.Equal(asked, loader.KernelsAskedFor.Count);
    }

    /// <summary>The last batch of a clip is mostly smaller. In fp16 the number of frames may change the order of sums, and so nothing may
    /// hang on it: not even which of several devices had a whole batch before.</summary>
    [Theory]
    [InlineData(CudaPrecision.Fast, 90)]
    [InlineData(CudaPrecision.Fast, 80)]
    [InlineData(CudaPrecision.Exact, 90)]
    public void A_smaller_batch_runs_in_the_plans_of_a_whole_one(CudaPrecision precision, int sm)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        float[] latents = RandomFloats(5 * 24, 5);
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm);
        using CudaExecutor after = new(loader, weights, architecture, precision), alone = new(loader, weights, architecture, precision);
        float[] expected = Run(after, [5, 2]);
        Assert.Equal(expected, Run(after, [3, 2]));
        Assert.Equal(expected, Run(alone, [2]));
        // The source is one picture.
        Assert.Subset(new HashSet<int> { 1, 5 }, after.PlanSizes);
        Assert.Subset(new HashSet<int> { 1, 5 }, alone.PlanSizes);

        // The codes and the pictures of the last batch, whose frames are the clip's first.
        float[] Run(CudaExecutor cuda, int[] batches)
        {
            using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
            using IMotionPipe motion = cuda.OpenMotion(5);
            using IPicturePipe pictures = cuda.OpenPictures(5);
            float[] codes = [];
            byte[][] pixels = [];
            foreach (int count in batches)
            {
                (codes, pixels) = (new float[count * 5], Empty(count));
                motion.Submit(Pictures(count));
                motion.Receive(codes);
                pictures.Submit(source, latents.AsSpan(0, count * 24), count);
                Assert.Equal(-1, pictures.Receive(pixels));
            }
            return [.. codes, .. pixels.SelectMany(static picture => picture, static (_, value) => (float)value)];
        }
    }

    /// <summary>More than go together go in parts, and what is left over of a batch in a plan of that size.</summary>
    [Fact]
    public void What_a_batch_has_beyond_a_pass_is_not_computed_as_a_whole_pass()
    {
        ModelArchitecture architecture = new(8, 24, 5, [12, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(80);
        using CudaExecutor cuda = new(loader, weights, architecture, CudaPrecision.Float32);
        using IMotionPipe motion = cuda.OpenMotion(CudaExecutor.MostFrames + 2);
        byte[][] pictures = [.. Enumerable.Range(0, CudaExecutor.MostFrames + 2)
            .Select(frame => Enumerable.Range(frame, 3 * 8 * 8).Select(i => (byte)(i * 37 % 251)).ToArray())];
        float[] all = new float[pictures.Length * 5], fewer = new float[all.Length - 5];
        motion.Submit(pictures);
        motion.Receive(all);
        motion.Submit(pictures.AsSpan(0, pictures.Length - 1));
        motion.Receive(fewer);
        Assert.Equal(all[..^5], fewer);
        Assert.Equal([2, CudaExecutor.MostFrames], cuda.PlanSizes.Order());
    }

    [Theory]
    [InlineData(null, 8, 4)]
    [InlineData(0, 8, 4)]
    [InlineData(1, 1, 4)]
    [InlineData(7, 7, 4)]
    [InlineData(8, 8, 4)]
    [InlineData(511, 8, 4)]
    [InlineData(512, 32, 4)]
    [InlineData(int.MaxValue, 32, 4)]
    [InlineData(512, 8, 2)]
    public void More_frames_of_a_long_clip_go_together_and_fewer_of_a_short_one_or_where_memory_is_short(int? frames, int together, int gib)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(memoryBytes: (long)gib << 30);
        using CudaExecutor cuda = new(loader, weights, architecture);
        Assert.Equal(together, cuda.PreferredBatch(frames));
    }

    /// <summary>How arguments are laid out is generated before there is a device, for these and no others.</summary>
    [Fact]
    public void What_is_rehearsed_is_what_kernels_are_launched_with()
    {
        ModelArchitecture architecture = new(128, 24, 5, [72, 64, 64, 64, 128, 64]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        HashSet<Type> launched = [];
        foreach ((CudaPrecision precision, int sm) in new[]
            { (CudaPrecision.Fast, 90), (CudaPrecision.Fast, 80), (CudaPrecision.Exact, 90) })
        {
            using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm);
            using CudaExecutor cuda = new(loader, weights, architecture, precision);
            foreach (int batch in new[] { 1, 8, 32 })
            {
                using IMotionPipe motion = cuda.OpenMotion(batch);
                using IPicturePipe pictures = cuda.OpenPictures(batch);
            }
            launched.UnionWith(loader.KernelsAskedFor.Select(static kernel => kernel.GetParameters().Single().ParameterType));
        }
        Assert.Equal(string.Join('\n', launched.Select(static type => type.Name).Order()),
            string.Join('\n', GpuOpening.Arguments.Select(static type => type.Name).Order()));
    }

    [Theory, EveryEngine(OnProcessor = false)]
    public void A_pipe_holds_what_it_was_opened_for_and_what_is_under_way_when_it_closes_is_dropped(string device)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture);
            using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
            using IMotionPipe motion = cuda.OpenMotion(3);
            using IPicturePipe pictures = cuda.OpenPictures(3);
            Assert.Throws<InvalidOperationException>(() => motion.Receive(new float[5]));
            Assert.Throws<InvalidOperationException>(() => pictures.Receive(Empty(1)));
            Assert.Throws<ArgumentException>(() => motion.Submit(Pictures(4)));
            Assert.Throws<ArgumentException>(() => motion.Submit([]));
            Assert.Throws<ArgumentException>(() => motion.Submit([new byte[Picture - 1]]));
            Assert.Throws<ArgumentException>(() => pictures.Submit(source, new float[25], 1));
            for (int i = 0; i < motion.Depth; i++) motion.Submit(Pictures(1));
            for (int i = 0; i < pictures.Depth; i++) pictures.Submit(source, new float[24], 1);
            Assert.Throws<InvalidOperationException>(() => motion.Submit(Pictures(1)));
            Assert.Throws<InvalidOperationException>(() => pictures.Submit(source, new float[24], 1));
            Assert.Throws<ArgumentException>(() => pictures.Receive(Empty(2)));
            Assert.Throws<ArgumentException>(() => motion.Receive(new float[6]));
            Assert.Equal((motion.Depth, pictures.Depth), (motion.UnderWay, pictures.UnderWay));
            return 0;
        });
    }

    [Theory, EveryEngine]
    public void A_frame_that_is_not_finite_is_told_by_its_number(string device)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture);
            using EncodedSource source = cuda.EncodeSource(RandomFloats(Picture, 3));
            using IPicturePipe pictures = cuda.OpenPictures(3);
            float[] latents = new float[3 * 24];
            latents[1 * 24 + 7] = float.PositiveInfinity;
            pictures.Submit(source, latents, 3);
            Assert.Equal(1, pictures.Receive(Empty(3)));
            pictures.Submit(source, new float[24], 1);
            Assert.Equal(-1, pictures.Receive(Empty(1)));
            return 0;
        });
    }

    /// <summary>Frames of different sources, in passes of several sizes, planes and pipes, against as many frames of one source.</summary>
    [Theory, EveryWay(OnProcessor = false, IsExact = false)]
    public void Frames_of_different_sources_together_are_bit_for_bit_those_of_one_source(string device, string way)
    {
        CudaPrecision precision = Enum.Parse<CudaPrecision>(way);
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        const int Count = 4; // a size that passes have: the same order of sums in fp16
        float[] latents = RandomFloats(Count * 24, 5), together = new float[Count * Picture], expected = new float[Count * Picture],
            two = new float[2 * Picture], firstTwo = new float[2 * Picture];
        byte[][] pixels = Empty(Count), expectedPixels = Empty(Count);
        Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture, precision);
            EncodedSource[] sources = [.. Enumerable.Range(0, 3).Select(i => cuda.EncodeSource(RandomFloats(Picture, 10 + i)))];
            EncodedSource[] each = [sources[0], sources[1], sources[2], sources[1]];
            float[] all = new float[Count * Picture];
            for (int i = 0; i < Count; i++)
            {
                cuda.Synthesize(each[i], latents, Count, all);
                all.AsSpan(i * Picture, Picture).CopyTo(expected.AsSpan(i * Picture));
            }
            cuda.Synthesize(each, latents, together);
            // The sources change places, so that slots are filled anew, and one source alone comes between.
            cuda.Synthesize(sources[2], latents.AsSpan(0, 24), 1, two.AsSpan(0, Picture));
            cuda.Synthesize([sources[1], sources[0]], latents.AsSpan(0, 48), two);
            cuda.Synthesize(sources[1], latents.AsSpan(0, 48), 2, firstTwo);
            Assert.Equal(firstTwo[..Picture], two[..Picture]);
            cuda.Synthesize(sources[0], latents.AsSpan(0, 48), 2, firstTwo);
            Assert.Equal(firstTwo[Picture..], two[Picture..]);

            using IPicturePipe one = cuda.OpenPictures(Count), many = cuda.OpenPictures(5, varies: true);
            byte[][] received = Empty(Count);
            for (int i = 0; i < Count; i++)
            {
                one.Submit(each[i], latents, Count);
                one.Receive(received);
                expectedPixels[i] = received[i].ToArray();
            }
            bool[] faults = [true, true, true, true];
            for (int run = 0; run < 3; run++) // the third is a captured graph's
            {
                many.Submit(each, latents);
                Assert.Equal(-1, many.Receive(pixels, faults));
                Assert.Equal(new bool[Count], faults);
            }
            foreach (EncodedSource source in sources) source.Dispose();
            Assert.Throws<ObjectDisposedException>(() => many.Submit(each, latents));
            return 0;
        });
        Assert.Equal(expected, together);
        Assert.NotEqual(expected.AsSpan(0, Picture).ToArray(), expected.AsSpan(Picture, Picture).ToArray());
        Assert.Equal(expectedPixels, pixels);
    }

    /// <summary>What a pass computes beside its frames is nobody's: five frames go by a plan of six.</summary>
    [Theory, EveryEngine(OnProcessor = false)]
    public void A_pass_of_varying_numbers_gives_each_frame_its_own_result_and_its_own_fault(string device)
    {
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        float[] latents = RandomFloats(5 * 24, 5), codes = new float[25], expectedCodes = new float[25];
        latents[2 * 24 + 7] = float.NaN;
        byte[][] pixels = Empty(5), alone = Empty(1);
        Run(device, loader =>
        {
            using CudaExecutor cuda = new(loader, weights, architecture, CudaPrecision.Float32);
            EncodedSource[] sources = [.. Enumerable.Range(0, 5).Select(i => cuda.EncodeSource(RandomFloats(Picture, 10 + i)))];
            using IMotionPipe motion = cuda.OpenMotion(6, varies: true), plain = cuda.OpenMotion(1);
            using IPicturePipe many = cuda.OpenPictures(6, varies: true), one = cuda.OpenPictures(1);
            bool[] faults = new bool[5];
            for (int count = 5; count > 0; count -= 2)
            {
                motion.Submit(Pictures(count));
                motion.Receive(codes.AsSpan(0, count * 5));
                many.Submit(sources.AsSpan(0, count), latents.AsSpan(0, count * 24));
                Assert.Equal(count > 2 ? 2 : -1, many.Receive(pixels.AsSpan(0, count), faults.AsSpan(0, count)));
                for (int i = 0; i < count; i++)
                {
                    Assert.Equal(i == 2, faults[i]);
                    plain.Submit(Pictures(count).AsSpan(i, 1));
                    plain.Receive(expectedCodes.AsSpan(0, 5));
                    Assert.Equal(expectedCodes[..5], codes[(i * 5)..(i * 5 + 5)]);
                    if (faults[i]) continue;
                    one.Submit(sources[i], latents.AsSpan(i * 24, 24), 1);
                    one.Receive(alone);
                    Assert.Equal(alone[0], pixels[i]);
                }
            }
            foreach (EncodedSource source in sources) source.Dispose();
            return 0;
        });
    }

    [Fact]
    public void The_next_size_of_a_pass_wastes_a_third_at_most()
    {
        for (int frames = 1; frames <= CudaExecutor.MostFrames; frames++)
        {
            int size = CudaExecutor.PassSize(frames);
            Assert.InRange(size, frames, CudaExecutor.MostFrames);
            Assert.True(3 * (size - frames) <= size, $"{frames} in {size}");
        }
    }
}
