using System.Runtime.CompilerServices;

namespace Lia.Gpu.Compiler.Device;

/// <summary>Reinterprets bits. Works on host and device.</summary>
internal static class Interop
{
    /// <summary>The bits of a float.</summary>
    public static uint FloatAsInt(float value) => BitConverter.SingleToUInt32Bits(value);

    /// <summary>The bits of a double.</summary>
    public static ulong FloatAsInt(double value) => BitConverter.DoubleToUInt64Bits(value);

    /// <summary>The bits of a half.</summary>
    public static ushort FloatAsInt(Half value) => value.RawValue;

    /// <summary>The float with these bits.</summary>
    public static float IntAsFloat(uint value) => BitConverter.UInt32BitsToSingle(value);

    /// <summary>The double with these bits.</summary>
    public static double IntAsFloat(ulong value) => BitConverter.UInt64BitsToDouble(value);

    /// <summary>The half with these bits.</summary>
    public static Half IntAsFloat(ushort value) => Half.FromRawValue(value);

    /// <summary>Bytes of a value in memory.</summary>
    public static int SizeOf<T>() where T : unmanaged => Unsafe.SizeOf<T>();
}
