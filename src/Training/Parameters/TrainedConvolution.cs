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

    /// <param name="loader">The device.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Side of the kernel.</param>
    /// <param name="stride">1 or 2 (3x3, without padding).</param>
    /// <param name="padding">Zeros on every side.</param>
    /// <param name="isTransposed">Stride 2 backwards.</param>
    /// <param name="scale">Factor of the weight: 1 / sqrt(inputs kernel^2) for an equalised layer.</param>
    /// <param name="hasAdjoint">Whether the way back by the input is wanted.</param>
    public TrainedConvolution(KernelLoader loader, int outputs, int inputs, int kernel, int stride, int padding, bool isTransposed,
        float scale, bool hasAdjoint = true)
    {
        (_loader, _stride, _padding, _isTransposed, _scale) = (loader, stride, padding, isTransposed, scale);
        Forward = new(loader, outputs, inputs, kernel, isTransposed);
        if (hasAdjoint) Adjoint = new(loader, inputs, outputs, kernel, transposed: stride == 2);
    }

    public ConvolutionWeights Forward { get; }

    /// <summary>Null where nobody wants the gradient by the input.</summary>
    public ConvolutionWeights? Adjoint { get; }

    public float Scale => _scale;

    /// <summary>A layer of a graph: equalised.</summary>
    public static TrainedConvolution Of(KernelLoader loader, ConvolutionLayer layer) => new(loader, layer.Outputs, layer.Inputs,
        layer.Kernel, layer.Resampling == Resampling.Down && layer.Kernel > 1 ? 2 : 1, layer.Padding, isTransposed: false,
        Equalised(layer.Inputs, layer.Kernel));

    /// <summary>A modulated layer of a graph.</summary>
    public static TrainedConvolution Of(KernelLoader loader, ModulatedConvolutionLayer layer) => new(loader, layer.Outputs, layer.Inputs,
        layer.Kernel, 1, layer.Resampling == Resampling.Up ? 0 : layer.Kernel / 2, layer.Resampling == Resampling.Up,
        Equalised(layer.Inputs, layer.Kernel));

    /// <summary>1 / sqrt(inputs kernel^2).</summary>
    public static float Equalised(int inputs, int kernel) => (float)(1 / Math.Sqrt((double)inputs * kernel * kernel));

    /// <summary>Packs the weight [outputs, inputs, kernel, kernel] as it is now.</summary>
    public IEnumerable<KernelLaunch> Pack(ArrayView<float> weight)
    {
        yield return WeightPacking.Prepare(_loader, Forward, weight, _scale, WeightUse.Forward);
        if (Adjoint != null)
            yield return WeightPacking.Prepare(_loader, Adjoint, weight, _scale,
                _stride == 1 && !_isTransposed ? WeightUse.MirroredAdjoint : WeightUse.Adjoint);
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
        : new(frames, height, width, 1, Forward.Kernel - 1 - _padding);

    public void Dispose()
    {
        Forward.Dispose();
        Adjoint?.Dispose();
    }
}
