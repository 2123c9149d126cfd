namespace Lia.Tests;

public class FileAnimationTests
{
    [Theory]
    [InlineData("24", "24/1")]
    [InlineData("30000/1001", "30000/1001")]
    public void The_rate_of_the_driving_clip_is_kept_as_an_exact_fraction(string rate, string expected)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc2=size=96x64:rate={rate} -frames:v 10", folder["driving.mp4"]);
        Ff.Mpeg("-f lavfi -i testsrc=size=80x80 -frames:v 1", folder["source.png"]);
        using Animator animator = new FakeExecutor(64).Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"]);
        Assert.Equal(10, summary.Frames);
        Assert.Equal(expected, summary.FrameRate.ToString());
        Assert.Equal(expected, Ff.Stream("v", "r_frame_rate", folder["out.mp4"]));
        Assert.Equal(expected, Ff.Stream("v", "avg_frame_rate", folder["out.mp4"]));
        Assert.Equal(10, Ff.CountFrames(folder["out.mp4"]));
    }
}
