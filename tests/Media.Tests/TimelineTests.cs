using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Grids for frames that come when they come.</summary>
public class TimelineTests
{
    private static readonly FrameRate Milliseconds = new(1000);

    private static Timeline Of(IEnumerable<double> seconds, FrameRate tick, FrameRate? nominal = null, double? end = null)
    {
        long[] times = [.. seconds.Select(time => (long)Math.Round(time * tick.Value))];
        return Timeline.Of(times, end is { } at ? (long)Math.Round(at * tick.Value) : 2 * times[^1] - times[^2], tick, nominal);
    }

    private static IEnumerable<double> Steady(FrameRate rate, int frames) => Enumerable.Range(0, frames).Select(i => rate.Seconds(i));

    [Theory]
    [InlineData(24000, 1001)]
    [InlineData(24, 1)]
    [InlineData(25, 1)]
    [InlineData(30000, 1001)]
    [InlineData(60, 1)]
    [InlineData(7, 1)]
    [InlineData(120, 1)]
    public void A_steady_clip_keeps_its_rate_exactly_though_its_time_stamps_are_rounded(int numerator, int denominator)
    {
        FrameRate rate = new(numerator, denominator);
        foreach (int frames in (int[])[2, 10, 50_000])
        {
            Timeline timeline = Of(Steady(rate, frames), Milliseconds, rate);
            Assert.Equal((rate, frames, frames - 1), (timeline.Rate, timeline.Places, timeline.LastPlace));
        }
        // And where time stamps are exact, without being told.
        Assert.Equal(rate, Of(Steady(rate, 10), new(numerator * 10, denominator)).Rate);
    }

    [Fact]
    public void Fields_are_not_frames()
    {
        Assert.Equal(new(25), Of(Steady(new(25), 100), new(90000), nominal: new(50)).Rate);
        Assert.Equal(new(25), Of(Steady(new(25), 100), new(90000), nominal: new(90000)).Rate);
    }

    [Fact]
    public void Dropped_frames_leave_their_places()
    {
        Timeline timeline = Of(Steady(new(30), 1000).Where((_, i) => i % 10 != 3), Milliseconds, nominal: new(30));
        Assert.Equal((new FrameRate(30), 1000), (timeline.Rate, timeline.Places));
        // Two seconds at 30 a second, then at 15; then three frames a second, which are known to a hundredth.
        IEnumerable<double> slower = Steady(new(15), 60).Select(time => 2 + time);
        Assert.Equal(new(30), Of([.. Steady(new(30), 60), .. slower], Milliseconds, nominal: null).Rate);
        Assert.Equal(new(5), Of([0, 0.2, 0.4, 1.0, 1.2, 2], new(100)).Rate);
    }

    [Fact]
    public void A_first_frame_that_is_early_does_not_move_the_others()
    {
        Timeline timeline = Of([0, .. Steady(new(30), 200).Select(time => 0.045 + time)], new(90000), nominal: new(30));
        Assert.InRange(timeline.Rate.Value, 29.9, 30.1);
        Assert.InRange(timeline.Places, 201, 202);
    }

    /// <summary>Cameras that shiver, screens that are recorded when they change: the grid is nowhere off by more than 20 ms.</summary>
    [Fact]
    public void Every_frame_has_a_place_within_20_ms()
    {
        Random random = new(5);
        for (int trial = 0; trial < 300; trial++)
        {
            double mean = 1 / (2 + 58 * random.NextDouble()), shiver = random.NextDouble();
            List<double> times = [0];
            for (int i = 1; i < 200; i++) times.Add(times[^1] + mean * (1 + shiver * (random.NextDouble() - 0.5)) + 0.002);
            Timeline timeline = Of(times, Milliseconds);
            Assert.InRange(timeline.Rate.Value, 0, 120);
            foreach (double time in times)
            {
                double place = (time - timeline.Origin / 1000) * timeline.Rate.Value;
                Assert.InRange(Math.Abs(place - Math.Round(place)) / timeline.Rate.Value, 0, 0.0201);
            }
            Assert.Equal(times[^1], timeline.Rate.Seconds(timeline.LastPlace) + timeline.Origin / 1000, 0.0201);
        }
    }

    [Fact]
    public void One_frame_is_one_frame() => Assert.Equal(new(new FrameRate(25), 0, 1, 0), Timeline.Of([77], 1_000_000, Milliseconds, null));
}
