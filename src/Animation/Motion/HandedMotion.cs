using Lia.Animation.Framing;
using Lia.Media.IO;
using Lia.Media.Imaging;
using Lia.Network;

namespace Lia.Animation.Motion;

/// <summary>The motion of driving frames that are handed over one by one.</summary>
internal sealed class HandedMotion(IExecutor executor, FramingSettings framing) : IMotion
{
    private readonly FrameFitter _fitter = new(executor.Architecture.Size, framing.Fit, framing.DrivingCrop, "the driving frame");
    private readonly byte[][] _square = [new byte[3 * executor.Architecture.Size * executor.Architecture.Size]];
    private readonly IMotionPipe _pipe = executor.OpenMotion(1);

    public FrameRate? Rate => null;

    public AudioTrack? Audio => null;

    public PixelBox? Crop => framing.DrivingCrop;

    public string? Warning => null;

    public MotionMeters Meters { get; } = new();

    public int? Count => null;

    public bool IsLive => true;

    /// <summary>Takes the frame that is asked for next.</summary>
    /// <exception cref="MediaException">The driving crop reaches beyond it.</exception>
    public void Hand(RgbImage frame) => _fitter.Fit(frame, _square[0]);

    public MotionStart Begin(ReadOnlySpan<float> source) => new(0, null);

    public IEnumerable<MotionFrame> Frames()
    {
        while (true)
        {
            float[] code = new float[executor.Architecture.Motion];
            _pipe.Submit(_square);
            _pipe.Receive(code);
            yield return new MotionFrame(code, _square[0]);
        }
    }

    public void Return(MotionFrame frame)
    {
    }

    public void Dispose() => _pipe.Dispose();
}
