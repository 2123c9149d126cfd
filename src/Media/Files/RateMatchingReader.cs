using Lia.Media.IO;

namespace Lia.Media.Files;

/// <summary>The frames of a clip at the times of another's: of one twice as fast, every other; of one half as fast, each twice.</summary>
/// <param name="inner">The clip; disposed with this reader.</param>
internal sealed class RateMatchingReader(IFrameReader inner) : IFrameReader
{
    private RgbImage? _frame;
    private long _read, _given;

    public string Name => inner.Name;

    /// <summary>
    /// The other's rate. It may be set when the first frame has been read, which needs none. Where it is null, or the clip has no time,
    /// the frames come one by one as they are.
    /// </summary>
    public FrameRate? Rate { get; set; }

    /// <summary>As many as begin before the clip ends.</summary>
    public int? Count => inner.Count is int count ? (int)Int128.Min(int.MaxValue, (count * (Int128)Fast + Slow - 1) / Slow) : null;

    public AudioTrack? Audio => inner.Audio;

    public string? Warning => inner.Warning;

    // Their ratio is that of the rates.
    private long Fast => IsMatched ? (long)Rate!.Value.Numerator * inner.Rate!.Value.Denominator : 1;

    private long Slow => IsMatched ? (long)inner.Rate!.Value.Numerator * Rate!.Value.Denominator : 1;

    private bool IsMatched => Rate is not null && inner.Rate is not null;

    public RgbImage? Read()
    {
        // The frame that shows when this one begins.
        long wanted = (long)((Int128)_given * Slow / Fast);
        while (_read <= wanted)
        {
            _frame = inner.Read();
            if (_frame is null) return null;
            _read++;
        }
        _given++;
        return _frame;
    }

    public void Dispose() => inner.Dispose();
}
