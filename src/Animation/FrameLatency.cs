namespace Lia;

/// <summary>How long frames took from when one was there, complete, to when its result was.</summary>
/// <param name="Frames">How many.</param>
/// <param name="Median">Half of them took no longer (to 1 %).</param>
/// <param name="P99">99 of 100 took no longer (to 1 %).</param>
/// <param name="Longest">None took longer.</param>
public readonly record struct FrameLatency(int Frames, TimeSpan Median, TimeSpan P99, TimeSpan Longest);
