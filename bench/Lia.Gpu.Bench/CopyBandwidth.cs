using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>Copies 1 GiB, twenty times the L2 cache of an H100, counting bytes read and bytes written.</summary>
internal static class CopyBandwidth
{
    public const long Bytes = 1L << 30;

    public static void Run(Accelerator accelerator)
    {
        var copy = VectorCopy.Load(accelerator);
        using MemoryBuffer1D<Float4> source = accelerator.Allocate1D<Float4>(Bytes / 16), target = accelerator.Allocate1D<Float4>(Bytes / 16);
        accelerator.DefaultStream.MemSet(source.View, 0x3c);
        accelerator.DefaultStream.MemSet(target.View, 0);
        accelerator.Synchronize();
        double milliseconds = Timing.Median(accelerator, 40, (stream, _) => copy(stream, source.View, target.View));
        var last = new Float4[1];
        accelerator.DefaultStream.CopyToCPU(target.View.SubView(Bytes / 16 - 1), last);
        if (BitConverter.SingleToInt32Bits(last[0].W) != 0x3c3c3c3c)
            throw new InvalidOperationException("the copy is wrong");
        Timing.Print("copy", 2 * Bytes / milliseconds / 1e9, "TB/s");
    }
}
