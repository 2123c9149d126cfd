using Lia.Weights;

namespace Lia.Tests;

/// <summary>What an animation tells about where its time went.</summary>
public class ProfileTests
{
    private static readonly string[] Stages = ["decode", "resize", "network", "upload", "compute", "download", "colors", "encode"];

    [Fact]
    public void Stages_are_told_in_the_order_of_a_frames_way_and_none_is_longer_than_the_whole()
    {
        using TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        using (ClipWriter clip = new(folder["driving.png"], 80, 60, new FrameRate(25)))
        {
            for (int i = 0; i < 9; i++) clip.Write(Pictures.Noise(80, 60, i));
            clip.Complete();
        }
        using Animator animator = new FakePixelExecutor(64).Animator(batch: 2);
        AnimationSummary first = animator.Animate(folder["source.png"], folder["driving.png"], folder["out.png"]);
        Assert.Equal(Stages, first.Profile.Stages.Select(stage => stage.Name));
        Assert.InRange(first.Profile.Wall, TimeSpan.FromTicks(1), first.Elapsed);
        TimeSpan Busy(string name) => first.Profile.Stages.Single(stage => stage.Name == name).Busy;
        foreach (string stage in new[] { "decode", "resize", "network", "encode" })
            Assert.InRange(Busy(stage), TimeSpan.FromTicks(1), first.Profile.Wall);
        // The pipes tell 1 ms up and 2 ms of work for each of five batches of codes, 3 ms of work and 4 ms down for each of five of
        // pictures.
        Assert.Equal([5, 25, 20], new[] { "upload", "compute", "download" }.Select(stage => Busy(stage).TotalMilliseconds));
        Assert.Equal(
            ["inputs opened", "source encoded", "first motion encoded", "first frame computed", "first frame written"],
            first.Profile.FirstFrame.Select(step => step.Name));
        Assert.All(first.Profile.FirstFrame, step => Assert.True(step.Duration >= TimeSpan.Zero));
    }

    [Fact]
    public void On_the_callers_thread_the_network_is_timed_in_its_parts()
    {
        using TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        using Animator animator = new FakeExecutor(64).Animator();
        AnimationProfile profile = animator.Animate(folder["source.png"], folder["source.png"], folder["out.png"]).Profile;
        // the pipe has made pictures
        Assert.All(profile.Stages, stage => Assert.Equal(stage.Name is "colors", stage.Busy == TimeSpan.Zero));
    }

    /// <summary>Of an animator's first clip, loading the model is a part; it is not of the second.</summary>
    [Fact]
    public void Loading_comes_before_the_first_frame_of_the_first_clip()
    {
        using TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        ModelArchitecture architecture = new(64, 8, 4, [4, 4, 4, 4, 4]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using Animator animator = new(new ModelOptions { Weights = weights, Device = Device.Cpu });
        AnimationProfile first = animator.Animate(folder["source.png"], folder["source.png"], folder["out.png"]).Profile;
        AnimationProfile second = animator.Animate(folder["source.png"], folder["source.png"], folder["out.png"]).Profile;
        Assert.Equal(["model identified", "weights packed", "inputs opened"], first.FirstFrame.Take(3).Select(step => step.Name));
        Assert.Equal("inputs opened", second.FirstFrame[0].Name);
    }
}
