using System.Diagnostics;
using System.Runtime.CompilerServices;
using Lia.Media.Files;
using Lia.Motion;
using Lia.Network;
using Lia.Pipeline;
using Lia.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;

namespace Lia;

/// <summary>A loaded model: animates any number of clips, one after another.</summary>
/// <remarks>
/// An animator works on one clip at a time. Its methods may be called from any thread; a call while another clip is under way throws
/// <see cref="InvalidOperationException"/> rather than wait. <see cref="Dispose"/> may be called at any time: a clip under way is cancelled first.
/// Cancelling ends whatever is under way, except that a driving frame which the caller's own enumerator is busy making is waited for.
/// The exceptions common to all methods are those of <see cref="Native"/>, and <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed partial class Animator : IDisposable
{
    private readonly IExecutor _executor;
    private readonly string _modelName;
    private readonly Lazy<string> _fingerprint;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private StepClock? _loading;
    private bool _busy, _disposed;

    /// <summary>Loads the model file that the options name.</summary>
    /// <param name="options">The model, the device and the defaults for every clip.</param>
    /// <exception cref="ArgumentException">A value is out of its range, or no model is named.</exception>
    /// <exception cref="WeightsException">The model cannot be read, or is not a LIA generator.</exception>
    /// <exception cref="NotSupportedException">The device is not there.</exception>
    public Animator(AnimationOptions options) : this(ModelLoader.Open(options), options) { }

    /// <summary>Loads a model from tensors, for example synthetic weights.</summary>
    /// <param name="weights">Read during the call only; the caller disposes it.</param>
    /// <param name="options">The device and the defaults for every clip; <see cref="AnimationOptions.Model"/> is not read.</param>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    /// <exception cref="NotSupportedException">The device is not there.</exception>
    public Animator(ITensorSource weights, AnimationOptions options) : this(ModelLoader.Load(weights, options), options) { }

    internal Animator(LoadedModel model, AnimationOptions options)
    {
        (_executor, DefaultMode, _modelName, _fingerprint, _loading) = (model.Executor, model.DefaultMode, model.Name, model.Fingerprint, model.Clock);
        Options = options;
        try
        {
            _log = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Lia.Animator");
            _log.ModelLoaded(_modelName, Size, DeviceName);
        }
        catch
        {
            _executor.Dispose(); // A logger that throws leaves no threads and no memory of a device behind.
            throw;
        }
    }

    /// <summary>The options of loading: the defaults for every clip. To change some for a clip, pass <c>animator.Options with { ... }</c>.</summary>
    public AnimationOptions Options { get; }

    /// <summary>Side of the model's square frames in pixels.</summary>
    public int Size => _executor.Architecture.Size;

    /// <summary>The device in words.</summary>
    public string DeviceName => _executor.DeviceName;

    /// <summary>What <see cref="MotionMode.Auto"/> means for this model: relative or absolute.</summary>
    public MotionMode DefaultMode { get; }

    /// <summary>Animates a picture file with a driving file and writes the result.</summary>
    /// <param name="source">The picture to animate: any picture <c>ffmpeg</c> reads; PNG needs nothing installed.</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="output">The file or folder to write, as <see cref="Native.Animate(string, string, string, AnimationOptions, IProgress{AnimationProgress}?, CancellationToken)"/> describes it.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">An input cannot be read, the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public AnimationSummary Animate(
        string source, string driving, string output, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Animate(source, PathOrStream.FromPath(driving), PathOrStream.FromPath(output), options, progress, cancellationToken);

    /// <summary>Animates a picture with driving frames, all in memory.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame.</returns>
    /// <exception cref="MediaException">There is no driving frame in the frame range.</exception>
    public IReadOnlyList<RgbImage> Animate(
        RgbImage source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(driving);
        options = ForFrames(options);
        return Frames(_ => Still(source, options), Driving(Read(driving, options), options, progress), options, progress, cancellationToken);
    }

    /// <summary>Does what the synchronous method for files does, on the thread pool.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">An input cannot be read, the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public Task<AnimationSummary> AnimateAsync(
        string source, string driving, string output, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Animate(source, driving, output, options, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a picture file with a driving file, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work. The animator is occupied from the first frame asked for until then.</returns>
    /// <exception cref="MediaException">An input cannot be read, or <c>ffmpeg</c> is needed and missing.</exception>
    public IAsyncEnumerable<RgbImage> AnimateAsync(
        string source, string driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(driving);
        options = ForClip(options);
        FrameWriters.CheckDistinct(source, driving, null, options.Dump);
        return Stream(token => SourceFrames.Open(source, Size, options, token), Driving(Read(driving, options), options, progress), options, progress, cancellationToken);
    }

    /// <summary>Animates a picture with driving frames in memory, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="driving">The frames to take the motion from, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame; each is the caller's to keep. Leaving the loop early stops the work. The animator is occupied from the first frame asked for until then.</returns>
    /// <exception cref="MediaException">There is no driving frame in the frame range.</exception>
    public IAsyncEnumerable<RgbImage> AnimateAsync(
        RgbImage source, IEnumerable<RgbImage> driving, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(driving);
        options = ForFrames(options);
        return Stream(_ => Still(source, options), Driving(Read(driving, options), options, progress), options, progress, cancellationToken);
    }

    /// <summary>Gives the model's memory back. A clip under way is cancelled: its call throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        bool idle;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            idle = !_busy;
        }
        if (idle) _executor.Dispose();
        else _disposing.Cancel();
    }

    /// <summary>Animates a picture file into a file, a folder or a stream.</summary>
    private AnimationSummary WriteClip(
        string source, Func<CancellationToken, IMotion> motion, PathOrStream output, AnimationOptions options, IProgress<AnimationProgress>? progress,
        CancellationToken cancellationToken, FramesInFlight? live = null)
    {
        Stopwatch watch = Stopwatch.StartNew();
        StepClock clock = Clock();
        MotionMode mode = Mode(options);
        using ClipPipeline pipeline = new(
            _executor, _modelName, SourceFrames.Open(source, Size, options, cancellationToken), motion, live, options, mode, clock, progress, cancellationToken);
        AnimationSummary summary = pipeline.WriteTo(output) with { Elapsed = watch.Elapsed };
        if (summary.Warning is not null) _log.DecoderComplained(summary.Warning);
        _log.ClipWritten(summary.Output, summary.Frames, watch.Elapsed.TotalSeconds);
        return summary;
    }

    /// <summary>Animates into memory.</summary>
    private List<RgbImage> Frames(
        Func<CancellationToken, SourceFrames> source, Func<CancellationToken, IMotion> motion, AnimationOptions options,
        IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        MotionMode mode = Mode(options);
        using Occupation clip = Occupy(cancellationToken);
        return clip.Explain(() =>
        {
            using ClipPipeline pipeline = new(_executor, _modelName, source(clip.Token), motion, null, options, mode, Clock(), progress, clip.Token);
            return pipeline.Frames().ToList();
        });
    }

    private async IAsyncEnumerable<RgbImage> Stream(
        Func<CancellationToken, SourceFrames> source, Func<CancellationToken, IMotion> motion, AnimationOptions options,
        IProgress<AnimationProgress>? progress, CancellationToken parameterToken, [EnumeratorCancellation] CancellationToken enumeratorToken = default)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(parameterToken, enumeratorToken);
        using Occupation clip = Occupy(either.Token);
        MotionMode mode = Mode(options);
        using ClipPipeline pipeline = await Task.Run(() => clip.Explain(() =>
            new ClipPipeline(_executor, _modelName, source(clip.Token), motion, null, options, mode, Clock(), progress, clip.Token))).ConfigureAwait(false);
        using IEnumerator<RgbImage> frames = pipeline.Frames().GetEnumerator();
        while (await Task.Run(() => clip.Explain(frames.MoveNext)).ConfigureAwait(false))
            yield return frames.Current;
    }

    /// <summary>Times the way to the first frame; the first clip's begins with loading the model.</summary>
    private StepClock Clock() => Interlocked.Exchange(ref _loading, null)?.Resume() ?? new();

    private AnimationOptions ForClip(AnimationOptions? options)
    {
        if (options is null || ReferenceEquals(options, Options)) return Options;
        options.Validate();
        Same(nameof(options.Model), options.Model, Options.Model, null);
        Same(nameof(options.Device), options.Device, Options.Device, Device.Auto);
        Same(nameof(options.Precision), options.Precision, Options.Precision, Precision.Auto);
        Same(nameof(options.Threads), options.Threads, Options.Threads, 0);
        return options;

        static void Same<T>(string name, T asked, T loaded, T unset)
        {
            if (!Equals(asked, loaded) && !Equals(asked, unset))
                throw new ArgumentException($"{name} is {asked}, but this animator was loaded with {loaded?.ToString() ?? "none"}; it is fixed by loading.");
        }
    }

    /// <exception cref="ArgumentException">The driving crop is to be found, in frames that come only once.</exception>
    private AnimationOptions ForFrames(AnimationOptions? options)
    {
        options = ForClip(options);
        if (options.AutoDrivingCrop) throw new ArgumentException("The driving crop can be found in files only, which can be read twice; give a box (--driving-crop x,y,w,h), which MotionFraming may have found.");
        return options;
    }

    private MotionMode Mode(AnimationOptions options)
    {
        MotionMode mode = options.Mode == MotionMode.Auto ? DefaultMode : options.Mode;
        if (mode == MotionMode.Absolute && options.StartFrame is not null)
            throw new ArgumentException("A start frame is where relative motion starts, and the motion here is absolute.");
        return mode;
    }

    private Occupation Occupy(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_busy) throw new InvalidOperationException("This animator is at work on a clip; load another, or wait for it to finish.");
            _busy = true;
        }
        return new Occupation(this, cancellationToken);
    }

    /// <summary>The animator's one clip: while it lives, other calls are turned away.</summary>
    internal sealed class Occupation(Animator animator, CancellationToken cancellationToken) : IDisposable
    {
        private readonly CancellationTokenSource _linked =
            CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, animator._disposing.Token);

        public CancellationToken Token => _linked.Token;

        /// <summary>Runs a step; a cancellation carries the caller's token, or says that the animator was disposed.</summary>
        public T Explain<T>(Func<T> step)
        {
            try
            {
                return step();
            }
            catch (OperationCanceledException) when (animator._disposing.IsCancellationRequested)
            {
                throw new ObjectDisposedException(nameof(Animator), "The animator was disposed while it worked.");
            }
            catch (OperationCanceledException canceled)
            {
                throw new OperationCanceledException("The animation was cancelled.", canceled, cancellationToken);
            }
            catch (Exception failure) when (animator._executor.Explain(failure) is { } told)
            {
                throw told;
            }
        }

        public void Dispose()
        {
            _linked.Dispose();
            bool disposed;
            lock (animator._gate)
            {
                animator._busy = false;
                disposed = animator._disposed;
            }
            if (disposed) animator._executor.Dispose();
        }
    }
}
