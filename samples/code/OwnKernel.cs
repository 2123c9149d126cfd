using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;

namespace Lia.Samples;

/// <summary>
/// A kernel of an ILGPU program's own, compiled by our compiler and launched on the program's own accelerator and buffers.
/// </summary>
internal static class OwnKernel
{
    /// <summary>All it takes: a loader of the accelerator, and a launcher of the kernel.</summary>
    public static float[] Double(Accelerator accelerator, float[] values)
    {
        using var buffer = accelerator.Allocate1D(values);
        using KernelLoader loader = new(accelerator);
        var scale = loader.Load<Action<Index1D, float, ArrayView<float>>>(Scale);
        scale(values.Length, 2f, buffer.View);
        return buffer.GetAsArray1D();
    }

    private static void Scale(Index1D index, float factor, ArrayView<float> values) => values[index] *= factor;

    /// <summary>Writes the kernel's PTX, which needs no GPU, and runs it where there is one.</summary>
    public static void Run(string ptx)
    {
        File.WriteAllText(ptx, KernelCompiler.Compile(((Delegate)Scale).Method, new CompileTarget(75)).Ptx);
        if (!CudaDeviceInfo.TryEnumerate(out _, out string? reason))
        {
            Console.WriteLine($"no CUDA device: {reason}");
            return;
        }
        CudaDeviceInfo.ShareDriverWithIlgpu(); // ILGPU by itself asks for libcuda.so, which some systems have as libcuda.so.1 alone
        using Context context = Context.Create(builder => builder.Cuda());
        using CudaAccelerator accelerator = context.CreateCudaAccelerator(0);
        Console.WriteLine(string.Join(' ', Double(accelerator, [1, 2, 3, 4])));
    }
}
