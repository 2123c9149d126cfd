using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

/// <summary>16 lanes in one 512-bit register.</summary>
internal readonly unsafe struct Float32x16(Vector512<float> lanes) : IVector<Float32x16>
{
    private readonly Vector512<float> _lanes = lanes;

    public static int Count => 16;

    public static int PanelVectors => 4; // 24 + 4 + 1 of 32 registers.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Add(Float32x16 a, Float32x16 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Subtract(Float32x16 a, Float32x16 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Multiply(Float32x16 a, Float32x16 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 MultiplyAdd(Float32x16 a, Float32x16 b, Float32x16 c) =>
        new(Vector512.MultiplyAddEstimate(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x16 Max(Float32x16 a, Float32x16 b) => new(Vector512.MaxNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Float32x16 a) => Vector512.Sum(a._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _lanes.Store(destination);
}
