namespace Lia.Gpu;

/// <summary>Bounds the threads a kernel is launched with, so that the assembler may use more registers per thread.</summary>
/// <param name="maxThreads">Most threads in a group (`.maxntid`); a launch with more fails.</param>
/// <param name="minGroups">Groups that should fit on a multiprocessor at once (`.minnctapersm`); 0 leaves it open.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LaunchBoundsAttribute(int maxThreads, int minGroups = 0) : Attribute
{
    /// <summary>Most threads in a group.</summary>
    public int MaxThreads { get; } = maxThreads;

    /// <summary>Groups that should fit on a multiprocessor at once; 0 leaves it open.</summary>
    public int MinGroups { get; } = minGroups;
}

/// <summary>
/// Keeps the loops of a method as loops: constant trip counts are not unrolled. For long set-up loops outside the hot path.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NoUnrollAttribute : Attribute;

/// <summary>
/// A struct of 8 or 16 bytes that is always stored at a multiple of its size on the device, so that it is loaded and stored by one
/// vector instruction. Views of such a type must be aligned to it; buffers are, and so is every whole-element sub-view.
/// </summary>
[AttributeUsage(AttributeTargets.Struct)]
public sealed class VectorAlignedAttribute : Attribute;

/// <summary>What an intrinsic does besides computing its results; decides whether it may be moved, merged or dropped.</summary>
internal enum PtxEffect
{
    /// <summary>Depends on its operands alone: may be merged, moved and dropped.</summary>
    None,

    /// <summary>Reads memory or a counter: stays in order with stores, may be dropped when unused.</summary>
    Reads,

    /// <summary>Writes memory, synchronizes, or involves other lanes: stays where it is.</summary>
    Writes,
}

/// <summary>
/// A method that is one or a few PTX instructions. In the template `$d` (or `$d0`, `$d1` ...) is a result: the return value, then every
/// `out` and `ref` parameter in order; `$0`, `$1` ... are parameters in registers; `$i0` a parameter that must be a compile-time
/// constant, `$p0` a predicate in a register or a constant 0 or 1; `$shared0`, `$global0` the address behind a `ref` parameter in that
/// state space, and `$any0` one in either, whose space `$space0` prints; `$saddr0`, `$gaddr0` a shared or global address in a register of
/// its own, without offset. Parameters and results of type bool are predicates.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PtxAttribute(string template) : Attribute
{
    public string Template { get; } = template;

    /// <summary>What to emit when no result is used (`red` for `atom`).</summary>
    public string? WhenUnused { get; set; }

    public PtxEffect Effect { get; set; }

    /// <summary>The lowest target that has it.</summary>
    public int MinSm { get; set; } = 75;

    /// <summary>Only the architecture-specific target of that number has it (`sm_90a` for 90).</summary>
    public bool ArchitectureSpecific { get; set; }

    /// <summary>The PTX ISA version that has it, times ten.</summary>
    public int MinPtx { get; set; } = 70;

    /// <summary>
    /// When set, the first parameter is a `ref float` that stands for this many floats from there on, each in a register that the
    /// instruction reads and writes: `$d` prints them all. An instruction whose text has no `$d` still orders what is computed from them
    /// before and after it.
    /// </summary>
    public int Accumulators { get; set; }
}

/// <summary>Operations the compiler itself gives meaning to (`Frontend/Frame.Calls.cs`).</summary>
internal enum Builtin
{
    ViewElement,
    ViewElementLong,
    Offset,
    OffsetLong,
    SharedAllocate,
    SharedDynamic,
    SharedDynamicSwizzled,
    LocalAllocate,
    Shuffle,
    ShuffleUp,
    ShuffleDown,
    ShuffleXor,
    HalfFromBits,
    HalfToBits,
    LoadNonCoherent,
    CopySign,
    TargetSm,
    TargetIsArchitectureSpecific,
    TargetPtx,
}

/// <summary>A method whose body on the device is the compiler's.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BuiltinAttribute(Builtin operation) : Attribute
{
    public Builtin Operation { get; } = operation;
}

/// <summary>What a device-only method does when it is called on the host.</summary>
internal static class DeviceOnly
{
    /// <summary>Throws, naming the method that was called.</summary>
    public static Exception Error([System.Runtime.CompilerServices.CallerMemberName] string member = "") =>
        new InvalidOperationException($"{member} exists on the device only: call it from a kernel, not from host code.");
}
