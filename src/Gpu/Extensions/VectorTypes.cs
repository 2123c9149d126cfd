namespace Lia.Gpu;

/// <summary>Two floats, stored at a multiple of 8 bytes: loaded and stored by one instruction.</summary>
/// <param name="x">First component.</param>
/// <param name="y">Second component.</param>
[VectorAligned]
public struct Float2(float x, float y)
{
    /// <summary>First component.</summary>
    public float X = x;

    /// <summary>Second component.</summary>
    public float Y = y;
}

/// <summary>Four floats, stored at a multiple of 16 bytes: loaded and stored by one instruction.</summary>
/// <param name="x">First component.</param>
/// <param name="y">Second component.</param>
/// <param name="z">Third component.</param>
/// <param name="w">Fourth component.</param>
[VectorAligned]
public struct Float4(float x, float y, float z, float w)
{
    /// <summary>First component.</summary>
    public float X = x;

    /// <summary>Second component.</summary>
    public float Y = y;

    /// <summary>Third component.</summary>
    public float Z = z;

    /// <summary>Fourth component.</summary>
    public float W = w;
}

/// <summary>Four ints, stored at a multiple of 16 bytes: loaded and stored by one instruction.</summary>
/// <param name="x">First component.</param>
/// <param name="y">Second component.</param>
/// <param name="z">Third component.</param>
/// <param name="w">Fourth component.</param>
[VectorAligned]
public struct Int4(int x, int y, int z, int w)
{
    /// <summary>First component.</summary>
    public int X = x;

    /// <summary>Second component.</summary>
    public int Y = y;

    /// <summary>Third component.</summary>
    public int Z = z;

    /// <summary>Fourth component.</summary>
    public int W = w;
}

/// <summary>Eight halves in four registers, stored at a multiple of 16 bytes: loaded and stored by one instruction.</summary>
/// <param name="a">Halves 0 and 1.</param>
/// <param name="b">Halves 2 and 3.</param>
/// <param name="c">Halves 4 and 5.</param>
/// <param name="d">Halves 6 and 7.</param>
[VectorAligned]
public struct Half8(Half2 a, Half2 b, Half2 c, Half2 d)
{
    /// <summary>Halves 0 and 1.</summary>
    public Half2 A = a;

    /// <summary>Halves 2 and 3.</summary>
    public Half2 B = b;

    /// <summary>Halves 4 and 5.</summary>
    public Half2 C = c;

    /// <summary>Halves 6 and 7.</summary>
    public Half2 D = d;
}
