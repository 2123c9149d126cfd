using Lia.Media.Imaging;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Tests;

public class PillowResizeTests
{
    public static TheoryData<string> Goldens()
    {
        using SafetensorsFile file = new(TestData.Unpack("pil_resize.safetensors"));
        return [.. file.Tensors.Keys.Where(name => name.EndsWith(".in", StringComparison.Ordinal)).Select(name => name[..^3])];
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Result_is_Pillows_bit_for_bit(string name)
    {
        using SafetensorsFile file = new(TestData.Unpack("pil_resize.safetensors"));
        IReadOnlyList<int> from = file.Tensors[name + ".in"].Shape, to = file.Tensors[name + ".out"].Shape;
        byte[] result = new byte[3 * to[0] * to[1]];
        new PillowResize(from[1], from[0], to[1], to[0]).Run(file.Bytes(name + ".in"), 3 * from[1], result, 3 * to[1]);
        Assert.Equal(file.Bytes(name + ".out"), result);
    }

    /// <summary>A rectangle of a picture gives what a picture of just that rectangle gives, and nothing outside the destination's rectangle
    /// is touched.</summary>
    [Theory]
    [InlineData(37, 29, 16, 16)]
    [InlineData(9, 7, 30, 21)]
    [InlineData(20, 11, 20, 33)]
    [InlineData(20, 11, 13, 11)]
    [InlineData(1, 1, 5, 4)]
    [InlineData(8, 8, 8, 8)]
    public void Rectangles_are_resized_in_place(int width, int height, int outWidth, int outHeight)
    {
        const int left = 5, top = 3, margin = 4;
        int stride = 3 * (width + left + 2), outStride = 3 * (outWidth + margin);
        byte[] large = new byte[stride * (height + top + 2)];
        new Random(1).NextBytes(large);
        byte[] cut = new byte[3 * width * height];
        for (int y = 0; y < height; y++) large.AsSpan((y + top) * stride + 3 * left, 3 * width).CopyTo(cut.AsSpan(3 * y * width));
        byte[] expected = new byte[3 * outWidth * outHeight], result = new byte[outStride * (outHeight + 1)];
        result.AsSpan().Fill(77);

        PillowResize resize = new(width, height, outWidth, outHeight);
        resize.Run(cut, 3 * width, expected, 3 * outWidth);
        resize.Run(large.AsSpan(top * stride + 3 * left), stride, result, outStride);

        for (int y = 0; y < outHeight; y++)
        {
            Assert.Equal(expected.AsSpan(3 * y * outWidth, 3 * outWidth), result.AsSpan(y * outStride, 3 * outWidth));
            Assert.True(result.AsSpan(y * outStride + 3 * outWidth, 3 * margin).IndexOfAnyExcept((byte)77) < 0);
        }
        Assert.True(result.AsSpan(outHeight * outStride).IndexOfAnyExcept((byte)77) < 0);
    }

    /// <summary>Large enough that threads share the rows, in numbers that do not divide.</summary>
    [Theory]
    [InlineData(701, 523, 64, 64)]
    [InlineData(701, 523, 701, 99)]
    [InlineData(701, 523, 99, 523)]
    [InlineData(70, 52, 600, 601)]
    public void Threads_do_not_change_the_result(int width, int height, int outWidth, int outHeight)
    {
        byte[] picture = new byte[3 * width * height], expected = new byte[3 * outWidth * outHeight], result = new byte[expected.Length];
        new Random(2).NextBytes(picture);
        new PillowResize(width, height, outWidth, outHeight).Run(picture, 3 * width, expected, 3 * outWidth);
        new PillowResize(width, height, outWidth, outHeight, threads: 7).Run(picture, 3 * width, result, 3 * outWidth);
        Assert.Equal(expected, result);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(254)]
    [InlineData(255)]
    public void A_picture_of_one_color_keeps_it(byte value)
    {
        byte[] picture = new byte[3 * 33 * 21], result = new byte[3 * 17 * 40];
        picture.AsSpan().Fill(value);
        new PillowResize(33, 21, 17, 40).Run(picture, 3 * 33, result, 3 * 17);
        Assert.True(result.AsSpan().IndexOfAnyExcept(value) < 0);
    }
}
