using Lia.Media.IO;

namespace Lia.Media.Files;

/// <summary>Frames the caller holds.</summary>
internal sealed class MemoryReader(IEnumerable<RgbImage> frames, string name) : IFrameReader
{
    private readonly IEnumerator<RgbImage> _frames = frames.GetEnumerator();

    public string Name => name;

    public FrameRate? Rate => null;

    public int? Count => frames.TryGetNonEnumeratedCount(out int count) ? count : null;

    public AudioTrack? Audio => null;

    public string? Warning => null;

    public RgbImage? Read() => _frames.MoveNext() ? _frames.Current : null;

    public void Dispose() => _frames.Dispose();
}
