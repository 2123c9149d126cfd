using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>
/// From PTX to a module on the device. The driver's linker gives machine code that can be kept for later processes. What it takes without
/// what makes it fast (`setmaxnreg`) is loaded as a library, which like the linker assembles on as many threads as call it. The loader of
/// PTX assembles one module after the other; it has what neither of them takes, and says what is wrong in PTX.
/// </summary>
/// <param name="handle">The module, of the context that was current.</param>
/// <param name="library">The library it belongs to; 0 for a module of its own.</param>
internal readonly unsafe struct CudaModule(nint handle, nint library = 0)
{
    private const int LogBytes = 16384;
    private const int AcceleratedTargets = 0x10000; // CU_COMPUTE_ACCELERATED_TARGET_BASE: sm_90a is 90 above it

    /// <summary>The module as the driver knows it.</summary>
    public nint Handle => handle;

    /// <summary>Loads a kernel's module into the current context.</summary>
    /// <exception cref="CudaException">The driver cannot assemble or load it; the message has the assembler's log.</exception>
    public static CudaModule Load(AcceleratorProperties device, KernelCache cache, CompiledKernel compiled)
    {
        if (cache.Folder is null || MovesRegisters(compiled)) return LoadLibrary(compiled) ?? LoadPtx(compiled);
        string machine = $"{CudaDriver.Identity}\n{device.Name}, sm_{device.Sm}";
        if (cache.MachineCode(compiled, machine) is { } kept)
        {
            if (IsImage(kept) && TryLoad(kept, out nint loaded)) return new(loaded);
            cache.ForgetMachineCode(compiled, machine);
        }
        if (Link(compiled) is not { } code || !TryLoad(code, out nint module)) return LoadPtx(compiled);
        cache.KeepMachineCode(compiled, machine, code);
        return new(module);
    }

    /// <summary>Gives the module back; what the driver says does not matter any more.</summary>
    public void Unload() => _ = library != 0 ? CudaLibrary.Unload(library) : CudaApi.cuModuleUnload(handle);

    /// <summary>
    /// Whether warpgroups give each other registers. What is assembled to be linked has to go with code that was not (the assembler's
    /// C7504): `setmaxnreg` is left out, and all threads have the registers that the launch starts with.
    /// </summary>
    internal static bool MovesRegisters(CompiledKernel compiled) => compiled.Ptx.Contains("setmaxnreg.inc", StringComparison.Ordinal);

    /// <summary>Assembles PTX to machine code; null when the driver refuses.</summary>
    private static byte[]? Link(CompiledKernel compiled)
    {
        // By default the linker assembles for the context's device, which is the plain architecture.
        CudaJitOption target = CudaJitOption.Target;
        nint architecture = AcceleratedTargets + compiled.Target.Sm;
        if (CudaApi.cuLinkCreate(compiled.Target.ArchitectureSpecific ? 1u : 0, &target, &architecture,
            out nint linker) != CudaResult.Success) return null;
        try
        {
            byte[] text = Text(compiled.Ptx);
            fixed (byte* ptx = text, name = Text(compiled.EntryPoint))
            {
                if (CudaApi.cuLinkAddData(linker, CudaJitInput.Ptx, ptx, (nuint)text.Length, name, 0, null, null) != CudaResult.Success)
                    return null;
            }
            return CudaApi.cuLinkComplete(linker, out byte* image, out nuint bytes) == CudaResult.Success
                ? new ReadOnlySpan<byte>(image, checked((int)bytes)).ToArray() : null;
        }
        finally
        {
            _ = CudaApi.cuLinkDestroy(linker); // and the image with it
        }
    }

    /// <summary>
    /// Whether bytes are an ELF file for the device, whose tables lie within them: the loader takes a pointer and is not told where they
    /// end.
    /// </summary>
    internal static bool IsImage(ReadOnlySpan<byte> code)
    {
        const int HeaderBytes = 64, ProgramTable = 0x20, SectionTable = 0x28, ProgramBytes = 0x36, SectionBytes = 0x3a;
        if (code.Length < HeaderBytes || !code.StartsWith("\u007fELF\u0002\u0001"u8)) return false;
        return Fits(code, ProgramTable, ProgramBytes) && Fits(code, SectionTable, SectionBytes);

        static bool Fits(ReadOnlySpan<byte> code, int table, int entry)
        {
            ulong start = BinaryPrimitives.ReadUInt64LittleEndian(code[table..]);
            int bytes = BinaryPrimitives.ReadUInt16LittleEndian(code[entry..])
                * BinaryPrimitives.ReadUInt16LittleEndian(code[(entry + 2)..]);
            return start <= (ulong)code.Length && (ulong)bytes <= (ulong)code.Length - start;
        }
    }

    private static bool TryLoad(byte[] code, out nint module)
    {
        fixed (byte* image = code) return CudaApi.cuModuleLoadDataEx(out module, image, 0, null, null) == CudaResult.Success;
    }

    // Null when the driver refuses, or has no libraries.
    private static CudaModule? LoadLibrary(CompiledKernel compiled)
    {
        fixed (byte* image = Text(compiled.Ptx))
        {
            if (CudaLibrary.Load(image) is not { } library) return null;
            if (CudaLibrary.Module(library) is { } module) return new(module, library);
            _ = CudaLibrary.Unload(library);
            return null;
        }
    }

    private static CudaModule LoadPtx(CompiledKernel compiled)
    {
        byte[] errors = new byte[LogBytes], info = new byte[LogBytes];
        fixed (byte* image = Text(compiled.Ptx), errorLog = errors, infoLog = info)
        {
            CudaJitOption* options = stackalloc[]
            {
                CudaJitOption.ErrorLogBuffer, CudaJitOption.ErrorLogBufferSizeBytes, CudaJitOption.InfoLogBuffer,
                    CudaJitOption.InfoLogBufferSizeBytes, CudaJitOption.LogVerbose,
            };
            nint* values = stackalloc[] { (nint)errorLog, LogBytes, (nint)infoLog, LogBytes, 1 };
            CudaResult result = CudaApi.cuModuleLoadDataEx(out nint module, image, 5, options, values);
            if (result != CudaResult.Success)
                throw CudaStatus.Failure(result,
                    $"{compiled.EntryPoint} for " +
                    $"{compiled.Target}{Environment.NewLine}{Log(errorLog)}{Environment.NewLine}{Log(infoLog)}".TrimEnd(),
                    nameof(CudaApi.cuModuleLoadDataEx));
            return new(module);
        }
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static string Log(byte* log) => Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(log));
}
