using System.Diagnostics;
using Lia.Imaging;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Motion;
using Lia.Network;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>
/// One clip on its way through the network.
/// <code>
///   thread 1           the caller's thread                              thread 2
///   read, fit  ==>  normalise, encode, latent, decode, colours  ==>  encode, write
///            queue                                            queue
/// </code>
/// The queues are bounded, so memory does not grow with the clip. Where the device makes planes of pictures and pictures of planes itself, the caller's thread only keeps it supplied:
/// two batches are in its encoder's pipe and two in its decoder's.
/// </summary>
internal sealed class ClipPipeline : IDisposable
{
    private readonly IExecutor _executor;
    private readonly string _model;
    private readonly AnimationOptions _options;
    private readonly MotionMode _mode;
    private readonly IProgress<AnimationProgress>? _progress;
    private readonly CancellationToken _token;
    private readonly int _size, _batch;
    private readonly SourceFrames _source;
    private readonly FrameComposer _composer;
    private readonly IMotion _motion;
    private readonly FramesInFlight? _live;
    private readonly FrameDump? _dump;
    private readonly FramePool _pool, _squares;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly StepClock _clock;
    private readonly Meter _network = new(), _colours = new();
    private PixelPipeTimes _device;
    private int? _startFrame;

    /// <param name="executor">The network.</param>
    /// <param name="model">Its name in error messages.</param>
    /// <param name="source">Disposed with the pipeline, and when this fails.</param>
    /// <param name="open">Opens the motion.</param>
    /// <param name="live">Told of every frame that is written, where somebody waits for it; null elsewhere.</param>
    /// <param name="options">The clip's options.</param>
    /// <param name="mode">Relative or absolute.</param>
    /// <param name="clock">Started when the source was opened, or before.</param>
    /// <param name="progress">Told after every batch.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public ClipPipeline(
        IExecutor executor, string model, SourceFrames source, Func<CancellationToken, IMotion> open, FramesInFlight? live, AnimationOptions options, MotionMode mode,
        StepClock clock, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        (_executor, _model, _source, _live, _options, _mode, _clock, _progress, _token) = (executor, model, source, live, options, mode, clock, progress, cancellationToken);
        try
        {
            _size = executor.Architecture.Size;
            // A source of its own for every frame leaves nothing to decode together.
            _batch = source.IsClip ? 1 : options.Batch > 0 ? options.Batch : executor.PreferredBatch;
            _composer = new FrameComposer(_size, source, options);
            _pool = new FramePool(_composer.Height * _composer.Width * 3);
            _squares = new FramePool(_size * _size * 3);
            _dump = options.Dump is null ? null : new FrameDump(options.Dump, _size);
            _motion = open(cancellationToken);
            _clock.Mark("inputs opened");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Computes the clip; every frame is the caller's to keep.</summary>
    public IEnumerable<RgbImage> Frames()
    {
        foreach (byte[] pixels in Pixels()) yield return new RgbImage(_composer.Width, _composer.Height, pixels);
        _dump?.Complete();
    }

    /// <summary>Computes the clip into a file, a folder or a stream.</summary>
    public AnimationSummary WriteTo(PathOrStream output)
    {
        FrameRate rate = _options.FrameRate ?? _motion.Rate;
        AudioTrack? audio = _options.Audio && _options.FrameRate is null ? _motion.Audio : null;
        if (audio is not null) audio = audio with { FirstFrame = audio.FirstFrame + rate.Seconds(_options.FirstFrame) };
        int frames = 0;
        Meter finishing = new();
        AnimationProfile profile;
        bool hasAudio;
        using IFrameWriter writer = output.OpenWriter(_composer.Width, _composer.Height, rate, audio, _options.RawOutput, _token);
        using (WriterQueue queue = new(writer, _pool, 2 * _batch + 2, _live, _token))
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
            queue.Finish();
            using (finishing.Run()) hasAudio = writer.Complete();
            _dump?.Complete();
            profile = Profile(queue, finishing);
        }
        return new AnimationSummary(output.ToString(), frames, rate, _composer.Width, _composer.Height, hasAudio, _mode, _executor.DeviceName, default, _motion.Warning)
        {
            StartFrame = _startFrame,
            DrivingCrop = _motion.Crop,
            Latency = _live?.Latency,
            Profile = profile,
        };
    }

    public void Dispose()
    {
        // Frames that the caller enumerates may throw even here; what else there is goes all the same.
        try
        {
            _motion?.Dispose();
        }
        finally
        {
            try
            {
                _source.Dispose();
            }
            finally
            {
                _dump?.Dispose();
            }
        }
    }

    /// <summary>The output frames in buffers of the pool (which a caller may keep instead).</summary>
    private IEnumerable<byte[]> Pixels() => _options.Normalization == Normalization.Fixed ? FixedPixels() : StretchedPixels();

    private IEnumerable<byte[]> FixedPixels()
    {
        foreach (NetworkFrame frame in NetworkFrames())
        {
            if (frame.Colours is not null && _composer.IsPlain)
            {
                yield return frame.Colours;
                continue;
            }
            byte[] pixels = _pool.Rent();
            using (_colours.Run()) _composer.Compose(frame, new ColourMap(-1, 1), pixels);
            if (frame.Colours is not null) _squares.Return(frame.Colours);
            yield return pixels;
        }
    }

