using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Lia.Media.IO;

namespace Lia.Animation.Pipeline;

/// <summary>
/// A safetensors file with one tensor, <c>frames</c> [N, 3, S, S], written frame by frame. N is unknown until the end, so the header has a
/// fixed
/// size, is padded with spaces as the format allows, and is written last.
/// </summary>
internal sealed class FrameDump : IDisposable
{
    private const int HeaderBytes = 248; // with the 8 bytes of its length before it: the data starts at 256

    private readonly PendingFile _file;
    private readonly FileStream _stream;
    private readonly string _path;
    private readonly int _size;
    private int _frames;

    /// <exception cref="MediaException">The file cannot be created.</exception>
    public FrameDump(string path, int size)
    {
        (_path, _size) = (path, size);
        _file = new PendingFile(path);
        _stream = _file.Open();
        _stream.Position = 8 + HeaderBytes;
    }

    /// <param name="values">[3, S, S].</param>
    /// <exception cref="MediaException">There is no room.</exception>
    public void Add(ReadOnlySpan<float> values)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("safetensors files are little-endian.");
        try
        {
            _stream.Write(MemoryMarshal.AsBytes(values));
        }
        catch (IOException failure)
        {
            throw Outputs.Failed(_path, failure);
        }
        _frames++;
    }

    /// <summary>Writes the header and makes the file appear.</summary>
    /// <exception cref="MediaException">The file cannot be finished.</exception>
    public void Complete() => Outputs.Guard(_path, () =>
    {
        byte[] header = new byte[8 + HeaderBytes];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, HeaderBytes);
        long bytes = (long)_frames * 3 * _size * _size * sizeof(float);
        string frames = $"{{\"dtype\":\"F32\",\"shape\":[{_frames},3,{_size},{_size}],\"data_offsets\":[0,{bytes}]}}";
        Encoding.ASCII.GetBytes($"{{\"frames\":{frames}}}", header.AsSpan(8));
        _stream.Position = 0;
        _stream.Write(header);
        _file.Commit();
    });

    public void Dispose() => _file.Dispose();
}
