using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Network.Cuda;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Training.Verification;

/// <summary>Reproduces the reference files of gradients on a GPU: of building blocks, and of whole training steps.</summary>
internal static class GradientVerification
{
    /// <summary>Whether a reference file is of gradients.</summary>
    public static bool IsOf(ITensorSource golden)
    {
        ArgumentNullException.ThrowIfNull(golden);
        return StepVerification.IsOf(golden) || OperationVerification.IsOf(golden);
    }

    /// <summary>Runs a verification.</summary>
    /// <param name="golden">A file of which <see cref="IsOf"/> is true.</param>
    /// <param name="gpu">The driver's number of a GPU; null for the first that can be used.</param>
    /// <param name="isFast">Whether operands are rounded to halves. Of a whole step that is told and not judged: synthetic weights amplify
    /// rounding beyond use.</param>
    /// <exception cref="GpuUnavailableException">There is no CUDA GPU, or none of that number: the processor does not train.</exception>
    /// <exception cref="WeightsException">The file is not such a reference file.</exception>
    public static VerificationReport Run(ITensorSource golden, int? gpu, bool isFast = false)
    {
        ArgumentNullException.ThrowIfNull(golden);
        using KernelLoader loader = Find(gpu).Open();
        return StepVerification.IsOf(golden) ? StepVerification.Run(loader, golden, isFast)
            : OperationVerification.Run(loader, golden, isFast ? ConvolutionArithmetic.Half : ConvolutionArithmetic.Tf32x3);
    }

    private static CudaDeviceInfo Find(int? gpu)
    {
        try
        {
            return GpuOpening.FindCuda(gpu is { } number ? [number] : [])[0];
        }
        catch (GpuUnavailableException e)
        {
            throw new GpuUnavailableException($"Gradients need a CUDA GPU: {e.Message}", e.IsAbsent, e);
        }
    }
}
