using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>
/// Warp-wide matrix products D = A * B + D. With g = lane / 4 and t = lane % 4, D (16x8, float) is spread over the lanes as d0 (row g,
/// column 2t), d1 (g, 2t+1), d2 (g+8, 2t), d3 (g+8, 2t+1). All 32 lanes must take part.
/// </content>
public static partial class Intrinsics
{
    /// <summary>
    /// 16x8x16, halves times halves into floats (`mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32`, sm_80 and up). A, two halves a
    /// register: a0 (row g, columns 2t, 2t+1), a1 (g+8, 2t..), a2 (g, 2t+8..), a3 (g+8, 2t+8..): what LdMatrixX4 gives. B: b0 (rows 2t,
    /// 2t+1, column g), b1 (rows 2t+8, 2t+9).
    /// </summary>
    [IntrinsicImplementation,
        Ptx("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {$d0, $d1, $d2, $d3}, {$4, $5, $6, $7}, {$8, $9}, {$0, $1, $2, $3};",
        MinSm = 80)]
    public static void MmaSyncF16(
        ref float d0, ref float d1, ref float d2, ref float d3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) =>
            throw DeviceOnly.Error();

    /// <summary>16x8x16 on bfloat16 operands, laid out as <see cref="MmaSyncF16"/> (`...f32.bf16.bf16.f32`, sm_80 and up).</summary>
    [IntrinsicImplementation,
        Ptx("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {$d0, $d1, $d2, $d3}, {$4, $5, $6, $7}, {$8, $9}, {$0, $1, $2, $3};",
        MinSm = 80)]
    public static void MmaSyncBF16(
        ref float d0, ref float d1, ref float d2, ref float d3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) =>
            throw DeviceOnly.Error();

    /// <summary>
    /// 16x8x8, halves times halves into floats (`mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32`, sm_75 and up). A: a0 (row g, columns
    /// 2t, 2t+1), a1 (g+8, 2t..). B: b0 (rows 2t, 2t+1, column g).
    /// </summary>
    [IntrinsicImplementation,
        Ptx("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {$d0, $d1, $d2, $d3}, {$4, $5}, {$6}, {$0, $1, $2, $3};")]
    public static void MmaSyncF16K8(
        ref float d0, ref float d1, ref float d2, ref float d3, uint a0, uint a1, uint b0) => throw DeviceOnly.Error();

    /// <summary>
    /// 16x8x8, tf32 times tf32 into floats (`mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32`, sm_80 and up). A, one tf32 a register: a0
    /// (row g, column t), a1 (g+8, t), a2 (g, t+4), a3 (g+8, t+4). B: b0 (row t, column g), b1 (row t+4, column g). Operands come from
    /// <see cref="ToTf32"/>.
    /// </summary>
    [IntrinsicImplementation,
        Ptx("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {$d0, $d1, $d2, $d3}, {$4, $5, $6, $7}, {$8, $9}, {$0, $1, $2, $3};",
        MinSm = 80)]
    public static void MmaSyncTF32(
        ref float d0, ref float d1, ref float d2, ref float d3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) =>
            throw DeviceOnly.Error();
}
