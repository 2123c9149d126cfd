using System.Diagnostics;
using System.Runtime.CompilerServices;
using Lia.Animation.Flow;
using Lia.Animation.Framing;
using Lia.Animation.Motion;
using Lia.Animation.Pipeline;
using Lia.Loading;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Network;
using Lia.Weights;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lia;

/// <summary>A loaded model: animates any number of clips, one after another.</summary>
/// <remarks>
/// An animator works on one clip at a time. Its methods may be called from any thread; a call while another clip is under way throws
/// <see cref="InvalidOperationException"/> rather than wait. <see cref="Dispose"/> may be called at any time: a clip under way is canceled
/// first.
/// Canceling ends whatever is under way, except that a driving frame which the caller's own enumerator is busy making is waited for.
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

    /// <summary>Loads a model.</summary>
    /// <param name="model">The model and the device.</param>
    /// <param name="defaults">Options of clips for which none are given; null takes those of <see cref="AnimationOptions"/>.</param>
    /// <param name="cancellationToken">Stops loading.</param>
    /// <exception cref="ArgumentException">A value is out of its range, or no model is named.</exception>
    /// <exception cref="WeightsException">The model cannot be read, or is not a LIA generator.</exception>
    /// <exception cref="NotSupportedException">The device is not there.</exception>
    /// <exception cref="OperationCanceledException">Loading was canceled.</exception>
    public Animator(ModelOptions model, AnimationOptions? defaults = null, CancellationToken cancellationToken = default)
        : this(Load(model, 1, defaults, cancellationToken)[0], model, defaults)
    {
    }

    internal Animator(LoadedModel loaded, ModelOptions model, AnimationOptions? defaults)
    {
        (_executor, DefaultMode, _modelName, _fingerprint, _loading) = (loaded.Executor, loaded.DefaultMode, loaded.Name,
            loaded.Fingerprint, loaded.Clock);
        (ModelOptions, Defaults) = (model, defaults ?? AnimationOptions.None);
        try
        {
            _log = CreateLog(model);
            _log.ModelLoaded(_modelName, Size, DeviceName);
        }
        catch
        {
            _executor.Dispose(); // A logger that throws leaves no threads and no memory of a device behind.
            throw;
        }
    }

    /// <summary>Loads a model once for several animators, so that clips are animated side by side on the same devices.</summary>
    /// <remarks>
    /// The animators are used by a thread each. What a clip needs goes to whichever device has room for it, and the clips' reading and
    /// writing runs beside each other. A device that fails is told of once and its work goes to the others, whichever animator's it is. The
    /// devices are closed when the last of the animators is disposed.
    /// </remarks>
    /// <param name="model">The model and the devices (<see cref="Device.CudaAll"/>, say; one may serve several clips too).</param>
    /// <param name="clips">How many; 0 for one a device.</param>
    /// <param name="defaults">Options of clips for which none are given; null takes those of <see cref="AnimationOptions"/>.</param>
    /// <param name="cancellationToken">Stops loading.</param>
    /// <returns>The animators; each is to be disposed.</returns>
    /// <exception cref="ArgumentException">A value is out of its range, or no model is named.</exception>
    /// <exception cref="WeightsException">The model cannot be read, or is not a LIA generator.</exception>
    /// <exception cref="NotSupportedException">None of the devices can be used, or one is not there.</exception>
    /// <exception cref="OperationCanceledException">Loading was cancelled.</exception>
    public static IReadOnlyList<Animator> OpenSeveral(
        ModelOptions model, int clips = 0, AnimationOptions? defaults = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(clips);
        IReadOnlyList<LoadedModel> loaded = Load(model, clips, defaults, cancellationToken);
        List<Animator> animators = [];
        try
        {
            foreach (LoadedModel one in loaded) animators.Add(new Animator(one, model, defaults));
            return animators;
        }
        catch
        {
            foreach (Animator animator in animators) animator.Dispose();
            // The one that failed has given back its own.
            foreach (LoadedModel rest in loaded.Skip(animators.Count + 1)) rest.Executor.Dispose();
            throw;
        }
    }

    /// <summary>What was loaded.</summary>
    public ModelOptions ModelOptions { get; }

    /// <summary>The options of clips for which none are given. To change some for a clip, pass <c>animator.Defaults with { ...
    /// }</c>.</summary>
    public AnimationOptions Defaults { get; }

    /// <summary>Side of the model's square frames in pixels.</summary>
    public int Size => _executor.Architecture.Size;

    /// <summary>The device in words.</summary>
    public string DeviceName => _executor.DeviceName;

    /// <summary>What <see cref="MotionMode.Auto"/> means for this model: relative or absolute.</summary>
    public MotionMode DefaultMode { get; }

    /// <summary>Animates a source and writes the result.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write, or a stream.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written. Of a driving stream it tells how long frames took.</returns>
    /// <exception cref="ArgumentException">The options do not go with such a motion.</exception>
    /// <exception cref="MediaException">
    /// An input cannot be read (a stream's error tells the byte), the output cannot be written or is one of the inputs, the motion is
    /// another model's, or <c>ffmpeg</c> is needed and missing.
    /// </exception>
    public AnimationSummary Animate(
        Source source, Driving driving, Output output, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Write(source, driving, output, options, isLast: false, progress, cancellationToken);

    /// <summary>Does what <see cref="Animate"/> does with the animator's last clip.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write, or a stream.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <remarks>Its device is closed beside the writing of the last frames; nothing but <see cref="Dispose"/> may follow.</remarks>
    internal AnimationSummary AnimateLast(
        Source source, Driving driving, Output output, AnimationOptions? options, IProgress<AnimationProgress>? progress,
        CancellationToken cancellationToken) => Write(source, driving, output, options, isLast: true, progress, cancellationToken);

    private AnimationSummary Write(
        Source source, Driving driving, Output output, AnimationOptions? options, bool isLast, IProgress<AnimationProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(output);
        Clip clip = Begin(source, driving, options);
        Combinations.CheckOutput(output, clip.Options);
        using Occupation occupation = Occupy(cancellationToken);
        CheckDistinct(clip, output.Path);
        return occupation.Explain(() =>
        {
            using FramesInFlight? live = clip.CreateLive();
            return Write(source, token => Play(clip, live, progress, token), clip, output, live, progress, occupation.Token, isLast);
        });
    }

    /// <summary>Does what <see cref="Animate"/> does, on the thread pool.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="output">The file or folder to write, or a stream.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">As <see cref="Animate"/> says.</exception>
    public Task<AnimationSummary> AnimateAsync(
        Source source, Driving driving, Output output, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Task.Run(() => Animate(source, driving, output, options, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a source, frame by frame as they are asked for.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// A frame for every driving frame; each is the caller's to keep. Nothing is computed before the first is asked for, and the animator
    /// is occupied from then until the loop is
    /// left, which ends the work.
    /// </returns>
    /// <exception cref="ArgumentException">The options do not go with such a motion.</exception>
    /// <exception cref="MediaException">An input cannot be read, the motion is another model's, or <c>ffmpeg</c> is needed and
    /// missing.</exception>
    public IEnumerable<RgbImage> Frames(
        Source source, Driving driving, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        Clip clip = Begin(source, driving, options);
        CheckDistinct(clip, null);
        return Frames(clip, progress, cancellationToken);
    }

    /// <summary>Does what <see cref="Frames(Source, Driving, AnimationOptions?, IProgress{AnimationProgress}?, CancellationToken)"/> does;
    /// the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate, or a clip.</param>
    /// <param name="driving">The motion.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every driving frame, as of the method that does not wait.</returns>
    /// <exception cref="ArgumentException">The options do not go with such a motion.</exception>
    /// <exception cref="MediaException">An input cannot be read, the motion is another model's, or <c>ffmpeg</c> is needed and
    /// missing.</exception>
    public IAsyncEnumerable<RgbImage> FramesAsync(
        Source source, Driving driving, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        Clip clip = Begin(source, driving, options);
        CheckDistinct(clip, null);
        return FramesAsync(clip, progress, cancellationToken);
    }

    /// <summary>Gives the model's memory back. A clip under way is canceled: its call throws
    /// <see cref="ObjectDisposedException"/>.</summary>
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

    private static IReadOnlyList<LoadedModel> Load(
        ModelOptions model, int clips, AnimationOptions? defaults, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(model);
        defaults?.Validate();
        return ModelLoader.Open(model, clips, complaint => CreateLog(model).DeviceComplained(complaint), cancellationToken);
    }

    private static ILogger CreateLog(ModelOptions model) =>
        (model.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Lia.Animator");

    private static void CheckDistinct(Clip clip, string? output)
    {
        List<(string Path, string What)> inputs = [];
        if (clip.Source?.Path is { } path) inputs.Add((path, "the source"));
        if (clip.Driving.File is { } file) inputs.Add(file);
        FrameWriters.CheckDistinct(inputs, output, clip.Options.Dump);
    }

    /// <summary>Finds that a clip makes sense.</summary>
    private Clip Begin(Source source, Driving driving, AnimationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Begin(Verb.Animate, driving, options) with { Source = source };
    }

    /// <summary>Finds that a clip makes sense whose source is not known yet.</summary>
    private Clip Begin(Verb verb, Driving driving, AnimationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(driving);
        options = Checked(options);
        MotionMode mode = Mode(options);
        Combinations.Check(verb, driving, options, mode);
        if (driving.Motion is { } motion) Combinations.CheckModel(motion, _modelName, Directions, () => MotionFingerprint);
        // Frames of a stream are waited for one by one. How long a pipe is nobody tells: the device need not wait for its first byte.
        int batch = driving.IsStream ? Math.Max(1, ModelOptions.Batch)
            : ModelOptions.Batch == 0 && driving.IsFile && Inputs.IsPipe(driving.Path!) ? _executor.PreferredBatch() : ModelOptions.Batch;
        return new Clip(null, driving, options, options.Settings(mode, batch));
    }

    private AnimationOptions Checked(AnimationOptions? options)
    {
        options ??= Defaults;
        options.Validate();
        return options;
    }

    private MotionMode Mode(AnimationOptions options) => options.Mode == MotionMode.Auto ? DefaultMode : options.Mode;

    /// <summary>The motion of a clip: as its frames are read, or, where that will not do, when all of them are known.</summary>
    private IMotion Play(Clip clip, FramesInFlight? live, IProgress<AnimationProgress>? progress, CancellationToken token) =>
        clip.Driving.Motion is not null || clip.Settings.Motion.NeedsAll
            ? new RecordedMotion(Record(clip, progress, token), clip.Settings.Motion, ownsRecording: true)
            : Read(clip, live, token);

    private MotionRecording Record(Clip clip, IProgress<AnimationProgress>? progress, CancellationToken token) =>
        clip.Driving.Motion is { } motion
            ? new(motion, clip.Settings.Motion)
            : new(Read(clip, null, token), clip.Settings.Motion, Size, progress);

    /// <summary>Reads driving frames, of a file the part that moves if that is to be found.</summary>
    private DrivingMotion Read(Clip clip, FramesInFlight? live, CancellationToken token)
    {
        FramingSettings framing = clip.Settings.Framing;
        if (clip.Options.AutoDrivingCrop)
        {
            Inputs.RefusePipe(clip.Driving.Path!);
            framing = framing with { DrivingCrop = MotionFraming.FindIn(clip.Driving, clip.Options, token) };
        }
        return new DrivingMotion(
            _executor, reading => clip.Driving.Open(clip.Options, reading), live, clip.Settings.Motion, framing, clip.Settings.Batch,
            token);
    }

    private ClipPipeline Open(
        Source source, Func<CancellationToken, IMotion> motion, Clip clip, FramesInFlight? live, IProgress<AnimationProgress>? progress,
        CancellationToken token)
    {
        // The first clip's way to the first frame begins with loading the model.
        StepClock clock = Interlocked.Exchange(ref _loading, null)?.Resume() ?? new();
        SourceFrames frames = source.Open(
            Size, clip.Settings.Framing, clip.Options.Background, clip.Settings.Composition.PasteBack, token);
        return new(_executor, _modelName, frames, motion, clip.Settings, live, clock, progress, token);
    }

    private AnimationSummary Write(
        Source source, Func<CancellationToken, IMotion> motion, Clip clip, Output output, FramesInFlight? live,
            IProgress<AnimationProgress>? progress,
        CancellationToken token, bool isLast = false)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using ClipPipeline pipeline = Open(source, motion, clip, live, progress, token);
        AnimationSummary summary = pipeline.WriteTo(output.Settings(clip.Options, token), isLast ? _executor.Dispose : null)
            with { Elapsed = watch.Elapsed };
        if (summary.Warning is not null) _log.DecoderComplained(summary.Warning);
        _log.ClipWritten(summary.Output, summary.Frames, watch.Elapsed.TotalSeconds);
        return summary;
    }

    private IEnumerable<RgbImage> Frames(Clip clip, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        using Occupation occupation = Occupy(cancellationToken);
        using FramesInFlight? live = clip.CreateLive();
        using ClipPipeline pipeline = occupation.Explain(() =>
            Open(clip.Source!, token => Play(clip, live, progress, token), clip, live, progress, occupation.Token));
        using IEnumerator<RgbImage> frames = pipeline.Frames().GetEnumerator();
        while (occupation.Explain(frames.MoveNext)) yield return frames.Current;
    }

    private async IAsyncEnumerable<RgbImage> FramesAsync(
        Clip clip, IProgress<AnimationProgress>? progress, CancellationToken parameterToken,
            [EnumeratorCancellation] CancellationToken enumeratorToken = default)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(parameterToken, enumeratorToken);
        using IEnumerator<RgbImage> frames = Frames(clip, progress, either.Token).GetEnumerator();
        while (await Task.Run(frames.MoveNext).ConfigureAwait(false)) yield return frames.Current;
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

    /// <summary>A clip that was found to make sense.</summary>
    /// <param name="Source">What is animated; null where that is not known yet.</param>
    /// <param name="Driving">What moves it.</param>
    /// <param name="Options">As they were given.</param>
    /// <param name="Settings">What the rooms below look at.</param>
    private sealed record Clip(Source? Source, Driving Driving, AnimationOptions Options, ClipSettings Settings)
    {
        /// <summary>What bounds the frames under way where they come through a stream; null elsewhere.</summary>
        public FramesInFlight? CreateLive() => Driving.IsStream ? new(2 * Settings.Batch + Settings.Motion.SmoothingWindow / 2) : null;
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
                throw new OperationCanceledException("The animation was canceled.", canceled, cancellationToken);
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
