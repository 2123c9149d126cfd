using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

/// <summary>4 lanes in one 128-bit register.</summary>
internal readonly unsafe struct Float32x4(Vector128<float> lanes) : IVector<Float32x4>
{
    private readonly Vector128<float> _lanes = lanes;

    public static int Count => 4;

    public static int PanelVectors => System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? 4 : 2; // NEON has 32 registers, SSE 16.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Add(Float32x4 a, Float32x4 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Subtract(Float32x4 a, Float32x4 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Multiply(Float32x4 a, Float32x4 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 MultiplyAdd(Float32x4 a, Float32x4 b, Float32x4 c) =>
        new(Vector128.MultiplyAddEstimate(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float32x4 Max(Float32x4 a, Float32x4 b) => new(Vector128.MaxNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Float32x4 a) => Vector128.Sum(a._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _lanes.Store(destination);
}
