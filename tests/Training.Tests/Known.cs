using Lia.Training.Steps;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Training.Tests;

/// <summary>What may be known of made-up pictures besides themselves.</summary>
internal static class Known
{
    public const int Labels = 4, Parts = 2;

    /// <summary>Labels [picture, label], every fifth of them unknown.</summary>
    public static float[] OfPictures(int pictures, int seed) =>
        [.. RandomFloats(pictures * Labels, seed).Select((label, i) => i % 5 == 3 ? float.NaN : label)];

    /// <summary>Surfaces in patches, so that smaller levels know some too, moved near the identity and in perspective.</summary>
    public static TargetSurfaces Of(int pairs, int size, int seed)
    {
        TargetSurfaces surfaces = new(pairs, size, Parts);
        Random random = new(seed);
        random.NextBytes(surfaces.Depths);
        for (int i = 0; i < surfaces.PartNumbers.Length; i++)
            surfaces.PartNumbers[i] = (byte)((i / (size * size) + i / size % size / 4 * 3 + i % size / 4) % (Parts + 1));
        for (int i = 0; i < surfaces.Moves.Length; i++)
            surfaces.Moves[i] = (i % TargetSurfaces.MoveLength is 0 or 5 or 11 ? 1 : 0) + 0.2f * (float)(2 * random.NextDouble() - 1);
        return surfaces;
    }
}
