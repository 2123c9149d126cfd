namespace Lia.Tests;

/// <summary>Nothing else runs in the process while these do: they watch its memory.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public class AloneCollection;

[Collection("Alone")]
public class MemoryBoundTests
{
    /// <summary>
    /// Managed memory in use, the median of twenty samples of a clip, each after a full collection. If anything of a frame were kept (its
    /// 12 kB of pixels, its 48 kB of values), half of 2,900 frames more would show as 17 MB at least; the bound is 2 MB. That it shrinks
    /// is no fault: shared pools let go of buffers when they like.
    /// </summary>
    [Theory]
    [InlineData("out.mp4", Normalization.Fixed)]
    [InlineData("out.png", Normalization.MinMax)]
    public void Memory_does_not_grow_with_the_clip(string output, Normalization normalization)
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 3000 -preset ultrafast", folder["driving.mp4"]);
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        using Animator animator = new FakeExecutor(64).Animator();
        long Median(int frames)
        {
            List<long> samples = [];
            Synchronous watch = new(progress =>
                { if (progress.Frames % (frames / 20) == 0) samples.Add(GC.GetTotalMemory(forceFullCollection: true)); });
            AnimationOptions options = new() { Frames = ..frames, Normalization = normalization, Dump = folder["dump.safetensors"] };
            Assert.Equal(frames, animator.Animate(folder["source.png"], folder["driving.mp4"], folder[output], options, watch).Frames);
            Assert.InRange(samples.Count, 20, int.MaxValue);
            return samples.Order().ElementAt(samples.Count / 2);
        }
        Median(100); // what is made once is made
        long few = Median(100);
        Assert.InRange(Median(3000) - few, long.MinValue, 1 << 21);
    }

    /// <summary>
    /// What is live when a clip is done, and what is open, is the same after the 10th and the 50th. A single frame that each of them kept
    /// would show as 480 kB; the bound is 200.
    /// </summary>
    [Fact]
    public void Memory_does_not_grow_with_the_number_of_clips()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 6 -f apng", folder["driving.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 6 -c:v ffv1", folder["driving.mkv"]);
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        using Animator animator = new FakeExecutor(64).Animator();
        for (int i = 0; i < 10; i++) AnimateOnce(i);
        (long live, int open) = (GC.GetTotalMemory(forceFullCollection: true), Open());
        for (int i = 0; i < 40; i++) AnimateOnce(i);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - live, long.MinValue, 200_000);
        Assert.InRange(Open(), 0, open + 2);

        // Every tenth through the programs, which take their time.
        void AnimateOnce(int number) => Assert.Equal(6, animator.Animate(
            folder["source.png"], folder[number % 10 == 0 ? "driving.mkv" : "driving.png"],
            folder[number % 10 == 5 ? "out.webp" : number % 2 == 0 ? "out.png" : "out.y4m"], new() { OutputHeight = 48 }).Frames);

        static int Open() => OperatingSystem.IsLinux() ? Directory.GetFiles("/proc/self/fd").Length : 0;
    }
}
