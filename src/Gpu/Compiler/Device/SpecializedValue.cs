namespace Lia.Gpu.Compiler.Device;

/// <summary>
/// An argument that ILGPU's own compiler makes a constant, at a compilation for each value. Here it is an argument like any other.
/// </summary>
internal readonly struct SpecializedValue<T> where T : unmanaged, IEquatable<T>
{
    private readonly T _value;

    /// <summary>The argument.</summary>
    public SpecializedValue(T value) => _value = value;

    /// <summary>The argument.</summary>
    public T Value => _value;

    /// <summary>The argument.</summary>
    public static implicit operator T(SpecializedValue<T> value) => value._value;
}
