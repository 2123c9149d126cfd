using System.Reflection;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.Network.Cuda;
using Xunit.Sdk;
using Xunit.v3;

namespace Lia.Kernels.Tests;

/// <summary>As <see cref="EveryAcceleratorAttribute"/>, on each with the kernels for every machine: two names, then the
/// arguments.</summary>
/// <param name="arguments">What the test is given behind the names; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryMachineAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. from device in TestAccelerators.Names
                from machine in Enum.GetNames<ConvolutionMachine>()
                select new TheoryDataRow([device, machine, .. arguments])]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>As <see cref="EveryEngineAttribute"/>, on each by every way that it has through the network: the engine's name, a
/// <see cref="CudaPrecision"/>'s name, then the arguments.</summary>
/// <param name="arguments">What the test is given behind the names; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryWayAttribute(params object[] arguments) : DataAttribute
{
    /// <summary>Whether ILGPU's processor accelerator is one of the engines; false only with the reason beside it.</summary>
    public bool OnProcessor { get; set; } = true;

    /// <summary>Whether only what gives float32 accuracy is wanted: the way the engine takes by itself, and the float32 cores.</summary>
    public bool IsExact { get; set; } = true;

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. from engine in TestAccelerators.EngineNames
                where OnProcessor || engine != TestAccelerators.StockProcessorName
                from precision in Ways(engine)
                select new TheoryDataRow([engine, precision.ToString(), .. arguments])]);

    public override bool SupportsDiscoveryEnumeration() => true;

    // ILGPU's own compiler has the kernels for float32 cores alone.
    private CudaPrecision[] Ways(string engine) =>
        engine is not (TestAccelerators.EmulatorName or TestAccelerators.CudaName) ? [CudaPrecision.Exact]
        : IsExact ? [CudaPrecision.Exact, CudaPrecision.Float32] : Enum.GetValues<CudaPrecision>();
}
