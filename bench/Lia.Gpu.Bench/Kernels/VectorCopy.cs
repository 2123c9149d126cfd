using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench.Kernels;

/// <summary>
/// target[i] = source[i]: the bandwidth of the memory, nothing else.
/// A thread moves two 16-byte elements, both loaded before the first is stored; a warp's accesses are 512 contiguous bytes.
/// Bound by 2 x n x 16 bytes of traffic.
/// </summary>
internal static class VectorCopy
{
    private const int Threads = 256;
    private const int PerThread = 2;

    public static Action<AcceleratorStream, ArrayView<Float4>, ArrayView<Float4>> Load(KernelLoader loader)
    {
        var kernel = loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>>>(Copy);
        return (stream, source, target) =>
        {
            int groups = (int)((source.Length + (Threads * PerThread) - 1) / (Threads * PerThread));
            kernel(stream, new KernelConfig(groups, Threads), source, target);
        };
    }

    [LaunchBounds(Threads)]
    private static void Copy(ArrayView<Float4> source, ArrayView<Float4> target)
    {
        int first = Grid.IdxX * (Threads * PerThread) + Group.IdxX;
        ArrayView<Float4> held = LocalMemory.Allocate<Float4>(PerThread);
        if (first + (PerThread - 1) * Threads < source.IntLength)
        {
            for (int i = 0; i < PerThread; i++)
                held[i] = Intrinsics.LoadNonCoherent(ref source[first + i * Threads]);
            for (int i = 0; i < PerThread; i++)
                target[first + i * Threads] = held[i];
        }
        else
        {
            for (int i = 0; i < PerThread; i++)
            {
                if (first + i * Threads < source.IntLength)
                    target[first + i * Threads] = source[first + i * Threads];
            }
        }
    }
}
