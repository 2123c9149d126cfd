using System.Reflection;
using Lia.Gpu;
using Lia.Gpu.Compiler;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.PtxEmulator;

namespace Lia.Kernels.Tests;

/// <summary>Every exact kernel by ILGPU's own compiler for CUDA, without a device.</summary>
public class StockCompilationTests
{
    // Turing, Ampere, and the newest that ILGPU 1.5.3 knows.
    private static readonly int[] Architectures = [75, 80, 121];

    public static MatrixTheoryData<string, int> KernelsAndTargets() => new(ExactKernels.All.Keys, Architectures);

    [Theory, MemberData(nameof(KernelsAndTargets))]
    public void An_exact_kernel_compiles_to_PTX_that_needs_nothing_outside_itself(string name, int sm)
    {
        string ptx = ExactKernels.CompileByIlgpu(ExactKernels.All[name], sm / 10, sm % 10);
        // What ILGPU does not know it declares .extern, without an error: the driver then links nothing.
        Assert.DoesNotContain(".extern", ptx);
        Assert.DoesNotContain("call", ptx);
        PtxEntry entry = Assert.Single(PtxModule.Parse(ptx).EntryNames.Select(entry => PtxModule.Parse(ptx)[entry]));
        // The arguments lie as our compiler lays them out.
        Assert.Equal(KernelCompiler.Compile(ExactKernels.All[name], new CompileTarget(80)).ParameterBytes, entry.ParameterBytes);
    }

    [Fact]
    public void The_kernels_that_are_found_are_those_of_the_network_in_float32()
    {
        string[] families = [.. ExactKernels.All.Values.Select(kernel => $"{kernel.DeclaringType!.Name}.{kernel.Name}").Distinct()];
        Assert.Superset(
            new HashSet<string>
            {
                "ConvolutionKernel.Run", "SplitReduction.Run", "FirstLayer.Run", "LinearKernel.Run", "Demodulation.Run", "Blur.Run",
                    "FlowWarp.Run", "HouseholderQr.Run", "FiniteCheck.Run",
                "WeightPacking.Run", "WeightPacking.RunSquares", "WeightGradientKernel.Run", "WeightGradientReduction.Run",
                "ActivationGradient.Run", "AddScaled.Run", "OrderedSum.Run", "StyleGradient.Run", "StyleGradient.AddFrames",
                "DemodulationGradient.ToStyle", "DemodulationGradient.ToWeight", "BlurGradient.Run", "UpsampleGradient.Run",
                "FlowWarpGradient.Clear", "FlowWarpGradient.ToFlow", "FlowWarpGradient.ToMaps", "FlowWarpGradient.Collect",
                "FlowWarpGradient.SumPlanes", "FlowWarpGradient.Finish",
                "PixelConversion.Normalize", "PixelConversion.Pack",
            },
            families.ToHashSet());
        // 5 tiles, by quads of channels or one by one
        Assert.Equal(10, ExactKernels.All.Values.Count(kernel => kernel.DeclaringType == typeof(ConvolutionKernel)));
    }

    [Fact]
    public void Every_intrinsic_is_marked_for_ILGPU_which_else_compiles_its_body()
    {
        MethodInfo[] intrinsics = [.. typeof(Intrinsics)
            .GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Where(method => method.IsDefined(typeof(PtxAttribute)))];
        Assert.NotEmpty(intrinsics);
        Assert.All(intrinsics, method =>
            Assert.True(method.IsDefined(typeof(ILGPU.IR.Intrinsics.IntrinsicImplementationAttribute)), method.Name));
    }

    [Fact]
    public void An_intrinsic_that_ILGPU_cannot_have_is_refused_by_name()
    {
        static void Ballot(LinearArguments a) => a.Output[0] = Intrinsics.Ballot(a.Input[0] > 0f);
        MethodInfo kernel = ((Action<LinearArguments>)Ballot).Method;
        string message = Assert.ThrowsAny<Exception>(() => ExactKernels.CompileByIlgpu(kernel, 8, 0)).GetBaseException().Message;
        Assert.Contains("Intrinsics.Ballot is not known to ILGPU's own compiler as PTX", message);
    }
}
