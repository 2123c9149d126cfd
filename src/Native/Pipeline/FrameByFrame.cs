using Lia.Imaging;
using Lia.Media.Imaging;
using Lia.Network;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>One picture driven by frames that are handed over one by one. What <see cref="ClipPipeline"/> does, without its threads.</summary>
internal sealed class FrameByFrame : IDisposable
{
    private readonly IExecutor _executor;
    private readonly string _model;
    private readonly SourceFrames _source;
    private readonly FrameComposer _composer;
    private readonly FrameFitter _fitter;
    private readonly bool _relative;
    private readonly float _strength;
    private readonly byte[] _driving;
    private readonly float[] _image, _latent, _frame;
    private readonly EncodedSource _encoded;
    private MotionTransfer _transfer = null!;
    private int _frames;

    /// <param name="executor">The network.</param>
    /// <param name="model">Its name in error messages.</param>
    /// <param name="source">Disposed with this object, and when this fails.</param>
    /// <param name="options">Crop, fit, strength and what the result shows.</param>
    /// <param name="mode">Relative or absolute.</param>
    public FrameByFrame(IExecutor executor, string model, SourceFrames source, AnimationOptions options, MotionMode mode)
    {
        (_executor, _model, _source, _relative, _strength) = (executor, model, source, mode == MotionMode.Relative, options.MotionStrength);
        int size = executor.Architecture.Size, values = 3 * size * size;
        try
        {
            _composer = new FrameComposer(size, source, options);
            _fitter = new FrameFitter(size, options.Fit, options.DrivingCrop, "the driving frame");
            _driving = new byte[values];
            (_image, _frame) = (new float[values], new float[values]);
            _latent = new float[executor.Architecture.Style];
            _encoded = source.Next(executor)!;
            Restart();
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public int Width => _composer.Width;

    public int Height => _composer.Height;

    public void Restart() => _transfer = new MotionTransfer(_executor.Basis, _relative, null, _strength);

    public RgbImage Next(RgbImage driving)
    {
        _fitter.Fit(driving, _driving);
        Planes.FromPixels(_driving, _image);
        float[] code = new float[_executor.Architecture.Motion];
        _executor.EncodeMotion(_image, 1, code);
        _transfer.Transfer(_encoded, code, _latent);
        _executor.Synthesize(_encoded, _latent, 1, _frame);
        if (!Planes.AllFinite(_frame))
            throw new WeightsException($"{_model}: frame {_frames} came out of the network with values that are not finite numbers; the weights are damaged.");
        _frames++;
        RgbImage result = new(Width, Height);
        _composer.Compose(new NetworkFrame(_frame, null, _source.Square, _driving, _source.Picture), new ColourMap(-1, 1), result.Pixels);
        return result;
    }

    public void Dispose() => _source.Dispose();
}
