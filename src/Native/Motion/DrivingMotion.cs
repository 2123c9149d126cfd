using Lia.Imaging;
using Lia.Media;
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
        _driving = new DrivingFrames(open, options, executor.Architecture.Size, 2 * _batch + 2, live, cancellationToken);
    }

    /// <summary>What is read.</summary>
    public string Name => _driving.Name;

    public FrameRate Rate => _driving.Rate;

    public AudioTrack? Audio => _driving.Audio;

    public PixelBox? Crop => _options.DrivingCrop;

    public string? Warning => _driving.Warning;

    public int? Count => _driving.Expected;

    public MotionStart Begin(ReadOnlySpan<float> source) => new(_options.FirstFrame, null);

    public IEnumerable<MotionFrame> Frames() => Encoded().Smooth(_options.SmoothingWindow);

    public void Return(MotionFrame frame)
    {
        if (frame.Pixels is not null) _driving.Return(frame.Pixels);
    }

    public void Dispose() => _driving.Dispose();

    private IEnumerable<MotionFrame> Encoded()
    {
        int values = 3 * _executor.Architecture.Size * _executor.Architecture.Size, motion = _executor.Architecture.Motion;
        float[] images = new float[_batch * values], codes = new float[_batch * motion];
        byte[]?[] pixels = new byte[]?[_batch];
        while (true)
        {
            int count = 0;
            while (count < _batch && _driving.Take() is byte[] frame)
            {
                Planes.FromPixels(frame, images.AsSpan(count * values, values));
                pixels[count++] = _options.SideBySide ? frame : null;
                if (!_options.SideBySide) _driving.Return(frame);
            }
            if (count == 0) yield break;
            _token.ThrowIfCancellationRequested();
            _executor.EncodeMotion(images.AsSpan(0, count * values), count, codes.AsSpan(0, count * motion));
            for (int i = 0; i < count; i++) yield return new MotionFrame(codes.AsSpan(i * motion, motion).ToArray(), pixels[i]);
        }
    }
}
