using Lia.Media.IO;

namespace Lia.Animation.Motion;

/// <summary>Driving frames in a temporary file, to be shown in any order. It is nobody else's, and goes when this is disposed or the
/// process ends.</summary>
internal sealed class FrameStore(int frameBytes) : IDisposable
{
    private const string What = "the driving frames";

    private readonly FileStream _file = TemporaryFiles.Open(What, ".driving");

    /// <exception cref="MediaException">There is no room.</exception>
    public void Add(byte[] frame) => Outputs.Guard($"the temporary file for {What}", () => _file.Write(frame));

    /// <summary>Reads a frame; none is added after that. May be called from several threads at once.</summary>
    /// <param name="index">Counts the frames added from 0.</param>
    /// <param name="frame">Receives it.</param>
    public void Read(int index, byte[] frame)
    {
        long start = (long)index * frameBytes;
        for (int done = 0, read; done < frameBytes; done += read)
        {
            read = RandomAccess.Read(_file.SafeFileHandle, frame.AsSpan(done, frameBytes - done), start + done);
            if (read == 0) throw new EndOfStreamException();
        }
    }

    public void Dispose() => _file.Dispose();
}
