using Lia.Gpu.Compiler;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;

namespace Lia.Kernels.Tests;

/// <summary>The half kernels on other architectures than the emulator's.</summary>
public class HalfTargetTests
{
    [Theory, InlineData(75), InlineData(80), InlineData(89), InlineData(90)]
    public void Half_kernels_compile_and_use_no_local_memory(int sm)
    {
        Delegate[] kernels =
        [
            HalfFirstLayer.Run<PlanarPicture>, HalfFirstLayer.Run<BytePicture>, HalfBlur.Run<SkipBlur>, HalfBlur.Run<DownBlur>,
            HalfBlur.Run<UpBlur>,
            HalfFlowWarp.Run<OneOctet>, HalfFlowWarp.Run<TwoOctets>, HalfFlowWarp.Run<FourOctets>, HalfRgbWarp.Run, HalfRgbProjection.Run,
            ConstantInput.Run, HalfLinear.Run,
            StyleNormalization.Run, Demodulation.Run,
        ];
        foreach (Delegate kernel in kernels)
        {
            string ptx = KernelCompiler.Compile(kernel.Method, new CompileTarget(sm)).Ptx;
            Assert.Contains($".target sm_{sm}", ptx);
            Assert.DoesNotContain(".local", ptx);
        }
    }
}