    private IEnumerable<byte[]> StretchedPixels()
    {
        using FrameSpool spool = new(_size, _options.SideBySide);
        float minimum = float.PositiveInfinity, maximum = float.NegativeInfinity;
        foreach (NetworkFrame frame in NetworkFrames())
        {
            using Meter.Lap colours = _colours.Run();
            (float low, float high) = ColourMap.Range(frame.Values.Span);
            (minimum, maximum) = (Math.Min(minimum, low), Math.Max(maximum, high));
            spool.Add(frame);
        }
        ColourMap map = new(minimum, maximum);
        foreach (NetworkFrame frame in spool.Frames())
        {
            _token.ThrowIfCancellationRequested();
            byte[] pixels = _pool.Rent();
            using (_colours.Run()) _composer.Compose(frame, map, pixels);
            yield return pixels;
        }
    }

    /// <summary>Runs the network over the motion. A frame is valid until the next is asked for.</summary>
    private IEnumerable<NetworkFrame> NetworkFrames()
    {
        int style = _executor.Architecture.Style;
        float[] latents = new float[_batch * style];
        using FrameDecoder decoder = CreateDecoder();
        EncodedSource? source = Next()!;
        _clock.Mark("source encoded");
        MotionStart start = _motion.Begin(source.Motion);
        _startFrame = _mode == MotionMode.Relative ? start.Frame : null;
        MotionTransfer transfer = new(_executor.Basis, _mode == MotionMode.Relative, start.Code, _options.MotionStrength);
        int? expected = _source.Count < _motion.Count ? _source.Count : _motion.Count;
        // Where somebody waits for each frame, or the source changes with it, none may be kept back.
        int depth = _live is null && !_source.IsClip ? decoder.Depth : 1, submitted = 0, done = 0;
        Queue<MotionFrame[]> underWay = [];
        Stopwatch watch = Stopwatch.StartNew();
        foreach (MotionFrame[] batch in _motion.Frames().Chunk(_batch))
        {
            _token.ThrowIfCancellationRequested();
            if (submitted == 0) _clock.Mark("first motion encoded");
            else if ((source = Next()) is null) break;
            using (_network.Run())
            {
                for (int i = 0; i < batch.Length; i++) transfer.Transfer(source, batch[i].Code, latents.AsSpan(i * style, style));
                decoder.Submit(source, latents.AsSpan(0, batch.Length * style), batch.Length);
            }
            submitted += batch.Length;
            underWay.Enqueue(batch);
            if (underWay.Count < depth) continue;
            foreach (NetworkFrame frame in Received()) yield return frame;
        }
        while (underWay.Count > 0)
        {
            foreach (NetworkFrame frame in Received()) yield return frame;
        }

        EncodedSource? Next()
        {
            using Meter.Lap encoding = _network.Run();
            return _source.Next(_executor);
        }

        IEnumerable<NetworkFrame> Received()
        {
            MotionFrame[] batch = underWay.Dequeue();
            int fault;
            using (_network.Run()) fault = decoder.Receive(batch.Length);
            _device = decoder.Device;
            if (done == 0) _clock.Mark("first frame computed");
            for (int i = 0; i < batch.Length; i++)
            {
                if (i == fault)
                    throw new WeightsException($"{_model}: frame {_options.FirstFrame + done + i} came out of the network with values that are not finite numbers; the weights are damaged.");
                NetworkFrame frame = decoder.Frame(i) with { Source = _source.Square, Driving = batch[i].Pixels, Picture = _source.Picture };
                _dump?.Add(frame.Values.Span);
                yield return frame;
                _motion.Return(batch[i]);
            }
            done += batch.Length;
            _progress?.Report(new AnimationProgress(done, expected, watch.Elapsed) { Latency = _live?.Latency });
        }
    }

    /// <summary>On a device that makes pictures itself, what needs no planes goes through its pipes.</summary>
    private FrameDecoder CreateDecoder() =>
        _executor is IPixelExecutor { Tap: null } pixels && _options.Normalization == Normalization.Fixed && _dump is null
            ? new PixelDecoder(pixels, _batch, _composer.IsPlain ? _pool : _squares)
            : new PlaneDecoder(_executor, _batch);

    private AnimationProfile Profile(WriterQueue queue, Meter finishing)
    {
        MotionMeters motion = _motion.Meters;
        PixelPipeTimes device = motion.Device + _device;
        if (queue.FirstWritten is long written) _clock.Mark("first frame written", written);
        return new AnimationProfile(_watch.Elapsed,
        [
            new("decode", motion.Decode.Total, default, default),
            new("resize", motion.Resize.Total, default, motion.WaitedForRoom.Total),
            new("normalise", motion.Normalise.Total, default, default),
            new("network", motion.Encode.Total + _network.Total, motion.WaitedForFrames.Total, default),
            new("upload", device.Upload, default, default),
            new("compute", device.Compute, default, default),
            new("download", device.Download, default, default),
            new("colours", _colours.Total, default, queue.WaitedForRoom.Total),
            new("encode", queue.Writing.Total + finishing.Total, queue.WaitedForFrames.Total, default),
        ], _clock.Steps);
    }
}
