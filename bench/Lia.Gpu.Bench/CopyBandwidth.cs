using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>Copies 1 GiB, twenty times the L2 cache of an H100, counting bytes read and bytes written.</summary>
internal static class CopyBandwidth
{
    public const long Bytes = 1L << 30;

    public static void Run(KernelLoader loader)
    {
        var copy = VectorCopy.Load(loader);
        using MemoryBuffer1D<Float4, Stride1D.Dense> source =
            loader.Allocate1D<Float4>(Bytes / 16), target = loader.Allocate1D<Float4>(Bytes / 16);
        source.View.MemSet(loader.Accelerator.DefaultStream, 0x3c);
        target.View.MemSet(loader.Accelerator.DefaultStream, 0);
        loader.Accelerator.Synchronize();
        double milliseconds = Timing.Median(loader, 40, (stream, _) => copy(stream, source.View, target.View));
        var last = new Float4[1];
        target.View.BaseView.SubView(Bytes / 16 - 1).CopyToCPU(loader.Accelerator.DefaultStream, last);
        if (BitConverter.SingleToInt32Bits(last[0].W) != 0x3c3c3c3c)
            throw new InvalidOperationException("the copy is wrong");
        Timing.Print("copy", 2 * Bytes / milliseconds / 1e9, "TB/s");
    }
}
