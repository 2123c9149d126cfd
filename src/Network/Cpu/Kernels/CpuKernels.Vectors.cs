using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

internal sealed unsafe partial class CpuKernels<V>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Dot(float* a, float* b, int length)
    {
        V even = default, odd = default;
        for (int i = 0; i < length; i += 2 * V.Count)
        {
            even = V.MultiplyAdd(V.Load(a + i), V.Load(b + i), even);
            if (i + V.Count < length) odd = V.MultiplyAdd(V.Load(a + i + V.Count), V.Load(b + i + V.Count), odd);
        }
        return Vector128.Sum(V.Fold(V.Add(even, odd)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Scale(float* pixels, int count, int stride, float* factors)
    {
        for (int i = 0; i < count; i++, pixels += stride)
        {
            for (int channel = 0; channel < stride; channel += V.Count)
                V.Multiply(V.Load(pixels + channel), V.Load(factors + channel)).Store(pixels + channel);
        }
    }
}
