namespace Lia.Tests;

/// <summary>Nothing else runs in the process while these do: they watch its memory.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public class AloneCollection;

[Collection("Alone")]
public class MemoryBoundTests
{
    /// <summary>
    /// Managed memory in use, taken every 50 frames after a full collection. If anything of a frame were kept (its 12 kB of pixels, its 48
    /// kB of
    /// values), 2,900 frames more would show as 34 MB at least; the bound is 2 MB.
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
        long Peak(int frames)
        {
            long peak = 0;
            Synchronous watch = new(progress =>
                { if (progress.Frames % 50 == 0) peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: true)); });
            AnimationOptions options = new() { Frames = ..frames, Normalization = normalization, Dump = folder["dump.safetensors"] };
            Assert.Equal(frames, animator.Animate(folder["source.png"], folder["driving.mp4"], folder[output], options, watch).Frames);
            return peak;
        }
        Peak(100); // what is made once is made
        long growth = -Peak(100) + Peak(3000);
        Assert.InRange(growth, -(1 << 21), 1 << 21);
    }
}
