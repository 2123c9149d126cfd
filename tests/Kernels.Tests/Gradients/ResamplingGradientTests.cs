using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Resampling;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>The adjoints of blurs and of the skip images' upsampling.</summary>
public class ResamplingGradientTests
{
    private static Tensor ApplyStrided(
        KernelLoader loader, Tensor dy, int height, int width, int padding, float gain, Tensor? before = null)
    {
        using DeviceScope scope = new(loader);
        ArrayView<float> result = before == null ? scope.Allocate<float>(dy.Batch * height * width * dy.Channels) : scope.Upload(before);
        scope.Run(BlurGradient.Prepare(loader, new()
        {
            OutputGradient = scope.Upload(dy),
            InputGradient = result,
            Gain = gain,
            Frames = dy.Batch,
            InputHeight = height,
            InputWidth = width,
            OutputHeight = dy.Height,
            OutputWidth = dy.Width,
            Channels = dy.Channels,
            Padding = padding,
            Accumulates = before == null ? 0 : 1,
        }));
        return scope.DownloadNhwc(result, dy.Batch, dy.Channels, height, width);
    }

    private static Tensor ApplyUnstrided(KernelLoader loader, Tensor dy, int padding, float gain)
    {
        using DeviceScope scope = new(loader);
        int height = dy.Height + 3 - 2 * padding, width = dy.Width + 3 - 2 * padding;
        ArrayView<float> result = scope.Allocate<float>(dy.Batch * height * width * dy.Channels);
        scope.Run(Blur.Prepare(loader, new()
        {
            Input = scope.Upload(dy),
            Output = result,
            Gain = gain,
            Frames = dy.Batch,
            InputHeight = dy.Height,
            InputWidth = dy.Width,
            OutputHeight = height,
            OutputWidth = width,
            Channels = dy.Channels,
            Padding = 3 - padding,
        }, stride: 1));
        return scope.DownloadNhwc(result, dy.Batch, dy.Channels, height, width);
    }

    [Theory, EveryEngine]
    public void The_adjoint_of_a_blur_at_every_pixel_is_a_blur_of_the_other_padding(string device)
    {
        Near.Equal(TrainOps.Read("blur_down3.grad.in0"),
            Run(device, a => ApplyUnstrided(a, TrainOps.Read("blur_down3.ct0"), 2, 1 / 64f)));
        Near.Equal(TrainOps.Read("blur_up.grad.in0"), Run(device, a => ApplyUnstrided(a, TrainOps.Read("blur_up.ct0"), 1, 4 / 64f)));
    }

    [Theory, EveryEngine]
    public void A_downsampling_skip_has_the_official_gradient(string device)
    {
        Tensor weight = TrainOps.Read("conv_skip_down.w.1.weight"), ct = TrainOps.Read("conv_skip_down.ct0");
        Tensor blurred = Tensor.Create(ct.Batch, 8, ct.Height, ct.Width, (n, c, i, j) =>
            Enumerable.Range(0, 6).Sum(o => (double)weight[o, c, 0, 0] * ct[n, o, i, j]) / Math.Sqrt(8));
        Near.Equal(TrainOps.Read("conv_skip_down.grad.in0"), Run(device, a => ApplyStrided(a, blurred, 12, 10, 1, 1 / 64f)));
    }

    [Theory]
    [EveryEngine(2, 8, 12, 10, 1, false)]
    [EveryEngine(1, 3, 5, 9, 1, true)]
    [EveryEngine(3, 6, 40, 3, 2, false)]
    [EveryEngine(1, 20, 7, 6, 0, true)]
    [EveryEngine(1, 1, 4, 4, 3, false)]
    public void The_adjoint_of_a_downsampling_blur_follows_its_definition(
        string device, int batch, int channels, int height, int width, int padding, bool accumulates)
    {
        Tensor dy = Tensor.Random(1, batch, channels, (height + 2 * padding - 4) / 2 + 1, (width + 2 * padding - 4) / 2 + 1);
        Tensor before = Tensor.Random(2, batch, channels, height, width);
        int[] fir = [1, 3, 3, 1];
        double[] expected = [.. before.Values.Select(value => accumulates ? (double)value : 0)];
        for (int i = 0; i < dy.Values.Length * 16; i++)
        {
            int at = i / 16, x = at % dy.Width, y = at / dy.Width % dy.Height, plane = at / (dy.Width * dy.Height);
            int row = 2 * y + i / 4 % 4 - padding, column = 2 * x + i % 4 - padding;
            if (row >= 0 && row < height && column >= 0 && column < width)
                expected[(plane * height + row) * width + column] += fir[i / 4 % 4] * fir[i % 4] / 64.0 * dy.Values[at];
        }
        Tensor actual = Run(device, a => ApplyStrided(a, dy, height, width, padding, 1 / 64f, accumulates ? before : null));
        Near.Equal([.. expected.Select(value => (float)value)], actual.Values, 1e-6);
    }

    private static float[] ApplyUpsample(KernelLoader loader, Tensor dy, float[]? before)
    {
        using DeviceScope scope = new(loader);
        ArrayView<float> result = before == null ? scope.Allocate<float>(dy.Values.Length / 4) : scope.Upload(before);
        scope.Run(UpsampleGradient.Prepare(loader, new()
        {
            OutputGradient = scope.Upload(dy.Values),
            InputGradient = result,
            Planes = dy.Batch * dy.Channels,
            Height = dy.Height / 2,
            Width = dy.Width / 2,
            Accumulates = before == null ? 0 : 1,
        }));
        return scope.Download(result);
    }

    [Theory, EveryEngine]
    public void Upsampling_has_the_official_gradient(string device)
    {
        Tensor expected = TrainOps.Read("upsample.grad.in0"), ct = TrainOps.Read("upsample.ct0");
        Near.Equal(expected.Values, Run(device, a => ApplyUpsample(a, ct, null)));
        float[] before = RandomFloats(expected.Values.Length, 1);
        Near.Equal([.. expected.Values.Select((value, i) => value + before[i])], Run(device, a => ApplyUpsample(a, ct, before)));
    }

    [Theory]
    [EveryEngine(1, 1)]
    [EveryEngine(1, 3)]
    [EveryEngine(4, 2)]
    public void Upsampling_of_the_smallest_pictures_too(string device, int height, int width)
    {
        Tensor dy = Tensor.Random(1, 2, 3, 2 * height, 2 * width);
        // Per axis: output r of an input of n samples takes 3/4 of sample r / 2 and 1/4 of its neighbor on r's side.
        static double Weight(int output, int sample) => output >> 1 == sample ? 0.75
            : ((output & 1) != 0 ? (output >> 1) + 1 : (output >> 1) - 1) == sample ? 0.25 : 0;
        Tensor expected = Tensor.Create(2, 3, height, width, (n, c, i, j) =>
        {
            double sum = 0;
            for (int y = 0; y < 2 * height; y++)
                for (int x = 0; x < 2 * width; x++) sum += Weight(y, i) * Weight(x, j) * dy[n, c, y, x];
            return sum;
        });
        Near.Equal(expected.Values, Run(device, a => ApplyUpsample(a, dy, null)), 1e-6);
    }
}
