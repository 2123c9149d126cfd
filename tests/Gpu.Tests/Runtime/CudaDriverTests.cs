using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests.Kernels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>Each way of not having CUDA is its own clear message, and each failing driver call names itself.</summary>
public class CudaDriverTests
{
    [Fact]
    public void Without_a_driver_the_libraries_tried_are_named()
    {
        CudaDriver driver = CudaDriver.Start(["libno-such-driver.so.1", "no-such-driver.dll"]);
        Assert.Equal(CudaUnavailableReason.NoDriver, driver.Problem!.Reason);
        Assert.StartsWith("no NVIDIA driver: libno-such-driver.so.1, no-such-driver.dll could not be loaded", driver.Problem.Message);
    }

    [Fact]
    public void A_library_that_is_no_driver_says_what_it_lacks()
    {
        string library = OperatingSystem.IsWindows() ? "kernel32.dll" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6";
        CudaDriver driver = CudaDriver.Start([library]);
        Assert.Equal(CudaUnavailableReason.UnusableDriver, driver.Problem!.Reason);
        Assert.StartsWith($"{library} is not a usable NVIDIA driver: it has no function cu", driver.Problem.Message);
    }

    [Fact]
    public void A_driver_that_sees_no_device_and_one_that_does_not_start_are_told_apart()
    {
        Assert.Null(CudaDriver.Explain(CudaResult.Success));
        Assert.Equal(CudaUnavailableReason.NoDevice, CudaDriver.Explain(CudaResult.NoDevice)!.Reason);
        CudaUnavailableException failed = CudaDriver.Explain((CudaResult)999)!;
        Assert.Equal(CudaUnavailableReason.InitializationFailed, failed.Reason);
        Assert.Contains("cuInit returned 999", failed.Message);
    }

    [Theory]
    [InlineData(11070, "the NVIDIA driver is too old: it serves CUDA 11.7, and 11.8 or later is needed (driver 520 or later)")]
    [InlineData(11080, null)]
    [InlineData(13000, null)]
    public void A_driver_too_old_says_its_version_and_the_one_needed(int version, string? problem) =>
        Assert.Equal(problem, CudaDriver.DemandVersion(version)?.Message);

    [Fact]
    public void Discovery_never_throws_and_gives_devices_or_a_reason()
    {
        bool found = CudaDeviceInfo.TryEnumerate(out var devices, out string? problem);
        Assert.Equal(found, !devices.IsEmpty);
        Assert.Equal(found, problem is null);
        if (!found)
            Assert.Equal(problem, Assert.Throws<CudaUnavailableException>(() => CudaDeviceInfo.Enumerate()).Message);
    }

    [Fact]
    public void Every_function_is_imported_by_a_name_of_the_driver()
    {
        string[] functions = [.. CudaApi.Functions];
        Assert.True(functions.Length >= 30);
        Assert.All(functions, name => Assert.Matches("^cu[A-Z][A-Za-z0-9]*(_v[0-9])?$", name));
        Assert.Contains("cuMemHostAlloc", functions);
        Assert.Contains("cuLaunchKernel", functions);
    }

    [Fact]
    public void An_error_names_the_call_the_error_and_what_was_done()
    {
        var e = new CudaException("cuMemcpyHtoDAsync", 1, "CUDA_ERROR_INVALID_VALUE", "invalid argument", "64 bytes");
        Assert.Equal("cuMemcpyHtoDAsync: CUDA_ERROR_INVALID_VALUE (1), invalid argument: 64 bytes", e.Message);
        Assert.EndsWith("until the process ends",
            new CudaException("cuStreamSynchronize", 700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered",
            null).Message);
    }

    [Theory]
    [InlineData(75, 13000, "sm_75 (PTX 7.8)"), InlineData(86, 13000, "sm_86 (PTX 7.8)"), InlineData(88, 13000, "sm_87 (PTX 7.8)"),
        InlineData(89, 13000, "sm_89 (PTX 7.8)")]
    [InlineData(90, 13000, "sm_90a (PTX 8.3)"), InlineData(90, 12020, "sm_90a (PTX 8.0)"), InlineData(90, 11080, "sm_90 (PTX 7.8)")]
    [InlineData(100, 13000, "sm_90 (PTX 7.8)"), InlineData(120, 13000, "sm_90 (PTX 7.8)")]
    public void Kernels_are_compiled_for_the_newest_architecture_that_the_device_runs(int device, int driver, string target) =>
        Assert.Equal(target, CudaDeviceInfo.NewestTarget(device, driver).ToString());

