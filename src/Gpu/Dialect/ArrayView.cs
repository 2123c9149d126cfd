using System.Runtime.CompilerServices;

namespace Lia.Gpu;

/// <summary>
/// A typed window onto device memory: an address and a length, 16 blittable bytes. On the host it only carries them; elements are
/// reached from kernels. Indices are not checked on the device (the emulator checks every access). An int index must be
/// computed without overflow: the compiler widens index arithmetic to 64 bits.
/// </summary>
/// <typeparam name="T">A blittable element type.</typeparam>
public readonly struct ArrayView<T> where T : unmanaged
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

    /// <summary>The device address of the first element.</summary>
    public nint Address => _address;

    /// <summary>The element at an index. Device only.</summary>
    public ref T this[int index] => ref ViewPrimitives.Element<T>(_address, index);

    /// <summary>The element at a 64-bit index. Device only.</summary>
    public ref T this[long index] => ref ViewPrimitives.Element<T>(_address, index);

    /// <summary>The elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(int index) => new(ViewPrimitives.Offset(_address, index, Unsafe.SizeOf<T>()), _length - index);

    /// <summary>The elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(long index) => new(_address + (nint)(index * Unsafe.SizeOf<T>()), _length - index);

    /// <summary><paramref name="length"/> elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(int index, int length) => new(ViewPrimitives.Offset(_address, index, Unsafe.SizeOf<T>()), length);

    /// <summary><paramref name="length"/> elements from <paramref name="index"/> on. Not checked.</summary>
    public ArrayView<T> SubView(long index, long length) => new(_address + (nint)(index * Unsafe.SizeOf<T>()), length);

    /// <summary>The same bytes as elements of another type; a remainder that fills no element is cut off.</summary>
    public ArrayView<TOther> Cast<TOther>() where TOther : unmanaged =>
        new(_address, _length * Unsafe.SizeOf<T>() / Unsafe.SizeOf<TOther>());

    /// <inheritdoc/>
    public override string ToString() => $"{typeof(T).Name}[{_length}] at 0x{_address:x}";
}

/// <summary>How the elements of a one-dimensional view follow each other.</summary>
public interface IStride1D;

/// <summary>One-dimensional strides.</summary>
public static class Stride1D
{
    /// <summary>Elements follow each other without gaps.</summary>
    public readonly struct Dense : IStride1D;
}

/// <summary>A one-dimensional view with a stride type, as ILGPU's buffers hand out; converts to <see cref="ArrayView{T}"/>.</summary>
/// <typeparam name="T">A blittable element type.</typeparam>
/// <typeparam name="TStride">The stride; only <see cref="Stride1D.Dense"/> exists.</typeparam>
public readonly struct ArrayView1D<T, TStride> where T : unmanaged where TStride : struct, IStride1D
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
    public static nint Offset(nint address, int index, int size) => address + (nint)index * size;
}
