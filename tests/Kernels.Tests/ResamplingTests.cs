using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Resampling;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>FIR blur, down- and upsampling.</summary>
public class ResamplingTests
{
    private static Tensor Apply(KernelLoader loader, Tensor x, int padding, int stride, float gain,
        Func<DeviceScope, Epilogue>? epilogue = null)
    {
        using DeviceScope scope = new(loader);
        int height = (x.Height + 2 * padding - 4) / stride + 1, width = (x.Width + 2 * padding - 4) / stride + 1;
        ArrayView<float> output = scope.Allocate<float>(x.Batch * height * width * x.Channels);
        scope.Run(Blur.Prepare(loader, new()
        {
            Input = scope.Upload(x),
            Output = output,
            Epilogue = epilogue?.Invoke(scope) ?? default,
            Gain = gain,
            Frames = x.Batch,
            InputHeight = x.Height,
            InputWidth = x.Width,
            OutputHeight = height,
            OutputWidth = width,
            Channels = x.Channels,
            Padding = padding,
        }, stride));
        return scope.DownloadNhwc(output, x.Batch, x.Channels, height, width);
    }

    [Theory, EveryEngine]
    public void Blurs_match_the_official_upfirdn(string device)
    {
        Near.Equal(Ops.Read("blur_down1.out0"), Run(device, a => Apply(a, Ops.Read("blur_down1.in0"), 1, 1, 1 / 64f)));
        Near.Equal(Ops.Read("blur_down3.out0"), Run(device, a => Apply(a, Ops.Read("blur_down3.in0"), 2, 1, 1 / 64f)));
        Near.Equal(Ops.Read("blur_up.out0"), Run(device, a => Apply(a, Ops.Read("blur_up.in0"), 1, 1, 4 / 64f)));
        Near.Equal(Ops.Read("downsample.out0"), Run(device, a => Apply(a, Ops.Read("downsample.in0"), 1, 2, 1 / 64f)));
    }

    [Theory]
    [EveryEngine(1, 1, 2, 2, 2, 1)]
    [EveryEngine(2, 5, 9, 21, 1, 1)]
    [EveryEngine(3, 8, 17, 4, 2, 1)]
    [EveryEngine(2, 7, 12, 6, 1, 2)]
    [EveryEngine(1, 4, 4, 4, 1, 2)]
    public void Odd_shapes_match_the_definition(string device, int batch, int channels, int height, int width, int padding, int stride)
    {
        Tensor x = Tensor.Random(1, batch, channels, height, width);
        Near.Equal(x.Blur(padding, stride, 1 / 64.0), Run(device, a => Apply(a, x, padding, stride, 1 / 64f)), 1e-6);
    }

    [Theory, EveryEngine]
    public void A_blur_preserves_constants_away_from_the_border(string device)
    {
        Tensor x = Tensor.Create(1, 4, 12, 12, (_, c, _, _) => c + 0.5);
        Tensor blurred = Run(device, a => Apply(a, x, 2, 1, 1 / 64f));
        for (int y = 3; y < 10; y++)
            for (int c = 0; c < 4; c++) Assert.Equal(c + 0.5f, blurred[0, c, y, 5]);
    }

    [Theory, EveryEngine]
    public void The_epilogue_of_an_upsampling_layer_follows_the_blur(string device)
    {
        Tensor x = Tensor.Random(2, 2, 6, 9, 9);
        float[] factors = RandomFloats(12, 3), bias = RandomFloats(6, 4);
        Tensor expected = x.Blur(1, 1, 4 / 64.0).Map((value, n, c) => value * (double)factors[n * 6 + c]).Activate(bias);
        Near.Equal(expected, Run(device, a => Apply(a, x, 1, 1, 4 / 64f, scope => new()
        {
            Scale = scope.Upload(factors),
            ScaleStride = 6,
            Bias = scope.Upload(bias),
            Activate = 1,
        })), 1e-6);
    }

    internal struct UpsampleArguments
    {
        public ArrayView<float> Input, Output;
        public int Height, Width, Planes;
    }

    private static void UpsampleKernel(UpsampleArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int width = 2 * a.Width, plane = index / (4 * a.Height * a.Width);
        if (plane < a.Planes)
        {
            int pixel = index - plane * (4 * a.Height * a.Width);
            a.Output[index] = Upsample.At(a.Input, plane * (a.Height * a.Width), a.Height, a.Width, pixel / width, pixel % width);
        }
    }

    [Theory, EveryEngine]
    public void Upsampling_matches_the_official_skip(string device)
    {
        Tensor x = Ops.Read("upsample.in0"), expected = Ops.Read("upsample.out0");
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            UpsampleArguments arguments = new()
            {
                Input = scope.Upload(x.Values),
                Output = scope.Allocate<float>(expected.Values.Length),
                Height = x.Height,
                Width = x.Width,
                Planes = x.Batch * x.Channels,
            };
            scope.Run(KernelLaunch.Create(a, UpsampleKernel, KernelLaunch.Linear(expected.Values.Length), arguments));
            return scope.Download(arguments.Output);
        });
        Near.Equal(expected.Values, actual, 1e-6);
    }
}
