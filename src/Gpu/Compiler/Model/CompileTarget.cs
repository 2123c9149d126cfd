namespace Lia.Gpu.Compiler;

/// <summary>The machine a kernel is compiled for: what follows `.version` and `.target` in the PTX.</summary>
/// <param name="Sm">Compute capability times ten (75 for sm_75); 75 and up.</param>
/// <param name="ArchitectureSpecific">True for the `a` variants (`sm_90a`): the PTX then runs on that architecture only.</param>
/// <param name="PtxMajor">Major PTX ISA version, which bounds the drivers that accept the text.</param>
/// <param name="PtxMinor">Minor PTX ISA version.</param>
public sealed record CompileTarget(int Sm, bool ArchitectureSpecific = false, int PtxMajor = 7, int PtxMinor = 8)
{
    /// <summary>The name as PTX spells it, for example `sm_90a`.</summary>
    public string Name => ArchitectureSpecific ? $"sm_{Sm}a" : $"sm_{Sm}";

    /// <summary>The PTX ISA version as PTX spells it, for example `7.8`.</summary>
    public string PtxVersion => $"{PtxMajor}.{PtxMinor}";

    /// <inheritdoc/>
    public override string ToString() => $"{Name} (PTX {PtxVersion})";
}
