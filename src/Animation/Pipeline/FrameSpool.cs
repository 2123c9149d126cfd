using System.Runtime.InteropServices;
using Lia.Media.IO;

namespace Lia.Animation.Pipeline;

/// <summary>Network frames waiting in a temporary file until the whole clip is known. It is nobody else's, and goes when this is disposed
/// or the process ends.</summary>
/// <param name="size">S.</param>
/// <param name="hasPictures">Whether frames bring the pixels of source and driving frame, to be shown.</param>
internal sealed class FrameSpool(int size, bool hasPictures) : IDisposable
{
    private const string What = "the clip's frames";

    private readonly FileStream _file = TemporaryFiles.Open(What, ".frames");

    /// <exception cref="MediaException">There is no room.</exception>
    public void Add(NetworkFrame frame) => Outputs.Guard($"the temporary file for {What}", () =>
    {
        _file.Write(MemoryMarshal.AsBytes(frame.Values.Span));
        if (!hasPictures) return;
        _file.Write(frame.Source);
        _file.Write(frame.Driving);
    });

    /// <summary>The frames added, in order; each is valid until the next is asked for.</summary>
    public IEnumerable<NetworkFrame> Frames()
    {
        float[] values = new float[3 * size * size];
        byte[] source = hasPictures ? new byte[3 * size * size] : [], driving = new byte[source.Length];
        long length = _file.Length;
        _file.Position = 0;
        while (_file.Position < length)
        {
            _file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            _file.ReadExactly(source);
            _file.ReadExactly(driving);
            yield return new NetworkFrame(values, null, source, driving, null);
        }
    }

    public void Dispose() => _file.Dispose();
}
