using System.Reflection;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;
using Lia.Kernels.Tests;
using Lia.PtxEmulator;

namespace Lia.Gpu.Tests;

/// <content>The emulator with the PTX of ILGPU's own compiler: what stock ILGPU runs on CUDA, without a device.</content>
internal static partial class TestAccelerators
{
    public const string StockEmulatorName = "ILGPU's PTX on the emulator";

    static partial void AddEngines(Dictionary<string, Func<KernelLoader>> engines) => engines.Add(
        StockEmulatorName, () =>
            EmulatorAccelerator.CreateLoader(80, new EmulatorOptions { DetectGlobalRaces = true }, replace: CompileByIlgpu));

    private static CompiledKernel CompileByIlgpu(CompiledKernel ours)
    {
        if (!ExactKernels.All.TryGetValue(ours.EntryPoint, out MethodInfo? kernel))
        {
            // One of a test class: Class_Method.
            int end = ours.EntryPoint.LastIndexOf('_');
            kernel = typeof(TestAccelerators).Assembly.GetTypes().Single(type => type.Name == ours.EntryPoint[..end])
                .GetMethod(ours.EntryPoint[(end + 1)..], BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!;
        }
        string ptx = ExactKernels.CompileByIlgpu(kernel, 8, 0);
        return new()
        {
            EntryPoint = PtxModule.Parse(ptx).EntryNames.Single(),
            Ptx = ptx,
            Parameters = ours.Parameters,
            ParameterBytes = ours.ParameterBytes,
            StaticSharedBytes = ours.StaticSharedBytes,
            UsesDynamicShared = ours.UsesDynamicShared,
            DynamicSharedPadding = ours.DynamicSharedPadding,
            IsImplicitlyGrouped = ours.IsImplicitlyGrouped,
            Target = ours.Target,
        };
    }
}
