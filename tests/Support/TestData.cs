using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace Lia.Testing;

/// <summary>
/// The reference files under <c>tests/data</c>. <c>NAME.br</c> is Brotli; <c>NAME.planes.br</c> is Brotli over byte planes
/// (all first bytes of the 4-byte words, then all second bytes, ...; a tail shorter than a word follows as it is), which
/// compresses float32 better.
/// </summary>
public static class TestData
{
    /// <summary>The folder <c>tests/data</c>: beside the assembly when published, else in the source tree.</summary>
    public static string Folder { get; } = Locate();

    /// <summary>Unpacks a reference file.</summary>
    public static byte[] Read(string name)
    {
        string plain = Path.Combine(Folder, name + ".br"), planes = Path.Combine(Folder, name + ".planes.br");
        if (File.Exists(plain)) return Decompress(plain);
        byte[] shuffled = Decompress(planes);
        byte[] data = new byte[shuffled.Length];
        int words = data.Length / 4;
        for (int plane = 0; plane < 4; plane++)
            for (int i = 0; i < words; i++)
                data[4 * i + plane] = shuffled[plane * words + i];
        shuffled.AsSpan(4 * words).CopyTo(data.AsSpan(4 * words));
        return data;
    }

    /// <summary>
    /// Unpacks a reference file to a temporary file, for what reads files; the same file for every caller in the process.
    /// </summary>
    public static string Unpack(string name)
    {
        lock (Unpacked)
        {
            if (!Unpacked.TryGetValue(name, out string? path))
            {
                string folder = Directory.CreateTempSubdirectory("lia-test-data-").FullName;
                AppDomain.CurrentDomain.ProcessExit += (_, _) => { try { Directory.Delete(folder, true); } catch (IOException) { } };
                path = Path.Combine(folder, name);
                File.WriteAllBytes(path, Read(name));
                Unpacked.Add(name, path);
            }
            return path;
        }
    }

    /// <summary>A file under <c>samples</c>: beside the assembly when published, else in the source tree.</summary>
    public static string Sample(string name) => Beside("samples", name);

    /// <summary>A file under <c>models</c>, found like a sample.</summary>
    public static string Model(string name) => Beside("models", name);

    private static string Beside(string folder, string name, [CallerFilePath] string thisFile = "")
    {
        string published = Path.Combine(AppContext.BaseDirectory, folder, name);
        return File.Exists(published) ? published : Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", folder, name);
    }

    private static readonly Dictionary<string, string> Unpacked = [];

    private static byte[] Decompress(string path)
    {
        using BrotliStream brotli = new(File.OpenRead(path), CompressionMode.Decompress);
        using MemoryStream memory = new();
        brotli.CopyTo(memory);
        return memory.ToArray();
    }

    private static string Locate([CallerFilePath] string thisFile = "")
    {
        string published = Path.Combine(AppContext.BaseDirectory, "data");
        return Directory.Exists(published) ? published : Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "data");
    }
}
