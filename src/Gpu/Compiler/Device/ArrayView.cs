using System.Runtime.CompilerServices;

namespace Lia.Gpu.Compiler.Device;

/// <summary>
/// ILGPU's view on the device: an address and a length, 16 bytes. Indices are not checked (the emulator checks every access). An int index
/// must be computed without overflow: the compiler widens index arithmetic to 64 bits.
/// </summary>
/// <typeparam name="T">A blittable element type.</typeparam>
internal readonly struct ArrayView<T> where T : unmanaged
{
    private readonly nint _address;
    private readonly long _length;

    /// <summary>A view of <paramref name="length"/> elements from a device address on.</summary>
    public ArrayView(nint address, long length)
    {
        _address = address;
        _length = length;
    }

    /// <summary>Number of elements.</summary>
    public long Length => _length;

    /// <summary>Number of elements as an int.</summary>
    public int IntLength => (int)_length;

    /// <summary>Size in bytes.</summary>
    public long LengthInBytes => _length * Unsafe.SizeOf<T>();

    /// <summary>The element at an index. Device only.</summary>
    public ref T this[int index] => ref ViewPrimitives.Element<T>(_address, index);

    /// <summary>The element at a 64-bit index. Device only.</summary>
    public ref T this[long index] => ref ViewPrimitives.Element<T>(_address, index);

    /// <inheritdoc cref="this[int]"/>
    public ref T this[ILGPU.Index1D index] => ref ViewPrimitives.Element<T>(_address, index.X);

    /// <inheritdoc cref="this[long]"/>
    public ref T this[ILGPU.LongIndex1D index] => ref ViewPrimitives.Element<T>(_address, index.X);

    /// <summary>The elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(long index) => new(ViewPrimitives.Offset(_address, index, Unsafe.SizeOf<T>()), _length - index);

    /// <summary><paramref name="length"/> elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(int index, int length) => new(ViewPrimitives.Offset(_address, index, Unsafe.SizeOf<T>()), length);

    /// <summary><paramref name="length"/> elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(long index, long length) => new(_address + (nint)(index * Unsafe.SizeOf<T>()), length);

    /// <summary>The same bytes as elements of another type; a remainder that fills no element is cut off.</summary>
    public ArrayView<TOther> Cast<TOther>() where TOther : unmanaged =>
        new(_address, _length * Unsafe.SizeOf<T>() / Unsafe.SizeOf<TOther>());
}

/// <summary>The view that ILGPU's buffers hand out; only dense ones exist.</summary>
internal readonly struct ArrayView1D<T, TStride> where T : unmanaged where TStride : struct, ILGPU.IStride1D
{
    private readonly ArrayView<T> _view;

    /// <summary>A dense view.</summary>
    public ArrayView1D(ArrayView<T> view) => _view = view;

    /// <summary>The view without its stride.</summary>
    public ArrayView<T> BaseView => _view;

    /// <summary>Number of elements.</summary>
    public long Length => _view.Length;

    /// <summary>Number of elements as an int.</summary>
    public int IntLength => _view.IntLength;

    /// <summary>The element at an index. Device only.</summary>
    public ref T this[int index] => ref _view[index];

    /// <summary>The element at a 64-bit index. Device only.</summary>
    public ref T this[long index] => ref _view[index];

    /// <inheritdoc cref="this[int]"/>
    public ref T this[ILGPU.Index1D index] => ref _view[index.X];

    /// <inheritdoc cref="this[long]"/>
    public ref T this[ILGPU.LongIndex1D index] => ref _view[index.X];

    /// <summary><paramref name="length"/> elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView1D<T, TStride> SubView(long index, long length) => new(_view.SubView(index, length));

    /// <summary>The view without its stride.</summary>
    public static implicit operator ArrayView<T>(ArrayView1D<T, TStride> view) => view._view;
}

/// <summary>Address arithmetic of views, which the compiler does itself.</summary>
internal static class ViewPrimitives
{
    [Builtin(Builtin.ViewElement)]
    public static ref T Element<T>(nint address, int index) where T : unmanaged => throw DeviceOnly.Error();

    [Builtin(Builtin.ViewElementLong)]
    public static ref T Element<T>(nint address, long index) where T : unmanaged => throw DeviceOnly.Error();

    [Builtin(Builtin.Offset)]
    public static nint Offset(nint address, int index, int size) => throw DeviceOnly.Error();

    /// <summary>An int that C# widened to call this is an index like any other.</summary>
    [Builtin(Builtin.OffsetLong)]
    public static nint Offset(nint address, long index, int size) => throw DeviceOnly.Error();
}
