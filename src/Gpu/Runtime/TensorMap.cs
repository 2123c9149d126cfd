using System.Collections.Immutable;
using System.Numerics;

namespace Lia.Gpu.Runtime;

/// <summary>
/// What <see cref="Intrinsics.TmaLoad2D{T, TMap}"/> and its relatives copy from, as 128 bytes that only the accelerator understands: see
/// <see cref="KernelLoader.EncodeTensorMap"/>. Kernels get it as an element of a buffer, whose address is a multiple of 64.
/// </summary>
public unsafe struct TensorMap
{
    /// <summary>Bytes of a map.</summary>
    public const int Bytes = 128;

    /// <summary>What its address must be a multiple of.</summary>
    public const int Alignment = 64;

    private fixed ulong _words[Bytes / sizeof(ulong)];
}

/// <summary>
/// Where in shared memory the 16-byte pieces of a tile go, so that columns of the tile fall into different banks: piece p of row r goes
/// where piece p ^ (r % pieces) would, or, put as the hardware does it, some address bits from bit 4 on are flipped by those from bit 7 on.
/// </summary>
public enum TensorSwizzle
{
    /// <summary>In order.</summary>
    None,

    /// <summary>Rows of up to 32 bytes: bit 4 is flipped by bit 7.</summary>
    Bytes32,

    /// <summary>Rows of up to 64 bytes: bits 4-5 are flipped by bits 7-8.</summary>
    Bytes64,

    /// <summary>Rows of up to 128 bytes: bits 4-6 are flipped by bits 7-9.</summary>
    Bytes128,
}

/// <summary>How many bytes the level 2 cache fetches at a time for a tile.</summary>
public enum TensorPromotion
{
    /// <summary>What is needed.</summary>
    None,

    /// <summary>64 bytes.</summary>
    Bytes64,

    /// <summary>128 bytes.</summary>
    Bytes128,

    /// <summary>256 bytes.</summary>
    Bytes256,
}

/// <summary>
/// A tensor of halves (or of runs of them) in global memory and the tile that is copied from it. All arrays go from the innermost dimension
/// outwards.
/// </summary>
public sealed record TensorMapDescription
{
    private const int MostDimensions = 5;

    /// <summary>Device address of the first element, a multiple of 16.</summary>
    public required nint Address { get; init; }

    /// <summary>Elements along each dimension, one to five dimensions of 1 to 2^32.</summary>
    public required ImmutableArray<long> Dimensions { get; init; }

    /// <summary>
    /// Bytes from one element to the next along each dimension but the innermost, whose elements follow each other: multiples of 16 below
    /// 2^40.
    /// </summary>
    public required ImmutableArray<long> Strides { get; init; }

    /// <summary>
    /// Elements that the tile spans along each dimension, 1 to 256. The innermost has a multiple of 16 bytes, at most the span of the
    /// swizzle if there is one.
    /// </summary>
    public required ImmutableArray<int> Box { get; init; }

    /// <summary>
    /// Along each dimension, the distance of the elements that are copied, 1 to 8, of the innermost always 1: of a box of n, the elements
    /// 0, s, 2s ... below n, so ceil(n / s). All 1 by default.
    /// </summary>
    public ImmutableArray<int> ElementStrides { get; init; } = [];

    /// <summary>The order of the tile in shared memory.</summary>
    public TensorSwizzle Swizzle { get; init; }

    /// <summary>What the level 2 cache fetches at a time.</summary>
    public TensorPromotion Promotion { get; init; } = TensorPromotion.Bytes256;

    /// <summary>
    /// Bytes of an element: 2, a <see cref="Half"/>, or 8, four of them, of which a tile spans four times as many. Bytes are moved as they
    /// are.
    /// </summary>
    public int ElementBytes { get; init; } = 2;

    /// <summary>Bytes of the tile in shared memory, which are counted on the barrier of each load.</summary>
    public int TileBytes
    {
        get
        {
            int bytes = ElementBytes;
            for (int i = 0; i < Box.Length; i++) bytes *= (Box[i] + StrideOf(i) - 1) / StrideOf(i);
            return bytes;
        }
    }

    /// <summary>Bytes that rows of the swizzle may have; 0 without one.</summary>
    internal int SwizzleSpan =>
        Swizzle switch { TensorSwizzle.None => 0, TensorSwizzle.Bytes32 => 32, TensorSwizzle.Bytes64 => 64, _ => 128 };

    internal int StrideOf(int dimension) => ElementStrides.IsDefaultOrEmpty ? 1 : ElementStrides[dimension];

    /// <summary>Throws if the hardware could not copy such tiles.</summary>
    /// <exception cref="ArgumentException">Names the member and what is wrong with it.</exception>
    internal void Validate()
    {
        Demand(Enum.IsDefined(Swizzle), nameof(Swizzle), $"{Swizzle} does not exist");
        Demand(Enum.IsDefined(Promotion), nameof(Promotion), $"{Promotion} does not exist");
        Demand(ElementBytes is 2 or 8, nameof(ElementBytes), $"elements of {ElementBytes} bytes do not exist; 2 and 8 are possible");
        int rank = Dimensions.IsDefault ? 0 : Dimensions.Length;
        Demand(rank is >= 1 and <= MostDimensions, nameof(Dimensions), $"there are {rank} dimensions; 1 to {MostDimensions} are possible");
        Demand(!Strides.IsDefault && Strides.Length == rank - 1, nameof(Strides),
            $"{rank} dimensions have {rank - 1} strides, not {(Strides.IsDefault ? 0 : Strides.Length)}");
        Demand(!Box.IsDefault && Box.Length == rank, nameof(Box),
            $"{rank} dimensions need {rank} sizes, not {(Box.IsDefault ? 0 : Box.Length)}");
        Demand(ElementStrides.IsDefaultOrEmpty || ElementStrides.Length == rank, nameof(ElementStrides),
            $"{rank} dimensions need {rank} element strides or none");
        Demand(Address != 0 && Address % 16 == 0, nameof(Address), $"0x{Address:x} is not a multiple of 16");
        for (int i = 0; i < rank; i++)
        {
            Demand(Dimensions[i] is >= 1 and <= 1L << 32, nameof(Dimensions),
                $"dimension {i} has {Dimensions[i]} elements; 1 to 2^32 are possible");
            Demand(Box[i] is >= 1 and <= 256, nameof(Box), $"size {i} is {Box[i]}; 1 to 256 are possible");
            Demand(StrideOf(i) is >= 1 and <= 8, nameof(ElementStrides), $"element stride {i} is {StrideOf(i)}; 1 to 8 are possible");
            if (i > 0)
            {
                long stride = Strides[i - 1];
                Demand(stride is > 0 and < 1L << 40 && stride % 16 == 0, nameof(Strides),
                    $"stride {i - 1} is {stride} bytes; a multiple of 16 below 2^40 is needed");
            }
        }
        Demand(StrideOf(0) == 1, nameof(ElementStrides), $"the innermost element stride is {StrideOf(0)}; only 1 is possible");
        int row = Box[0] * ElementBytes;
        Demand(row % 16 == 0, nameof(Box), $"the innermost size is {Box[0]} elements or {row} bytes; a multiple of 16 bytes is needed");
        Demand(SwizzleSpan == 0 || row <= SwizzleSpan, nameof(Box),
            $"the innermost size is {row} bytes, more than the {SwizzleSpan} that the swizzle spans");

        static void Demand(bool condition, string member, string problem)
        {
            if (!condition) throw new ArgumentException($"tensor map, {member}: {problem}", member);
        }
    }
}
