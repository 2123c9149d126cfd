using Lia.Imaging;
using Lia.Media.IO;
using Lia.Network;
using Lia.Pipeline;

namespace Lia.Motion;

/// <summary>The motion of driving frames as they are read: memory does not grow with the clip.</summary>
internal sealed class DrivingMotion : IMotion
{
    private readonly IExecutor _executor;
    private readonly AnimationOptions _options;
    private readonly CancellationToken _token;
    private readonly int _batch;
    private readonly DrivingFrames _driving;

    /// <param name="executor">Encodes the frames.</param>
    /// <param name="open">Opens the reader; its token ends a read that is under way.</param>
    /// <param name="live">Says when the next frame may be read, and is told when it is there; null reads on.</param>
    /// <param name="options">The frame range, the crop, the fit, the smoothing, and whether driving frames are shown.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public DrivingMotion(IExecutor executor, Func<CancellationToken, IFrameReader> open, FramesInFlight? live, AnimationOptions options, CancellationToken cancellationToken)
    {
        (_executor, _options, _token) = (executor, options, cancellationToken);
        _batch = options.Batch > 0 ? options.Batch : executor.PreferredBatch;
        // A device that computes by itself is to be kept supplied; where the processor computes, frames come fast enough.
        int threads = executor is IPixelExecutor ? Environment.ProcessorCount : 1;
        _driving = new DrivingFrames(open, options, executor.Architecture.Size, threads, 2 * _batch + 2, live, Meters, cancellationToken);
    }

    /// <summary>What is read.</summary>
    public string Name => _driving.Name;

    public FrameRate Rate => _driving.Rate;

    public AudioTrack? Audio => _driving.Audio;

    public PixelBox? Crop => _options.DrivingCrop;

    public string? Warning => _driving.Warning;

    public MotionMeters Meters { get; } = new();

    public int? Count => _driving.Expected;

    public MotionStart Begin(ReadOnlySpan<float> source) => new(_options.FirstFrame, null);

    public IEnumerable<MotionFrame> Frames() => Encoded().Smooth(_options.SmoothingWindow);

    public void Return(MotionFrame frame)
    {
        if (frame.Pixels is not null) _driving.Return(frame.Pixels);
    }

    public void Dispose() => _driving.Dispose();

    private IEnumerable<MotionFrame> Encoded() => _executor is IPixelExecutor { Tap: null } pixels ? Piped(pixels) : Direct();

    private IEnumerable<MotionFrame> Direct()
    {
        int values = 3 * _executor.Architecture.Size * _executor.Architecture.Size, motion = _executor.Architecture.Motion;
        float[] images = new float[_batch * values], codes = new float[_batch * motion];
        for (byte[][] batch = TakeBatch(); batch.Length > 0; batch = TakeBatch())
        {
            using (Meters.Normalise.Run())
            {
                for (int i = 0; i < batch.Length; i++) Planes.FromPixels(batch[i], images.AsSpan(i * values, values));
            }
            using (Meters.Encode.Run()) _executor.EncodeMotion(images.AsSpan(0, batch.Length * values), batch.Length, codes.AsSpan(0, batch.Length * motion));
            foreach (MotionFrame frame in Coded(batch, codes)) yield return frame;
        }
    }

    /// <summary>With a batch ahead, where its frames are there already: the device encodes it while what follows the codes is done.</summary>
    private IEnumerable<MotionFrame> Piped(IPixelExecutor executor)
    {
        float[] codes = new float[_batch * executor.Architecture.Motion];
        Queue<byte[][]> underWay = [];
        using IMotionPipe pipe = executor.OpenMotion(_batch);
        for (bool more = true; ;)
        {
            while (more && pipe.UnderWay < pipe.Depth && (pipe.UnderWay == 0 || _driving.AreReady(_batch)))
            {
                byte[][] taken = TakeBatch();
                if (!(more = taken.Length > 0)) break;
                using (Meters.Encode.Run()) pipe.Submit(taken);
                underWay.Enqueue(taken);
            }
            if (!underWay.TryDequeue(out byte[][]? batch)) yield break;
            using (Meters.Encode.Run()) pipe.Receive(codes.AsSpan(0, batch.Length * executor.Architecture.Motion));
            Meters.Device = pipe.Times;
            foreach (MotionFrame frame in Coded(batch, codes)) yield return frame;
        }
    }

    /// <summary>As many frames as go together; fewer at the end, and none after it.</summary>
    private byte[][] TakeBatch()
    {
        List<byte[]> batch = new(_batch);
        while (batch.Count < _batch && _driving.Take() is byte[] frame) batch.Add(frame);
        _token.ThrowIfCancellationRequested();
        return [.. batch];
    }

    /// <summary>Frames with their codes; pixels that are not to be shown go back at once.</summary>
    private IEnumerable<MotionFrame> Coded(byte[][] batch, float[] codes)
    {
        int motion = _executor.Architecture.Motion;
        for (int i = 0; i < batch.Length; i++)
        {
            if (!_options.SideBySide) _driving.Return(batch[i]);
            yield return new MotionFrame(codes.AsSpan(i * motion, motion).ToArray(), _options.SideBySide ? batch[i] : null);
        }
    }
}
