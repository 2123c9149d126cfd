using Lia.Testing;

namespace Lia.Weights.Tests;

public class PyTorchCheckpointTests
{
    [Theory]
    [InlineData("tiny_zip.pt", "tiny_expected.safetensors")]
    [InlineData("tiny_legacy.pt", "tiny_expected.safetensors")]
    [InlineData("module_zip.pt", "module_expected.safetensors")]
    [InlineData("module_legacy.pt", "module_expected.safetensors")]
    public void Reference_checkpoints_give_exactly_the_expected_tensors(string checkpoint, string expected)
    {
        using ITensorSource actual = Checkpoint.Open(TestData.Unpack(checkpoint));
        using SafetensorsFile truth = new(TestData.Unpack(expected));
        Assert.Equal("gen", Assert.IsType<PyTorchCheckpoint>(actual).Location);
        Assert.Equal(truth.Tensors.Keys.Order(), actual.Tensors.Keys.Order());
        foreach (TensorInfo tensor in truth.Tensors.Values)
        {
            TensorInfo read = actual.Tensors[tensor.Name];
            Assert.Equal(tensor.DType, read.DType);
            Assert.Equal(tensor.Shape, read.Shape);
            byte[] bytes = new byte[truth.Bytes(tensor.Name).Length];
            actual.CopyBytesTo(tensor.Name, bytes);
            Assert.True(truth.Bytes(tensor.Name).SequenceEqual(bytes), tensor.Name);
            Assert.Equal(truth.Read(tensor.Name), actual.Read(tensor.Name));
        }
    }
}
