namespace Lia.Media.IO;

/// <summary>What the reader of a clip should know.</summary>
/// <param name="EndFrame">Frames from this one on are not asked for, so that nothing is decoded in vain; null when all may be.</param>
/// <param name="Raw">What raw video does not say itself.</param>
/// <param name="Background">What transparent pixels of pictures show; null for their stored colors.</param>
internal readonly record struct ReadOptions(int? EndFrame, RawVideo Raw, RgbColor? Background = null);

/// <summary>What raw video does not say itself.</summary>
/// <param name="Format">What it is.</param>
/// <param name="Size">The size of its frames; RGB24 needs it.</param>
/// <param name="Rate">The rate it plays at; RGB24 needs it, and it overrides that of yuv4mpeg.</param>
internal readonly record struct RawVideo(RawInput Format, FrameSize? Size, FrameRate? Rate);
