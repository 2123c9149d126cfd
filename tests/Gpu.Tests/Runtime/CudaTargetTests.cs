using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Tests;

/// <summary>The architecture that LIA_CUDA_TARGET names.</summary>
public class CudaTargetTests
{
    private const int Cuda13 = 13000;

    [Theory]
    [InlineData(null, 90, "sm_90a")]
    [InlineData(null, 86, "sm_86")]
    [InlineData("sm_90a", 90, "sm_90a")]
    [InlineData("sm_90", 90, "sm_90")]
    [InlineData("sm_80", 90, "sm_80")]
    [InlineData("sm_75", 90, "sm_75")]
    [InlineData("sm_75", 75, "sm_75")]
    [InlineData("sm_90", 120, "sm_90")]
    public void A_target_is_the_one_that_is_named_or_the_newest(string? forced, int sm, string expected) =>
        Assert.Equal(expected, CudaTarget.Choose(forced, "A GPU", sm, Cuda13).Name);

    [Fact]
    public void A_target_named_as_the_newest_is_the_newest_in_all() =>
        Assert.Equal(new CompileTarget(90, true, 8, 3), CudaTarget.Choose("sm_90a", "A GPU", 90, Cuda13));

    [Theory]
    [InlineData("sm_12", 90, Cuda13, "is 'sm_12', which is none of sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a")]
    [InlineData("80", 90, Cuda13, "is '80', which is none of")]
    [InlineData("SM_80", 90, Cuda13, "is 'SM_80', which is none of")]
    [InlineData("sm_89", 86, Cuda13, "is 'sm_89', which is newer than A GPU (sm_86)")]
    [InlineData("sm_90a", 120, Cuda13, "runs on sm_90 alone, and A GPU is sm_120")]
    [InlineData("sm_90a", 80, Cuda13, "runs on sm_90 alone, and A GPU is sm_80")]
    [InlineData("sm_90a", 90, 11080, "the driver is older than CUDA 12.0")]
    public void A_target_that_cannot_be_is_refused_by_name(string forced, int sm, int driver, string reason)
    {
        string message = Assert.Throws<NotSupportedException>(() => CudaTarget.Choose(forced, "A GPU", sm, driver)).Message;
        Assert.Contains(CudaTarget.Variable, message);
        Assert.Contains(reason, message);
    }

    [CudaFact]
    public void What_is_named_is_what_a_device_compiles_for()
    {
        CudaDeviceInfo device = TestAccelerators.CudaDevice;
        using (KernelLoader loader = device.Open()) Assert.Equal(CudaTarget.Of(device), loader.Target);
        using (KernelLoader older = device.Open(new CompileTarget(75))) Assert.Equal("sm_75", older.Target.Name);
    }
}
