using System.Collections.Immutable;

namespace Lia.Weights;

/// <summary>The extents of a LIA network: everything that distinguishes one checkpoint's shapes from another's.</summary>
/// <param name="Size">Side of the square picture in pixels, a power of two from 64 to 1024.</param>
/// <param name="Style">Length of the latent and appearance codes (512 in the official models).</param>
/// <param name="Motion">Number of motion directions (20 in the official models).</param>
/// <param name="Channels">Feature channels at resolution 4, 8, 16, ... <paramref name="Size"/>.</param>
public sealed partial record ModelArchitecture(int Size, int Style, int Motion, ImmutableArray<int> Channels)
{
    /// <summary>Feature channels at a resolution.</summary>
    /// <param name="resolution">4, 8, 16, ... <see cref="Size"/>.</param>
    public int ChannelsAt(int resolution) => Channels[System.Numerics.BitOperations.Log2((uint)resolution) - 2];

    /// <summary>Whether two architectures have the same extents.</summary>
    /// <param name="other">The other.</param>
    public bool Equals(ModelArchitecture? other) =>
        other is not null && Size == other.Size && Style == other.Style && Motion == other.Motion && Channels.AsSpan()
            .SequenceEqual(other.Channels.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Size, Style, Motion, Channels.Length);

    /// <summary>The official architecture (style 512, 20 directions) at a size.</summary>
    /// <param name="size">A power of two from 64 to 1024.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is none of these.</exception>
    public static ModelArchitecture Official(int size)
    {
        if (size is < 64 or > 1024 || !System.Numerics.BitOperations.IsPow2(size))
            throw new ArgumentOutOfRangeException(nameof(size), size, "The size is a power of two from 64 to 1024.");
        int[] widths = [512, 512, 512, 512, 256, 128, 64, 32, 16];
        return new(size, 512, 20, [.. widths.Take(System.Numerics.BitOperations.Log2((uint)size) - 1)]);
    }
}
