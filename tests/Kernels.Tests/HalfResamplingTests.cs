using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Resampling;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The blurs of the half path.</summary>
public class HalfResamplingTests
{
    private static Tensor Skip(KernelLoader loader, Tensor x, int rows)
    {
        using DeviceScope scope = new(loader);
        HalfMap output = Chw8.Allocate(scope, x.Batch, x.Channels, x.Height / 2, x.Width / 2);
        scope.Run(HalfBlur.PrepareSkip(loader, Arguments(Chw8.Upload(scope, x), x, output), rows: rows));
        return Chw8.Download(scope, output);
    }

    private static Tensor Down(KernelLoader loader, Tensor x, int rows)
    {
        using DeviceScope scope = new(loader);
        HalfMap output = Chw8.Allocate(scope, x.Batch, x.Channels, x.Height / 2 + 1, x.Width / 2 + 1, planes: 4);
        scope.Run(HalfBlur.PrepareDown(loader, Arguments(Chw8.Upload(scope, x), x, output), rows: rows));
        return Chw8.DownloadPhases(scope, output);
    }

    private static (Tensor Skip, Tensor Down) Both(KernelLoader loader, Tensor x, Tensor inner, int rows, int parts = 1)
    {
        using DeviceScope scope = new(loader);
        HalfMap small = Chw8.Allocate(scope, x.Batch, x.Channels, x.Height / 2, x.Width / 2, parts: parts),
            wide = Chw8.Allocate(scope, x.Batch, x.Channels, x.Height / 2 + 1, x.Width / 2 + 1, 4, parts);
        scope.Run(HalfBlurPair.Prepare(loader, Arguments(Chw8.Upload(scope, x, parts), x, small),
            Arguments(Chw8.Upload(scope, inner, parts), inner, wide), parts, rows));
        return (Chw8.Download(scope, small), Chw8.DownloadPhases(scope, wide));
    }

    private static Tensor Up(KernelLoader loader, Tensor x, float[] factors, float[] bias, float[]? style, int stride, int rows = 0)
    {
        using DeviceScope scope = new(loader);
        HalfMap output = Chw8.Allocate(scope, x.Batch, x.Channels, x.Height - 1, x.Width - 1);
        scope.Run(HalfBlur.PrepareUp(loader, Arguments(Chw8.UploadPhases(scope, x), x, output) with
        {
            Scale = scope.Upload(factors),
            ScaleStride = stride,
            Bias = scope.Upload(bias),
            Style = style == null ? default : scope.Upload(style),
            StyleStride = stride,
        }, rows: rows));
        return Chw8.Download(scope, output);
    }

    private static HalfBlurArguments Arguments(HalfMap input, Tensor x, HalfMap output) => new()
    {
        Input = input.View, Output = output.View, Frames = x.Batch, InputHeight = x.Height, InputWidth = x.Width, Channels = x.Channels,
    };

    [Theory]
    [EveryAccelerator(1, 16, 2, 2)]
    [EveryAccelerator(2, 48, 4, 6)]
    [EveryAccelerator(3, 16, 18, 10)]
    [EveryAccelerator(1, 32, 8, 40)]
    public void Downsampling_blurs_match_the_definition(string device, int batch, int channels, int height, int width)
    {
        Tensor x = Chw8.ClearLast(Chw8.Round(Tensor.Random(1, batch, channels, height, width)));
        foreach (int rows in (int[])[EightRows.Count, TwoRows.Count])
        {
            Near.Rounded(x.Blur(1, 2, 1 / 64.0), Run(device, a => Skip(a, x, rows)), 1);
            Near.Rounded(x.Blur(2, 1, 1 / 64.0), Run(device, a => Down(a, x, rows)), 1);
        }
    }

    [Theory]
    [EveryAccelerator(1, 16, 2, 2)]
    [EveryAccelerator(2, 48, 4, 6)]
    [EveryAccelerator(3, 16, 18, 10)]
    [EveryAccelerator(1, 32, 8, 40)]
    public void Both_blurs_of_a_block_are_one_launch(string device, int batch, int channels, int height, int width)
    {
        Tensor x = Chw8.ClearLast(Chw8.Round(Tensor.Random(1, batch, channels, height, width))),
            inner = Chw8.ClearLast(Chw8.Round(Tensor.Random(2, batch, channels, height, width)));
        foreach (int rows in (int[])[EightRows.Count, TwoRows.Count, 0])
        {
            (Tensor skip, Tensor down) = Run(device, a => Both(a, x, inner, rows));
            Near.Rounded(x.Blur(1, 2, 1 / 64.0), skip, 1);
            Near.Rounded(inner.Blur(2, 1, 1 / 64.0), down, 1);
            // As apart.
            Assert.Equal(Run(device, a => Skip(a, x, EightRows.Count)).Values, skip.Values);
            Assert.Equal(Run(device, a => Down(a, inner, EightRows.Count)).Values, down.Values);
        }
    }

