using ILGPU.Runtime;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>
/// What ILGPU's runtime has no word for, done by a device: PTX of our own, events, graphs, tensor maps, page-locked memory. ILGPU's CUDA
/// accelerators have it without more; an accelerator of another kind that runs PTX implements it. Streams are those of its accelerator. All
/// members may be called from several threads.
/// </summary>
public interface IKernelDevice
{
    /// <summary>Name and limits.</summary>
    AcceleratorProperties Properties { get; }

    /// <summary>What kernels are compiled for unless told otherwise.</summary>
    CompileTarget DefaultTarget { get; }

    /// <summary>Device memory free and in total, in bytes.</summary>
    (long Free, long Total) MemoryInfo { get; }

    /// <summary>Hands PTX to the device.</summary>
    /// <param name="loader">Who asks; its cache may hold the machine code.</param>
    /// <param name="compiled">The kernel.</param>
    LoadedKernel Load(KernelLoader loader, CompiledKernel compiled);

    /// <summary>A new event; one that is never timed makes waiting cheaper.</summary>
    AcceleratorEvent CreateEvent(bool timed);

    /// <summary>Marks this point of the stream.</summary>
    void Record(AcceleratorStream stream, AcceleratorEvent mark);

    /// <summary>What is put into the stream from now on starts only after the mark is reached.</summary>
    void Wait(AcceleratorStream stream, AcceleratorEvent mark);

    /// <summary>Whether everything put into the stream so far is done.</summary>
    bool IsCompleted(AcceleratorStream stream);

    /// <summary>What is put into the stream from now on is kept, not run. The default stream cannot be captured.</summary>
    void BeginCapture(AcceleratorStream stream);

    /// <summary>Ends what <see cref="BeginCapture"/> began.</summary>
    AcceleratorGraph EndCapture(AcceleratorStream stream);

    /// <summary>The 128 bytes that the device understands, of a description that was checked.</summary>
    TensorMap Encode(TensorMapDescription description);

    /// <summary>Allocates page-locked host memory of at least one byte.</summary>
    /// <exception cref="AcceleratorOutOfMemoryException">The host has not that much left.</exception>
    nint AllocatePageLocked(long bytes);

    /// <summary>Frees what <see cref="AllocatePageLocked"/> gave.</summary>
    void FreePageLocked(nint address);

    /// <summary>Whether an exception of ILGPU's allocation means that the memory is used up.</summary>
    bool IsOutOfMemory(Exception failure);
}
