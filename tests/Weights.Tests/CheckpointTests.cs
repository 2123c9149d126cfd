using System.Text;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class CheckpointTests
{
    [Theory]
    [InlineData("tiny_zip.pt", typeof(PyTorchCheckpoint))]
    [InlineData("tiny_legacy.pt", typeof(PyTorchCheckpoint))]
    [InlineData("tiny_expected.safetensors", typeof(SafetensorsFile))]
    public void Formats_are_told_apart_by_content(string name, Type format)
    {
        using TemporaryFile file = new(TestData.Read(name), ".model");
        using ITensorSource checkpoint = Checkpoint.Open(file.Path);
        Assert.IsType(format, checkpoint);
        Assert.Equal(Path.GetFileName(file.Path), checkpoint.Name);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("hello, world", "neither a safetensors file nor a PyTorch checkpoint")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer")]
    [InlineData("\n<!DOCTYPE html><html>", "web page")]
    public void Other_files_are_called_what_they_are(string content, string message)
    {
        using TemporaryFile file = new(Encoding.UTF8.GetBytes(content));
        Assert.Contains(message, Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path)).Message);
    }

    [Theory]
    [InlineData("/no/such/file.pt", "/no/such/file.pt: there is no such file")]
    [InlineData("/tmp", "/tmp: cannot be read: it is a folder")]
    [InlineData("a\0b", "'a")]
    public void Files_that_cannot_be_opened_are_named(string path, string message)
    {
        string actual = Assert.Throws<WeightsException>(() => Checkpoint.Open(path)).Message;
        Assert.Contains(message.Trim('\''), actual);
        Assert.DoesNotContain(actual, char.IsControl);
    }

    [Fact]
    public void A_disposed_file_is_not_read()
    {
        ITensorSource checkpoint = Checkpoint.Open(TestData.Unpack("tiny_expected.safetensors"));
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Read("ints"));
    }

    [Fact]
    public void Tensors_can_be_read_by_many_threads_at_once()
    {
        using ITensorSource checkpoint = Checkpoint.Open(TestData.Unpack("module_legacy.pt"));
        float[] expected = checkpoint.Read("rank1.big");
        Parallel.For(0, 64, _ => Assert.Equal(expected, checkpoint.Read("rank1.big")));
    }
}
