using Lia.Kernels.Losses;

namespace Lia.Training.Steps;

/// <summary>What a step learns from: pairs of pictures on the host, planar [pair, 3, S, S] in [-1, 1].</summary>
/// <param name="pairs">Pairs.</param>
/// <param name="size">S.</param>
internal sealed class TrainingBatch(int pairs, int size)
{
    public int Pairs => pairs;

    public int Size => size;

    /// <summary>The pictures that are moved.</summary>
    public float[] Sources { get; } = new float[pairs * 3 * size * size];

    /// <summary>What they shall become; in pairs of one clip also what drives them.</summary>
    public float[] Targets { get; } = new float[pairs * 3 * size * size];

    /// <summary>
    /// Of supervised rows: pictures of somebody else that drive, relative to <see cref="Starts"/>. Null in pairs of one clip, where the
    /// target drives.
    /// </summary>
    public float[]? Drivings { get; init; }

    /// <summary>Of supervised rows: the pictures that the movement starts from.</summary>
    public float[]? Starts { get; init; }

    /// <summary>How much each pixel counts in the losses that compare pixels [pair, S, S], 1 on average; null for 1 everywhere.</summary>
    public float[]? Weights { get; init; }

    /// <summary>
    /// What is known of the movement in the pictures whose motion codes are found, a vector each [set, pair, label], not a number where it
    /// is unknown or counts elsewhere. The sets are sources, drivings and starts of supervised rows, in pairs of one clip the targets
    /// alone.
    /// </summary>
    public float[]? Labels { get; init; }

    /// <summary>Where the targets' surfaces lie in the sources; null where nothing is known.</summary>
    public TargetSurfaces? Surfaces { get; init; }
}

/// <summary>Where what a target shows lies in its source.</summary>
/// <param name="pairs">Pairs.</param>
/// <param name="size">S.</param>
/// <param name="parts">Parts that move on their own, G.</param>
internal sealed class TargetSurfaces(int pairs, int size, int parts)
{
    /// <summary>Numbers of a movement.</summary>
    public const int MoveLength = SurfaceDistance.MoveLength;

    /// <summary>Parts.</summary>
    public int Parts => parts;

    /// <summary>How deep the target's surface lies [pair, S, S], 0 to 1 as 0 to 255.</summary>
    public byte[] Depths { get; } = new byte[pairs * size * size];

    /// <summary>The part that it belongs to [pair, S, S], from 1; 0 where nothing is known.</summary>
    public byte[] PartNumbers { get; } = new byte[pairs * size * size];

    /// <summary>
    /// The movement of each part [pair, part, 3, 4], from a target's point (u, v, depth, 1) to (X, Y, W): the source shows it at
    /// (X / W, Y / W). Coordinates are -1 to 1 from edge to edge of the picture, right and down: the middle of pixel i is at
    /// (2 i + 1) / S - 1.
    /// </summary>
    public float[] Moves { get; } = new float[pairs * parts * MoveLength];
}
