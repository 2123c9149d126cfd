using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

/// <summary>8 lanes in one 256-bit register.</summary>
internal readonly unsafe struct Float32x8(Vector256<float> lanes) : IVector<Float32x8>
{
    private readonly Vector256<float> _lanes = lanes;

    public static int Count => 8;

    public static int PanelVectors => 2; // 12 + 2 + 1 of 16 registers.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Add(Float32x8 a, Float32x8 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Subtract(Float32x8 a, Float32x8 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Multiply(Float32x8 a, Float32x8 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 MultiplyAdd(Float32x8 a, Float32x8 b, Float32x8 c) =>
        new(Vector256.MultiplyAddEstimate(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x8 Max(Float32x8 a, Float32x8 b) => new(Vector256.MaxNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Float32x8 a) => Vector256.Sum(a._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _lanes.Store(destination);
}
