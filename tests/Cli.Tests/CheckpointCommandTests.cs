using System.Text.Json;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Cli.Tests;

/// <summary>convert, inspect and synthesize.</summary>
public class CheckpointCommandTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("tiny_zip.pt", "tiny_expected.safetensors")]
    [InlineData("tiny_legacy.pt", "tiny_expected.safetensors")]
    [InlineData("module_zip.pt", "module_expected.safetensors")]
    [InlineData("module_legacy.pt", "module_expected.safetensors")]
    public void Converted_checkpoints_hold_exactly_the_expected_tensors(string input, string expected)
    {
        string output = files.At($"{input}.safetensors");
        Outcome outcome = CliRunner.Succeed("convert", TestData.Unpack(input), output);
        Assert.Contains("under 'gen'", outcome.Output);
        using SafetensorsFile actual = new(output), truth = new(TestData.Unpack(expected));
        Assert.Equal(truth.Tensors.Keys.Order(), actual.Tensors.Keys.Order());
        foreach (TensorInfo tensor in truth.Tensors.Values)
        {
            Assert.Equal((tensor.DType, $"[{string.Join(", ", tensor.Shape)}]"),
                (actual.Tensors[tensor.Name].DType, $"[{string.Join(", ", actual.Tensors[tensor.Name].Shape)}]"));
            Assert.True(truth.Bytes(tensor.Name).SequenceEqual(actual.Bytes(tensor.Name)), tensor.Name);
        }
    }

    [Theory]
    [InlineData("f16", DType.Float16)]
    [InlineData("bf16", DType.BFloat16)]
    [InlineData("f32", DType.Float32)]
    public void A_model_converted_to_another_type_still_animates(string name, DType type)
    {
        string output = files.At($"{name}.safetensors");
        CliRunner.Succeed("convert", files.Model, output, "--dtype", name);
        using SafetensorsFile converted = new(output);
        Assert.All(converted.Tensors.Values, tensor => Assert.Equal(type, tensor.DType));
        Assert.Equal("true", converted.Metadata["synthetic"]);
        CliRunner.Succeed("animate", files.Source, files.Driving, "-o", files.At($"{name}.png"), "-m", output, "--frames", "0:2", "-q");
    }

    [Fact]
    public void Converting_there_and_back_changes_nothing_but_the_type()
    {
        CliRunner.Succeed("convert", files.Model, files.At("half.safetensors"), "--dtype", "f16", "-q");
        CliRunner.Succeed("convert", files.At("half.safetensors"), files.At("single.safetensors"), "--dtype", "f32", "-q");
        CliRunner.Succeed("convert", files.At("single.safetensors"), files.At("half2.safetensors"), "--dtype", "f16", "-q");
        Assert.Equal(File.ReadAllBytes(files.At("half.safetensors")), File.ReadAllBytes(files.At("half2.safetensors")));
    }

    [Theory]
    [InlineData("./model.safetensors")]
    [InlineData("link.safetensors")]
    public void The_input_is_never_replaced(string name)
    {
        if (name.StartsWith("link", StringComparison.Ordinal)) File.CreateSymbolicLink(files.At(name), files.Model);
        byte[] before = File.ReadAllBytes(files.Model);
        Outcome outcome = CliRunner.Run("convert", files.Model, files.At(name));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains("would replace the input", Assert.Single(outcome.ErrorLines));
        Assert.Equal(before, File.ReadAllBytes(files.Model));
    }

    [Fact]
    public void Inspect_lists_every_tensor_and_what_the_file_is()
    {
        Outcome outcome = CliRunner.Succeed("inspect", files.Model);
        foreach (TensorInfo tensor in Workspace.Narrow.Layout())
            Assert.Contains(outcome.OutputLines, line =>
                line.StartsWith(tensor.Name, StringComparison.Ordinal) && line.Contains($"F32   [{string.Join(", ", tensor.Shape)}]")
                    && line.EndsWith($" {tensor.ElementCount}", StringComparison.Ordinal));
        Assert.Contains($"{Workspace.Narrow.Layout().Count} tensors", outcome.Output);
        Assert.Contains("LIA generator: size 64, style 24, 5 motion directions, channels 12, 10, 8, 6, 4", outcome.Output);
        Assert.Contains("no known variant; relative motion", outcome.Output);
    }

    [Fact]
    public void Inspect_speaks_json()
    {
        JsonElement json = JsonDocument.Parse(CliRunner.Succeed("inspect", files.Model, "--json").Output).RootElement;
        Assert.Equal("safetensors", json.GetProperty("format").GetString());
        Assert.Equal(Workspace.Narrow.Layout().Count, json.GetProperty("tensors").GetArrayLength());
        Assert.Equal(24, json.GetProperty("architecture").GetProperty("style").GetInt32());
        Assert.Equal(0, json.GetProperty("notFinite").GetArrayLength());
    }

    [Fact]
    public void Inspect_tells_where_tensors_were_and_what_is_no_generator()
    {
        Outcome outcome = CliRunner.Succeed("inspect", TestData.Unpack("tiny_zip.pt"));
        Assert.Contains("under 'gen'", outcome.Output);
        Assert.Contains("not a LIA generator", outcome.Output);
    }

    [Fact]
    public void Values_that_are_not_finite_are_named_and_stop_an_animation()
    {
        string damaged = files.At("damaged.safetensors");
        using (SafetensorsFile model = new(files.Model))
        {
            SafetensorsWriter.Write(damaged, model.Tensors.Values, model.Metadata, (tensor, bytes) =>
            {
                model.CopyBytesTo(tensor.Name, bytes);
                if (tensor.Name == "dec.convs.3.conv.weight") BitConverter.TryWriteBytes(bytes[40..], float.NaN);
            });
        }
        Assert.Contains("'dec.convs.3.conv.weight' holds a NaN at element 10", CliRunner.Succeed("inspect", damaged).Output);
        Outcome outcome = CliRunner.Run("animate", files.Source, files.Driving, "-o", files.At("nan.png"), "-m", damaged);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains("dec.convs.3.conv.weight", Assert.Single(outcome.ErrorLines));
        Assert.False(File.Exists(files.At("nan.png")));
    }

    [Fact]
    public void Names_cannot_drive_the_terminal()
    {
        string hostile = files.At("hostile.safetensors");
        SafetensorsWriter.Write(hostile, [new("\e[2J\nowned", DType.UInt8, [1])], new Dictionary<string, string> { ["\e]0;x"] = "\e[31m" },
            (_, bytes) => bytes.Clear());
        Assert.DoesNotContain('\e', CliRunner.Succeed("inspect", hostile).Output);
    }

    [Fact]
    public void Synthesized_checkpoints_follow_the_recipe()
    {
        string output = files.At("synthetic.safetensors");
        Outcome outcome = CliRunner.Succeed("synthesize", "--size", "64", "--seed", "18446744073709551615", "-o", output);
        Assert.Contains("131 tensors", Assert.Single(outcome.OutputLines));
        using SafetensorsFile file = new(output);
        using SyntheticCheckpoint recipe = new(ModelArchitecture.Official(64), ulong.MaxValue);
        Assert.Equal(recipe.Tensors.Keys.Order(), file.Tensors.Keys.Order());
        foreach (string name in recipe.Tensors.Keys) Assert.True(recipe.Read(name).AsSpan().SequenceEqual(file.Read(name)), name);
        Assert.Equal("18446744073709551615", file.Metadata["seed"]);
    }
}
