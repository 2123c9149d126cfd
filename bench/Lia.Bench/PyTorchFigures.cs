using System.Text.Json;

namespace Lia.Bench;

/// <summary>Milliseconds a frame of the official networks in PyTorch, as <c>pytorch-cuda.py</c> writes them.</summary>
internal sealed class PyTorchFigures
{
    private readonly List<(int Size, int Batch, string Program, bool IsPublished, double Milliseconds)> _figures = [];

    /// <exception cref="InvalidDataException">A file is none of that program's.</exception>
    public static PyTorchFigures Read(IEnumerable<string> paths)
    {
        PyTorchFigures all = new();
        foreach (string path in paths)
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (!document.RootElement.TryGetProperty("frames", out JsonElement frames))
                throw new InvalidDataException($"{path}: there are no figures of pytorch-cuda.py in it");
            foreach (JsonElement frame in frames.EnumerateArray())
            {
                all._figures.Add((
                    frame.GetProperty("size").GetInt32(), frame.GetProperty("batch").GetInt32(), frame.GetProperty("program").GetString()!,
                    frame.GetProperty("published").GetBoolean(), frame.GetProperty("milliseconds").GetDouble()));
            }
        }
        return all;
    }

    /// <summary>The program as published.</summary>
    public (double Milliseconds, string Program)? Published(int size, int batch) => Fastest(size, batch, isPublished: true);

    /// <summary>The fastest of the tuned ones.</summary>
    public (double Milliseconds, string Program)? BestTuned(int size, int batch) => Fastest(size, batch, isPublished: false);

    private (double, string)? Fastest(int size, int batch, bool isPublished)
    {
        var those = _figures.Where(figure => figure.Size == size && figure.Batch == batch && figure.IsPublished == isPublished)
            .OrderBy(figure => figure.Milliseconds).ToArray();
        return those.Length == 0 ? null : (those[0].Milliseconds, those[0].Program);
    }
}
