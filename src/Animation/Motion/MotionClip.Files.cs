using Lia.Animation.Motion;
using Lia.Media.IO;

namespace Lia;

// Motion in files.
public sealed partial class MotionClip
{
    /// <summary>Reads a motion file.</summary>
    /// <param name="path">A safetensors file that <see cref="Save"/> wrote.</param>
    /// <returns>The motion.</returns>
    /// <exception cref="MediaException">The file is missing, damaged or no motion file; the message says what is wrong and
    /// where.</exception>
    public static MotionClip Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return MotionFile.Read(path);
    }

    /// <summary>Writes a motion file (docs/motion-files.md describes it): the codes and what is known of them, and no pixel of the driving
    /// clip.</summary>
    /// <param name="path">The safetensors file to write; it appears complete or not at all.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Outputs.RefuseName(path);
        MotionFile.Write(this, path);
    }
}
