namespace Lia.Media.Measures;

/// <summary>Feature planes [channels, height, width].</summary>
internal sealed class Planar(int channels, int height, int width)
{
    public int Channels => channels;

    public int Height => height;

    public int Width => width;

    public float[] Values { get; } = new float[channels * height * width];

    /// <summary>The maxima of 3x3 with stride 2, no padding.</summary>
    public Planar Pooled()
    {
        Planar pooled = new(channels, (height - 3) / 2 + 1, (width - 3) / 2 + 1);
        int at = 0;
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < pooled.Height; y++)
            {
                for (int x = 0; x < pooled.Width; x++)
                {
                    float most = float.NegativeInfinity;
                    for (int i = 0; i < 3; i++)
                        for (int j = 0; j < 3; j++)
                            most = Math.Max(most, Values[(c * height + 2 * y + i) * width + 2 * x + j]);
                    pooled.Values[at++] = most;
                }
            }
        }
        return pooled;
    }
}
