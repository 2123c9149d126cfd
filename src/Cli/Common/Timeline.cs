using System.Diagnostics;

namespace Lia.Cli;

/// <summary>What the library does beside each other, from when to when: its activities, while this listens.</summary>
internal sealed class Timeline : IDisposable
{
    private readonly List<(string Name, TimeSpan From, TimeSpan To)> _activities = [];
    private readonly Lock _gate = new();
    private readonly DateTime _start;
    private readonly ActivityListener _listener;

    /// <param name="start">When the process started.</param>
    public Timeline(DateTime start)
    {
        _start = start.ToUniversalTime();
        _listener = new()
        {
            ShouldListenTo = static source => source.Name.StartsWith("Lia.", StringComparison.Ordinal),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.PropagationData,
            ActivityStopped = Add,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>Activities of one name together, in the order of their beginnings: from the first's beginning to the last's end, both since
    /// the process started; how many; and the sum of their times, which run beside each other.</summary>
    public IReadOnlyList<(string Name, TimeSpan From, TimeSpan To, int Count, TimeSpan Sum)> Rows()
    {
        lock (_gate)
        {
            return [.. _activities.GroupBy(static activity => activity.Name)
                .Select(static group => (group.Key, group.Min(static one => one.From), group.Max(static one => one.To), group.Count(),
                    group.Aggregate(TimeSpan.Zero, static (sum, one) => sum + (one.To - one.From))))
                .OrderBy(static row => row.Item2)];
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Activity activity)
    {
        TimeSpan from = activity.StartTimeUtc - _start;
        lock (_gate) _activities.Add((activity.OperationName, from, from + activity.Duration));
    }
}
