namespace Lia.Media.IO;

/// <summary>Takes the frames of an output. Disposing without <see cref="Complete"/> leaves nothing behind.</summary>
internal interface IFrameWriter : IDisposable
{
    /// <param name="pixels">[height, width, 3] in the size the writer was opened for.</param>
    /// <exception cref="MediaException">The frame cannot be written.</exception>
    void Write(ReadOnlySpan<byte> pixels);

    /// <summary>Finishes the output and makes it appear under its name.</summary>
    /// <returns>Whether the output has sound.</returns>
    /// <exception cref="MediaException">The output cannot be finished.</exception>
    bool Complete();
}
