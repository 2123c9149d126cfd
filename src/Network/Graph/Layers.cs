namespace Lia.Network.Graph;

/// <summary>How a convolution changes the resolution.</summary>
internal enum Resampling
{
    /// <summary>Stride 1.</summary>
    None,
    /// <summary>FIR blur, then stride 2 without padding.</summary>
    Down,
    /// <summary>Transposed convolution with stride 2 without padding, then FIR blur with gain 4.</summary>
    Up,
}

/// <summary>
/// EqualConv2d, optionally after a blur (down) and before FusedLeakyReLU (activated). The effective weight is
/// <c>weight / sqrt(Inputs * Kernel²)</c>.
/// </summary>
/// <param name="Name">The layer in taps and reports.</param>
/// <param name="Weight">Parameter [Outputs, Inputs, Kernel, Kernel].</param>
/// <param name="Bias">Parameter with <paramref name="Outputs"/> elements, if any.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="Kernel">Extent of the square kernel.</param>
/// <param name="Padding">Zero padding at stride 1; a downsampling layer pads its blur instead.</param>
/// <param name="Resampling"><see cref="Resampling.None"/> or <see cref="Resampling.Down"/>.</param>
/// <param name="Activated">Whether <c>sqrt(2) * leaky_relu(x + bias, 0.2)</c> follows.</param>
internal sealed record ConvolutionLayer(
    string Name, string Weight, string? Bias, int Inputs, int Outputs, int Kernel, int Padding, Resampling Resampling, bool Activated)
{
    /// <summary>Blur padding on each side before a strided convolution: 2 for 3x3, 1 for 1x1.</summary>
    public int BlurPadding => (Kernel + 1) / 2;
}

/// <summary>EqualLinear: <c>x @ (weight * LrMul / sqrt(Inputs))ᵀ + bias * LrMul</c>.</summary>
/// <param name="Name">The layer in taps and reports.</param>
/// <param name="Weight">Parameter [Outputs, Inputs].</param>
/// <param name="Bias">Parameter [Outputs].</param>
/// <param name="Inputs">Input features.</param>
/// <param name="Outputs">Output features.</param>
/// <param name="LrMul">Learning-rate multiplier, 1 throughout the network.</param>
/// <param name="Activated">Whether <c>sqrt(2) * leaky_relu(., 0.2)</c> follows.</param>
internal sealed record LinearLayer(
    string Name, string Weight, string Bias, int Inputs, int Outputs, float LrMul = 1, bool Activated = false);

/// <summary>
/// ModulatedConv2d: input channels scaled by the style <c>s = Modulation(latent)</c>, convolved with
/// <c>weight / sqrt(Inputs * Kernel²)</c>, and, if demodulated, output channels scaled by
/// <c>d = rsqrt(sum (weight' * s)² + 1e-8)</c>.
/// </summary>
/// <param name="Name">The layer in taps and reports.</param>
/// <param name="Weight">Parameter [1, Outputs, Inputs, Kernel, Kernel].</param>
/// <param name="Modulation">latent -> one factor per input channel.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="Kernel">Extent of the square kernel; padding is half of it.</param>
/// <param name="Resampling">Changes of resolution.</param>
/// <param name="Demodulated">Whether <c>d</c> applies.</param>
internal sealed record ModulatedConvolutionLayer(
    string Name, string Weight, LinearLayer Modulation, int Inputs, int Outputs, int Kernel, Resampling Resampling, bool Demodulated);

/// <summary>StyledConv: a modulated convolution and FusedLeakyReLU with its bias. (The noise input is absent at inference.)</summary>
/// <param name="Name">The layer in taps and reports.</param>
/// <param name="Convolution">The convolution.</param>
/// <param name="Bias">Parameter with one element per output channel.</param>
internal sealed record StyledConvolutionLayer(string Name, ModulatedConvolutionLayer Convolution, string Bias);

/// <summary>
/// ToFlow: <c>o = conv(x) + bias [+ upsampled previous o]</c>; <c>flow = tanh(o[0:2]) + grid</c>, <c>mask = sigmoid(o[2])</c>,
/// <c>warped = grid_sample(feature, flow) * mask</c>, <c>blended = warped + x * (1 - mask)</c>.
/// </summary>
/// <param name="Name">The layer; taps are <c>NAME.flow</c> (o), <c>NAME.warped</c> and <c>NAME.blended</c>.</param>
/// <param name="Convolution">1x1 to 3 channels, modulated, not demodulated.</param>
/// <param name="Bias">Parameter with 3 elements.</param>
internal sealed record ToFlowLayer(string Name, ModulatedConvolutionLayer Convolution, string Bias);

/// <summary>ToRGB: <c>rgb = activated 1x1 conv(x) + bias [+ upsampled previous rgb]</c>.</summary>
/// <param name="Name">The layer in taps and reports.</param>
/// <param name="Convolution">1x1 to 3 channels, activated.</param>
/// <param name="Bias">Parameter with 3 elements, added after the activation.</param>
internal sealed record ToRgbLayer(string Name, ConvolutionLayer Convolution, string Bias);
