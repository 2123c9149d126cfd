using System.Runtime.InteropServices;
using System.Text.Json;
using Lia.Cli.Commands;
using Lia.Network.Verification;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Cli.Tests;

public sealed class VerifyCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-verify-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_reference_that_is_met_ends_with_ok()
    {
        Outcome outcome = CliRunner.Run("verify", TestData.Unpack("net64.safetensors"));
        Assert.Equal(ExitCode.Success, outcome.Status);
        Assert.Matches(@"^frames relative error \d\.\d\de-\d\d \(limit 1\.15e-04\) ok$", outcome.OutputLines[^1]);
        foreach (string name in new[] { "wa", "alpha.source", "Q", "feat.0", "tap.dec.convs.0", "frames", "manipulate.0" })
            Assert.Contains(outcome.OutputLines, line =>
                line.StartsWith($"{name} ", StringComparison.Ordinal) && line.EndsWith(" ok", StringComparison.Ordinal));
    }

    [Fact]
    public void What_has_no_limit_is_shown_without_a_verdict()
    {
        VerificationReport report = new([new("tap.a", 0.5, null), new("tap.b", double.NaN, null), new("frames", 1e-3, 1e-2)],
            "CUDA (A GPU, fp16)");
        StringWriter text = new() { NewLine = "\n" }, json = new();
        VerifyCommand.WriteText(text, "file", report);
        string[] lines = text.ToString().Split('\n');
        Assert.Matches(@"^tap\.a +5\.00e-01 +-$", lines.Single(line => line.StartsWith("tap.a", StringComparison.Ordinal)).TrimEnd());
        Assert.EndsWith(" FAILED", lines.Single(line => line.StartsWith("tap.b", StringComparison.Ordinal)));
        Assert.Contains("3 tensors, 1 over the limit, 2 without one (PyTorch's fp16 error was not measured on this file)", text.ToString());

        VerifyCommand.WriteJson(json, "file", report);
        JsonElement[] rows = [.. JsonDocument.Parse(json.ToString()).RootElement.GetProperty("tensors").EnumerateArray()];
        Assert.Equal([JsonValueKind.Null, JsonValueKind.False, JsonValueKind.True], rows.Select(row => row.GetProperty("ok").ValueKind));
        Assert.Equal([JsonValueKind.Null, JsonValueKind.Null, JsonValueKind.Number],
            rows.Select(row => row.GetProperty("limit").ValueKind));
    }

    [Theory]
    [InlineData("frames")]
    [InlineData("alpha.drive")]
    public void A_reference_that_is_missed_ends_with_failed(string tensor)
    {
        string damaged = Path.Combine(_folder, "damaged.safetensors");
        using (SafetensorsFile golden = new(TestData.Unpack("net64.safetensors")))
        {
            SafetensorsWriter.Write(damaged, golden.Tensors.Values, golden.Metadata, (info, bytes) =>
            {
                golden.CopyBytesTo(info.Name, bytes);
                if (info.Name == tensor) MemoryMarshal.Cast<byte, float>(bytes)[1] += 1;
            });
        }
        Outcome outcome = CliRunner.Run("verify", damaged);
        Assert.Equal(ExitCode.Failure, outcome.Status);
        Assert.Matches(@"^frames relative error .* FAILED$", outcome.OutputLines[^1]);
        Assert.Contains(outcome.OutputLines, line =>
            line.StartsWith($"{tensor} ", StringComparison.Ordinal) && line.EndsWith(" FAILED", StringComparison.Ordinal));

        Outcome json = CliRunner.Run("verify", damaged, "--json", "--threads", "1");
        Assert.Equal(ExitCode.Failure, json.Status);
        JsonElement report = JsonDocument.Parse(json.Output).RootElement;
        Assert.False(report.GetProperty("ok").GetBoolean());
        Assert.Equal([tensor], report.GetProperty("tensors").EnumerateArray().Where(row => !row.GetProperty("ok").GetBoolean())
            .Select(row => row.GetProperty("name").GetString()));
    }

    /// <summary>Files of gradients have a generator's names, of gradients and of values: they are opened all the same, and what comes next
    /// is the GPU, of which none has this number.</summary>
    [Theory]
    [InlineData("train_ops.safetensors")]
    [InlineData("train128.safetensors")]
    public void Files_of_gradients_need_a_gpu_and_no_more(string name)
    {
        string golden = TestData.Unpack(name);
        Outcome outcome = CliRunner.Run("verify", golden, "--device", "cuda:4096");
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.StartsWith("lia: Gradients need a CUDA GPU: ", Assert.Single(outcome.ErrorLines));
        outcome = CliRunner.Run("verify", golden, "--device", "cpu");
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Equal($"lia: {name}: gradients need a CUDA GPU: --device is cuda or cuda:N.", Assert.Single(outcome.ErrorLines));
    }

    [Fact]
    public void A_pytorch_checkpoint_is_no_reference_file()
    {
        Outcome outcome = CliRunner.Run("verify", TestData.Unpack("tiny_zip.pt"));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains("this is a PyTorch checkpoint; a safetensors file is needed", Assert.Single(outcome.ErrorLines));
    }
}
