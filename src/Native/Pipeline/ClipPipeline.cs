using System.Diagnostics;
using Lia.Imaging;
using Lia.Media;
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
/// The queues are bounded, so memory does not grow with the clip.
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
    private readonly byte[] _source;
    private readonly IMotion _motion;
    private readonly FrameDump? _dump;
    private readonly FramePool _pool;
    private int? _startFrame;

    public ClipPipeline(
        IExecutor executor, string model, RgbImage source, Func<CancellationToken, IMotion> open, AnimationOptions options, MotionMode mode,
        IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        (_executor, _model, _options, _mode, _progress, _token) = (executor, model, options, mode, progress, cancellationToken);
        _size = executor.Architecture.Size;
        _batch = options.Batch > 0 ? options.Batch : executor.PreferredBatch;
        _source = new byte[3 * _size * _size];
        new FrameFitter(_size, options.Fit).Fit(source, _source);
        _pool = new FramePool(Height * Width * 3);
        _dump = options.Dump is null ? null : new FrameDump(options.Dump, _size);
        try
        {
            _motion = open(cancellationToken);
        }
        catch
        {
            _dump?.Dispose();
            throw;
        }
    }

    private int Width => _options.SideBySide ? 3 * _size : _size;

    private int Height => _size;

    /// <summary>Computes the clip; every frame is the caller's to keep.</summary>
    public IEnumerable<RgbImage> Frames()
    {
        foreach (byte[] pixels in Pixels()) yield return new RgbImage(Width, Height, pixels);
        _dump?.Complete();
    }

    /// <summary>Computes the clip into a file or folder.</summary>
    public AnimationSummary WriteTo(string output)
    {
        FrameRate rate = _options.FrameRate ?? _motion.Rate;
        AudioTrack? audio = _options.Audio && _options.FrameRate is null ? _motion.Audio : null;
        if (audio is not null) audio = audio with { FirstFrame = audio.FirstFrame + rate.Seconds(_options.FirstFrame) };
        int frames = 0;
        using IFrameWriter writer = FrameWriters.Open(output, Width, Height, rate, audio, _token);
        using (WriterQueue queue = new(writer, _pool, 2 * _batch + 2, _token))
        {
            foreach (byte[] frame in Pixels())
            {
                queue.Add(frame);
                frames++;
            }
            queue.Finish();
        }
        bool hasAudio = writer.Complete();
        _dump?.Complete();
        return new AnimationSummary(output, frames, rate, Width, Height, hasAudio, _mode, _executor.DeviceName, default, _motion.Warning) { StartFrame = _startFrame };
    }

    public void Dispose()
    {
        _motion.Dispose();
        _dump?.Dispose();
    }

    /// <summary>The output frames in buffers of the pool (which a caller may keep instead).</summary>
    private IEnumerable<byte[]> Pixels() => _options.Normalization == Normalization.Fixed ? FixedPixels() : StretchedPixels();

    private IEnumerable<byte[]> FixedPixels()
    {
        foreach (NetworkFrame frame in NetworkFrames())
        {
            byte[] pixels = _pool.Rent();
            Compose(frame, new ColourMap(-1, 1), pixels);
            yield return pixels;
        }
    }

    private IEnumerable<byte[]> StretchedPixels()
    {
        using FrameSpool spool = new(_size, _options.SideBySide);
        float minimum = float.PositiveInfinity, maximum = float.NegativeInfinity;
        foreach (NetworkFrame frame in NetworkFrames())
        {
            (float low, float high) = ColourMap.Range(frame.Values.Span);
            (minimum, maximum) = (Math.Min(minimum, low), Math.Max(maximum, high));
            spool.Add(frame);
        }
        ColourMap map = new(minimum, maximum);
        foreach (NetworkFrame frame in spool.Frames())
        {
            _token.ThrowIfCancellationRequested();
            byte[] pixels = _pool.Rent();
            Compose(frame, map, pixels);
            yield return pixels;
        }
    }

    /// <summary>Runs the network over the motion. A frame is valid until the next is asked for.</summary>
    private IEnumerable<NetworkFrame> NetworkFrames()
    {
        int values = 3 * _size * _size, style = _executor.Architecture.Style;
        float[] latents = new float[_batch * style], frames = new float[_batch * values];
        Planes.FromPixels(_source, frames.AsSpan(0, values));
        using EncodedSource source = _executor.EncodeSource(frames.AsSpan(0, values));
        MotionStart start = _motion.Begin(source.Motion);
        _startFrame = _mode == MotionMode.Relative ? start.Frame : null;
        MotionTransfer transfer = new(_executor.Basis, _mode == MotionMode.Relative, start.Code, _options.MotionStrength);
        int? expected = _motion.Count;
        int done = 0;
        Stopwatch watch = Stopwatch.StartNew();
        foreach (MotionFrame[] batch in _motion.Frames().Chunk(_batch))
        {
            _token.ThrowIfCancellationRequested();
            for (int i = 0; i < batch.Length; i++) transfer.Transfer(source, batch[i].Code, latents.AsSpan(i * style, style));
            _executor.Synthesize(source, latents.AsSpan(0, batch.Length * style), batch.Length, frames.AsSpan(0, batch.Length * values));
            for (int i = 0; i < batch.Length; i++)
            {
                ReadOnlyMemory<float> frame = frames.AsMemory(i * values, values);
                if (!Planes.AllFinite(frame.Span))
                    throw new WeightsException($"{_model}: frame {_options.FirstFrame + done + i} came out of the network with values that are not finite numbers; the weights are damaged.");
                _dump?.Add(frame.Span);
                yield return new NetworkFrame(frame, batch[i].Pixels);
                _motion.Return(batch[i]);
            }
            done += batch.Length;
            _progress?.Report(new AnimationProgress(done, expected, watch.Elapsed));
        }
    }

    /// <summary>Writes a frame's colours, or source, driving frame and result next to each other.</summary>
    private void Compose(NetworkFrame frame, ColourMap map, Span<byte> pixels)
    {
        int row = 3 * _size;
        if (!_options.SideBySide)
        {
            map.ToPixels(frame.Values.Span, _size, pixels, row);
            return;
        }
        for (int y = 0; y < _size; y++)
        {
            _source.AsSpan(y * row, row).CopyTo(pixels[(3 * y * row)..]);
            frame.Driving!.AsSpan(y * row, row).CopyTo(pixels[((3 * y + 1) * row)..]);
        }
        map.ToPixels(frame.Values.Span, _size, pixels[(2 * row)..], 3 * row);
    }
}

/// <summary>What the network made of a driving frame.</summary>
/// <param name="Values">[3, S, S], not clamped.</param>
/// <param name="Driving">The driving frame as the network saw it [S, S, 3], where it is to be shown.</param>
internal readonly record struct NetworkFrame(ReadOnlyMemory<float> Values, byte[]? Driving);