    [Theory]
    [EveryAccelerator(2, 16, 6, 4)]
    [EveryAccelerator(1, 32, 18, 10)]
    public void Both_blurs_keep_the_22_bits_of_pairs(string device, int batch, int channels, int height, int width)
    {
        Tensor x = Chw8.Round(Tensor.Random(1, batch, channels, height, width), 2),
            inner = Chw8.Round(Tensor.Random(2, batch, channels, height, width), 2);
        foreach (int rows in (int[])[EightRows.Count, TwoRows.Count])
        {
            (Tensor skip, Tensor down) = Run(device, a => Both(a, x, inner, rows, parts: 2));
            Near.Equal(x.Blur(1, 2, 1 / 64.0), skip, 5e-7);
            Near.Equal(inner.Blur(2, 1, 1 / 64.0), down, 5e-7);
        }
    }

    // The emulator finds what reaches beyond the weights; on other devices nothing is fetched.
    [Theory]
    [EveryAccelerator(8)]
    [EveryAccelerator(9 * 16 * 48)]
    public void Weights_of_convolutions_to_come_are_fetched_ahead(string device, int halves)
    {
        Tensor x = Chw8.Round(Tensor.Random(1, 1, 48, 20, 18));
        float[] ones = [.. Enumerable.Repeat(1f, 48)];
        HalfBlurArguments Ahead(DeviceScope scope, HalfBlurArguments blur) => blur with
        {
            NextWeights = scope.Upload(new Half[halves]), LaterWeights = scope.Upload(new Half[halves / 2 / 8 * 8 + 8]),
        };
        (Tensor down, Tensor up) = Run(device, loader =>
        {
            using DeviceScope scope = new(loader);
            HalfMap input = Chw8.Upload(scope, x), small = Chw8.Allocate(scope, 1, 48, 10, 9),
                wide = Chw8.Allocate(scope, 1, 48, 11, 10, 4),
                phases = Chw8.UploadPhases(scope, Tensor.Random(2, 1, 48, 21, 19)), large = Chw8.Allocate(scope, 1, 48, 20, 18);
            scope.Run(HalfBlurPair.Prepare(loader, Arguments(input, x, small), Ahead(scope, Arguments(input, x, wide))));
            scope.Run(HalfBlur.PrepareUp(loader, Ahead(scope, new()
            {
                Input = phases.View, Output = large.View, Frames = 1, InputHeight = 21, InputWidth = 19, Channels = 48,
                Scale = scope.Upload(ones), Bias = scope.Upload(ones),
            })));
            return (Chw8.DownloadPhases(scope, wide), Chw8.Download(scope, large));
        });
        Near.Rounded(x.Blur(2, 1, 1 / 64.0), down, 1);
        Assert.All(up.Values, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void One_launch_pays_and_threads_take_two_rows_where_the_device_stays_idle()
    {
        // Two multiprocessors hold ten groups of 128 threads, 1280 columns of an octet and two (or eight) rows.
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        HalfBlurArguments Square(int frames, int size) => new() { Frames = frames, InputHeight = size, InputWidth = size, Channels = 16 };
        Assert.Equal(10, BlurRows.Places(loader, 1));
        Assert.Equal(8, BlurRows.Places(loader, 2));
        Assert.True(HalfBlurPair.Pays(loader, Square(1, 64), 1)); // 4 + 10 groups
        Assert.True(HalfBlurPair.Pays(loader, Square(2, 32), 1));
        Assert.False(HalfBlurPair.Pays(loader, Square(2, 64), 1));
        Assert.False(HalfBlurPair.Pays(loader, Square(1, 96), 1));
        Assert.Equal(TwoRows.Count, BlurRows.Choose(loader, 1, rows => 24 / rows));
        Assert.Equal(EightRows.Count, BlurRows.Choose(loader, 1, rows => 26 / rows));
        Assert.Equal(EightRows.Count, BlurRows.Choose(loader, 2, rows => 24 / rows));
    }

    [Theory]
    [EveryAccelerator(1, 16, 1, 1)]
    [EveryAccelerator(2, 48, 4, 3)]
    [EveryAccelerator(3, 16, 9, 5)]
    [EveryAccelerator(1, 32, 4, 20)]
    public void The_upsampling_blur_demodulates_activates_and_applies_the_next_style(
        string device, int batch, int channels, int height, int width)
    {
        Tensor x = Chw8.ClearLast(Chw8.Round(Tensor.Random(1, batch, channels, 2 * height + 1, 2 * width + 1)));
        int stride = channels + 4; // Rows of factors and styles lie apart.
        float[] factors = RandomFloats(batch * stride, 2), style = RandomFloats(batch * stride, 3), bias = RandomFloats(channels, 4);
        Array.Clear(bias, channels - 3, 3);
        Tensor plain = x.Blur(1, 1, 4 / 64.0).Map((value, n, c) => value * (double)factors[n * stride + c]).Activate(bias),
            styled = plain.Map((value, n, c) => value * (double)style[n * stride + c]);
        foreach (int rows in (int[])[EightRows.Count, TwoRows.Count])
        {
            Near.Rounded(plain, Run(device, a => Up(a, x, factors, bias, null, stride, rows)), 1);
            Tensor actual = Run(device, a => Up(a, x, factors, bias, style, stride, rows));
            Near.Rounded(styled, actual, 1);
            for (int i = 0; i < 3; i++) Assert.Equal(0f, actual[batch - 1, channels - 1 - i, 0, 0]);
        }
    }

    [Theory, EveryAccelerator]
    public void Frames_do_not_depend_on_their_neighbors(string device)
    {
        Tensor x = Chw8.Round(Tensor.Random(1, 3, 16, 9, 11)), second = Tensor.Create(1, 16, 9, 11, (_, c, i, j) => x[1, c, i, j]);
        float[] factors = RandomFloats(48, 2), bias = RandomFloats(16, 4);
        Tensor together = Run(device, a => Up(a, x, factors, bias, null, 16)),
            alone = Run(device, a => Up(a, second, factors[16..32], bias, null, 16));
        Assert.Equal(alone.Values, together.Values.AsSpan(alone.Values.Length, alone.Values.Length).ToArray());
    }

    [Theory, EveryAccelerator]
    public void What_exceeds_the_range_saturates_and_NaN_stays(string device)
    {
        Tensor x = Tensor.Create(1, 16, 9, 9, (_, c, y, i) => c == 1 && y == 4 && i == 4 ? float.NaN : c % 2 == 0 ? 60000 : -60000);
        float[] factors = [.. Enumerable.Range(0, 16).Select(c => c == 4 ? 1e30f : 4f)];
        Tensor actual = Run(device, a => Up(a, x, factors, new float[16], null, 16));
        Assert.Equal(65504f, actual[0, 0, 3, 3]);
        Assert.Equal(65504f, actual[0, 4, 3, 3]);
        Assert.Equal(-65504f, actual[0, 3, 3, 3]);
        Assert.True(float.IsNaN(actual[0, 1, 3, 3]) && float.IsNaN(actual[0, 1, 5, 5]));
        Assert.Equal(-65504f, actual[0, 1, 1, 1]);
    }
}

/// <summary>Eight halves to floats and back.</summary>
public class OctetTests
{
    private struct CopyArguments
    {
        public ArrayView<float> Input;
        public ArrayView<Half> Output;
        public ArrayView<float> Back;
        public int Octets;
    }

    private static void CopyKernel(CopyArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        if (index < a.Octets) Octet.Store(a.Output, index, Octet.Load(a.Input, index));
    }

    private static void BackKernel(CopyArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        if (index < a.Octets)
        {
            Octet value = Octet.Load(a.Output, index);
            a.Back.Cast<Float4>()[2 * index] = value.Low;
            a.Back.Cast<Float4>()[2 * index + 1] = value.High;
        }
    }

    [Theory, EveryAccelerator]
    public void Stores_round_to_even_and_saturate(string device)
    {
        // Every finite half, the midpoints to the next one, and what is too large.
        float[] finite = [.. Enumerable.Range(0, 0x7c00).Select(bits => (float)Interop.IntAsFloat((ushort)bits))];
        float[] positive = [.. finite, .. finite.Zip(finite.Skip(1), (a, b) => (a + b) / 2), 65519f, 65520f, 65536f, 1e10f, float.MaxValue,
            float.PositiveInfinity];
        float[] values = [.. positive, .. positive.Select(value => -value), float.NaN, -float.NaN];
        Array.Resize(ref values, (values.Length + 7) / 8 * 8);
        (Half[] halves, float[] back) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            CopyArguments arguments = new()
            {
                Input = scope.Upload(values), Output = scope.Allocate<Half>(values.Length), Back = scope.Allocate<float>(values.Length),
                    Octets = values.Length / 8,
            };
            scope.Run(KernelLaunch.Create(a, CopyKernel, KernelLaunch.Linear(arguments.Octets), arguments),
                KernelLaunch.Create(a, BackKernel, KernelLaunch.Linear(arguments.Octets), arguments));
            return (scope.Download(arguments.Output), scope.Download(arguments.Back));
        });
        for (int i = 0; i < values.Length; i++)
        {
            System.Half expected = (System.Half)values[i];
            if (System.Half.IsInfinity(expected)) expected = System.Half.IsPositive(expected) ? System.Half.MaxValue : System.Half.MinValue;
            if (System.Half.IsNaN(expected)) Assert.True(float.IsNaN(halves[i]) && float.IsNaN(back[i]), $"{values[i]}: {halves[i]}");
            else Assert.Equal((BitConverter.HalfToUInt16Bits(expected), (float)expected), (Interop.FloatAsInt(halves[i]), back[i]));
        }
    }
}
