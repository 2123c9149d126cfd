using System.Runtime.CompilerServices;

namespace Lia.PtxEmulator.Memory;

/// <summary>
/// What is known of a byte of memory. Readable bytes are exactly those in state 1, writable ones those in states 0 and 1.
/// </summary>
internal static unsafe class ByteState
{
    public const byte Uninitialized = 0;
    public const byte Initialized = 1;

    /// <summary>An asynchronous copy is under way to this byte.</summary>
    public const byte Pending = 2;

    /// <summary>Part of an mbarrier.</summary>
    public const byte Barrier = 8;

    /// <summary>Between variables: belongs to nobody.</summary>
    public const byte RedZone = 4;

    private const ulong Ones = 0x0101_0101_0101_0101;

    /// <summary>Whether all bytes (1, 2, 4, 8 or 16, aligned) may be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Readable(byte* state, int bytes) => bytes switch
    {
        1 => *state == 1,
        2 => *(ushort*)state == unchecked((ushort)Ones),
        4 => *(uint*)state == unchecked((uint)Ones),
        8 => *(ulong*)state == Ones,
        _ => ((*(ulong*)state ^ Ones) | (*(ulong*)(state + 8) ^ Ones)) == 0,
    };

    /// <summary>Whether all bytes may be written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Writable(byte* state, int bytes) => bytes switch
    {
        1 => *state <= 1,
        2 => (*(ushort*)state & unchecked((ushort)~Ones)) == 0,
        4 => (*(uint*)state & unchecked((uint)~Ones)) == 0,
        8 => (*(ulong*)state & ~Ones) == 0,
        _ => ((*(ulong*)state | *(ulong*)(state + 8)) & ~Ones) == 0,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MarkInitialized(byte* state, int bytes)
    {
        switch (bytes)
        {
            case 1: *state = 1; break;
            case 2: *(ushort*)state = unchecked((ushort)Ones); break;
            case 4: *(uint*)state = unchecked((uint)Ones); break;
            case 8: *(ulong*)state = Ones; break;
            default:
                *(ulong*)state = Ones;
                *(ulong*)(state + 8) = Ones;
                break;
        }
    }
}
