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
}
