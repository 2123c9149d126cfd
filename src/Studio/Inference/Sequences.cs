using Lia.Studio.Faces;
using Lia.Studio.Problems;
using Lia.Studio.Settings;
using Microsoft.AspNetCore.Http;

namespace Lia.Studio.Inference;

/// <summary>A source whose driving frames come in several requests.</summary>
internal sealed class Sequence(Face face)
{
    public Face Face => face;

    /// <summary>One request at a time, in the order they came.</summary>
    public SemaphoreSlim Turn { get; } = new(1);

    /// <summary>alpha of the first frame.</summary>
    public float[]? Start { get; set; }

    public long Used { get; set; } = Environment.TickCount64;
}

/// <summary>The sequences there are. One that nobody asks for goes after a while.</summary>
internal sealed class Sequences(StudioSettings settings, Networks network)
{
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, Sequence> _all = [];
    private readonly Lock _gate = new();

    /// <summary>Begins a sequence; one of the same id begins anew.</summary>
    /// <exception cref="ProblemException">There are too many.</exception>
    public Sequence Begin(string id, Face face)
    {
        Sequence begun = new(face);
        lock (_gate)
        {
            Drop(id);
            long oldest = Environment.TickCount64 - (long)Idle.TotalMilliseconds;
            foreach (string idle in _all.Where(one => one.Value.Used < oldest).Select(one => one.Key).ToArray()) Drop(idle);
            if (_all.Count >= settings.MostSessions)
                throw new ProblemException(StatusCodes.Status429TooManyRequests, $"There are {settings.MostSessions} sequences.", 5);
            _all.Add(id, begun);
        }
        return begun;
    }

    /// <summary>Finds a sequence.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public Sequence Find(string id)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(id, out Sequence? sequence))
                throw ProblemException.Bad("There is no such sequence: begin it with sequence_start and its source.");
            sequence.Used = Environment.TickCount64;
            return sequence;
        }
    }

    /// <summary>Ends a sequence.</summary>
    public void End(string id)
    {
        lock (_gate) Drop(id);
    }

    private void Drop(string id)
    {
        if (_all.Remove(id, out Sequence? sequence)) network.Forget(sequence.Face);
    }
}
