using System.Diagnostics;
using Lia.Animation.Motion;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>One session's frames on their way to a <see cref="LiveBatcher"/>, and what makes latents of them.</summary>
/// <param name="source">The session's picture; the batcher encodes it and disposes it, on its thread.</param>
/// <param name="motion">How driving frames move it.</param>
/// <param name="newestOnly">Whether a frame that still waits gives way to a newer one.</param>
internal sealed class LiveQueue(SourceFrames source, MotionSettings motion, bool newestOnly)
{
    private MotionTransfer? _driven, _edited;
    private int _restarts;

    public SourceFrames Source => source;

    public bool NewestOnly => newestOnly;

    /// <summary>Whether driving frames are wanted back with their results, to be shown beside them.</summary>
    public bool KeepsFrames => motion.KeepsFrames;

    /// <summary>Frames that wait, in order. Looked at under the batcher's lock.</summary>
    public Queue<LiveFrame> Waiting { get; } = [];

    /// <summary>It is in the batcher's line. Looked at under the batcher's lock.</summary>
    public bool IsReady { get; set; }

    /// <summary>When it got into line, as <see cref="Stopwatch"/> counts.</summary>
    public long WaitingSince { get; set; }

    /// <summary>Nothing is taken any more. Looked at under the batcher's lock.</summary>
    public bool IsClosed { get; set; }

    /// <summary>The batcher's thread has passes with frames of this session under way.</summary>
    public int UnderWay { get; set; }

    /// <summary>The source goes when nothing is under way.</summary>
    public bool IsReleased { get; set; }

    /// <summary>What the network made of the source. Set by the batcher's thread.</summary>
    public EncodedSource? Encoded { get; set; }

    /// <summary>Relative motion starts with the next driving frame: the one that it was to start with is not computed. On any
    /// thread.</summary>
    public void Restart() => Volatile.Write(ref _restarts, 1);

    /// <summary>Makes the latent of a frame, on the batcher's thread.</summary>
    /// <param name="executor">Whose basis the motion is along.</param>
    /// <param name="frame">Whose it is.</param>
    /// <param name="code">Its motion code, or the sum of its edits [motion].</param>
    /// <param name="latent">Receives [style].</param>
    public void Transfer(IExecutor executor, LiveFrame frame, float[] code, Span<float> latent)
    {
        if (frame.Driving is not null && (Interlocked.Exchange(ref _restarts, 0) != 0 || frame.Restarts)) _driven = null;
        MotionTransfer transfer = frame.Driving is null
            // Edits are relative to no motion, at their full strength, whatever driving frames do.
            ? _edited ??= new(executor.Basis, relative: true, new float[code.Length], strength: 1)
            : _driven ??= new(executor.Basis, motion.IsRelative, start: null, motion.Strength);
        transfer.Transfer(Encoded!, code, latent);
    }
}

/// <summary>A frame of a session: a driving frame, or a code in its place.</summary>
/// <param name="queue">The session's.</param>
/// <param name="driving">[S, S, 3], or null.</param>
/// <param name="code">The sum of edits [motion], where there is no driving frame.</param>
internal sealed class LiveFrame(LiveQueue queue, byte[]? driving, float[]? code)
{
    private readonly TaskCompletionSource<byte[]?> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LiveQueue Queue => queue;

    public byte[]? Driving => driving;

    public float[]? Code => code;

    /// <summary>Whether relative motion starts with this frame.</summary>
    public bool Restarts { get; init; }

    /// <summary>The picture [S, S, 3]; null where a newer frame took this one's place.</summary>
    public Task<byte[]?> Result => _result.Task;

    public void Complete(byte[]? picture) => _result.TrySetResult(picture);

    public void Fail(Exception failure) => _result.TrySetException(failure);

    public void Cancel(CancellationToken token) => _result.TrySetCanceled(token);
}
