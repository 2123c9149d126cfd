using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>A picture into channels.</summary>
public class HalfFirstLayerTests
{
    private static Tensor Apply(KernelLoader loader, float[] planes, byte[]? pixels, int[] shape, float[] weights, float[] bias)
    {
        using DeviceScope scope = new(loader);
        HalfMap output = Chw8.Allocate(scope, shape[0], shape[1], shape[2], shape[3]);
        HalfFirstLayerArguments arguments = new()
        {
            Input = pixels == null ? scope.Upload(planes) : default,
            Pixels = pixels == null ? default : scope.Upload(pixels),
            Weights = scope.Upload(weights),
            Bias = scope.Upload(bias),
            Output = output.View,
            Frames = shape[0],
            PixelsPerFrame = shape[2] * shape[3],
            Channels = shape[1],
        };
        scope.Run(HalfFirstLayer.Prepare(loader, arguments));
        return Chw8.Download(scope, output);
    }

    [Theory]
    [EveryAccelerator(1, 16, 1, 1)]
    [EveryAccelerator(3, 48, 17, 19)]
    [EveryAccelerator(1, 48, 17, 19)]
    [EveryAccelerator(2, 32, 5, 5)]
    public void Planes_and_bytes_match_the_definition(string device, int batch, int channels, int height, int width)
    {
        byte[] pixels = [.. Enumerable.Range(0, batch * height * width * 3).Select(i => (byte)(i * 37 + i / 256))];
        Tensor x =
            Tensor.Create(batch, 3, height, width, (n, c, i, j) => (pixels[((n * height + i) * width + j) * 3 + c] / 255f - 0.5f) * 2f);
        float[] weights = RandomFloats(3 * channels, 1), bias = RandomFloats(channels, 2);
        for (int c = channels - 5; c < channels; c++) weights[c] = weights[channels + c] = weights[2 * channels + c] = bias[c] = 0;
        Tensor expected = Tensor.Create(batch, channels, height, width, (n, o, i, j) =>
            (double)x[n, 0, i, j] * weights[o] + (double)x[n, 1, i, j] * weights[channels + o] + (double)x[n, 2, i, j]
                * weights[2 * channels + o]).Activate(bias);
        Tensor actual = Run(device, a => Apply(a, x.Values, null, expected.Shape, weights, bias));
        Near.Rounded(expected, actual, 4);
        Assert.Equal(actual.Values, Run(device, a => Apply(a, x.Values, pixels, expected.Shape, weights, bias)).Values);
        Assert.Equal(0f, actual[0, channels - 1, 0, 0]);
    }
}
