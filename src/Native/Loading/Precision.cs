namespace Lia;

/// <summary>How a device computes.</summary>
public enum Precision
{
    /// <summary>The device's default: fast on CUDA, exact elsewhere.</summary>
    Auto,
    /// <summary>float32.</summary>
    Exact,
    /// <summary>Half-precision operands, float32 sums; the CPU has no such mode and computes exactly; ILGPU's compiler has none and is
    /// refused.</summary>
    Fast,
}
