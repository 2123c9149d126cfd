using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>A convolution's weights on the device, laid out as <see cref="ConvolutionKernel"/> reads them.</summary>
internal sealed class ConvolutionWeights : IDisposable
{
    /// <summary>Output channels are padded to a multiple of this many.</summary>
    public const int OutputGranule = 32;

    // (kernel row, kernel column) of each tap of the four phases of a transposed 3x3 convolution.
    private static readonly (int Y, int X)[] PhaseTaps =
        [(0, 0), (0, 2), (2, 0), (2, 2), (0, 1), (2, 1), (1, 0), (1, 2), (1, 1)];

    private readonly MemoryBuffer1D<float, Stride1D.Dense> _buffer;

    /// <param name="loader">Where they live.</param>
    /// <param name="weight">[outputs, inputs, kernel, kernel], row-major.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Rows and columns of the kernel.</param>
    /// <param name="transposed">For <see cref="ConvolutionShape.Transposed"/>: orders the taps by phase.</param>
    public ConvolutionWeights(KernelLoader loader, ReadOnlyMemory<float> weight, int outputs, int inputs, int kernel,
        bool transposed = false)
        : this(loader, outputs, inputs, kernel, transposed) =>
        _buffer.AsContiguous().CopyFromCPU(loader.Accelerator.DefaultStream, Pack(weight));

    /// <summary>Room for weights that <see cref="WeightPacking"/> packs; undefined before.</summary>
    /// <param name="loader">Where they live.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Rows and columns of the kernel.</param>
    /// <param name="transposed">For <see cref="ConvolutionShape.Transposed"/>: orders the taps by phase.</param>
    public ConvolutionWeights(KernelLoader loader, int outputs, int inputs, int kernel, bool transposed = false)
    {
        (Outputs, Inputs, Kernel, Transposed) = (outputs, inputs, kernel, transposed);
        PaddedInputs = RoundUp(inputs, ConvolutionKernel.Chunk);
        PaddedOutputs = RoundUp(outputs, OutputGranule);
        _buffer = loader.Allocate1D<float>((long)kernel * kernel * PaddedInputs * PaddedOutputs);
    }

    public int Outputs { get; }

    public int Inputs { get; }

    public int Kernel { get; }

    public bool Transposed { get; }

    public int PaddedInputs { get; }

    public int PaddedOutputs { get; }

    public ArrayView<float> View => _buffer.View;

    public long Bytes => _buffer.LengthInBytes;

    /// <summary>
    /// Sums over the taps of the squared effective weights, [outputs, inputs]: what demodulation needs of a layer.
    /// </summary>
    /// <param name="weight">[outputs, inputs, kernel, kernel].</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Rows and columns of the kernel.</param>
    /// <param name="sums">[outputs, inputs].</param>
    public static void SquareSums(ReadOnlySpan<float> weight, int inputs, int kernel, Span<float> sums)
    {
        int taps = kernel * kernel;
        double scale = 1.0 / (inputs * taps);
        for (int i = 0; i < sums.Length; i++)
        {
            double sum = 0;
            foreach (float value in weight.Slice(i * taps, taps)) sum += (double)value * value;
            sums[i] = (float)(sum * scale);
        }
    }

    /// <summary>Which tap of the kernel, counted row by row, lies at place <paramref name="tap"/>.</summary>
    public int KernelTap(int tap) => Transposed ? PhaseTaps[tap].Y * Kernel + PhaseTaps[tap].X : tap;

    public void Dispose() => _buffer.Dispose();

    // [tap][input][output], zeros in the padding, 1 / sqrt(inputs * kernel^2) multiplied in.
    private float[] Pack(ReadOnlyMemory<float> weight)
    {
        int taps = Kernel * Kernel;
        double scale = 1 / Math.Sqrt(Inputs * taps);
        float[] packed = new float[taps * PaddedInputs * PaddedOutputs];
        Parallel.For(0, Inputs, input =>
        {
            ReadOnlySpan<float> values = weight.Span;
            for (int tap = 0; tap < taps; tap++)
            {
                int source = KernelTap(tap);
                Span<float> row = packed.AsSpan((tap * PaddedInputs + input) * PaddedOutputs, Outputs);
                for (int output = 0; output < Outputs; output++)
                    row[output] = (float)(values[(output * Inputs + input) * taps + source] * scale);
            }
        });
        return packed;
    }

    private static int RoundUp(int value, int granule) => (value + granule - 1) / granule * granule;
}
