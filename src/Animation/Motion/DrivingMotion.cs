using Lia.Animation.Flow;
using Lia.Animation.Framing;
using Lia.Media.IO;
using Lia.Network;

namespace Lia.Animation.Motion;

/// <summary>The motion of driving frames as they are read: memory does not grow with the clip.</summary>
internal sealed class DrivingMotion : IMotion
{
    private readonly MotionSettings _settings;
    private readonly PixelBox? _crop;
    private readonly CancellationToken _token;
    private readonly int _batch, _directions;
    private readonly IMotionPipe _pipe;
    private readonly DrivingFrames _driving;

    /// <param name="executor">Encodes the frames.</param>
    /// <param name="open">Opens the reader; its token ends a read that is under way.</param>
    /// <param name="live">Says when the next frame may be read, and is told when it is there; null reads on.</param>
    /// <param name="settings">The frame range, the smoothing, and whether driving frames are kept.</param>
    /// <param name="framing">The crop and the fit.</param>
    /// <param name="batch">Frames that go together; 0 for the device's choice.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public DrivingMotion(
        IExecutor executor, Func<CancellationToken, IFrameReader> open, FramesInFlight? live, MotionSettings settings,
            FramingSettings framing, int batch,
        CancellationToken cancellationToken)
    {
        (_settings, _crop, _token, _directions, IsLive) = (settings, framing.DrivingCrop, cancellationToken, executor.Architecture.Motion,
            live is not null);
        try
        {
            // What needs no length need not wait for it: a device makes itself ready while a stream's first byte is waited for.
            if (batch > 0) _pipe = executor.OpenMotion(_batch = batch);
            _driving = new DrivingFrames(open, settings, executor.Architecture.Size, live, Meters, cancellationToken);
            _pipe ??= executor.OpenMotion(_batch = executor.PreferredBatch(Count));
            // A device that computes by itself is to be kept supplied; where the processor computes, frames come fast enough.
            _driving.Start(framing, threads: _pipe.Depth > 1 ? Environment.ProcessorCount : 1, ahead: 2 * _batch + 2);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is read.</summary>
    public string Name => _driving.Name;

    public FrameRate? Rate => _driving.Rate;

    public AudioTrack? Audio => _driving.Audio;

    public PixelBox? Crop => _crop;

    public string? Warning => _driving.Warning;

    public MotionMeters Meters { get; } = new();

    public int? Count => _driving.Expected;

    public bool IsLive { get; }

    public MotionStart Begin(ReadOnlySpan<float> source) => new(_settings.FirstFrame, null);

    public IEnumerable<MotionFrame> Frames() => Encoded().Smooth(_settings.SmoothingWindow);

    public void Return(MotionFrame frame)
    {
        if (frame.Pixels is not null) _driving.Return(frame.Pixels);
    }

    public void Dispose()
    {
        try
        {
            _driving?.Dispose();
        }
        finally
        {
            _pipe?.Dispose();
        }
    }

    /// <summary>With a batch ahead, where its frames are there already: a device encodes it while what follows the codes is done.</summary>
    private IEnumerable<MotionFrame> Encoded()
    {
        float[] codes = new float[_batch * _directions];
        Queue<byte[][]> underWay = [];
        for (bool more = true; ;)
        {
            while (more && _pipe.UnderWay < _pipe.Depth && (_pipe.UnderWay == 0 || _driving.AreReady(_batch)))
            {
                byte[][] taken = TakeBatch();
                if (!(more = taken.Length > 0)) break;
                using (Meters.Encode.Run()) _pipe.Submit(taken);
                underWay.Enqueue(taken);
            }
            if (!underWay.TryDequeue(out byte[][]? batch)) yield break;
            using (Meters.Encode.Run()) _pipe.Receive(codes.AsSpan(0, batch.Length * _directions));
            Meters.Device = _pipe.Times;
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
        for (int i = 0; i < batch.Length; i++)
        {
            if (!_settings.KeepsFrames) _driving.Return(batch[i]);
            yield return new MotionFrame(codes.AsSpan(i * _directions, _directions).ToArray(), _settings.KeepsFrames ? batch[i] : null);
        }
    }
}
