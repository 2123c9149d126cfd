using System.Security.Cryptography;
using System.Text.Json;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class ModelManifestTests
{
    [Theory]
    [InlineData("vox", 256, true)]
    [InlineData("taichi", 256, true)]
    [InlineData("ted", 256, false)]
    [InlineData("512", 512, true)]
    public void The_official_variants_are_there(string name, int size, bool relative)
    {
        ModelVariant variant = Assert.IsType<ModelVariant>(ModelManifest.Find(name));
        Assert.Equal(ModelArchitecture.Official(size), variant.Architecture);
        Assert.Equal(relative, variant.Relative);
        using JsonDocument golden = JsonDocument.Parse(TestData.Read("state_dict_layout.json"));
        Assert.Equal(
            golden.RootElement.GetProperty(size.ToString()).EnumerateObject()
                .Select(tensor => $"{tensor.Name} F32 [{string.Join(", ", tensor.Value.EnumerateArray())}]"),
            variant.Tensors.Select(tensor => $"{tensor.Name} {tensor.DType.SafetensorsName()} [{string.Join(", ", tensor.Shape)}]"));
    }

    private static string Demo => TestData.Model("demo.safetensors");

    /// <summary>After exporting the model again, the manifest's length and hash are to be brought up to date.</summary>
    [Fact]
    public void The_demonstration_model_is_the_file_that_is_shipped()
    {
        ModelVariant demo = Assert.IsType<ModelVariant>(ModelManifest.Find("demo"));
        byte[] bytes = File.ReadAllBytes(Demo);
        Assert.Equal((bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))), (demo.Length, demo.Sha256));
        using ITensorSource file = Checkpoint.Open(Demo);
        ModelIdentity identity = ModelManifest.Identify(file);
        Assert.Equal("demo", identity.Variant?.Name);
        Assert.True(identity.Relative);
        Assert.Equal(demo.Architecture, ModelArchitecture.Infer(file));
        Assert.All(demo.Tensors, tensor => Assert.Equal(tensor.DType, file.Tensors[tensor.Name].DType));
        Assert.Equal(demo.Architecture.Layout().Select(tensor => $"{tensor.Name} {string.Join(' ', tensor.Shape)}"),
            demo.Tensors.Select(tensor => $"{tensor.Name} {string.Join(' ', tensor.Shape)}"));
    }

    [Fact]
    public void A_shipped_file_is_recognized_by_its_hash_when_it_says_nothing_itself()
    {
        using EditedSource silent = new(ModelManifest.Find("demo")!.Architecture);
        Assert.Equal("demo", ModelManifest.Identify(silent, Demo).Variant?.Name);
        using TemporaryFile other = new(new byte[File.ReadAllBytes(Demo).Length]);
        Assert.Null(ModelManifest.Identify(silent, other.Path).Variant);
    }

    [Theory]
    [InlineData("/models/vox.pt", "vox")]
    [InlineData("VOX-256.safetensors", "vox")]
    [InlineData("lia_ted.safetensors", "ted")]
    [InlineData("started.pt", null)]
    [InlineData("vox-and-ted.pt", null)]
    [InlineData("512.pt", null)] // 512 names a size these weights do not have.
    [InlineData(null, null)]
    public void A_variant_is_recognized_by_a_word_of_the_file_name(string? path, string? expected)
    {
        using EditedSource checkpoint = new(ModelArchitecture.Official(256));
        ModelIdentity identity = ModelManifest.Identify(checkpoint, path);
        Assert.Equal(expected, identity.Variant?.Name);
        Assert.Equal(ModelArchitecture.Official(256), identity.Architecture);
        Assert.Equal(expected != "ted", identity.Relative);
    }

    [Fact]
    public void Metadata_outweighs_the_file_name()
    {
        using EditedSource checkpoint = new(ModelArchitecture.Official(256));
        checkpoint.Tag("variant", "ted");
        Assert.Equal("ted", ModelManifest.Identify(checkpoint, "vox.pt").Variant?.Name);
        checkpoint.Tag("variant", "unheard of");
        Assert.Equal("vox", ModelManifest.Identify(checkpoint, "vox.pt").Variant?.Name);
    }

    [Fact]
    public void A_file_that_is_not_what_its_metadata_claims_is_refused()
    {
        using EditedSource checkpoint = new(ModelArchitecture.Official(512));
        checkpoint.Tag("variant", "vox");
        string message = Assert.Throws<WeightsException>(() => ModelManifest.Identify(checkpoint)).Message;
        Assert.Contains("not the variant vox, a LIA generator for size 256", message);
        Assert.Contains("enc.net_app.convs.0.0.weight has the shape [32, 3, 1, 1], [64, 3, 1, 1] was expected", message);
    }

    [Fact]
    public void Synthetic_weights_are_no_variant_under_any_name()
    {
        using SyntheticCheckpoint checkpoint = new(ModelArchitecture.Official(256), 1);
        Assert.Null(ModelManifest.Identify(checkpoint, "vox.safetensors").Variant);
    }
}
