using Lia.Media.IO;

namespace Lia.Motion;

/// <summary>Driving frames in a temporary file, to be shown in any order. The file goes when this is disposed, or the process ends.</summary>
internal sealed class FrameStore(int frameBytes) : IDisposable
{
    private readonly FileStream _file = Outputs.Guard("the temporary file for the driving frames", () => new FileStream(
        Path.Combine(Path.GetTempPath(), $"lia-{Guid.NewGuid():N}.driving"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None,
        bufferSize: 0, FileOptions.DeleteOnClose));

    /// <exception cref="MediaException">There is no room.</exception>
    public void Add(byte[] frame) => Outputs.Guard(_file.Name, () => _file.Write(frame));

    /// <summary>Reads a frame; none is added after that.</summary>
    /// <param name="index">Counts the frames added from 0.</param>
    /// <param name="frame">Receives it.</param>
    public void Read(int index, byte[] frame)
    {
        _file.Position = (long)index * frameBytes;
        _file.ReadExactly(frame);
    }

    public void Dispose() => _file.Dispose();
}
