using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// ldmatrix, stmatrix, movmatrix and mma.sync. With g = lane / 4 and t = lane % 4 the fragments of the PTX manual are, for 16-bit operands
/// and an 8 x 8 tile, elements (g, 2t) and (g, 2t + 1) in one register: a register's 32 lanes, read as 64 consecutive 16-bit values, are
/// the tile in row-major order. A is tiles (0,0) (1,0) (0,1) (1,1) of its 16 rows and k columns; B is tiles of k, transposed (column by
/// column); C and D hold (g, 2t), (g, 2t+1), (g+8, 2t), (g+8, 2t+1).
/// <para>
/// D = A B + C is computed with exact products summed in double precision in the order c, k = 0, 1, ..., and rounded once to float. Tensor
/// cores sum with fewer bits and in another order: results agree exactly only when every partial sum is exact (small integers), otherwise
/// within a few units of the last place of the largest term.
/// </para>
/// </summary>
internal static class MatrixInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "ldmatrix" => LoadMatrix(r),
        "stmatrix" => StoreMatrix(r),
        "movmatrix" => MoveMatrix(r),
        _ => Multiply(r),
    };

    private static StoreMatrixOp StoreMatrix(InstructionReader r)
    {
        r.RequireSm(90);
        r.Require("sync");
        r.Require("aligned");
        r.Require("m8n8");
        int count = r.Require("x1", "x2", "x4")[1] - '0';
        bool transposes = r.Take("trans");
        r.Require("shared", "shared::cta");
        r.TakeType(B16);
        AddressOperand address = r.Address(0, StateSpace.Shared);
        return new StoreMatrixOp([.. r.Elements(1, count).Select(e => r.Source(e, B32, wider: false))], address, transposes);
    }

    private static MoveMatrixOp MoveMatrix(InstructionReader r)
    {
        r.RequireVersion(78);
        r.Require("sync");
        r.Require("aligned");
        r.Require("m8n8");
        r.Require("trans");
        r.TakeType(B16);
        return new MoveMatrixOp(r.Destination(r[0], B32, wider: false), r.Source(r[1], B32, wider: false));
    }

    private static LoadMatrixOp LoadMatrix(InstructionReader r)
    {
        r.Require("sync");
        r.Require("aligned");
        r.Require("m8n8");
        int count = r.Require("x1", "x2", "x4")[1] - '0';
        bool transposes = r.Take("trans");
        r.Require("shared", "shared::cta");
        r.TakeType(B16);
        int[] d = [.. r.Elements(0, count).Select(e => r.Destination(e, B32, wider: false))];
        return new LoadMatrixOp(d, r.Address(1, StateSpace.Shared), transposes);
    }

    private static MultiplyOp Multiply(InstructionReader r)
    {
        r.Require("sync");
        r.Require("aligned");
        string shape = r.Require("m16n8k16", "m16n8k8");
        r.Require("row");
        r.Require("col");
        r.TakeType(F32);
        PtxType type = r.TakeType(F16, BF16, TF32);
        if (r.TakeType() != type) throw r.Error("A and B must have one type");
        r.TakeType(F32);
        if (type == TF32 && shape != "m16n8k8") throw r.Error(".tf32 has shape m16n8k8");
        r.RequireSm(type == F16 && shape == "m16n8k8" ? 75 : 80);
        int k = shape == "m16n8k16" ? 16 : 8;
        int aCount = type == TF32 || k == 16 ? 4 : 2;
        int[] d = [.. r.Elements(0, 4).Select(e => r.Destination(e, F32, wider: false))];
        int[] a = [.. r.Elements(1, aCount).Select(e => r.Source(e, B32, wider: false))];
        int[] b = [.. r.Elements(2, aCount / 2).Select(e => r.Source(e, B32, wider: false))];
        int[] c = [.. r.Elements(3, 4).Select(e => r.Source(e, F32, wider: false))];
        return new MultiplyOp(d, a, b, c, k, type);
    }

    private sealed unsafe class LoadMatrixOp(int[] d, AddressOperand address, bool transposes) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            RequireAll(warp, mask);
            warp.ComputeAddresses(address);
            ulong* addresses = warp.Addresses;
            Allocation? none = null;
            for (int matrix = 0; matrix < d.Length; matrix++)
            {
                ushort* tile = (ushort*)(warp.Registers + d[matrix]);
                for (int row = 0; row < 8; row++)
                {
                    // The row counts as read by the lane that gives its address.
                    int lane = (matrix * 8) + row;
                    ushort* elements = (ushort*)SharedSpace.Read(warp, lane, addresses[lane], 16, strong: false, ref none);
                    if (transposes)
                    {
                        for (int column = 0; column < 8; column++) tile[(column * 8) + row] = elements[column];
                    }
                    else Unsafe.CopyBlock(tile + (row * 8), elements, 16);
                }
            }
            uint lanes = d.Length == 4 ? LaneMask.Full : (1u << (8 * d.Length)) - 1;
            warp.Block.Statistics.AddShared(Traffic.Matrix, addresses, lanes, 16);
        }
    }

    private sealed unsafe class StoreMatrixOp(int[] sources, AddressOperand address, bool transposes) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            RequireAll(warp, mask);
            warp.ComputeAddresses(address);
            Allocation? none = null;
            for (int matrix = 0; matrix < sources.Length; matrix++)
            {
                ushort* tile = (ushort*)(warp.Registers + sources[matrix]);
                for (int row = 0; row < 8; row++)
                {
                    int lane = (matrix * 8) + row;
                    ushort* elements = (ushort*)SharedSpace.Write(warp, lane, warp.Addresses[lane], 16, strong: false, ref none);
                    for (int column = 0; column < 8; column++)
                        elements[column] = transposes ? tile[(column * 8) + row] : tile[(row * 8) + column];
                }
            }
            uint lanes = sources.Length == 4 ? LaneMask.Full : (1u << (8 * sources.Length)) - 1;
            warp.Block.Statistics.AddShared(Traffic.Matrix, warp.Addresses, lanes, 16);
        }
    }

    private sealed unsafe class MoveMatrixOp(int d, int source) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            RequireAll(warp, mask);
            ushort* rows = stackalloc ushort[64];
            Unsafe.CopyBlock(rows, warp.Registers + source, 128);
            ushort* tile = (ushort*)(warp.Registers + d);
            for (int i = 0; i < 64; i++) tile[i] = rows[(i % 8 * 8) + (i / 8)];
        }
    }

    private static void RequireAll(Warp warp, uint mask)
    {
        warp.RequireConverged(mask);
        if (mask != LaneMask.Full) throw warp.Fault(EmulationErrorKind.WarpDivergence, null, $"needs 32 lanes, only 0x{mask:X8} exist");
    }

    private sealed unsafe class MultiplyOp(int[] d, int[] a, int[] b, int[] c, int k, PtxType type) : Op
    {
        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Execute(Warp warp, uint mask)
        {
            RequireAll(warp, mask);
            byte* registers = warp.Registers;
            float* left = stackalloc float[16 * 16];    // 16 x k, row-major
            double* right = stackalloc double[16 * 8];  // k x 8
            if (type == TF32) Unpack32(registers, left, right);
            else Unpack16(registers, left, right);

            float* c0 = (float*)(registers + c[0]), c1 = (float*)(registers + c[1]), c2 = (float*)(registers + c[2]),
                c3 = (float*)(registers + c[3]);
            float* sums = stackalloc float[16 * 8];
            for (int row = 0; row < 16; row++)
            {
                float* even = row < 8 ? c0 + (row * 4) : c2 + ((row - 8) * 4), odd = row < 8 ? c1 + (row * 4) : c3 + ((row - 8) * 4);
                Vector512<double> sum = Vector512.Create(even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], (double)odd[3]);
                float* x = left + (row * k);
                // A product of these formats is exact in double, so a fused multiply-add rounds as an addition.
                for (int i = 0; i < k; i++)
                    sum = Vector512.FusedMultiplyAdd(Vector512.Create((double)x[i]), Vector512.Load(right + (i * 8)), sum);
                Vector256.Narrow(sum.GetLower(), sum.GetUpper()).Store(sums + (row * 8));
            }
            float* d0 = (float*)(registers + d[0]), d1 = (float*)(registers + d[1]), d2 = (float*)(registers + d[2]),
                d3 = (float*)(registers + d[3]);
            for (int lane = 0; lane < 32; lane++)
            {
                int at = (lane / 4 * 8) + (lane % 4 * 2);
                d0[lane] = Canonical(sums[at]);
                d1[lane] = Canonical(sums[at + 1]);
                d2[lane] = Canonical(sums[at + 64]);
                d3[lane] = Canonical(sums[at + 65]);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Unpack16(byte* registers, float* left, double* right)
        {
            float* tile = stackalloc float[64];
            for (int i = 0; i < a.Length; i++)
            {
                Widen((ushort*)(registers + a[i]), tile);
                float* into = left + (i % 2 * 8 * k) + (i / 2 * 8);
                for (int row = 0; row < 8; row++) Vector256.Load(tile + (row * 8)).Store(into + (row * k));
            }
            for (int i = 0; i < b.Length; i++)
            {
                Widen((ushort*)(registers + b[i]), tile);
                for (int column = 0; column < 8; column++)
                {
                    for (int row = 0; row < 8; row++) right[(((i * 8) + row) * 8) + column] = tile[(column * 8) + row];
                }
            }
        }

        // tf32, one element a register: a0 (g, t), a1 (g + 8, t), a2 (g, t + 4), a3 (g + 8, t + 4); b0 (t, g), b1 (t + 4, g). The low 13
        // bits are ignored.
        private void Unpack32(byte* registers, float* left, double* right)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                int g = lane / 4, t = lane % 4;
                for (int i = 0; i < 4; i++) left[((g + (i % 2 * 8)) * 8) + t + (i / 2 * 4)] = Tensor(registers + a[i], lane);
                for (int i = 0; i < 2; i++) right[((t + (i * 4)) * 8) + g] = Tensor(registers + b[i], lane);
            }
        }

        private static float Tensor(byte* register, int lane) => BitConverter.UInt32BitsToSingle(((uint*)register)[lane] & 0xFFFF_E000);

        // 64 halves or bfloats to floats, exactly.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Widen(ushort* source, float* destination)
        {
            for (int i = 0; i < 64; i += 16)
            {
                Vector256<ushort> bits = Vector256.Load(source + i);
                (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(bits);
                if (type == BF16)
                {
                    (lower << 16).AsSingle().Store(destination + i);
                    (upper << 16).AsSingle().Store(destination + i + 8);
                }
                else
                {
                    WidenHalf(lower).Store(destination + i);
                    WidenHalf(upper).Store(destination + i + 8);
                }
            }
        }

        // The half's exponent and mantissa, moved to a float's place, give the value times 2^-112, subnormals included; infinity and NaN
        // get their exponent by hand.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<float> WidenHalf(Vector256<uint> half)
        {
            Vector256<uint> magnitude = (half & Vector256.Create(0x7FFFu)) << 13;
            Vector256<uint> scaled = (magnitude.AsSingle() * Vector256.Create(5.192296858534828e33f)).AsUInt32();
            Vector256<uint> special = magnitude | Vector256.Create(0x7F80_0000u);
            Vector256<uint> isSpecial = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x0F80_0000u));
            return (Vector256.ConditionalSelect(isSpecial, special, scaled) | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
        }

        private static float Canonical(float x) => float.IsNaN(x) ? BitConverter.UInt32BitsToSingle(0x7FFF_FFFF) : x;
    }
}
