using Lia.Media.IO;

namespace Lia.Animation.Pipeline;

/// <summary>Where frames are written.</summary>
/// <param name="Name">What the summary calls it.</param>
/// <param name="KeepsAudio">Whether the sound is kept, where the output can hold it.</param>
/// <param name="Open">Opens it for frames of a width, a height and a rate, with sound or without.</param>
internal sealed record OutputSettings(string Name, bool KeepsAudio, Func<int, int, FrameRate, AudioTrack?, IFrameWriter> Open);
