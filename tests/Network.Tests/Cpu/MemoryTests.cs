using Lia.Network.Cpu;
using Lia.Weights;

namespace Lia.Network.Tests.Cpu;

/// <summary>Alone, because allocations of other tests would be counted.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
public class MemoryTests
{
    [Fact]
    public void A_frame_allocates_nothing_after_the_first()
    {
        ModelArchitecture architecture = new(64, 16, 3, [16, 16, 8, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 7);
        using CpuExecutor executor = new(weights, architecture, new() { Threads = 3 });
        float[] picture = new float[3 * 64 * 64], frame = new float[picture.Length], code = new float[3], latent = new float[16];
        using EncodedSource source = executor.EncodeSource(picture);
        Frames(10);
        // The test host's own threads may allocate now and then, hence the quietest of several rounds; one small object per frame and
        // worker would show in each.
        const int Count = 20, Rounds = 5;
        long all = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long ownBefore = GC.GetAllocatedBytesForCurrentThread(), allBefore = GC.GetTotalAllocatedBytes(precise: true);
            Frames(Count);
            Assert.Equal(ownBefore, GC.GetAllocatedBytesForCurrentThread());
            all = Math.Min(all, GC.GetTotalAllocatedBytes(precise: true) - allBefore);
        }
        Assert.True(all < Count * 2 * 24, $"{all} bytes in {Count} frames");

        void Frames(int count)
        {
            for (int i = 0; i < count; i++)
            {
                executor.EncodeMotion(picture, 1, code);
                Latents.Relative(executor.Basis, source.Appearance, source.Motion, code, code, 1, latent);
                executor.Synthesize(source, latent, 1, frame);
            }
        }
    }

    [Fact]
    public void A_network_of_256_needs_little_more_than_its_weights()
    {
        ModelArchitecture architecture = ModelArchitecture.Official(256);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using CpuExecutor executor = new(weights, architecture, new() { Threads = 2 });
        long parameters = architecture.Layout().Sum(tensor => tensor.ElementCount) * sizeof(float);
        Assert.InRange(executor.Bytes, parameters * 9 / 10, parameters + 80_000_000);
    }

    [Fact]
    public unsafe void Maps_that_live_together_never_overlap_and_memory_is_used_again()
    {
        using Arena arena = new();
        Random random = new(3);
        List<FeatureMap> live = [];
        List<(FeatureMap, FeatureMap)> together = [];
        long total = 0;
        for (int i = 0; i < 200; i++)
        {
            if (live.Count > 4 || (live.Count > 0 && random.Next(3) == 0))
            {
                FeatureMap gone = live[random.Next(live.Count)];
                arena.Release(gone);
                live.Remove(gone);
                continue;
            }
            FeatureMap map = arena.Reserve(new(random.Next(1, 9), random.Next(1, 9), random.Next(1, 40), border: random.Next(2)));
            together.AddRange(live.Select(other => (other, map)));
            live.Add(map);
            total += map.Length * sizeof(float);
        }
        arena.Commit();
        Assert.NotEmpty(together);
        Assert.All(together, pair => Assert.True(
            pair.Item1.Memory + pair.Item1.Length <= pair.Item2.Memory || pair.Item2.Memory + pair.Item2.Length <= pair.Item1.Memory));
        Assert.True(arena.Bytes < total / 5);
    }
}
