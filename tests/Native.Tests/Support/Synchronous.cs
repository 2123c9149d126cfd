namespace Lia.Tests;

/// <summary>Progress reported on the reporting thread.</summary>
internal sealed class Synchronous(Action<AnimationProgress> action) : IProgress<AnimationProgress>
{
    public void Report(AnimationProgress value) => action(value);
}
