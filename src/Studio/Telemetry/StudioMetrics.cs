using System.Diagnostics.Metrics;

namespace Lia.Studio.Telemetry;

/// <summary>What is measured, under the meter <c>Lia.Studio</c>.</summary>
internal sealed class StudioMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string Name = "Lia.Studio";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _frames, _dropped;
    private readonly Histogram<double> _latency, _compute;
    private readonly Histogram<int> _together;
    private readonly Counter<long> _ended;

    public StudioMetrics()
    {
        _frames = _meter.CreateCounter<long>("lia.frames", "{frame}", "Pictures made, by what for.");
        _dropped = _meter.CreateCounter<long>("lia.live.dropped", "{message}", "Messages that newer ones replaced.");
        _latency = _meter.CreateHistogram<double>("lia.live.latency", "ms", "From a message to its picture, as the service sees it.");
        _compute = _meter.CreateHistogram<double>("lia.live.compute", "ms", "How long the network took for those that went together.");
        _together = _meter.CreateHistogram<int>("lia.live.together", "{frame}", "Frames that went through the network together.");
        _ended = _meter.CreateCounter<long>("lia.animations.ended", "{animation}", "Animations that ended, by how.");
    }

    /// <summary>Pictures were made.</summary>
    /// <param name="count">How many.</param>
    /// <param name="what"><c>live</c>, <c>camera</c>, <c>preview</c>, <c>animation</c> or <c>inference</c>.</param>
    public void Made(int count, string what) => _frames.Add(count, new KeyValuePair<string, object?>("what", what));

    /// <summary>A message was replaced.</summary>
    public void Dropped() => _dropped.Add(1);

    /// <summary>A live picture is on its way.</summary>
    public void Answered(TimeSpan latency) => _latency.Record(latency.TotalMilliseconds);

    /// <summary>Frames went through the network.</summary>
    public void Computed(int together, TimeSpan time)
    {
        _together.Record(together);
        _compute.Record(time.TotalMilliseconds);
    }

    /// <summary>An animation ended.</summary>
    public void Ended(string how) => _ended.Add(1, new KeyValuePair<string, object?>("how", how));

    /// <summary>Something that can be asked for at any time.</summary>
    public void Gauge(string name, string unit, string description, Func<long> value) =>
        _meter.CreateObservableGauge(name, value, unit, description);

    public void Dispose() => _meter.Dispose();
}
