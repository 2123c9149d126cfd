using Lia.Testing;

namespace Lia.Weights.Tests;

public class SafetensorsFileTests
{
    [Fact]
    public void Reads_every_tensor_of_the_reference_files()
    {
        using SafetensorsFile file = new(TestData.Unpack("tiny_expected.safetensors"));
        Assert.Equal(["ints", "enc.fc.0.bias", "enc.fc.0.weight", "scalar", "view.slice", "view.transposed", "bf16", "half"], file.Tensors.Keys);
        Assert.Equal(DType.Int64, file.Tensors["ints"].DType);
        Assert.Equal([4, 6], file.Tensors["enc.fc.0.weight"].Shape);
        Assert.Empty(file.Tensors["scalar"].Shape);
        Assert.Single(file.Read("scalar"));
        Assert.Equal(96, file.Bytes("enc.fc.0.weight").Length);
    }

    [Fact]
    public void Metadata_is_read()
    {
        using SafetensorsFile file = new(TestData.Unpack("net64.safetensors"));
        Assert.Equal("64", file.Metadata["size"]);
        Assert.Equal("True", file.Metadata["relative"]);
    }
}
