namespace Lia.Network.Tests.Reference;

/// <summary>A [channels, height, width] picture in double, zero outside.</summary>
internal sealed class Tensor(int channels, int height, int width)
{
    private readonly double[] _values = new double[channels * height * width];

    public int Channels => channels;

    public int Height => height;

    public int Width => width;

    public double this[int c, int y, int x]
    {
        get => (uint)y < (uint)height && (uint)x < (uint)width ? _values[(c * height + y) * width + x] : 0;
        set => _values[(c * height + y) * width + x] = value;
    }

    public float[] ToFloats() => [.. _values.Select(value => (float)value)];

    /// <summary>Every pixel from a function of (channel, y, x).</summary>
    public static Tensor From(int channels, int height, int width, Func<int, int, int, double> value)
    {
        Tensor tensor = new(channels, height, width);
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++) tensor[c, y, x] = value(c, y, x);
            }
        }
        return tensor;
    }

    public Tensor Map(Func<int, double, double> value) => From(Channels, Height, Width, (c, y, x) => value(c, this[c, y, x]));
}
