using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cpu;

/// <summary>Runs the network on the processor: float32, SIMD, all cores.</summary>
/// <remarks>
/// Weights are packed once at load and the checkpoint is not needed afterwards. Activations live in one arena. A frame allocates nothing,
/// and its result depends neither on the frames that run with it nor on the number of threads. Used by one thread at a time.
/// </remarks>
public sealed unsafe class CpuExecutor : IExecutor
{
    private readonly LiaGraph _graph;
    private readonly CpuContext _context;
    private readonly Plan _encoder;
    private readonly Plan _decoder;
    private readonly PictureInputStep _pictureIn;
    private readonly PictureOutputStep _pictureOut;
    private readonly FeatureMap _code;
    private readonly FeatureMap[] _features; // What the decoder's plan reads: the current source's.
    private readonly float* _latent;
    private readonly double[] _headMatrix;
    private readonly double[] _headOffset;
    private bool _isDisposed;

    /// <summary>Packs a checkpoint.</summary>
    /// <param name="weights">Read during construction only; tensors are read one by one.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="WeightsException">A tensor is missing, has another shape or holds a NaN.</exception>
    public CpuExecutor(ITensorSource weights, ModelArchitecture architecture, CpuOptions? options = null)
    {
        LiaGraph.CheckFirKernels(weights);
        _graph = LiaGraph.Create(architecture);
        Basis = MotionBasis.Load(_graph, weights);
        (_headMatrix, _headOffset) = _graph.MotionHead.Fold(weights);
        _context = new(options ?? new());
        try
        {
            int size = architecture.Size;
            _encoder = new(_context);
            FeatureMap picture = _context.Arena.Reserve(new(size, size, 3, border: 0));
            _pictureIn = _encoder.Add(new PictureInputStep(_context, picture));
            PlanBuilder encoder = new(_context, weights, _encoder) { Picture = picture };
            ForwardPass.Encode(_graph, encoder);
            _code = encoder.AppearanceCode!;
            encoder.Release(_code); // From here on the arena is free for the decoder.

            _decoder = new(_context);
            _latent = _context.Vector(architecture.Style, 0);
            _features = new FeatureMap[_graph.FeatureCount];
            FeatureMap rgb = ForwardPass.Synthesize(_graph.Synthesis,
                new PlanBuilder(_context, weights, _decoder) { Latent = _latent, Features = _features });
            _pictureOut = _decoder.Add(new PictureOutputStep(_context, rgb));
            _context.Commit();
        }
        catch
        {
            _context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ModelArchitecture Architecture => _graph.Architecture;

    /// <inheritdoc/>
    public string DeviceName =>
        $"CPU ({_context.Pool.Workers} thread{(_context.Pool.Workers == 1 ? "" : "s")}, {SimdLevels.Describe(_context.Level)})";

    /// <inheritdoc/>
    public MotionBasis Basis { get; }

    /// <inheritdoc/>
    public TapHandler? Tap { get; set; }

    /// <summary>Bytes of packed weights, activations and scratch.</summary>
    internal long Bytes => _context.Bytes;

    internal Plan EncoderPlan => _encoder;

    internal Plan DecoderPlan => _decoder;

    private int PictureLength => Architecture.PictureLength();

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="image"/> has another length.</exception>
    public EncodedSource EncodeSource(ReadOnlySpan<float> image)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ExecutorArguments.CheckPicture(Architecture, image.Length, nameof(image));
        CpuEncodedSource source = new(this, _graph);
        Encode(image, source.MotionCode, source.Features);
        ReadCode(source.AppearanceCode);
        return source;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int motion = Architecture.Motion;
        ExecutorArguments.CheckLength(images.Length, count, PictureLength, nameof(images));
        ExecutorArguments.CheckLength(codes.Length, count, motion, nameof(codes));
        for (int i = 0; i < count; i++) Encode(images.Slice(i * PictureLength, PictureLength), codes.Slice(i * motion, motion), null);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A span has another length, or the source is another executor's or disposed.</exception>
    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int style = Architecture.Style;
        ExecutorArguments.CheckLength(latents.Length, count, style, nameof(latents));
        ExecutorArguments.CheckLength(frames.Length, count, PictureLength, nameof(frames));
        if (source is not CpuEncodedSource own || own.Owner != this)
            throw new ArgumentException("The source was encoded by another executor.", nameof(source));
        ObjectDisposedException.ThrowIf(own.IsDisposed, own);
        own.Features.CopyTo(_features, 0);
        for (int i = 0; i < count; i++)
        {
            latents.Slice(i * style, style).CopyTo(new(_latent, style));
            fixed (float* destination = frames.Slice(i * PictureLength, PictureLength))
            {
                _pictureOut.Destination = destination;
                _decoder.Run(Tap);
            }
        }
        // Their finalizers free memory that the plan reached only through pointers.
        GC.KeepAlive(own);
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _context.Dispose();
    }

    private void Encode(ReadOnlySpan<float> image, Span<float> motion, FeatureMap[]? features)
    {
        fixed (float* source = image)
        {
            _pictureIn.Source = source;
            _encoder.Run(Tap, features);
        }
        float* appearance = _code.Pixel(0, 0);
        int style = Architecture.Style;
        for (int row = 0; row < motion.Length; row++)
        {
            double sum = _headOffset[row];
            for (int column = 0; column < style; column++) sum += _headMatrix[row * style + column] * appearance[column];
            motion[row] = (float)sum;
        }
        Tap?.Invoke(_graph.MotionHead.Name, [1, motion.Length], motion);
        GC.KeepAlive(this);
    }

    private void ReadCode(Span<float> appearance) => new ReadOnlySpan<float>(_code.Pixel(0, 0), appearance.Length).CopyTo(appearance);
}
