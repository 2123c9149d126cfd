using System.Runtime.InteropServices;

namespace Lia.Weights;

/// <summary>Writes a safetensors file of one float32 tensor whose first axis grows, without knowing its length beforehand.</summary>
/// <remarks>Room for the header is left in front and filled at the end. Without <see cref="Complete"/> nothing is left behind.</remarks>
public sealed class GrowingTensorWriter : IDisposable
{
    private const int HeaderLength = 256;

    private readonly ReplacingFile _file;
    private readonly string _name;
    private readonly int[] _shape;
    private readonly int _itemLength;

    /// <summary>Begins a file.</summary>
    /// <param name="path">The file; replaced only when the new one is complete.</param>
    /// <param name="name">The tensor's name, at most 100 characters.</param>
    /// <param name="itemShape">The shape of what is appended: all axes but the first.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public GrowingTensorWriter(string path, string name, params ReadOnlySpan<int> itemShape)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(name.Length, 100);
        _name = name;
        _shape = [0, .. itemShape];
        _itemLength = 1;
        foreach (int extent in itemShape) _itemLength = checked(_itemLength * extent);
        _file = new ReplacingFile(path);
        _file.Stream.Write(new byte[HeaderLength]);
    }

    /// <summary>Appends items.</summary>
    /// <param name="items">A whole number of items, row-major.</param>
    /// <exception cref="IOException">The disk is full, or the file cannot be written.</exception>
    public void Append(ReadOnlySpan<float> items)
    {
        if (items.Length % _itemLength != 0) throw new ArgumentException($"{items.Length} values are not a multiple of {_itemLength}.", nameof(items));
        _file.Stream.Write(MemoryMarshal.AsBytes(items));
        _shape[0] += items.Length / _itemLength;
    }

    /// <summary>Writes the header and moves the file to its place.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Complete()
    {
        byte[] header = SafetensorsWriter.Header([new(_name, DType.Float32, _shape)], new Dictionary<string, string>(), HeaderLength);
        _file.Stream.Position = 0;
        _file.Stream.Write(header);
        _file.Commit();
    }

    /// <summary>Removes the file unless it was completed.</summary>
    public void Dispose() => _file.Dispose();
}
