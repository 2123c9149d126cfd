using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using Lia.Testing;

namespace Lia.Weights.Tests;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-writer-").FullName;

    private string Output => Path.Combine(_folder, "out.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("tiny_legacy.pt")]
    [InlineData("module_zip.pt")]
    [InlineData("ops.safetensors")]
    public void What_is_written_is_read_back_bit_for_bit(string name)
    {
        using ITensorSource original = Checkpoint.Open(TestData.Unpack(name));
        SafetensorsWriter.Write(Output, original,
            new Dictionary<string, string> { ["variant"] = "vox", ["note"] = "\"quotes\" and \u00fcml\u00e4ute" });
        using SafetensorsFile copy = new(Output);
        Assert.Equal("\"quotes\" and \u00fcml\u00e4ute", copy.Metadata["note"]);
        Assert.Equal(original.Tensors.Keys.Order(), copy.Tensors.Keys.Order());
        foreach (TensorInfo tensor in original.Tensors.Values)
        {
            byte[] bytes = new byte[copy.Bytes(tensor.Name).Length];
            original.CopyBytesTo(tensor.Name, bytes);
            Assert.Equal(tensor.DType, copy.Tensors[tensor.Name].DType);
            Assert.Equal(tensor.Shape, copy.Tensors[tensor.Name].Shape);
            Assert.True(copy.Bytes(tensor.Name).SequenceEqual(bytes), tensor.Name);
        }
        Assert.Equal([Output], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_file_in_the_making_is_its_owners_alone_and_leftovers_of_killed_runs_go()
    {
        const UnixFileMode OwnersAlone =
            UnixFileMode.UserRead | UnixFileMode.UserWrite, Old = OwnersAlone | UnixFileMode.GroupRead | UnixFileMode.OtherWrite;
        string dead = Path.Combine(_folder, $".out.safetensors.{Guid.NewGuid():N}.part"),
            other = Path.Combine(_folder, $".other.{Guid.NewGuid():N}.part");
        File.WriteAllText(dead, "");
        File.WriteAllText(other, "");
        File.WriteAllText(Output, "old");
        File.SetUnixFileMode(Output, Old);
        int seen = 0;
        SafetensorsWriter.Write(Output, [new("a", DType.Float32, [1])], new Dictionary<string, string>(), (_, bytes) =>
        {
            // A second writer of the same file leaves the first alone.
            if (seen++ == 0)
                SafetensorsWriter.Write(Output, [new("a", DType.Float32, [1])], new Dictionary<string, string>(),
                    (_, inner) => inner.Clear());
            string part = Assert.Single(Directory.GetFiles(_folder, ".out.*"));
            Assert.Equal(OwnersAlone, File.GetUnixFileMode(part));
            bytes.Clear();
        });
        Assert.Equal(Old, File.GetUnixFileMode(Output));
        Assert.Equal([other, Output], Directory.GetFiles(_folder).Order());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_link_is_followed_and_a_pipe_is_kept()
    {
        string elsewhere = Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName, pipe = Path.Combine(_folder, "pipe");
        File.CreateSymbolicLink(Output, Path.Combine("elsewhere", "model"));
        Write(Output);
        Assert.NotNull(new FileInfo(Output).LinkTarget);
        using (SafetensorsFile file = new(Path.Combine(elsewhere, "model"))) Assert.Equal([0f], file.Read("a"));
        using (Process mkfifo = Process.Start("mkfifo", [pipe])) mkfifo.WaitForExit();
        Assert.Contains("pipe: cannot be written: it is a pipe or a device, not a file",
            Assert.Throws<WeightsException>(() => Write(pipe)).Message);
        Assert.True(File.Exists(pipe));
        if (Directory.Exists("/dev/shm"))
        {
            string inMemory = $"/dev/shm/lia-{Guid.NewGuid():N}";
            File.WriteAllBytes(inMemory, []);
            Write(inMemory);
            Assert.NotEqual(0, new FileInfo(inMemory).Length);
            File.Delete(inMemory);
            Assert.Throws<WeightsException>(() => Write("/dev/null"));
        }
        Assert.Equal(["elsewhere", "out.safetensors", "pipe"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order());

        static void Write(string path) =>
            SafetensorsWriter.Write(path, [new("a", DType.Float32, [1])], new Dictionary<string, string>(), (_, bytes) => bytes.Clear());
    }

    [Fact]
    public void The_header_is_padded_and_the_tensors_are_sorted_and_aligned()
    {
        using ITensorSource original = Checkpoint.Open(TestData.Unpack("module_zip.pt"));
        SafetensorsWriter.Write(Output, original, new Dictionary<string, string>());
        byte[] file = File.ReadAllBytes(Output);
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        Assert.Equal(0, (8 + length) % 8);
        string json = Encoding.UTF8.GetString(file, 8, length);
        Assert.StartsWith("{", json);
        using JsonDocument header = JsonDocument.Parse(json);
        string[] names = [.. header.RootElement.EnumerateObject().Select(tensor => tensor.Name)];
        TensorInfo[] tensors = [.. names.Select(name => original.Tensors[name])];
        Assert.Equal(tensors.OrderByDescending(tensor => tensor.DType.BitSize())
            .ThenBy(tensor => tensor.Name, StringComparer.Ordinal), tensors);
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject())
        {
            long begin = tensor.Value.GetProperty("data_offsets")[0].GetInt64();
            Assert.Equal(0, begin * 8 % original.Tensors[tensor.Name].DType.BitSize());
        }
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    public void Floats_are_converted_and_integers_are_kept(DType type)
    {
        using ITensorSource original = Checkpoint.Open(TestData.Unpack("tiny_zip.pt"));
        SafetensorsWriter.Write(Output, original, new Dictionary<string, string>(), type);
        using SafetensorsFile copy = new(Output);
        Assert.Equal(DType.Int64, copy.Tensors["ints"].DType);
        Assert.Equal(original.Read("ints"), copy.Read("ints"));
        Assert.Equal(type, copy.Tensors["enc.fc.0.weight"].DType);
        double step = type switch { DType.Float16 => Math.Pow(2, -11), DType.BFloat16 => Math.Pow(2, -8), _ => 0 };
        Assert.All(original.Read("enc.fc.0.weight").Zip(copy.Read("enc.fc.0.weight")),
            pair => Assert.InRange(pair.Second - pair.First, -step * Math.Abs(pair.First), step * Math.Abs(pair.First)));
    }

    [Fact]
    public void A_value_too_large_for_the_type_is_refused_and_nothing_is_left()
    {
        File.WriteAllText(Output, "the old file");
        using TemporaryFile large = new(SafetensorsBuilder.File(
            Encoding.UTF8.GetBytes($"{{{SafetensorsBuilder.Tensor("\"a.weight\"", "F32", "[2]", "[0,8]")}}}"),
            [0, 0, 0, 0, .. BitConverter.GetBytes(1e6f)]));
        using ITensorSource source = Checkpoint.Open(large.Path);
        WeightsException refusal =
            Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(Output, source, new Dictionary<string, string>(), DType.Float16));
        Assert.Contains("'a.weight' holds 1000000 at element 1, too large for F16", refusal.Message);
        Assert.Equal("the old file", File.ReadAllText(Output));
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Cancelling_leaves_nothing()
    {
        using SyntheticCheckpoint source = new(ModelArchitecture.Official(64), 1);
        Assert.Throws<OperationCanceledException>(
            () => SafetensorsWriter.Write(Output, source, source.Metadata, cancellation: new CancellationToken(true)));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Places_that_cannot_be_written_are_named()
    {
        using SafetensorsFile source = new(TestData.Unpack("tiny_expected.safetensors"));
        foreach (string path in new[] { _folder, Path.Combine(_folder, "no", "such.safetensors") })
        {
            WeightsException refusal = Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(path, source, source.Metadata));
            Assert.StartsWith(path, refusal.Message);
        }
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Theory]
    [InlineData("a", "a")]
    [InlineData("a", "__metadata__")]
    public void Names_are_unique_and_not_reserved(string first, string second)
    {
        TensorInfo[] tensors = [new(first, DType.UInt8, [0]), new(second, DType.UInt8, [0])];
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Output, tensors, new Dictionary<string, string>(), (_, _) => { }));
    }
}
