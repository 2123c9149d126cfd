// Packs a reference file as TestData reads it: dotnet run tests/data/pack.cs -- FILE...
// From the root. FILE.safetensors becomes tests/data/FILE.safetensors.planes.br (byte planes, then Brotli), anything else
// tests/data/FILE.br.
using System.IO.Compression;
using System.Security.Cryptography;

foreach (string path in args)
{
    byte[] data = File.ReadAllBytes(path);
    string name = Path.GetFileName(path);
    bool planes = name.EndsWith(".safetensors", StringComparison.Ordinal);
    byte[] stored = (byte[])data.Clone();
    int words = planes ? data.Length / 4 : 0;
    for (int plane = 0; plane < 4; plane++)
        for (int i = 0; i < words; i++)
            stored[plane * words + i] = data[4 * i + plane];

    string target = Path.Combine("tests", "data", name + (planes ? ".planes.br" : ".br"));
    byte[] packed = new byte[BrotliEncoder.GetMaxCompressedLength(stored.Length)];
    if (!BrotliEncoder.TryCompress(stored, packed, out int length, quality: 11, window: 24)) throw new InvalidOperationException(name);
    File.WriteAllBytes(target, packed[..length]);
    Console.WriteLine($"{Convert.ToHexStringLower(SHA256.HashData(data))}  {name}");
}
