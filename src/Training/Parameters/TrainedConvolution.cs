using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;

namespace Lia.Training.Parameters;

/// <summary>
/// A convolution whose weight changes from step to step: packed anew for the way forward, and with inputs and outputs exchanged for the
/// way back. The gradient by the input is a convolution too:
/// <code>
///     forward              back, by the input
///     stride 1, padding p  stride 1, padding k - 1 - p, taps mirrored
///     stride 2             transposed, taps as they are
///     transposed           stride 2, taps as they are
/// </code>
/// </summary>
internal sealed class TrainedConvolution : IDisposable
{
    private readonly KernelLoader _loader;
    private readonly int _stride, _padding;
    private readonly bool _isTransposed;
    private readonly float _scale;
    private readonly List<IDisposable> _owned = [];

    /// <param name="loader">The device.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Side of the kernel.</param>
    /// <param name="stride">1 or 2 (3x3, without padding).</param>
    /// <param name="padding">Zeros on every side.</param>
    /// <param name="isTransposed">Stride 2 backwards.</param>
    /// <param name="scale">Factor of the weight: 1 / sqrt(inputs kernel^2) for an equalised layer.</param>
    /// <param name="arithmetic">How it multiplies.</param>
    public TrainedConvolution(KernelLoader loader, int outputs, int inputs, int kernel, int stride, int padding, bool isTransposed,
        float scale, ConvolutionArithmetic arithmetic)
    {
        (_loader, _stride, _padding, _isTransposed, _scale) = (loader, stride, padding, isTransposed, scale);
        (Outputs, Inputs, Kernel) = (outputs, inputs, kernel);
        // Any other shape is that of few products.
        bool isPacked = !loader.IsStock && arithmetic != ConvolutionArithmetic.Float32
            && HalfConvolutionLauncher.MachineOf(loader) == ConvolutionMachine.Hopper
            && (kernel == 3 || (kernel == 1 && stride == 1 && !isTransposed))
            && (stride == 2 || isTransposed ? padding == 0 : padding == kernel / 2);
        Forward = Weights(outputs, inputs, isTransposed, stride == 2);
        Adjoint = Weights(inputs, outputs, isTransposed: stride == 2, isStrided: isTransposed);

        TrainedWeights Weights(int outputs, int inputs, bool isTransposed, bool isStrided)
        {
            if (!isPacked) return new(Own(new ConvolutionWeights(loader, outputs, inputs, kernel, isTransposed)), null);
            HalfConvolutionKind kind = isTransposed ? HalfConvolutionKind.Up : isStrided ? HalfConvolutionKind.Strided
                : HalfConvolutionKind.Same;
            return new(null, Own(HalfConvolutionWeights.Changing(loader, kind, outputs, inputs, kernel, scale, WgmmaConvolution.MostChunk,
                arithmetic == ConvolutionArithmetic.Half ? WeightPrecision.Half : WeightPrecision.Pair)));
        }
    }

    public int Outputs { get; }

    public int Inputs { get; }

    public int Kernel { get; }

    public TrainedWeights Forward { get; }

    /// <summary>For the gradient by the input.</summary>
    public TrainedWeights Adjoint { get; }

    /// <summary>Whether the convolution reads packed maps.</summary>
    public bool IsPacked => Forward.Halves != null;

    public float Scale => _scale;

    /// <summary>A layer of a graph: equalised.</summary>
    public static TrainedConvolution Of(KernelLoader loader, ConvolutionLayer layer, ConvolutionArithmetic arithmetic) =>
        new(loader, layer.Outputs, layer.Inputs, layer.Kernel, layer.Resampling == Resampling.Down && layer.Kernel > 1 ? 2 : 1,
            layer.Padding, isTransposed: false, Equalised(layer.Inputs, layer.Kernel), arithmetic);

    /// <summary>A modulated layer of a graph.</summary>
    public static TrainedConvolution Of(KernelLoader loader, ModulatedConvolutionLayer layer, ConvolutionArithmetic arithmetic) =>
        new(loader, layer.Outputs, layer.Inputs, layer.Kernel, 1, layer.Resampling == Resampling.Up ? 0 : layer.Kernel / 2,
            layer.Resampling == Resampling.Up, Equalised(layer.Inputs, layer.Kernel), arithmetic);

    /// <summary>1 / sqrt(inputs kernel^2).</summary>
    public static float Equalised(int inputs, int kernel) => (float)(1 / Math.Sqrt((double)inputs * kernel * kernel));

    /// <summary>Packs the weight [outputs, inputs, kernel, kernel] as it is now.</summary>
    public IEnumerable<KernelLaunch> Pack(ArrayView<float> weight)
    {
        yield return Pack(Forward, weight, WeightUse.Forward);
        yield return Pack(Adjoint, weight, _stride == 1 && !_isTransposed ? WeightUse.MirroredAdjoint : WeightUse.Adjoint);
    }

    /// <summary>Of pictures on the way forward.</summary>
    public ConvolutionShape Shape(int frames, int height, int width) => new(frames, height, width, _stride, _padding, _isTransposed);

    /// <summary>Of gradients on the way back.</summary>
    /// <param name="frames">Pictures.</param>
    /// <param name="height">Rows of the result of the way forward.</param>
    /// <param name="width">Its columns.</param>
    public ConvolutionShape AdjointShape(int frames, int height, int width) => _isTransposed
        ? new(frames, height, width, Stride: 2)
        : _stride == 2 ? new(frames, height, width, Transposed: true)
        : new(frames, height, width, 1, Kernel - 1 - _padding);

    public void Dispose()
    {
        foreach (IDisposable weights in _owned) weights.Dispose();
    }

    private KernelLaunch Pack(TrainedWeights packed, ArrayView<float> weight, WeightUse use) => packed.Halves is { } halves
        ? HalfWeightPacking.Prepare(_loader, halves, weight, use)
        : WeightPacking.Prepare(_loader, packed.Rows!, weight, _scale, use);

    private T Own<T>(T weights) where T : IDisposable
    {
        _owned.Add(weights);
        return weights;
    }
}

/// <summary>Packed weights, one or the other.</summary>
/// <param name="Rows">For convolutions that read float32 maps.</param>
/// <param name="Halves">For those that read packed maps (<see cref="MapPacking"/>).</param>
internal sealed record TrainedWeights(ConvolutionWeights? Rows, HalfConvolutionWeights? Halves);
