using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.Network.Verification;
using Lia.PtxEmulator;
using Lia.Testing;
using Lia.Training.Verification;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Training.Tests;

/// <summary>The layers of training against the official program's gradients.</summary>
public class OperationVerificationTests
{
    [Theory]
    [EveryAccelerator("Float32", 1e-5)]
    [EveryAccelerator("Tf32x3", 1e-5)]
    [EveryAccelerator("Half", 2e-2)]
    public void Gradients_are_the_official_ones(string device, string arithmetic, double limit) =>
        Check(Run(device, loader => Report(loader, arithmetic)), arithmetic, limit);

    // What Hopper has kernels of its own for is left to those of float32 maps.
    [Theory]
    [InlineData("Tf32x3", 1e-5)]
    [InlineData("Half", 2e-2)]
    public void They_are_on_Ampere_too(string arithmetic, double limit)
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(80);
        Check(Report(loader, arithmetic), arithmetic, limit);
    }

    private static VerificationReport Report(KernelLoader loader, string arithmetic)
    {
        using SafetensorsFile golden = new(TestData.Unpack("train_ops.safetensors"));
        Assert.True(OperationVerification.IsOf(golden));
        return OperationVerification.Run(loader, golden, Enum.Parse<ConvolutionArithmetic>(arithmetic));
    }

    private static void Check(VerificationReport report, string arithmetic, double limit)
    {
        string[] wrong = [.. report.Rows.Where(row => !row.IsWithin || row.Limit != limit).Select(row => $"{row.Name}: {row.Error:E2}")];
        Assert.True(wrong.Length == 0, string.Join("\n", wrong));
        // What has parameters and inputs is looked at to the last of them.
        Assert.Contains(report.Rows, row => row.Name == "to_flow.grad.w.m.conv.weight");
        Assert.Contains(report.Rows, row => row.Name == "styled_conv_up.grad.in1");
        Assert.Equal(OperationVerification.Names.Count(), report.Rows.Select(row => row.Name.Split('.')[0]).Distinct().Count());
        // Halves are rounded to: or another arithmetic was looked at.
        if (arithmetic == "Half") Assert.Contains(report.Rows, row => row.Error > 1e-5);
    }
}
