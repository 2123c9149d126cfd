namespace Lia.Gpu.Compiler.Device;

/// <summary>
/// Indivisible read-modify-write operations on global or shared memory (`atom`, or `red` when the result is not used), relaxed and at
/// device scope. Device only.
/// </summary>
internal static class Atomic
{
    /// <summary>Adds; returns what was there before.</summary>
    [Ptx("atom$space0.add.u32 $d, [$any0], $1;", WhenUnused = "red$space0.add.u32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Add(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Adds; returns what was there before.</summary>
    [Ptx("atom$space0.add.u32 $d, [$any0], $1;", WhenUnused = "red$space0.add.u32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Add(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Adds; returns what was there before.</summary>
    [Ptx("atom$space0.add.u64 $d, [$any0], $1;", WhenUnused = "red$space0.add.u64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Add(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Adds; returns what was there before.</summary>
    [Ptx("atom$space0.add.u64 $d, [$any0], $1;", WhenUnused = "red$space0.add.u64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Add(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Adds; returns what was there before. The order of the additions is not fixed.</summary>
    [Ptx("atom$space0.add.f32 $d, [$any0], $1;", WhenUnused = "red$space0.add.f32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static float Add(ref float target, float value) => throw DeviceOnly.Error();

    /// <summary>Adds; returns what was there before. The order of the additions is not fixed.</summary>
    [Ptx("atom$space0.add.f64 $d, [$any0], $1;", WhenUnused = "red$space0.add.f64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static double Add(ref double target, double value) => throw DeviceOnly.Error();

    /// <summary>Stores the larger; returns what was there before.</summary>
    [Ptx("atom$space0.max.s32 $d, [$any0], $1;", WhenUnused = "red$space0.max.s32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Max(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Stores the larger; returns what was there before.</summary>
    [Ptx("atom$space0.max.u32 $d, [$any0], $1;", WhenUnused = "red$space0.max.u32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Max(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Stores the larger; returns what was there before.</summary>
    [Ptx("atom$space0.max.s64 $d, [$any0], $1;", WhenUnused = "red$space0.max.s64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Max(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Stores the larger; returns what was there before.</summary>
    [Ptx("atom$space0.max.u64 $d, [$any0], $1;", WhenUnused = "red$space0.max.u64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Max(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Stores the smaller; returns what was there before.</summary>
    [Ptx("atom$space0.min.s32 $d, [$any0], $1;", WhenUnused = "red$space0.min.s32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Min(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Stores the smaller; returns what was there before.</summary>
    [Ptx("atom$space0.min.u32 $d, [$any0], $1;", WhenUnused = "red$space0.min.u32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Min(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Stores the smaller; returns what was there before.</summary>
    [Ptx("atom$space0.min.s64 $d, [$any0], $1;", WhenUnused = "red$space0.min.s64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Min(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Stores the smaller; returns what was there before.</summary>
    [Ptx("atom$space0.min.u64 $d, [$any0], $1;", WhenUnused = "red$space0.min.u64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Min(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Bitwise and; returns what was there before.</summary>
    [Ptx("atom$space0.and.b32 $d, [$any0], $1;", WhenUnused = "red$space0.and.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int And(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Bitwise and; returns what was there before.</summary>
    [Ptx("atom$space0.and.b32 $d, [$any0], $1;", WhenUnused = "red$space0.and.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint And(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Bitwise and; returns what was there before.</summary>
    [Ptx("atom$space0.and.b64 $d, [$any0], $1;", WhenUnused = "red$space0.and.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long And(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Bitwise and; returns what was there before.</summary>
    [Ptx("atom$space0.and.b64 $d, [$any0], $1;", WhenUnused = "red$space0.and.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong And(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Bitwise or; returns what was there before.</summary>
    [Ptx("atom$space0.or.b32 $d, [$any0], $1;", WhenUnused = "red$space0.or.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Or(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Bitwise or; returns what was there before.</summary>
    [Ptx("atom$space0.or.b32 $d, [$any0], $1;", WhenUnused = "red$space0.or.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Or(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Bitwise or; returns what was there before.</summary>
    [Ptx("atom$space0.or.b64 $d, [$any0], $1;", WhenUnused = "red$space0.or.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Or(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Bitwise or; returns what was there before.</summary>
    [Ptx("atom$space0.or.b64 $d, [$any0], $1;", WhenUnused = "red$space0.or.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Or(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Bitwise xor; returns what was there before.</summary>
    [Ptx("atom$space0.xor.b32 $d, [$any0], $1;", WhenUnused = "red$space0.xor.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Xor(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Bitwise xor; returns what was there before.</summary>
    [Ptx("atom$space0.xor.b32 $d, [$any0], $1;", WhenUnused = "red$space0.xor.b32 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Xor(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Bitwise xor; returns what was there before.</summary>
    [Ptx("atom$space0.xor.b64 $d, [$any0], $1;", WhenUnused = "red$space0.xor.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Xor(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Bitwise xor; returns what was there before.</summary>
    [Ptx("atom$space0.xor.b64 $d, [$any0], $1;", WhenUnused = "red$space0.xor.b64 [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Xor(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b32 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static int Exchange(ref int target, int value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b32 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static uint Exchange(ref uint target, uint value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b64 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static long Exchange(ref long target, long value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b64 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static ulong Exchange(ref ulong target, ulong value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b32 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static float Exchange(ref float target, float value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target equals <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b32 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static int CompareExchange(ref int target, int compare, int value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target equals <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b32 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static uint CompareExchange(ref uint target, uint compare, uint value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target equals <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b64 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static long CompareExchange(ref long target, long compare, long value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target equals <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b64 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static ulong CompareExchange(ref ulong target, ulong compare, ulong value) => throw DeviceOnly.Error();

    /// <summary>Stores the value; returns what was there before.</summary>
    [Ptx("atom$space0.exch.b64 $d, [$any0], $1;", Effect = PtxEffect.Writes)]
    public static double Exchange(ref double target, double value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target has the bits of <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b32 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static float CompareExchange(ref float target, float compare, float value) => throw DeviceOnly.Error();

    /// <summary>Stores the value if the target has the bits of <paramref name="compare"/>; returns what was there before.</summary>
    [Ptx("atom$space0.cas.b64 $d, [$any0], $1, $2;", Effect = PtxEffect.Writes)]
    public static double CompareExchange(ref double target, double compare, double value) => throw DeviceOnly.Error();

    /// <summary>Any operation as a loop over a compare and exchange; returns what was there before.</summary>
    public static T MakeAtomic<T, TOperation, TCompareExchangeOperation>(
        ref T target, T value, TOperation operation, TCompareExchangeOperation compareExchange)
        where T : unmanaged
        where TOperation : struct, ILGPU.AtomicOperations.IAtomicOperation<T>
        where TCompareExchangeOperation : struct, ILGPU.AtomicOperations.ICompareExchangeOperation<T>
    {
        T current = target, expected;
        do
        {
            expected = current;
            current = compareExchange.CompareExchange(ref target, expected, operation.Operation(expected, value));
        }
        while (!compareExchange.IsSame(current, expected));
        return current;
    }
}
