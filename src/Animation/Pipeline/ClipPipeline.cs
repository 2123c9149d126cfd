using System.Diagnostics;
using Lia.Animation.Flow;
using Lia.Animation.Motion;
using Lia.Media.IO;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>
/// One clip on its way through the network.
/// <code>
///   thread 1           the caller's thread                              thread 2
///   read, fit  ==>  encode, latent, decode, compose             ==>  encode, write
///            queue                                            queue
/// </code>
/// The queues are bounded, so memory does not grow with the clip. Where a device computes by itself, the caller's thread only keeps it
/// supplied: two
/// batches are in its encoder's pipe and two in its decoder's.
/// </summary>
internal sealed class ClipPipeline : IDisposable
{
    private const int LargeFrames = 32 << 20; // bytes

    private readonly IExecutor _executor;
    private readonly ClipSettings _settings;
    private readonly IProgress<AnimationProgress>? _progress;
    private readonly CancellationToken _token;
    private readonly int _size, _batch;
    private readonly SourceFrames _source;
    private readonly FrameComposer _composer;
    private readonly IMotion? _motion;
    private readonly FramesInFlight? _live;
    private readonly FrameDump? _dump;
    private readonly FrameDecoder? _decoder;
    private readonly FrameLoop _loop;
    private readonly FramePool _pool, _squares;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly StepClock _clock;
    private readonly Meter _colors = new();
    private bool _isClosed;

