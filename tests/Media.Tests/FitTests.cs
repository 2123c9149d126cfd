using Lia.Media.Imaging;

namespace Lia.Tests;

public class FitTests
{
    [Theory]
    [InlineData(Fit.Crop, 100, 60, "20,0,60,60", "0,0,64,64")]
    [InlineData(Fit.Crop, 61, 100, "0,19,61,61", "0,0,64,64")]
    [InlineData(Fit.Crop, 1, 1, "0,0,1,1", "0,0,64,64")]
    [InlineData(Fit.Stretch, 100, 60, "0,0,100,60", "0,0,64,64")]
    [InlineData(Fit.Pad, 100, 50, "0,0,100,50", "0,16,64,32")]
    [InlineData(Fit.Pad, 50, 100, "0,0,50,100", "16,0,32,64")]
    [InlineData(Fit.Pad, 3000, 1, "0,0,3000,1", "0,31,64,1")]
    public void Rectangles(Fit fit, int width, int height, string from, string to)
    {
        (PixelBox actualFrom, PixelBox actualTo) = FrameFitter.Place(new(0, 0, width, height), 64, fit);
        Assert.Equal((from, to), ($"{actualFrom}", $"{actualTo}"));
        (PixelBox movedFrom, PixelBox movedTo) = FrameFitter.Place(new(7, 11, width, height), 64, fit);
        Assert.Equal((actualFrom with { X = actualFrom.X + 7, Y = actualFrom.Y + 11 }, actualTo), (movedFrom, movedTo));
    }

    [Fact]
    public void Crop_takes_the_center_pixel_for_pixel_when_it_has_the_size()
    {
        RgbImage image = Pictures.Noise(20, 8, 1);
        byte[] result = new byte[3 * 8 * 8];
        new FrameFitter(8, Fit.Crop).Fit(image, result);
        for (int y = 0; y < 8; y++) Assert.Equal(image.Pixels.AsSpan(3 * (20 * y + 6), 24), result.AsSpan(24 * y, 24));
    }

    [Fact]
    public void Pad_is_black_beside_the_picture_whatever_the_buffer_held()
    {
        byte[] result = new byte[3 * 8 * 8];
        result.AsSpan().Fill(9);
        new FrameFitter(8, Fit.Pad).Fit(Pictures.Flat(4, 200, 200, 200), result);
        Assert.True(result.AsSpan().IndexOfAnyExcept((byte)200) < 0);
        new FrameFitter(8, Fit.Pad).Fit(new RgbImage(8, 4, [.. Enumerable.Repeat((byte)200, 96)]), result);
        Assert.Equal(Enumerable.Range(0, 8).Select(y => y is >= 2 and < 6 ? 200 : 0),
            Enumerable.Range(0, 8).Select(y => (int)result[24 * y + 13]));
    }
}
