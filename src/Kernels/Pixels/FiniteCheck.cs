using Lia.Gpu.Runtime;

namespace Lia.Kernels.Pixels;

/// <summary>What the check is passed.</summary>
internal struct FiniteCheckArguments
{
    /// <summary>[frame, value].</summary>
    public ArrayView<float> Values;

    /// <summary>Faults [frame]; zero before, left so where a frame is finite.</summary>
    public ArrayView<int> Faults;

    public int Frames, ValuesPerFrame;
}

/// <summary>
/// faults[f] = 1 where a value of frame f is infinite or no number: bytes made of it do not show that any more. A thread takes a value.
/// Bound by 4 bytes a value.
/// </summary>
internal static class FiniteCheck
{
    private const uint Exponent = 0x7f800000; // all ones: an infinity or no number

    public static KernelLaunch Prepare(KernelLoader loader, FiniteCheckArguments arguments)
    {
        long values = (long)arguments.Frames * arguments.ValuesPerFrame;
        return KernelLaunch.Create(loader, Run, KernelLaunch.Linear(values), arguments, bytes: sizeof(float) * values);
    }

    public static void Run(FiniteCheckArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frame = index / a.ValuesPerFrame;
        if (frame < a.Frames && (Interop.FloatAsInt(a.Values[index]) & Exponent) == Exponent) Atomic.Or(ref a.Faults[frame], 1);
    }
}
