using Lia.Bench;
using Lia.Gpu.Runtime;
using Lia.PtxEmulator;

namespace Lia.Kernels.Tests;

/// <summary>The measurement of our compiler beside ILGPU's, as far as it runs without a GPU.</summary>
public class AgainstStockTests(ITestOutputHelper output)
{
    // Of the fast way, with float arguments.
    private static readonly string[] Fast = ["HalfRgbWarp_Run"];

    [Fact]
    public void Every_exact_kernel_is_measured()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using ExactKernelCases cases = new(loader, isTiny: true);
        Assert.Equal(ExactKernels.All.Keys.Except(Fast).Order(), cases.All.Select(measured => measured.Kernel).Order());
        // By the names of what is really bound.
        Assert.All(cases.All, measured => Assert.Equal(measured.Kernel, measured.Bind(loader).Kernel.Compiled.EntryPoint));
    }

    [Fact]
    public void A_dry_run_runs_every_kernel_both_ways_to_the_same_result()
    {
        TextWriter console = Console.Out;
        using StringWriter table = new();
        Console.SetOut(table);
        try
        {
            int status = AgainstStock.Run(["--dry"]);
            output.WriteLine(table.ToString());
            Assert.Equal(0, status);
        }
        finally
        {
            Console.SetOut(console);
        }
        Assert.Equal(ExactKernels.All.Count - Fast.Length, table.ToString().Split('\n')
            .Count(line => line.StartsWith("| ", StringComparison.Ordinal)) - 1);
        Assert.DoesNotContain("NaN", table.ToString());
    }
}
