namespace Lia.Animation.Flow;

/// <summary>Latencies as a histogram whose columns are one percent wide, so that a session of any length takes the same memory.</summary>
internal sealed class LatencyMeter
{
    private const double Step = 1.01;
    private static readonly int Columns = Column(TimeSpan.FromHours(1)) + 1;

    private readonly int[] _counts = new int[Columns];
    private readonly Lock _gate = new();
    private TimeSpan _longest;
    private int _frames;

    public void Add(TimeSpan latency)
    {
        lock (_gate)
        {
            _counts[Math.Min(Column(latency), Columns - 1)]++;
            _frames++;
            if (latency > _longest) _longest = latency;
        }
    }

    /// <summary>What has been measured so far; null before the first frame.</summary>
    public FrameLatency? Read()
    {
        lock (_gate) return _frames == 0 ? null : new(_frames, Percentile(50), Percentile(99), _longest);
    }

    private static int Column(TimeSpan latency) => (int)Math.Round(Math.Log(Math.Max(1, latency.TotalMicroseconds), Step));

    /// <summary>The least latency that so many percent of the frames do not exceed.</summary>
    private TimeSpan Percentile(int percent)
    {
        long wanted = ((long)_frames * percent + 99) / 100, seen = 0;
        if (wanted == _frames) return _longest;
        int column = 0;
        while ((seen += _counts[column]) < wanted) column++;
        TimeSpan middle = TimeSpan.FromMicroseconds(Math.Pow(Step, column));
        return middle < _longest ? middle : _longest;
    }
}
