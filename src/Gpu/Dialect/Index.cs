namespace Lia.Gpu;

/// <summary>A one-dimensional index. As a kernel's first parameter it makes the kernel implicitly grouped: it is the global thread index.</summary>
/// <param name="x">The index.</param>
public readonly struct Index1D(int x)
{
    /// <summary>The index.</summary>
    public readonly int X = x;

    /// <summary>An index is an int.</summary>
    public static implicit operator int(Index1D index) => index.X;

    /// <summary>An int is an index.</summary>
    public static implicit operator Index1D(int index) => new(index);

    /// <inheritdoc/>
    public override string ToString() => X.ToString();
}

/// <summary>A two-dimensional index.</summary>
/// <param name="x">The fastest-varying component.</param>
/// <param name="y">The second component.</param>
public readonly struct Index2D(int x, int y)
{
    /// <summary>The fastest-varying component.</summary>
    public readonly int X = x;

    /// <summary>The second component.</summary>
    public readonly int Y = y;

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y})";
}

/// <summary>A three-dimensional index, also the extent of grids and groups.</summary>
/// <param name="x">The fastest-varying component.</param>
/// <param name="y">The second component.</param>
/// <param name="z">The third component.</param>
public readonly struct Index3D(int x, int y, int z)
{
    /// <summary>The fastest-varying component.</summary>
    public readonly int X = x;

    /// <summary>The second component.</summary>
    public readonly int Y = y;

    /// <summary>The third component.</summary>
    public readonly int Z = z;

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y}, {Z})";
}

/// <summary>A one-dimensional 64-bit index.</summary>
/// <param name="x">The index.</param>
public readonly struct LongIndex1D(long x)
{
    /// <summary>The index.</summary>
    public readonly long X = x;

    /// <summary>An index is a long.</summary>
    public static implicit operator long(LongIndex1D index) => index.X;

    /// <summary>A long is an index.</summary>
    public static implicit operator LongIndex1D(long index) => new(index);

    /// <inheritdoc/>
    public override string ToString() => X.ToString();
}
