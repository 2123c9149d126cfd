using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

/// <summary>Vector width the CPU executor computes with.</summary>
public enum SimdLevel
{
    /// <summary>The widest the processor has.</summary>
    Auto,
    /// <summary>128 bits: SSE or NEON where there, else emulated by the runtime. Runs everywhere.</summary>
    Vector128,
    /// <summary>256 bits: AVX2 with FMA.</summary>
    Vector256,
    /// <summary>512 bits: AVX-512.</summary>
    Vector512,
}

internal static class SimdLevels
{
    /// <summary>Replaces <see cref="SimdLevel.Auto"/> by the widest level the processor has.</summary>
    public static SimdLevel Resolve(SimdLevel level) => level switch
    {
        SimdLevel.Auto when Vector512.IsHardwareAccelerated => SimdLevel.Vector512,
        SimdLevel.Auto when Vector256.IsHardwareAccelerated => SimdLevel.Vector256,
        SimdLevel.Auto => SimdLevel.Vector128,
        _ => level,
    };

    /// <summary>The level's name as processors call it.</summary>
    public static string Describe(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => "AVX-512",
        SimdLevel.Vector256 => "AVX2",
        _ => System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? "NEON" : "128-bit vectors",
    };
}
