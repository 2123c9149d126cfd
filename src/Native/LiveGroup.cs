using Lia.Animation.Flow;
using Lia.Animation.Pipeline;

namespace Lia;

/// <summary>
/// Many live sessions on one loaded model: frames of different pictures go through the network together (dynamic batching), so that one GPU
/// serves many cameras.
/// </summary>
/// <remarks>
/// <code>
/// using Animator animator = new(new ModelOptions { Model = "vox.safetensors" });
/// using LiveGroup group = animator.LiveGroup();
/// using LiveSession session = await group.OpenAsync("face.png");          // any number of them
/// while (await camera.NextAsync() is RgbImage frame) Show(await session.ProcessAsync(frame));
/// </code>
/// An idle device starts with the first frame that comes; frames that come while it works gather, one of each session at most, and are the
/// next pass (<see cref="LiveGroupOptions.GatherTime"/>). A frame's picture is what it is alone, bit for bit in float32; in fp16 the number
/// of frames in a pass may change the order of sums. A frame that fails, is cancelled or is refused touches no other. Where the device
/// itself fails, every call throws what it failed with.
/// All members may be used from any thread. On the device a session takes what its picture's features take: 17 MB at 256 in fp16, 32 MB in
/// float32.
/// </remarks>
public sealed class LiveGroup : IDisposable
{
    private readonly Animator _animator;
    private readonly LiveBatcher _batcher;
    private readonly Animator.Occupation _occupation;
    private readonly CancellationTokenRegistration _onDisposing;
    private readonly LatencyMeter _meter = new();
    private int _sessions, _isDisposed;

    internal LiveGroup(Animator animator, LiveBatcher batcher, LiveGroupOptions options, Animator.Occupation occupation)
    {
        (_animator, _batcher, Options, _occupation) = (animator, batcher, options, occupation);
        _onDisposing = occupation.Token.UnsafeRegister(
            static state => ((LiveBatcher)state!).Stop(new ObjectDisposedException(nameof(Animator), "The animator was disposed.")),
            batcher);
    }

    /// <summary>As they were given.</summary>
    public LiveGroupOptions Options { get; }

    /// <summary>Sessions that are open.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    /// <summary>Passes through the network so far.</summary>
    public long Passes => _batcher.Passes;

    /// <summary>Frames in them, so that <c>Frames / Passes</c> is how many went together.</summary>
    public long Frames => _batcher.Frames;

    /// <summary>How long results took, of all sessions; null before the first.</summary>
    public FrameLatency? Latency => _meter.Read();

    /// <summary>Opens a session: reads the picture and has the network encode it, between the passes of other sessions.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="options">Options of this session; null takes the animator's <see cref="Animator.Defaults"/>. Frame range, rate, sound
    /// and dump are not looked at.</param>
    /// <param name="newestOnly">Whether a frame that still waits when a newer one of this session comes gives way to it, for cameras and
    /// sliders: its result is null.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <returns>To be disposed, in any order with the group.</returns>
    /// <exception cref="ArgumentException">The options ask for what needs frames to come: smoothing, stretched colors, a driving crop by
    /// motion, a start frame, loops; or the source is a clip.</exception>
    /// <exception cref="MediaException">The picture cannot be read, or the crop reaches beyond it.</exception>
    /// <exception cref="OperationCanceledException">Opening was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The group or its animator was disposed.</exception>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device has no room for another session.</exception>
    public async Task<LiveSession> OpenAsync(
        Source source, AnimationOptions? options = null, bool newestOnly = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        options = _animator.LiveOptions(options);
        (SourceFrames frames, ClipSettings settings) = await Task.Run(
            () => _animator.OpenLive(source, options, cancellationToken), cancellationToken).ConfigureAwait(false);
        LiveQueue queue = new(frames, settings.Motion, newestOnly);
        await _batcher.OpenAsync(queue, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _sessions);
        return new(this, _batcher, queue, settings, _animator.Size, _animator.Directions);
    }

    /// <summary>Refuses new frames, waits for those under way, and gives the sessions' memory back; the animator is free again.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _onDisposing.Dispose();
        _batcher.Dispose();
        _occupation.Dispose();
    }

    internal void Count(TimeSpan latency) => _meter.Add(latency);

    internal void Closed() => Interlocked.Decrement(ref _sessions);
}
