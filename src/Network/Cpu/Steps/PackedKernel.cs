namespace Lia.Network.Cpu;

/// <summary>
/// Convolution weights in the order in which <see cref="CpuKernels.Convolve"/> reads them:
/// [panel][kernel row][kernel column][input channel, padded][output channels of the panel].
/// </summary>
internal sealed unsafe class PackedKernel
{
    /// <summary>Packs rows and columns of a kernel.</summary>
    /// <param name="context">Owns the memory.</param>
    /// <param name="weight">[outputs, inputs, kernel, kernel].</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Extent of the kernel.</param>
    /// <param name="rows">Which kernel rows, in the order of the input rows they meet.</param>
    /// <param name="columns">Which kernel columns, in the order of the input pixels they meet.</param>
    /// <param name="inputStride">Floats from input pixel to input pixel.</param>
    /// <param name="scale">Multiplied in: 1/sqrt(fan-in) and such.</param>
    public PackedKernel(
        CpuContext context, float[] weight, int outputs, int inputs, int kernel, int[] rows, int[] columns, int inputStride, double scale)
    {
        (Outputs, Inputs, Rows, Columns) = (outputs, inputs, rows.Length, columns.Length);
        PaddedOutputs = FeatureMap.RoundUp(outputs);
        Depth = (columns.Length - 1) * inputStride + inputs; // The last pixel's padding is not read.
        long totalDepth = (long)Rows * Depth;
        Pointer = context.Own(new(totalDepth * PaddedOutputs));
        CpuKernels kernels = context.Kernels;
        for (int start = 0, width; start < PaddedOutputs; start += width)
        {
            width = kernels.PanelVectorsAt(start, PaddedOutputs) * kernels.Lanes;
            float* panel = Pointer + start * totalDepth;
            for (int row = 0; row < rows.Length; row++)
            {
                for (int column = 0; column < columns.Length; column++)
                {
                    float* target = panel + ((long)row * Depth + column * inputStride) * width;
                    int tap = rows[row] * kernel + columns[column], end = Math.Min(width, outputs - start);
                    for (int output = 0; output < end; output++)
                    {
                        long source = (long)(start + output) * inputs * kernel * kernel + tap;
                        for (int input = 0; input < inputs; input++)
                            target[(long)input * width + output] = (float)(weight[source + input * kernel * kernel] * scale);
                    }
                }
            }
        }
    }

    public float* Pointer { get; }

    public int Outputs { get; }

    public int PaddedOutputs { get; }

    public int Inputs { get; }

    /// <summary>Kernel rows.</summary>
    public int Rows { get; }

    /// <summary>Kernel columns.</summary>
    public int Columns { get; }

    /// <summary>Contiguous input floats that one kernel row meets.</summary>
    public int Depth { get; }
}
