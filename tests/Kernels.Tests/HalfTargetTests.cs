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
        HalfFirstLayer.Run<PlanarPicture>, HalfFirstLayer.Run<BytePicture>, HalfBlur.Run<SkipBlur>, HalfBlur.Run<DownBlur>,
        HalfBlur.Run<UpBlur>,
        HalfFlowWarp.Run<TwoOctets>, HalfFlowWarp.Run<FourOctets>, HalfFlowWarp.RunPairs<FourOctets>,
        HalfFlowWarp.RunTapped<FourOctets, OneHalf>, HalfRgbWarp.Run, HalfRgbProjection.Run,
        ConstantInput.Run, HalfLinear.Run,
        StyleNormalization.Run, Demodulation.Run,
    }.ToDictionary(kernel => kernel.Method.DeclaringType!.Name + kernel.Method.Name["Run".Length..]
        + string.Concat(kernel.Method.GetGenericArguments().Select(argument => $" of {argument.Name}")));

    public static MatrixTheoryData<string, int> KernelsAndTargets() => new(Kernels.Keys, [75, 80, 89, 90]);

    [Theory, MemberData(nameof(KernelsAndTargets))]
    public void A_half_kernel_compiles_and_uses_no_local_memory(string kernel, int sm)
    {
        string ptx = KernelCompiler.Compile(Kernels[kernel].Method, new CompileTarget(sm)).Ptx;
        Assert.Contains($".target sm_{sm}", ptx);
        Assert.DoesNotContain(".local", ptx);
    }
}
