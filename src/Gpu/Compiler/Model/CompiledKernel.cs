using System.Collections.Immutable;

namespace Lia.Gpu.Compiler;

/// <summary>One `.param` of the entry, in order. A launch fills a block of <see cref="CompiledKernel.ParameterBytes"/> bytes.</summary>
/// <param name="Name">The C# parameter's name; `extent` for the hidden extent of an implicitly grouped kernel.</param>
/// <param name="Type">The C# type; its bytes are passed as the CLR lays them out.</param>
/// <param name="Offset">Byte offset in the parameter block.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Alignment">Natural alignment in bytes.</param>
public sealed record KernelParameter(string Name, Type Type, int Offset, int Size, int Alignment);

/// <summary>A kernel as PTX text, with what a launch needs to know about it.</summary>
public sealed class CompiledKernel
{
    /// <summary>The name of the `.entry`.</summary>
    public required string EntryPoint { get; init; }

    /// <summary>The module's text, with one entry. Equal kernels and targets give equal text.</summary>
    public required string Ptx { get; init; }

    /// <summary>The entry's parameters in order; the hidden extent of an implicitly grouped kernel comes last.</summary>
    public required ImmutableArray<KernelParameter> Parameters { get; init; }

    /// <summary>Size of the parameter block in bytes.</summary>
    public required int ParameterBytes { get; init; }

    /// <summary>Bytes of statically allocated shared memory.</summary>
    public required int StaticSharedBytes { get; init; }

    /// <summary>True when the kernel calls <see cref="ILGPU.SharedMemory.GetDynamic{T}"/>.</summary>
    public required bool UsesDynamicShared { get; init; }

    /// <summary>Bytes of dynamic shared memory that a launch takes beyond what it asks for, to align it.</summary>
    public int DynamicSharedPadding { get; init; }

    /// <summary>
    /// True when the kernel's first parameter is an <see cref="ILGPU.Index1D"/>: the hidden s64 extent is the last parameter.
    /// </summary>
    public required bool IsImplicitlyGrouped { get; init; }

    /// <summary>What it was compiled for.</summary>
    public required CompileTarget Target { get; init; }
}
