namespace Lia.Kernels.Convolution;

/// <summary>How convolutions over float32 maps, and their gradients, multiply. Sums are float32 always.</summary>
internal enum ConvolutionArithmetic
{
    /// <summary>Fused multiply-adds on the float32 cores: every device, every engine.</summary>
    Float32,

    /// <summary>
    /// Tensor cores, each operand split into two tf32 (<see cref="TensorConvolutionKernel"/>): errors like float32's, and its exponents.
    /// Devices below sm_80 take <see cref="Float32"/>.
    /// </summary>
    Tf32x3,
}
