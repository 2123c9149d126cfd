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
    private static readonly Dictionary<string, Delegate> Kernels = new Delegate[]
    {
        HalfFirstLayer.Run<PlanarPicture>, HalfFirstLayer.Run<BytePicture>,
        HalfBlur.Run<SkipBlur, EightRows>, HalfBlur.Run<SkipBlur, TwoRows>, HalfBlur.Run<DownBlur, EightRows>,
        HalfBlur.Run<DownBlur, TwoRows>, HalfBlur.Run<UpBlur, EightRows>, HalfBlur.Run<UpBlur, TwoRows>,
        HalfBlurPair.Run<EightRows>, HalfBlurPair.Run<TwoRows>, HalfBlurPair.RunPairs<EightRows>, HalfBlurPair.RunPairs<TwoRows>,
        HalfFlowWarp.Run<TwoOctets>, HalfFlowWarp.Run<FourOctets>, HalfFlowWarp.RunPairs<FourOctets>,
        HalfFlowWarp.RunTapped<FourOctets, OneHalf>, HalfRgbWarp.Run, HalfRgbProjection.Run,
        HalfSplitReduction.Run, HalfSplitReduction.RunPairs,
        HalfLinear.Run<OneFrame>, HalfLinear.Run<FourFrames>, HalfLinear.RunPairs<OneFrame>, HalfLinear.RunPairs<FourFrames>,
        NormalizedStyles.Run<OneHalf, OneFrame>, NormalizedStyles.Run<OneHalf, FourFrames>, NormalizedStyles.Run<TwoHalves, OneFrame>,
        NormalizedStyles.Run<TwoHalves, FourFrames>, Demodulation.Run, LinearKernel.Run, LinearKernel.RunOne,
    }.ToDictionary(kernel => kernel.Method.DeclaringType!.Name
        + (kernel.Method.Name == "Run" ? "" : $".{kernel.Method.Name}")
        + string.Concat(kernel.Method.GetGenericArguments().Select(argument => $" of {argument.Name}")));

    public static MatrixTheoryData<string, int> KernelsAndTargets() => new(Kernels.Keys, [75, 80, 89, 90]);

    [Theory, MemberData(nameof(KernelsAndTargets))]
    public void A_half_kernel_compiles_and_uses_no_local_memory(string kernel, int sm)
    {
        string ptx = KernelCompiler.Compile(Kernels[kernel].Method, new CompileTarget(sm)).Ptx;
        Assert.Contains($".target sm_{sm}", ptx);
        Assert.DoesNotContain(".local", ptx);
    }

    [Theory, InlineData(0, false), InlineData(3, true)]
    public void What_reads_tensor_maps_acquires_them_where_the_driver_knows_how(int ptxMinor, bool acquires)
    {
        Delegate[] kernels =
        [
            WgmmaConvolution.RunAlone<Wgmma256x64, Chunk64, RawResult>, WgmmaConvolution.RunInPairs<Wgmma128x64, Chunk64, RawResult>,
            WgmmaPairConvolution.Run<WgmmaPair128x64, Chunk64, RawResult>, WgmmaUpConvolution.Run<WgmmaUp64, Chunk64, RawResult>,
            WgmmaFlatUpConvolution.Run<RawResult>, WgmmaWideConvolution.Run<AnyResult>, WgmmaWideUpConvolution.Run<RawResult>,
            WgmmaWeightGradient.Run<PlainHalves>,
        ];
        foreach (Delegate kernel in kernels)
        {
            string ptx = KernelCompiler.Compile(kernel.Method, new CompileTarget(90, true, 8, ptxMinor)).Ptx;
            Assert.Contains("cp.async.bulk.tensor", ptx, StringComparison.Ordinal);
            Assert.Equal(acquires, ptx.Contains("fence.proxy.tensormap", StringComparison.Ordinal));
        }
    }
}
