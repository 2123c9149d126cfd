using System.Runtime.InteropServices;

namespace Lia.Training.Data;

/// <summary>Puts labels behind pictures that are packed. May be used by several threads.</summary>
/// <param name="labels">All there are; null for none.</param>
/// <param name="shape">What the pack has of each picture.</param>
internal sealed class LabelFinder(PictureLabels? labels, PackShape shape)
{
    private int _found;

    /// <summary>The part of a picture's room that has its pixels.</summary>
    public Span<byte> Pixels(byte[] picture) => picture.AsSpan(0, shape.PictureLength);

    /// <summary>Writes the labels of a picture behind it.</summary>
    /// <param name="name">The clip's name, or the path of a picture.</param>
    /// <param name="frame">The frame of a clip.</param>
    /// <param name="picture">The room.</param>
    public void Write(string name, int frame, byte[] picture)
    {
        if (labels?.Write(name, frame, MemoryMarshal.Cast<byte, float>(picture.AsSpan(shape.PictureLength))) == true)
            Interlocked.Increment(ref _found);
    }

    /// <summary>Refuses labels that are of no picture.</summary>
    /// <exception cref="MediaException">None was found.</exception>
    public void Demand(string output)
    {
        if (labels is not null && _found == 0)
            throw new MediaException($"{output}: there are labels, and none of them is of a picture that is packed.");
    }
}
