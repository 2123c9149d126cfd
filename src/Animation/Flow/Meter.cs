using System.Diagnostics;

namespace Lia.Animation.Flow;

/// <summary>Adds up how long one thread is at something. Another thread may read it when that one has ended.</summary>
internal sealed class Meter
{
    private long _ticks;

    public TimeSpan Total => Stopwatch.GetElapsedTime(0, _ticks);

    /// <summary>Counts until disposed.</summary>
    public Lap Run() => new(this);

    public readonly ref struct Lap(Meter meter)
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Dispose() => meter._ticks += Stopwatch.GetTimestamp() - _start;
    }
}

/// <summary>Divides time into steps, one after another.</summary>
internal sealed class StepClock
{
    private readonly List<ProfileStep> _steps = [];
    private long _last = Stopwatch.GetTimestamp();

    /// <summary>The steps so far.</summary>
    public IReadOnlyList<ProfileStep> Steps => _steps;

    /// <summary>Begins a step now, whenever the last one ended.</summary>
    public StepClock Resume()
    {
        _last = Stopwatch.GetTimestamp();
        return this;
    }

    /// <summary>Ends a step that began where the last one ended.</summary>
    public void Mark(string name) => Mark(name, Stopwatch.GetTimestamp());

    /// <summary>Ends a step at a time in the past.</summary>
    public void Mark(string name, long timestamp)
    {
        _steps.Add(new(name, Stopwatch.GetElapsedTime(_last, timestamp)));
        _last = timestamp;
    }
}
