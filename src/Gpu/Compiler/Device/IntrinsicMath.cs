using System.Numerics;

namespace Lia.Gpu.Compiler.Device;

/// <summary>Integer and exact floating point functions. Host and device.</summary>
internal static class IntrinsicMath
{
    /// <summary>Absolute value; of the smallest int itself.</summary>
    public static int Abs(int value) => value < 0 ? -value : value;

    /// <summary>Absolute value.</summary>
    public static float Abs(float value) => MathF.Abs(value);

    /// <summary>Absolute value.</summary>
    public static double Abs(double value) => Math.Abs(value);

    /// <summary>Absolute value; of the smallest long itself.</summary>
    public static long Abs(long value) => value < 0 ? -value : value;

    /// <summary>Smaller of two; a number wins over NaN (`min.f64`).</summary>
    public static double Min(double first, double second) => double.MinNumber(first, second);

    /// <summary>Larger of two; a number wins over NaN (`max.f64`).</summary>
    public static double Max(double first, double second) => double.MaxNumber(first, second);

    /// <summary>The value, or the bound it lies beyond; NaN becomes <paramref name="max"/>.</summary>
    public static double Clamp(double value, double min, double max) => Max(Min(value, max), min);

    /// <summary>Smaller of two.</summary>
    public static int Min(int first, int second) => Math.Min(first, second);

    /// <summary>Smaller of two.</summary>
    public static uint Min(uint first, uint second) => Math.Min(first, second);

    /// <summary>Smaller of two.</summary>
    public static long Min(long first, long second) => Math.Min(first, second);

    /// <summary>Smaller of two; a number wins over NaN (`min.f32`).</summary>
    public static float Min(float first, float second) => float.MinNumber(first, second);

    /// <summary>Larger of two.</summary>
    public static int Max(int first, int second) => Math.Max(first, second);

    /// <summary>Larger of two.</summary>
    public static uint Max(uint first, uint second) => Math.Max(first, second);

    /// <summary>Larger of two.</summary>
    public static long Max(long first, long second) => Math.Max(first, second);

    /// <summary>Larger of two; a number wins over NaN (`max.f32`).</summary>
    public static float Max(float first, float second) => float.MaxNumber(first, second);

    /// <summary>The value, or the bound it lies beyond.</summary>
    public static int Clamp(int value, int min, int max) => Math.Max(Math.Min(value, max), min);

    /// <summary>The value, or the bound it lies beyond; NaN becomes <paramref name="max"/>.</summary>
    public static float Clamp(float value, float min, float max) => Max(Min(value, max), min);

    /// <summary>Number of one bits (`popc.b32`).</summary>
    public static int PopCount(uint value) => BitOperations.PopCount(value);

    /// <summary>Number of leading zero bits (`clz.b32`), 32 for zero.</summary>
    public static int LeadingZeroCount(uint value) => BitOperations.LeadingZeroCount(value);

    /// <summary>Number of trailing zero bits, 32 for zero.</summary>
    public static int TrailingZeroCount(uint value) => BitOperations.TrailingZeroCount(value);

    /// <summary>The quotient of non-negative numbers, rounded up.</summary>
    public static int DivRoundUp(int numerator, int denominator) => (numerator + denominator - 1) / denominator;
}
