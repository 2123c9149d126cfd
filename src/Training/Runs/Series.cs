namespace Lia.Training.Runs;

/// <summary>A quantity in the course of a run, in a bounded number of points: the more there is, the more steps share a point. Each has the
/// mean of its steps.</summary>
/// <param name="name">What it is.</param>
internal sealed class Series(string name)
{
    private const int Most = 1024;

    private readonly List<(double Step, double Value, int Count)> _points = [];
    private int _each = 1;

    public string Name => name;

    /// <summary>The points, by rising steps.</summary>
    public IEnumerable<(double Step, double Value)> Points => _points.Select(point => (point.Step, point.Value));

    public int Count => _points.Count;

    public void Add(long step, double value)
    {
        if (!double.IsFinite(value)) return;
        if (_points.Count > 0 && _points[^1].Count < _each)
        {
            _points[^1] = Joined(_points[^1], (step, value, 1));
            return;
        }
        if (_points.Count == Most)
        {
            for (int i = 0; i < Most / 2; i++) _points[i] = Joined(_points[2 * i], _points[2 * i + 1]);
            _points.RemoveRange(Most / 2, Most / 2);
            _each *= 2;
        }
        _points.Add((step, value, 1));
    }

    private static (double, double, int) Joined((double Step, double Value, int Count) a, (double Step, double Value, int Count) b)
    {
        double count = a.Count + b.Count;
        return ((a.Step * a.Count + b.Step * b.Count) / count, (a.Value * a.Count + b.Value * b.Count) / count, a.Count + b.Count);
    }
}
