using Lia.Samples;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Samples;

/// <summary>The sample of an ILGPU program that gives its own kernel to our compiler.</summary>
public class OwnKernelTests
{
    [Theory, EveryAccelerator]
    public void It_computes_on_the_programs_own_accelerator(string device) =>
        Assert.Equal([2f, 5f, -6f], RunExact(device, static loader => OwnKernel.Double(loader.Accelerator, [1f, 2.5f, -3f])));
}