    [CudaFact]
    public void A_device_has_a_name_limits_and_memory()
    {
        CudaDeviceInfo first = TestAccelerators.CudaDevice;
        Assert.NotEmpty(first.Properties.Name);
        Assert.InRange(first.Properties.Sm, 75, 999);
        Assert.InRange(first.Properties.Multiprocessors, 1, 1000);
        Assert.Equal(1024, first.Properties.MaxThreadsPerGroup);
        Assert.InRange(first.Properties.MaxSharedBytesPerGroup, 64 * 1024, 1 << 20);
        Assert.InRange(first.Properties.MemoryBytes, 1L << 30, 1L << 42);
        Assert.InRange(CudaDeviceInfo.DriverVersion, CudaDriver.OldestVersion, 99999);
    }

    [CudaFact]
    public void A_failing_call_throws_with_the_drivers_words()
    {
        Run(CudaName, loader =>
        {
            loader.Accelerator.Synchronize();
            var e = Assert.Throws<CudaException>(() => CudaApi.cuEventSynchronize(0).Check());
            Assert.Equal("cuEventSynchronize", e.Call);
            Assert.StartsWith("CUDA_ERROR_INVALID", e.ErrorName);
            return 0;
        });
    }

    [CudaFact]
    public void PTX_that_does_not_assemble_comes_with_the_assemblers_log()
    {
        using KernelLoader loader = TestAccelerators.CudaDevice.Open();
        var device = new CudaKernelDevice((ILGPU.Runtime.Cuda.CudaAccelerator)loader.Accelerator);
        var broken = new CompiledKernel
        {
            EntryPoint = "Broken",
            Ptx = ".version 7.8\n.target sm_75\n.address_size 64\n.visible .entry Broken()\n{\n  frobnicate.u32 %r1;\n  ret;\n}\n",
            Parameters = [],
            ParameterBytes = 0,
            StaticSharedBytes = 0,
            UsesDynamicShared = false,
            IsImplicitlyGrouped = false,
            Target = loader.Target,
        };
        var e = Assert.Throws<CudaException>(() => device.Load(loader, broken));
        Assert.Equal("cuModuleLoadDataEx", e.Call);
        Assert.Contains("frobnicate", e.Message);
        Assert.Equal(0, loader.Live.Count);
    }

    [CudaFact]
    public void Loaded_kernels_tell_their_registers_and_spills()
    {
        Run(CudaName, loader =>
        {
            Action<ArrayView<float>, ArrayView<float>> sum = ReductionTests.Sum;
            KernelAttributes attributes = loader.Load(sum.Method).Attributes;
            Assert.InRange(attributes.Registers, 8, 64);
            Assert.Equal(0, attributes.LocalBytes);
            Assert.InRange(attributes.StaticSharedBytes, 16, 64);
            return 0;
        });
    }

    [CudaFact]
    public void Accelerators_of_several_devices_work_from_several_threads_and_leave_nothing_behind()
    {
        var devices = CudaDeviceInfo.Enumerate();
        Parallel.For(0, 4, worker =>
        {
            using KernelLoader loader = devices[worker % devices.Length].Open();
            var step = loader.Load<Action<Index1D, ArrayView<int>, int, int>>(StreamTests.AffineStep);
            for (int round = 0; round < 20; round++)
            {
                using var buffer = loader.Allocate1D(Enumerable.Range(0, 500).ToArray());
                step(500, buffer.View, worker, round);
                Assert.Equal(Enumerable.Range(0, 500).Select(i => i * worker + round), buffer.GetAsArray1D());
            }
            loader.Dispose();
            Assert.Equal(0, loader.Live.Count);
        });
    }
}