    /// <param name="executor">The network.</param>
    /// <param name="model">Its name in error messages.</param>
    /// <param name="source">Disposed with the pipeline, and when this fails.</param>
    /// <param name="open">Opens the motion.</param>
    /// <param name="settings">What is chosen about the clip.</param>
    /// <param name="live">Told of every frame that is written, where somebody waits for it; null elsewhere.</param>
    /// <param name="clock">Started when the source was opened, or before.</param>
    /// <param name="progress">Told after every batch.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public ClipPipeline(
        IExecutor executor, string model, SourceFrames source, Func<CancellationToken, IMotion> open, ClipSettings settings,
            FramesInFlight? live,
        StepClock clock, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        (_executor, _source, _live, _settings, _clock, _progress, _token) = (executor, source, live, settings, clock, progress,
            cancellationToken);
        try
        {
            _size = executor.Architecture.Size;
            CompositionSettings composition = settings.Composition;
            _composer = new FrameComposer(_size, source, composition);
            _pool = new FramePool(_composer.Height * _composer.Width * 3);
            _squares = new FramePool(_size * _size * 3);
            _dump = composition.Dump is null ? null : new FrameDump(composition.Dump, _size);
            _motion = open(cancellationToken);
            source.Match(settings.Rate ?? _motion.Rate);
            _clock.Mark("inputs opened");
            // A source of its own for every frame leaves nothing to decode together.
            _batch = source.IsClip ? 1 : settings.Batch > 0 ? settings.Batch : executor.PreferredBatch(_motion.Told);
            _decoder = composition.NeedsValues ? new PlaneDecoder(executor, _batch)
                : new PixelDecoder(executor, _batch, _composer.IsPlain ? _pool : _squares);
            _loop = new FrameLoop(executor, model, source, _motion, settings, _batch, _decoder, clock, cancellationToken);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Frames that may wait to be written: what two batches come to, of large frames what eight do, however many go
    /// together.</summary>
    private int FramesAhead
    {
        get
        {
            // Who names a batch has the memory for it.
            int most = _settings.Batch > 0 ? _batch : Math.Max(8, LargeFrames / (Height * Width * 3));
            return 2 * Math.Min(_batch, most) + 2;
        }
    }

    /// <summary>Pixels in a row of the output.</summary>
    public int Width => _composer.Width;

    /// <summary>Rows of the output.</summary>
    public int Height => _composer.Height;

    /// <summary>Encodes the source now, not with the first frame.</summary>
    public void Begin() => _loop.Begin();

    /// <summary>Makes the next driving frame the one where relative motion starts.</summary>
    public void Restart() => _loop.Restart();

    /// <summary>Computes the clip; every frame is the caller's to keep.</summary>
    public IEnumerable<RgbImage> Frames()
    {
        foreach (byte[] pixels in Pixels())
        {
            yield return new RgbImage(Width, Height, pixels);
            _live?.Left();
        }
        _dump?.Complete();
    }

    /// <summary>What the network makes of the motion; a frame is valid until the next is asked for.</summary>
    public IEnumerable<NetworkFrame> NetworkFrames()
    {
        int? expected = null;
        Stopwatch? watch = null;
        foreach (NetworkFrame frame in Started())
        {
            _dump?.Add(frame.Values.Span);
            yield return frame;
        }

        IEnumerable<NetworkFrame> Started()
        {
            _loop.Begin();
            expected = _source.Count < _motion!.Count ? _source.Count : _motion.Count;
            watch = Stopwatch.StartNew();
            return _loop.Frames(done => _progress?.Report(
                new AnimationProgress(done, expected, watch.Elapsed) { Latency = _live?.Latency }));
        }
    }

    /// <summary>Computes the clip into an output.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="closeExecutor">
    /// Called, beside the writing of the last frames, when the executor is of no more use to this pipeline, which is then over; null leaves
    /// it as it is.
    /// </param>
    public AnimationSummary WriteTo(OutputSettings output, Action? closeExecutor = null)
    {
        FrameRate rate = _settings.Rate ?? _motion!.Rate ?? FrameRate.Default;
        AudioTrack? audio = output.KeepsAudio && _settings.Rate is null ? _motion!.Audio : null;
        if (audio is not null) audio = audio with { FirstFrame = audio.FirstFrame + rate.Seconds(_settings.Motion.FirstFrame) };
        int frames = 0;
        Meter finishing = new();
        AnimationProfile profile;
        bool hasAudio;
        string device;
        string? warning;
        PixelBox? crop;
        using IFrameWriter writer = output.Open(Width, Height, rate, audio);
        using (WriterQueue queue = new(writer, _pool, FramesAhead, _live, _token))
        {
            try
            {
                foreach (byte[] frame in Pixels())
                {
                    queue.Add(frame);
                    frames++;
                }
            }
            catch (OperationCanceledException)
            {
                queue.ThrowIfFailed();
                throw;
            }
            (device, warning, crop) = (_executor.DeviceName, _motion!.Warning, _motion.Crop);
            // A device takes a tenth of a second to close, and so may a disk to take what is written.
            Task closing = closeExecutor is null ? Task.CompletedTask : Task.Run(() => Close(closeExecutor), CancellationToken.None);
            try
            {
                queue.Finish();
                using (finishing.Run()) hasAudio = writer.Complete();
                _dump?.Complete();
            }
            finally
            {
                closing.GetAwaiter().GetResult();
            }
            profile = Profile(queue, finishing);
        }
        MotionMode mode = _settings.Motion.IsRelative ? MotionMode.Relative : MotionMode.Absolute;
        return new AnimationSummary(output.Name, frames, rate, Width, Height, hasAudio, mode, device, default, warning)
        {
            StartFrame = _loop.StartFrame,
            DrivingCrop = crop,
            Latency = _live?.Latency,
            Profile = profile,
        };
    }

    public void Dispose()
    {
        try
        {
            Close(null);
        }
        finally
        {
            _dump?.Dispose();
        }
    }

    /// <summary>Lets go of what is read, and of what is the executor's.</summary>
    private void Close(Action? closeExecutor)
    {
        if (_isClosed) return;
        _isClosed = true;
        // Frames that the caller enumerates may throw even here; what else there is goes all the same.
        try
        {
            _motion?.Dispose();
        }
        finally
        {
            _decoder?.Dispose();
            _source.Dispose();
            closeExecutor?.Invoke();
        }
    }

    /// <summary>The output frames in buffers of the pool (which a caller may keep instead).</summary>
    private IEnumerable<byte[]> Pixels() => _settings.Composition.Normalization == Normalization.Fixed ? FixedPixels() : StretchedPixels();

    private IEnumerable<byte[]> FixedPixels()
    {
        foreach (NetworkFrame frame in NetworkFrames())
        {
            if (frame.Colors is not null && _composer.IsPlain)
            {
                yield return frame.Colors;
                continue;
            }
            byte[] pixels = _pool.Rent();
            using (_colors.Run()) _composer.Compose(frame, pixels);
            if (frame.Colors is not null) _squares.Return(frame.Colors);
            yield return pixels;
        }
    }

    private IEnumerable<byte[]> StretchedPixels()
    {
        using FrameSpool spool = new(_size, _settings.Composition.SideBySide);
        float minimum = float.PositiveInfinity, maximum = float.NegativeInfinity;
        foreach (NetworkFrame frame in NetworkFrames())
        {
            using Meter.Lap colors = _colors.Run();
            (float low, float high) = ColorMap.Range(frame.Values.Span);
            (minimum, maximum) = (Math.Min(minimum, low), Math.Max(maximum, high));
            spool.Add(frame);
        }
        ColorMap map = new(minimum, maximum);
        foreach (NetworkFrame frame in spool.Frames())
        {
            _token.ThrowIfCancellationRequested();
            byte[] pixels = _pool.Rent();
            using (_colors.Run()) _composer.Compose(frame, map, pixels);
            yield return pixels;
        }
    }

    private AnimationProfile Profile(WriterQueue queue, Meter finishing)
    {
        MotionMeters motion = _motion!.Meters;
        PixelPipeTimes device = motion.Device + _decoder!.Device;
        if (queue.FirstWritten is long written) _clock.Mark("first frame written", written);
        return new AnimationProfile(_watch.Elapsed,
        [
            new("decode", motion.Decode.Total, default, default),
            new("resize", motion.Resize.Total, default, motion.WaitedForRoom.Total),
            new("network", motion.Encode.Total + _loop.Network.Total, motion.WaitedForFrames.Total, default),
            new("upload", device.Upload, default, default),
            new("compute", device.Compute, default, default),
            new("download", device.Download, default, default),
            new("colors", _colors.Total, default, queue.WaitedForRoom.Total),
            new("encode", queue.Writing.Total + finishing.Total, queue.WaitedForFrames.Total, default),
        ], _clock.Steps);
    }
}
