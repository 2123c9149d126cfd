using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;
using Lia.PtxEmulator;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>A function that runs on the host and on the device.</summary>
public interface IFunction<TIn, TOut>
{
    TOut Apply(TIn input);
}

/// <summary>Two values, the input of binary functions.</summary>
public record struct Pair<T>(T A, T B);

/// <summary>Compiles a function, runs it on the emulator and compares every byte with what the CLR computes.</summary>
internal static class Differential
{
    private static readonly int[] s_ints =
        [0, 1, -1, 2, -2, 3, 5, 7, -7, 8, 31, 32, 33, 63, 64, 100, -100, 255, 256, 1000, 65535, 65536, -65536, 1 << 30, int.MaxValue,
            int.MinValue, int.MinValue + 1];

    private static readonly float[] s_floats =
        [0f, -0f, 1f, -1f, 0.5f, 1.5f, 2.5f, -2.5f, 3.25f, 1e-20f, 1e20f, -1e10f, 255.5f, 1e-40f, 16777217f, 2147483648f, float.MaxValue,
            float.PositiveInfinity, float.NegativeInfinity, float.NaN];

    public static void Ints<TFunction>() where TFunction : struct, IFunction<int, int> => Run<TFunction, int, int>(s_ints);

    public static void IntPairs<TFunction>()
        where TFunction : struct, IFunction<Pair<int>, int> => Run<TFunction, Pair<int>, int>(Pairs(s_ints));

    public static void LongPairs<TFunction>() where TFunction : struct, IFunction<Pair<long>, long> =>
        Run<TFunction, Pair<long>, long>(
            Pairs([0, 1, -1, 7, -7, 64, 1000003, 1L << 32, -(1L << 32), (1L << 32) + 5, long.MaxValue, long.MinValue]));

    public static void FloatPairs<TFunction>()
        where TFunction : struct, IFunction<Pair<float>, float> => Run<TFunction, Pair<float>, float>(Pairs(s_floats));

    public static void DoublePairs<TFunction>() where TFunction : struct, IFunction<Pair<double>, double> =>
        Run<TFunction, Pair<double>, double>(Pairs([.. s_floats.Select(static f => (double)f), 1e300, 0.1, Math.PI]));

    public static void Run<TFunction, TIn, TOut>(TIn[] inputs) where TFunction : struct, IFunction<TIn, TOut> where TIn : unmanaged
        where TOut : unmanaged
    {
        TOut[] expected = [.. inputs.Select(static x => default(TFunction).Apply(x))];
        using var loader = EmulatorAccelerator.CreateLoader();
        using MemoryBuffer1D<TIn, Stride1D.Dense> source = loader.Allocate1D(inputs);
        using MemoryBuffer1D<TOut, Stride1D.Dense> target = loader.Allocate1D<TOut>(inputs.Length);
        loader.Load<Action<Index1D, ArrayView<TIn>, ArrayView<TOut>>>(Map<TFunction, TIn, TOut>)(inputs.Length, source.View, target.View);
        TOut[] actual = target.GetAsArray1D();
        for (int i = 0; i < inputs.Length; i++)
        {
            if (!Same(expected[i], actual[i]))
                Assert.Fail($"{typeof(TFunction).Name}({inputs[i]}): the CLR says {expected[i]}, the device {actual[i]}");
        }
    }

    /// <summary>Equal bytes; any NaN equals any other, since only the CLR's carry payloads.</summary>
    private static bool Same<T>(T expected, T actual) where T : unmanaged =>
        (expected is float f && float.IsNaN(f) && actual is float g && float.IsNaN(g))
        || (expected is double d && double.IsNaN(d) && actual is double e && double.IsNaN(e))
        || MemoryMarshal.AsBytes([expected]).SequenceEqual(MemoryMarshal.AsBytes([actual]));

    public static Pair<T>[] Pairs<T>(T[] values) => [.. from a in values from b in values select new Pair<T>(a, b)];

    private static void Map<TFunction, TIn, TOut>(Index1D index, ArrayView<TIn> source, ArrayView<TOut> target)
        where TFunction : struct, IFunction<TIn, TOut> where TIn : unmanaged where TOut : unmanaged =>
        target[index] = default(TFunction).Apply(source[index]);
}
