using Lia.Network.Cpu;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Network.Tests;

/// <summary>The whole network against the official program: every tensor of the reference files.</summary>
public class GoldenNetworkTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("net64")]
    [InlineData("net64_absolute")]
    [InlineData("net128")]
    [InlineData("net256")]
    public void Every_tensor_is_within_five_times_the_float32_error_of_PyTorch(string name)
    {
        using SafetensorsFile golden = Golden.Open(name);
        VerificationReport report = GoldenVerification.Run(golden, (weights, architecture) => new CpuExecutor(weights, architecture));
        foreach (VerificationRow row in report.Rows) output.WriteLine($"{row.Name,-36} {row.Error:E2} (limit {row.Limit:E2})");
        Assert.All(report.Rows, row => Assert.True(row.IsWithin, $"{row.Name}: relative error {row.Error:E2}, limit {row.Limit:E2}"));
        Assert.Contains(report.Rows, row => row.Name == "wa");
        Assert.True(report.Frames.Error > 0, "an exact zero would mean that nothing was computed");
    }
}
