using System.Diagnostics;
using System.Net.Sockets;
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

    /// <summary>Opening a pipe waits for its other end, and a device may have no end: neither is opened.</summary>
    [Fact]
    public async Task Pipes_sockets_and_devices_are_refused_at_once_and_by_name()
    {
        if (OperatingSystem.IsWindows()) return;
        string folder = Directory.CreateTempSubdirectory("lia-weights-").FullName;
        try
        {
            string pipe = Path.Combine(folder, "pipe.pt"), link = Path.Combine(folder, "link.pt"),
                socket = Path.Combine(folder, "socket.pt");
            using (Process make = Process.Start("mkfifo", pipe)) await make.WaitForExitAsync(TestContext.Current.CancellationToken);
            File.CreateSymbolicLink(link, pipe);
            using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(socket));
            foreach (string path in new[] { pipe, link, socket, "/dev/zero", "/dev/null", "/proc/self/mem" })
            {
                Task<WeightsException> opening = Task.Run(() => Assert.Throws<WeightsException>(() => Checkpoint.Open(path)));
                string message = (await opening.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken)).Message;
                Assert.Contains($"{path}: cannot be read: it is empty, or a pipe or a device", message);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("tiny_expected.safetensors")]
    [InlineData("tiny_zip.pt")]
    public void A_file_shortened_between_two_tensors_is_an_error_and_not_the_end_of_the_process(string name)
    {
        if (OperatingSystem.IsWindows()) return; // Files that are mapped cannot be shortened there.
        using TemporaryFile file = new(TestData.Read(name));
        using ITensorSource checkpoint = Checkpoint.Open(file.Path);
        string tensor = checkpoint.Tensors.Values.First(tensor => tensor.DType == DType.Float32 && tensor.ElementCount > 0).Name;
        checkpoint.Read(tensor);
        using (FileStream shorter = new(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            shorter.SetLength(16);
        Assert.Contains("shortened", Assert.Throws<WeightsException>(() => checkpoint.Read(tensor)).Message);
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
