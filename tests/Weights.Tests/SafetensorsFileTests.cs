using System.Text;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class SafetensorsFileTests
{
    [Fact]
    public void Reads_every_tensor_of_the_reference_files()
    {
        using SafetensorsFile file = new(TestData.Unpack("tiny_expected.safetensors"));
        Assert.Equal(["ints", "enc.fc.0.bias", "enc.fc.0.weight", "scalar", "view.slice", "view.transposed", "bf16", "half"],
            file.Tensors.Keys);
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

    [Fact]
    public void A_view_holds_what_reading_gives_and_nothing_after_the_file_is_closed()
    {
        ReadOnlyMemory<float> inPlace;
        using (SafetensorsFile file = new(TestData.Unpack("tiny_expected.safetensors")))
        {
            foreach (string name in file.Tensors.Keys) Assert.Equal(file.Read(name), file.View(name).ToArray());
            Assert.NotNull(file.Singles("enc.fc.0.weight"));
            Assert.Null(file.Singles("ints"));
            Assert.Null(file.Singles("half"));
            Assert.Contains("nothing", Assert.Throws<WeightsException>(() => file.View("nothing")).Message);
            inPlace = file.View("enc.fc.0.weight");
        }
        Assert.Throws<ObjectDisposedException>(() => inPlace.Span[0]);
    }

    [Fact]
    public void A_view_of_a_value_that_is_no_number_is_refused()
    {
        byte[] data = [.. new[] { 1f, float.NaN, 2f }.SelectMany(BitConverter.GetBytes)];
        using TemporaryFile written = new(
            SafetensorsBuilder.File(Encoding.UTF8.GetBytes("{" + SafetensorsBuilder.Tensor("\"w\"", "F32", "[3]", "[0,12]") + "}"), data));
        using SafetensorsFile file = new(written.Path);
        Assert.Contains("a NaN at element 1 of 3", Assert.Throws<WeightsException>(() => file.View("w")).Message);
    }
}
