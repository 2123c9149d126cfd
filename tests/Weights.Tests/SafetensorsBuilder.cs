using System.Buffers.Binary;
using System.Text;

namespace Lia.Weights.Tests;

/// <summary>Makes safetensors files by hand, right and wrong ones.</summary>
internal static class SafetensorsBuilder
{
    /// <summary>A file from its JSON and its data.</summary>
    public static byte[] File(string json, int dataLength) => File(Encoding.UTF8.GetBytes(json), new byte[dataLength]);

    public static byte[] File(byte[] json, byte[] data, ulong? claimedLength = null)
    {
        byte[] file = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, claimedLength ?? (ulong)json.Length);
        json.CopyTo(file, 8);
        data.CopyTo(file, 8 + json.Length);
        return file;
    }

    /// <summary>The JSON of one tensor.</summary>
    public static string Tensor(string name, string type, string shape, string offsets) =>
        $$"""{{name}}:{"dtype":"{{type}}","shape":{{shape}},"data_offsets":{{offsets}}}""";
}

/// <summary>A file that is gone after the test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile(byte[] content, string extension = ".bin")
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"lia-weights-{Guid.NewGuid():N}{extension}");
        File.WriteAllBytes(Path, content);
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
