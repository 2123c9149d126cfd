namespace Lia;

/// <summary>
/// Where the time of an animation went. Stages run beside each other, on threads of their own and on the device: the one that is busy
/// nearly all of the time is what
/// bounds the pace, and others wait for it.
/// </summary>
/// <param name="Wall">From opening the inputs to closing the output.</param>
/// <param name="Stages">In the order of a frame's way.</param>
/// <param name="FirstFrame">What came before the first frame was written, in order. Of an animator's first clip, loading is a part of
/// it.</param>
public sealed record AnimationProfile(TimeSpan Wall, IReadOnlyList<ProfileStage> Stages, IReadOnlyList<ProfileStep> FirstFrame);

/// <summary>A stage of the pipeline.</summary>
/// <param name="Name">
/// <c>decode</c>: reading driving frames; <c>resize</c>: making them the model's size; <c>network</c>: everything
/// asked of the executor, and waiting for it; <c>upload</c>, <c>compute</c>, <c>download</c>: the device itself (on the processor: making
/// frames planes, the network, making
/// results pictures); <c>colors</c>: arranging results, and making them pictures where values are asked for;
/// <c>encode</c>: writing the output.
/// </param>
/// <param name="Busy">How long it worked. <c>network</c> holds what it waited for the device.</param>
/// <param name="WaitedForInput">How long it waited for the stage before.</param>
/// <param name="WaitedForOutput">How long it waited for the stage after to make room.</param>
public readonly record struct ProfileStage(string Name, TimeSpan Busy, TimeSpan WaitedForInput, TimeSpan WaitedForOutput);

/// <summary>A step on the way to the first frame.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Duration">How long it took.</param>
public readonly record struct ProfileStep(string Name, TimeSpan Duration);
