namespace Lia.PtxEmulator.Memory;

/// <summary>
/// The order of 16-byte pieces in shared memory that the copy engine writes and products read, by the bits of the address.
/// </summary>
internal static class Swizzle
{
    /// <summary>
    /// Where a piece goes: of rows of <paramref name="span"/> bytes (0, 32, 64 or 128), bits from 4 on are flipped by those from 7 on.
    /// </summary>
    public static ulong Apply(ulong address, int span) => span switch
    {
        32 => address ^ ((address >> 7 & 1) << 4),
        64 => address ^ ((address >> 7 & 3) << 4),
        128 => address ^ ((address >> 7 & 7) << 4),
        _ => address,
    };
}
