using System.Text.Json;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class ModelArchitectureTests
{
    private static readonly ModelArchitecture Narrow = new(64, 24, 5, [12, 10, 8, 6, 4]);

    public static TheoryData<int> Sizes => [64, 128, 256, 512, 1024];

    [Theory, MemberData(nameof(Sizes))]
    public void Layout_is_that_of_the_official_generator(int size)
    {
        using JsonDocument golden = JsonDocument.Parse(TestData.Read("state_dict_layout.json"));
        IEnumerable<string> expected = golden.RootElement.GetProperty(size.ToString()).EnumerateObject()
            .Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Value.EnumerateArray())}]");
        IEnumerable<string> actual = ModelArchitecture.Official(size).Layout()
            .Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Shape)}]");
        Assert.Equal(expected, actual);
    }

    [Theory, MemberData(nameof(Sizes))]
    public void The_architecture_is_read_off_the_shapes(int size)
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(size), 1);
        Assert.Equal(ModelArchitecture.Official(size), ModelArchitecture.Infer(checkpoint));
    }

    [Fact]
    public void Any_width_is_read_off_the_shapes_and_valid()
    {
        using SyntheticCheckpoint checkpoint = new(Narrow, 1);
        Assert.Equal(Narrow, ModelArchitecture.Infer(checkpoint));
        Narrow.Validate(checkpoint);
        Assert.Null(ModelManifest.Identify(checkpoint).Variant);
    }

    /// <summary>Whichever tensor is missing or misshapen, it is the one that is named, with what was expected.</summary>
    [Fact]
    public void Each_missing_or_misshapen_tensor_is_named()
    {
        foreach (TensorInfo tensor in Narrow.Layout())
        {
            using EditedSource missing = new(Narrow), misshapen = new(Narrow);
            missing.Remove(tensor.Name);
            Assert.Contains($"not a LIA generator for size 64: {tensor.Name} [{string.Join(", ", tensor.Shape)}] is missing",
                Refusal(missing));
            misshapen.Set(tensor with { Shape = [.. tensor.Shape, 7] });
            Assert.Contains(
                $"{tensor.Name} has the shape [{string.Join(", ", tensor.Shape)}, 7], [{string.Join(", ", tensor.Shape)}] was expected",
                Refusal(misshapen));
            misshapen.Set(tensor with { Shape = [tensor.Shape[0] + 1, .. tensor.Shape.Skip(1)] });
            Assert.Contains($"for size 64: {tensor.Name} has the shape [{tensor.Shape[0] + 1}", Refusal(misshapen));
        }
    }

    [Fact]
    public void Surplus_tensors_are_named_and_many_problems_counted()
    {
        using EditedSource source = new(Narrow);
        source.Set(new("dis.0.weight", DType.Float32, [3]));
        Assert.Contains("dis.0.weight [3] is not part of the model", Refusal(source));
        for (int i = 1; i < 20; i++) source.Set(new($"dis.{i}.weight", DType.Float32, [3]));
        Assert.EndsWith("; and 15 more", Refusal(source));
    }

    [Fact]
    public void Integers_are_refused_as_weights()
    {
        using EditedSource source = new(Narrow);
        source.Set(source.Tensors["enc.fc.0.bias"] with { DType = DType.Int64 });
        Assert.Contains("enc.fc.0.bias is of type I64, a float was expected", Refusal(source));
    }

    [Theory]
    [InlineData("enc.net_app.convs.1.conv2.0.kernel")]
    [InlineData("dec.to_flows.0.upsample.kernel")]
    public void Another_kernel_than_the_one_computed_with_is_refused(string name)
    {
        using EditedSource source = new(Narrow);
        source.Values[name] = [.. Enumerable.Repeat(0.25f, 16)];
        Assert.Contains($"{name} is not the FIR kernel", Refusal(source));
    }

    [Theory]
    [InlineData(float.NaN, "a NaN")]
    [InlineData(float.NegativeInfinity, "-infinity")]
    public void A_weight_that_is_not_finite_is_named_when_it_is_read(float bad, string called)
    {
        using EditedSource source = new(Narrow);
        source.Values["enc.fc.2.bias"] = [.. Enumerable.Range(0, 24).Select(i => i == 17 ? bad : i)];
        Assert.Contains($"tensor 'enc.fc.2.bias' holds {called} at element 17 of 24",
            Assert.Throws<WeightsException>(() => source.Read("enc.fc.2.bias")).Message);
    }

    [Fact]
    public void Something_else_than_a_generator_is_refused()
    {
        using ITensorSource tiny = Checkpoint.Open(TestData.Unpack("tiny_zip.pt"));
        Assert.Contains("not a LIA generator", Assert.Throws<WeightsException>(() => ModelArchitecture.Infer(tiny)).Message);
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(12, 16384)]
    public void Sizes_that_are_not_supported_are_named(int levels, int size)
    {
        using EditedSource source = new(Narrow);
        foreach (string name in source.Tensors.Keys.Where(name => name.StartsWith("dec.to_flows.", StringComparison.Ordinal)).ToList())
            source.Remove(name);
        source.Set(new($"dec.to_flows.{levels - 1}.bias", DType.Float32, [1, 3, 1, 1]));
        Assert.Contains($"picture size of {size}", Refusal(source));
    }

    private static string Refusal(ITensorSource source) => Assert.Throws<WeightsException>(() => ModelManifest.Identify(source)).Message;
}
