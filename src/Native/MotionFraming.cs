using Lia.Animation.Framing;
using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia;

/// <summary>Puts a square around what moves in a clip: a head before a wall, say. It knows nothing of faces.</summary>
/// <remarks>
/// A cell of the picture (1/128 of its longer side) moves if its mean brightness ranges over more than a fifth of what the liveliest cells
/// do. The square holds what is left of these cells when 2 % are
/// cut off on each side (a clock in the corner), with a tenth of its side added all around, is moved into the picture where it reaches over
/// the edge, and never exceeds the picture's shorter side.
/// </remarks>
public static class MotionFraming
{
    /// <summary>Finds the square in a clip.</summary>
    /// <param name="frames">The clip, all of one size; read once.</param>
    /// <returns>The square, for <see cref="AnimationOptions.DrivingCrop"/> or <see cref="AnimationOptions.Crop"/>.</returns>
    /// <exception cref="MediaException">There is no frame, nothing moves, or the frames differ in size.</exception>
    public static PixelBox Find(IEnumerable<RgbImage> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        using MemoryReader reader = new(frames, "the clip");
        return Find(reader, AnimationOptions.None, CancellationToken.None);
    }

    /// <summary>Finds the square in a file.</summary>
    /// <param name="clip">A video, a folder of numbered pictures or an animated PNG.</param>
    /// <param name="options">Of these, <see cref="AnimationOptions.Frames"/> are looked at; null looks at all frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The square, for <see cref="AnimationOptions.DrivingCrop"/> or <see cref="AnimationOptions.Crop"/>.</returns>
    /// <exception cref="MediaException">The file cannot be read, nothing moves, or the frames differ in size.</exception>
    public static PixelBox Find(string clip, AnimationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(clip);
        options ??= AnimationOptions.None;
        options.Validate();
        return FindIn(clip, options, cancellationToken);
    }

    /// <summary>Finds the square in what is read twice.</summary>
    internal static PixelBox FindIn(Driving clip, AnimationOptions options, CancellationToken cancellationToken)
    {
        using IFrameReader reader = clip.Open(options, cancellationToken);
        return Find(reader, options, cancellationToken);
    }

    private static PixelBox Find(IFrameReader reader, AnimationOptions options, CancellationToken cancellationToken)
    {
        MotionMap? map = null;
        for (int read = 0; (options.EndFrame is null || read < options.EndFrame) && reader.Read() is RgbImage frame; read++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (read < options.FirstFrame) continue;
            map ??= new MotionMap(reader.Name, new(frame.Width, frame.Height));
            map.Add(frame);
        }
        return (map ?? throw new MediaException($"{reader.Name}: there is no frame in the frame range.")).Box();
    }
}
