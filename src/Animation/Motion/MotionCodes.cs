namespace Lia.Animation.Motion;

/// <summary>What is asked of motion codes.</summary>
internal static class MotionCodes
{
    /// <summary>Place of the code with the least Euclidean distance to a source's; the first of equals.</summary>
    public static int Nearest(IReadOnlyList<float[]> codes, ReadOnlySpan<float> source)
    {
        int nearest = 0;
        double least = double.PositiveInfinity;
        for (int i = 0; i < codes.Count; i++)
        {
            double distance = 0;
            for (int direction = 0; direction < source.Length; direction++)
            {
                double difference = (double)codes[i][direction] - source[direction];
                distance += difference * difference;
            }
            if (distance < least) (nearest, least) = (i, distance);
        }
        return nearest;
    }
}
