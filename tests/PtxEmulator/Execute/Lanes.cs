using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;

namespace Lia.PtxEmulator.Execute;

// One driver per arity walks the lanes; an instruction is a struct with one static method, which the JIT inlines into the loop.
// The loops are optimized fully from the first call on: kernels of tests are over before the runtime would get round to it.
// Scalar drivers touch active lanes only. SIMD drivers compute all lanes and blend, so their operators must not throw.

internal interface IUnary<TA, TD>
{
    static abstract TD Invoke(TA a);
}

internal interface IBinary<TA, TB, TD>
{
    static abstract TD Invoke(TA a, TB b);
}

internal interface ITernary<TA, TB, TC, TD>
{
    static abstract TD Invoke(TA a, TB b, TC c);
}

internal interface ISimdUnary<T>
{
    static abstract Vector256<T> Invoke(Vector256<T> a);
}

internal interface ISimdBinary<T>
{
    static abstract Vector256<T> Invoke(Vector256<T> a, Vector256<T> b);
}

internal interface ISimdTernary<T>
{
    static abstract Vector256<T> Invoke(Vector256<T> a, Vector256<T> b, Vector256<T> c);
}

internal static class LaneMask
{
    public const uint Full = uint.MaxValue;

    /// <summary>The bits of <paramref name="mask"/> from <paramref name="lane"/> on, one element of all ones or zeros per lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Expand<T>(uint mask, int lane)
    {
        uint bits = mask >> lane;
        if (Unsafe.SizeOf<T>() == 2)
        {
            Vector256<ushort> select =
                Vector256.Create((ushort)1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
            return Vector256.Equals(Vector256.Create((ushort)bits) & select, select).As<ushort, T>();
        }
        if (Unsafe.SizeOf<T>() == 4)
        {
            Vector256<uint> select = Vector256.Create(1u, 2, 4, 8, 16, 32, 64, 128);
            return Vector256.Equals(Vector256.Create(bits) & select, select).As<uint, T>();
        }
        Vector256<ulong> pairs = Vector256.Create(1ul, 2, 4, 8);
        return Vector256.Equals(Vector256.Create((ulong)bits) & pairs, pairs).As<ulong, T>();
    }

    /// <summary>Stores the lanes of a vector that are in the mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store<T>(Vector256<T> value, T* destination, uint mask, int lane) where T : unmanaged
    {
        if (mask != Full) value = Vector256.ConditionalSelect(Expand<T>(mask, lane), value, Vector256.Load(destination + lane));
        value.Store(destination + lane);
    }
}

internal sealed unsafe class Unary<TA, TD, TOp>(int d, int a) : Op
    where TA : unmanaged where TD : unmanaged where TOp : struct, IUnary<TA, TD>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        TA* x = (TA*)(warp.Registers + a);
        TD* z = (TD*)(warp.Registers + d);
        for (; mask != 0; mask &= mask - 1)
        {
            int lane = BitOperations.TrailingZeroCount(mask);
            z[lane] = TOp.Invoke(x[lane]);
        }
    }
}

internal sealed unsafe class Binary<TA, TB, TD, TOp>(int d, int a, int b) : Op
    where TA : unmanaged where TB : unmanaged where TD : unmanaged where TOp : struct, IBinary<TA, TB, TD>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        TA* x = (TA*)(warp.Registers + a);
        TB* y = (TB*)(warp.Registers + b);
        TD* z = (TD*)(warp.Registers + d);
        if (mask == LaneMask.Full)
        {
            for (int lane = 0; lane < 32; lane++) z[lane] = TOp.Invoke(x[lane], y[lane]);
            return;
        }
        for (; mask != 0; mask &= mask - 1)
        {
            int lane = BitOperations.TrailingZeroCount(mask);
            z[lane] = TOp.Invoke(x[lane], y[lane]);
        }
    }
}

internal sealed unsafe class Ternary<TA, TB, TC, TD, TOp>(int d, int a, int b, int c) : Op
    where TA : unmanaged where TB : unmanaged where TC : unmanaged where TD : unmanaged where TOp : struct, ITernary<TA, TB, TC, TD>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        TA* x = (TA*)(warp.Registers + a);
        TB* y = (TB*)(warp.Registers + b);
        TC* v = (TC*)(warp.Registers + c);
        TD* z = (TD*)(warp.Registers + d);
        for (; mask != 0; mask &= mask - 1)
        {
            int lane = BitOperations.TrailingZeroCount(mask);
            z[lane] = TOp.Invoke(x[lane], y[lane], v[lane]);
        }
    }
}

internal sealed unsafe class SimdUnary<T, TOp>(int d, int a) : Op where T : unmanaged where TOp : struct, ISimdUnary<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        T* x = (T*)(warp.Registers + a);
        T* z = (T*)(warp.Registers + d);
        for (int lane = 0; lane < 32; lane += Vector256<T>.Count)
            LaneMask.Store(TOp.Invoke(Vector256.Load(x + lane)), z, mask, lane);
    }
}

internal sealed unsafe class SimdBinary<T, TOp>(int d, int a, int b) : Op where T : unmanaged where TOp : struct, ISimdBinary<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        T* x = (T*)(warp.Registers + a);
        T* y = (T*)(warp.Registers + b);
        T* z = (T*)(warp.Registers + d);
        for (int lane = 0; lane < 32; lane += Vector256<T>.Count)
            LaneMask.Store(TOp.Invoke(Vector256.Load(x + lane), Vector256.Load(y + lane)), z, mask, lane);
    }
}

internal sealed unsafe class SimdTernary<T, TOp>(int d, int a, int b, int c) : Op where T : unmanaged where TOp : struct, ISimdTernary<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        T* x = (T*)(warp.Registers + a);
        T* y = (T*)(warp.Registers + b);
        T* v = (T*)(warp.Registers + c);
        T* z = (T*)(warp.Registers + d);
        for (int lane = 0; lane < 32; lane += Vector256<T>.Count)
            LaneMask.Store(TOp.Invoke(Vector256.Load(x + lane), Vector256.Load(y + lane), Vector256.Load(v + lane)), z, mask, lane);
    }
}

/// <summary>Instructions whose function is chosen at decode time and rare enough for a call per lane; values travel as bits.</summary>
internal sealed unsafe class BitsUnary(int d, int destinationSize, int a, int sourceSize, Func<ulong, ulong> function) : Op
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        byte* x = warp.Registers + a;
        byte* z = warp.Registers + d;
        for (; mask != 0; mask &= mask - 1)
        {
            int lane = BitOperations.TrailingZeroCount(mask);
            LaneBits.Write(z, lane, destinationSize, function(LaneBits.Read(x, lane, sourceSize)));
        }
    }
}

internal static unsafe class LaneBits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Read(byte* register, int lane, int size) => size switch
    {
        2 => ((ushort*)register)[lane],
        4 => ((uint*)register)[lane],
        _ => ((ulong*)register)[lane],
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* register, int lane, int size, ulong bits)
    {
        switch (size)
        {
            case 2: ((ushort*)register)[lane] = (ushort)bits; break;
            case 4: ((uint*)register)[lane] = (uint)bits; break;
            default: ((ulong*)register)[lane] = bits; break;
        }
    }
}
