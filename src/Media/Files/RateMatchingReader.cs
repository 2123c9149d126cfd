using Lia.Media.IO;

namespace Lia.Media.Files;

/// <summary>The frames of a clip at the times of another's: of one twice as fast, every other; of one half as fast, each twice.</summary>
/// <param name="inner">The clip; disposed with this reader.</param>
/// <param name="rate">The other's rate.</param>
internal sealed class RateMatchingReader(IFrameReader inner, FrameRate rate) : IFrameReader
{
    private RgbImage? _frame;
    private long _read, _given;

    public string Name => inner.Name;

    public FrameRate Rate => rate;

    /// <summary>As many as begin before the clip ends.</summary>
    public int? Count => inner.Count is int count ? (int)Math.Min(int.MaxValue, Math.Ceiling((double)count * Fast / Slow)) : null;

    public AudioTrack? Audio => inner.Audio;

    public string? Warning => inner.Warning;

    // Their ratio is that of the rates.
    private long Fast => (long)rate.Numerator * inner.Rate.Denominator;

    private long Slow => (long)inner.Rate.Numerator * rate.Denominator;

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
