using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lia.Weights;

/// <summary>What every <see cref="ITensorSource"/> can do.</summary>
public static class TensorSourceExtensions
{
    /// <summary>Reads a tensor as float32 and checks that every value is a finite number.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">A key of <see cref="ITensorSource.Tensors"/>.</param>
    /// <returns>The values in row-major order.</returns>
    /// <exception cref="WeightsException">There is no such tensor, it has no float32 form, or it holds a NaN or an infinity: the
    /// message names the tensor and the place.</exception>
    public static float[] Read(this ITensorSource source, string name)
    {
        float[] values = Copy(source, name);
        DemandFinite(source, name, values);
        return values;
    }

    /// <summary>
    /// What <see cref="Read"/> gives, without a copy where the file holds it as it is wanted: float32 in a safetensors file.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">A key of <see cref="ITensorSource.Tensors"/>.</param>
    /// <returns>The values in row-major order; not to be used after <paramref name="source"/> is disposed.</returns>
    /// <exception cref="WeightsException">As of <see cref="Read"/>.</exception>
    public static ReadOnlyMemory<float> View(this ITensorSource source, string name)
    {
        ReadOnlyMemory<float> values = (source as IMappedTensors)?.Singles(name) ?? Copy(source, name);
        DemandFinite(source, name, values.Span);
        return values;
    }

    private static float[] Copy(ITensorSource source, string name)
    {
        if (!source.Tensors.TryGetValue(name, out TensorInfo? info)) throw Missing(source, name);
        if (info.ElementCount > Array.MaxLength)
            throw new WeightsException(
                $"{source.Name}: tensor {Text.Quote(name)} has {info.ElementCount} elements, too many for one array");
        float[] values = GC.AllocateUninitializedArray<float>((int)info.ElementCount);
        source.CopyTo(name, values);
        return values;
    }

    private static void DemandFinite(ITensorSource source, string name, ReadOnlySpan<float> values)
    {
        int bad = FirstNonFinite(values);
        if (bad >= 0)
            throw new WeightsException(
                $"{source.Name}: tensor {Text.Quote(name)} holds {Describe(values[bad])} at element {bad} of {values.Length}");
    }

    /// <summary>The tensor <see cref="ITensorSource.CopyTo"/> is asked for, its arguments checked.</summary>
    internal static TensorInfo Find(this ITensorSource source, string name, int destinationLength)
    {
        if (!source.Tensors.TryGetValue(name, out TensorInfo? info)) throw Missing(source, name);
        if (info.ElementCount != destinationLength)
            throw new ArgumentException($"Tensor {name} has {info.ElementCount} elements, the destination {destinationLength}.");
        if (!TensorConversion.IsConvertible(info.DType))
            throw new WeightsException(
                $"{source.Name}: tensor {Text.Quote(name)} of type {info.DType.SafetensorsName()} has no float32 form");
        return info;
    }

    internal static WeightsException Missing(ITensorSource source, string name) =>
        new($"{source.Name}: there is no tensor {Text.Quote(name)}");

    /// <summary>Index of the first NaN or infinity (exponent bits all ones), or -1.</summary>
    // It runs over all weights while a program starts, before slow code would be replaced.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int FirstNonFinite(ReadOnlySpan<float> values)
    {
        const uint Exponent = 0x7f800000;
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        int i = 0;
        for (; i <= bits.Length - Vector256<uint>.Count; i += Vector256<uint>.Count)
        {
            Vector256<uint> exponents = Vector256.Create(bits[i..]) & Vector256.Create(Exponent);
            if (Vector256.EqualsAny(exponents, Vector256.Create(Exponent))) break;
        }
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & Exponent) == Exponent) return i;
        }
        return -1;
    }

    private static string Describe(float value) => float.IsNaN(value) ? "a NaN" : value > 0 ? "+infinity" : "-infinity";
}
