using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Pixels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Pictures in and out: normalise, pack.</summary>
public class PixelTests
{
    [Theory, EveryEngine]
    public void Every_byte_survives_the_way_through_the_network_range(string device)
    {
        // Two frames of 11 x 12 pixels, which hold every byte.
        byte[] pixels = [.. Enumerable.Range(0, 2 * 3 * 132).Select(i => (byte)(i * 7))];
        (float[] planes, byte[] packed) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            PixelArguments arguments = new()
                { Pixels = scope.Upload(pixels), Planes = scope.Allocate<float>(pixels.Length), Frames = 2, PixelsPerFrame = 132 };
            PixelArguments back = arguments with { Pixels = scope.Allocate<byte>(pixels.Length) };
            scope.Run(PixelConversion.PrepareNormalize(a, arguments), PixelConversion.PreparePack(a, back));
            return (scope.Download(arguments.Planes), scope.Download(back.Pixels));
        });
        Assert.Equal(256, pixels.Distinct().Count());
        for (int i = 0; i < pixels.Length; i++)
        {
            int frame = i / 396, pixel = i / 3 % 132, color = i % 3;
            Assert.Equal((pixels[i] / 255f - 0.5f) * 2f, planes[(frame * 3 + color) * 132 + pixel]);
        }
        Assert.Equal(pixels, packed);
    }

    [Theory, EveryEngine]
    public void Packing_clamps_and_rounds(string device)
    {
        float[] planes =
            [-1f, 1f, 0f, -7f, 3f, float.NaN, 1f / 255f, -1f / 255f, 0.5f, float.PositiveInfinity, float.NegativeInfinity, 0.2f];
        byte[] packed = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            PixelArguments arguments = new()
                { Pixels = scope.Allocate<byte>(12), Planes = scope.Upload(planes), Frames = 1, PixelsPerFrame = 4 };
            scope.Run(PixelConversion.PreparePack(a, arguments));
            return scope.Download(arguments.Pixels);
        });
        for (int i = 0; i < 12; i++)
        {
            float x = planes[i % 3 * 4 + i / 3];
            Assert.Equal(float.IsNaN(x) ? 0 : (byte)Math.Clamp(MathF.Round((x + 1) / 2 * 255), 0, 255), packed[i]);
        }
    }

    [Theory, EveryEngine]
    public void Frames_with_a_value_that_is_not_finite_are_marked(string device)
    {
        const int Frames = 6, Values = 301;
        float[] values = RandomFloats(Frames * Values);
        (values[0], values[Values - 1]) = (float.MaxValue, float.Epsilon);
        (values[1 * Values], values[3 * Values - 1], values[4 * Values + 150]) =
            (float.NaN, float.PositiveInfinity, float.NegativeInfinity);
        int[] faults = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            FiniteCheckArguments arguments =
                new() { Values = scope.Upload(values), Faults = scope.Upload(new int[Frames]), Frames = Frames, ValuesPerFrame = Values };
            scope.Run(FiniteCheck.Prepare(a, arguments));
            return scope.Download(arguments.Faults);
        });
        Assert.Equal([0, 1, 1, 0, 1, 0], faults);
    }
}
