using Lia.Animation.Flow;

namespace Lia.Tests;

public class LatencyMeterTests
{
    [Fact]
    public void Percentiles_are_those_of_the_sorted_latencies_to_one_percent()
    {
        Random random = new(5);
        double[] milliseconds = [.. Enumerable.Range(0, 5000).Select(_ => 0.002 + 400 * Math.Pow(random.NextDouble(), 4))];
        LatencyMeter meter = new();
        for (int count = 1; count <= milliseconds.Length; count++)
        {
            meter.Add(TimeSpan.FromMilliseconds(milliseconds[count - 1]));
            if (count is not (1 or 2 or 3 or 99 or 100 or 101 or 5000)) continue;
            double[] sorted = [.. milliseconds[..count].Order()];
            FrameLatency latency = meter.Read()!.Value;
            Assert.Equal(count, latency.Frames);
            Assert.Equal(1, latency.Median.TotalMilliseconds / sorted[(count + 1) / 2 - 1], 0.01);
            Assert.Equal(1, latency.P99.TotalMilliseconds / sorted[(99 * count + 99) / 100 - 1], 0.01);
            Assert.Equal(sorted[^1], latency.Longest.TotalMilliseconds, 0.001);
        }
    }

    [Fact]
    public void Nothing_measured_is_nothing_told_and_a_day_is_an_hour_and_more()
    {
        LatencyMeter meter = new();
        Assert.Null(meter.Read());
        meter.Add(TimeSpan.Zero);
        meter.Add(TimeSpan.FromDays(1));
        Assert.Equal((2, TimeSpan.FromDays(1)), (meter.Read()!.Value.Frames, meter.Read()!.Value.Longest));
    }
}
