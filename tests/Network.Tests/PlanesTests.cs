using Lia.Network;

namespace Lia.Tests;

public class PlanesTests
{
    public static MatrixTheoryData<float, int> BadValues { get; } =
        new([float.NaN, float.PositiveInfinity, float.NegativeInfinity], [1, 7, 16, 33, 100]);

    [Fact]
    public void Pixels_become_planes_from_minus_one_to_one()
    {
        float[] planes = new float[6];
        Planes.FromPixels([0, 51, 255, 255, 0, 102], planes);
        Assert.Equal([-1, 1, -0.6f, -1, 1, -0.2f], planes.Select(value => MathF.Round(value, 6)));
    }

    [Fact]
    public void Every_pixel_value_survives_the_way_to_the_network_and_back()
    {
        byte[] pixels = [.. Enumerable.Range(0, 3 * 16 * 16).Select(i => (byte)(i / 3))], back = new byte[pixels.Length];
        float[] planes = new float[pixels.Length];
        Planes.FromPixels(pixels, planes);
        new ColorMap(-1, 1).ToPixels(planes, 16, back, 48);
        Assert.Equal(pixels, back);
    }

    [Fact]
    public void Colours_are_rounded_and_clamped()
    {
        byte[] pixels = new byte[3];
        new ColorMap(-1, 1).ToPixels([-1.5f, 0.2f, 7], 1, pixels, 3); // 0.2 is 153.0
        Assert.Equal([0, 153, 255], pixels);
        new ColorMap(0, 0.5f).ToPixels([-0.1f, 0.25f, 0.5f], 1, pixels, 3); // 127.5 rounds to even
        Assert.Equal([0, 128, 255], pixels);
        new ColorMap(0.2f, 0.2f).ToPixels([0.2f, -1, 1], 1, pixels, 3); // a clip of one colour keeps it
        Assert.Equal([153, 0, 255], pixels);
    }

    [Theory]
    [MemberData(nameof(BadValues))]
    public void A_value_that_is_not_finite_is_found_wherever_it_is(float bad, int length)
    {
        float[] values = new float[length];
        values.AsSpan().Fill(1e30f);
        Assert.True(Planes.AllFinite(values));
        Assert.All(Enumerable.Range(0, length), at =>
        {
            float good = values[at];
            values[at] = bad;
            Assert.False(Planes.AllFinite(values));
            values[at] = good;
        });
    }
}
