using ILGPU;

namespace Lia.Gpu.Compiler.Device;

/// <summary>The grid of thread groups. Device only.</summary>
internal static class Grid
{
    /// <summary>This group's x index (`%ctaid.x`).</summary>
    public static int IdxX { [Ptx("mov.u32 $d, %ctaid.x;")] get => throw DeviceOnly.Error(); }

    /// <summary>This group's y index (`%ctaid.y`).</summary>
    public static int IdxY { [Ptx("mov.u32 $d, %ctaid.y;")] get => throw DeviceOnly.Error(); }

    /// <summary>This group's z index (`%ctaid.z`).</summary>
    public static int IdxZ { [Ptx("mov.u32 $d, %ctaid.z;")] get => throw DeviceOnly.Error(); }

    /// <summary>Groups along x (`%nctaid.x`).</summary>
    public static int DimX { [Ptx("mov.u32 $d, %nctaid.x;")] get => throw DeviceOnly.Error(); }

    /// <summary>Groups along y (`%nctaid.y`).</summary>
    public static int DimY { [Ptx("mov.u32 $d, %nctaid.y;")] get => throw DeviceOnly.Error(); }

    /// <summary>Groups along z (`%nctaid.z`).</summary>
    public static int DimZ { [Ptx("mov.u32 $d, %nctaid.z;")] get => throw DeviceOnly.Error(); }

    /// <summary>This group's index.</summary>
    public static Index3D Index => new(IdxX, IdxY, IdxZ);

    /// <summary>Groups in each direction.</summary>
    public static Index3D Dimension => new(DimX, DimY, DimZ);

    /// <summary>This thread's index in the whole grid: group index times group size plus index in the group.</summary>
    public static Index3D GlobalIndex => new(
        IdxX * Group.DimX + Group.IdxX, IdxY * Group.DimY + Group.IdxY, IdxZ * Group.DimZ + Group.IdxZ);

    /// <summary><see cref="GlobalIndex"/> in 64 bits.</summary>
    public static LongIndex3D LongGlobalIndex => new(
        (long)IdxX * Group.DimX + Group.IdxX, (long)IdxY * Group.DimY + Group.IdxY, (long)IdxZ * Group.DimZ + Group.IdxZ);

    /// <summary>This group's linear index in the grid, x fastest.</summary>
    public static int LinearIndex => (IdxZ * DimY + IdxY) * DimX + IdxX;

    /// <summary>This thread's number in the grid, group after group.</summary>
    public static int GlobalLinearIndex => LinearIndex * (Group.DimX * Group.DimY * Group.DimZ) + Group.LinearIndex;

    /// <summary>The index of an implicitly grouped kernel's thread.</summary>
    internal static int LinearGlobalX() => IdxX * Group.DimX + Group.IdxX;
}
