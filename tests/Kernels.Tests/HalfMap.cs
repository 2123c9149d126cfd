using Lia.Gpu;
using Half = Lia.Gpu.Half;

namespace Lia.Kernels.Tests;

/// <summary>Half maps in the layouts of <see cref="Octet"/>, to and from <see cref="Tensor"/>.</summary>
internal static class HalfMap
{
    /// <summary>What stands where a kernel must write, or must not read.</summary>
    public static readonly Half Poison = (Half)float.NaN;

    /// <summary>Every element rounded to half.</summary>
    public static Tensor Rounded(this Tensor tensor) => tensor.Map((value, _, _) => (Half)value);

    /// <summary>The tensor with its last channels set to zero, as padding is.</summary>
    public static Tensor Padded(this Tensor tensor, int zeros = 3) => tensor.Map((value, _, c) => c < tensor.Channels - zeros ? value : 0);

    /// <summary>CHW8; elements round to half.</summary>
    public static ArrayView<Half> Upload(DeviceScope scope, Tensor tensor, bool hasPhases = false)
    {
        Half[] values = Poisoned(tensor.Shape, hasPhases);
        for (int i = 0; i < tensor.Values.Length; i++) values[Index(tensor.Shape, i, hasPhases)] = (Half)tensor.Values[i];
        return scope.Upload(values);
    }

    /// <summary>A map full of NaN.</summary>
    public static ArrayView<Half> Allocate(DeviceScope scope, int[] shape, bool hasPhases = false) => scope.Upload(Poisoned(shape, hasPhases));

    /// <summary>The picture in a map.</summary>
    public static Tensor Download(DeviceScope scope, ArrayView<Half> view, int[] shape, bool hasPhases = false)
    {
        Half[] values = scope.Download(view);
        Tensor result = new(new float[shape.Aggregate(1, (a, b) => a * b)], shape);
        for (int i = 0; i < result.Values.Length; i++) result.Values[i] = values[Index(shape, i, hasPhases)];
        return result;
    }

    /// <summary>
    /// Fails unless every element is the nearest half of some number within <paramref name="slack"/> of |expected| + <paramref name="scale"/> around the expected one: half an
    /// ulp of rounding (2^-11, or 2^-25 among the subnormals) and the float32 sums'.
    /// </summary>
    public static void AssertRounded(Tensor expected, Tensor actual, double scale = 0, double slack = 1e-6)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        for (int i = 0; i < expected.Values.Length; i++)
        {
            double limit = Math.Pow(2, -11) * Math.Abs(expected.Values[i]) + Math.Pow(2, -25) + slack * (Math.Abs(expected.Values[i]) + scale);
            Assert.True(Math.Abs(actual.Values[i] - (double)expected.Values[i]) <= limit, $"element {i}: {actual.Values[i]:R}, expected {expected.Values[i]:R}");
        }
    }

    private static Half[] Poisoned(int[] shape, bool hasPhases)
    {
        int pixels = hasPhases ? 4 * ((shape[2] + 1) / 2) * ((shape[3] + 1) / 2) : shape[2] * shape[3];
        Half[] values = new Half[shape[0] * shape[1] * pixels];
        Array.Fill(values, Poison);
        return values;
    }

    private static int Index(int[] shape, int i, bool hasPhases)
    {
        int x = i % shape[3], y = i / shape[3] % shape[2], channel = i / (shape[3] * shape[2]) % shape[1], frame = i / (shape[3] * shape[2] * shape[1]);
        int octet = frame * (shape[1] / 8) + channel / 8, rows = (shape[2] + 1) / 2, columns = (shape[3] + 1) / 2;
        int pixel = hasPhases
            ? ((octet * 4 + 2 * (y % 2) + x % 2) * rows + y / 2) * columns + x / 2
            : (octet * shape[2] + y) * shape[3] + x;
        return pixel * 8 + channel % 8;
    }
}
