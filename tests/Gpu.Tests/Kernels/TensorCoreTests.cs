using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>ldmatrix, cp.async and mma.sync, one warp and one tile at a time. Small integers make every sum exact.</summary>
public class TensorCoreTests
{
    [TestKernel(80)]
    internal static void MultiplyHalf(ArrayView<Half> a, ArrayView<Half> b, ArrayView<float> c)
    {
        // A 16 x 16 and B 16 x 8, row-major, by way of shared memory; B's fragments come from transposed loads.
        ArrayView<Half> sharedA = SharedMemory.Allocate<Half>(16 * 16);
        ArrayView<Half> sharedB = SharedMemory.Allocate<Half>(16 * 8);
        int lane = Group.IdxX;
        Intrinsics.CpAsync16(ref sharedA[lane * 8], ref a[lane * 8]);
        if (lane < 16)
            Intrinsics.CpAsync16(ref sharedB[lane * 8], ref b[lane * 8]);
        Intrinsics.CpAsyncCommitGroup();
        Intrinsics.CpAsyncWaitGroup(0);
        Group.Barrier();
        Intrinsics.LdMatrixX4(ref sharedA[(lane & 15) * 16 + (lane >> 4) * 8], out uint a0, out uint a1, out uint a2, out uint a3);
        Intrinsics.LdMatrixX2Trans(ref sharedB[(lane & 15) * 8], out uint b0, out uint b1);
        float d0 = 0f, d1 = 0f, d2 = 0f, d3 = 0f;
        Intrinsics.MmaSyncF16(ref d0, ref d1, ref d2, ref d3, a0, a1, a2, a3, b0, b1);
        Store(c, lane, d0, d1, d2, d3);
    }

    [TestKernel(80)]
    internal static void MultiplyBFloat16(ArrayView<BFloat16> a, ArrayView<BFloat16> b, ArrayView<float> c)
    {
        int lane = Group.IdxX, group = lane >> 2, pair = lane & 3;
        float d0 = 0f, d1 = 0f, d2 = 0f, d3 = 0f;
        ArrayView<uint> rows = a.Cast<uint>();
        Intrinsics.MmaSyncBF16(
            ref d0, ref d1, ref d2, ref d3,
            rows[group * 8 + pair], rows[(group + 8) * 8 + pair], rows[group * 8 + pair + 4], rows[(group + 8) * 8 + pair + 4],
            b[pair * 2 * 8 + group].RawValue | (uint)b[(pair * 2 + 1) * 8 + group].RawValue << 16,
            b[(pair * 2 + 8) * 8 + group].RawValue | (uint)b[(pair * 2 + 9) * 8 + group].RawValue << 16);
        Store(c, lane, d0, d1, d2, d3);
    }

    [TestKernel]
    internal static void MultiplyHalfK8(ArrayView<Half> a, ArrayView<Half> b, ArrayView<float> c)
    {
        // 16 x 8 times 8 x 8: the shape that sm_75 has.
        int lane = Group.IdxX, group = lane >> 2, pair = lane & 3;
        float d0 = 0f, d1 = 0f, d2 = 0f, d3 = 0f;
        ArrayView<uint> rows = a.Cast<uint>();
        for (int k = 0; k < 2; k++)
        {
            Intrinsics.MmaSyncF16K8(
                ref d0, ref d1, ref d2, ref d3,
                rows[group * 8 + k * 4 + pair], rows[(group + 8) * 8 + k * 4 + pair],
                new Half2(b[(k * 8 + pair * 2) * 8 + group], b[(k * 8 + pair * 2 + 1) * 8 + group]).RawValue);
        }
        Store(c, lane, d0, d1, d2, d3);
    }

    [TestKernel(80)]
    internal static void MultiplyTf32(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c)
    {
        int lane = Group.IdxX, group = lane >> 2, t = lane & 3;
        float d0 = 0f, d1 = 0f, d2 = 0f, d3 = 0f;
        for (int k = 0; k < 16; k += 8)
        {
            Intrinsics.MmaSyncTF32(
                ref d0, ref d1, ref d2, ref d3,
                Intrinsics.ToTf32(a[group * 16 + k + t]), Intrinsics.ToTf32(a[(group + 8) * 16 + k + t]),
                Intrinsics.ToTf32(a[group * 16 + k + t + 4]), Intrinsics.ToTf32(a[(group + 8) * 16 + k + t + 4]),
                Intrinsics.ToTf32(b[(k + t) * 8 + group]), Intrinsics.ToTf32(b[(k + t + 4) * 8 + group]));
        }
        Store(c, lane, d0, d1, d2, d3);
    }

    private static void Store(ArrayView<float> c, int lane, float d0, float d1, float d2, float d3)
    {
        int group = lane >> 2, pair = lane & 3;
        c[group * 8 + pair * 2] = d0;
        c[group * 8 + pair * 2 + 1] = d1;
        c[(group + 8) * 8 + pair * 2] = d2;
        c[(group + 8) * 8 + pair * 2 + 1] = d3;
    }

    [Theory, EveryAccelerator]
    public void A_warp_multiplies_halves(string device) => ProductIs<Half>(device, MultiplyHalf, x => (Half)x);

    [Theory, EveryAccelerator]
    public void A_warp_multiplies_halves_in_the_smaller_shape(string device) => ProductIs<Half>(device, MultiplyHalfK8, x => (Half)x);

    [Theory, EveryAccelerator]
    public void A_warp_multiplies_bfloat16(string device) => ProductIs<BFloat16>(device, MultiplyBFloat16, x => (BFloat16)x);

    [Theory, EveryAccelerator]
    public void A_warp_multiplies_tf32(string device) => ProductIs<float>(device, MultiplyTf32, x => x);

    private static void ProductIs<T>(string device, Action<ArrayView<T>, ArrayView<T>, ArrayView<float>> kernel, Func<float, T> convert)
        where T : unmanaged
    {
        float[] a = RandomIntegers(16 * 16, 60), b = RandomIntegers(16 * 8, 60, seed: 2);
        float[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(Array.ConvertAll(a, x => convert(x)));
            using var bb = loader.Allocate1D(Array.ConvertAll(b, x => convert(x)));
            using var bc = loader.Allocate1D<float>(16 * 8);
            loader.Load<Action<KernelConfig, ArrayView<T>, ArrayView<T>, ArrayView<float>>>(kernel)((1, 32), ba.View, bb.View, bc.View);
            return bc.GetAsArray1D();
        });
        Assert.Equal(Product(a, b, 16, 8, 16), result);
    }

    /// <summary>The product of an m x k and a k x n matrix, row-major, in float64.</summary>
    internal static float[] Product(float[] a, float[] b, int m, int n, int k)
    {
        var c = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int l = 0; l < k; l++)
            {
                double left = a[i * k + l];
                for (int j = 0; j < n; j++)
                    c[i * n + j] += left * b[l * n + j];
            }
        }
        return Array.ConvertAll(c, x => (float)x);
    }

    [TestKernel]
    internal static void LoadMatrices(ArrayView<int> source, ArrayView<uint> target)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(128); // four 8 x 8 matrices of 16 bits: 4 ints a row, 8 rows a matrix
        int lane = Group.IdxX;
        for (int i = 0; i < 4; i++)
            shared[lane + i * 32] = source[lane + i * 32];
        Group.Barrier();
        Intrinsics.LdMatrixX4(ref shared[lane * 4], out uint r0, out uint r1, out uint r2, out uint r3);
        Intrinsics.LdMatrixX4Trans(ref shared[lane * 4], out uint t0, out uint t1, out uint t2, out uint t3);
        target[lane * 8] = r0;
        target[lane * 8 + 1] = r1;
        target[lane * 8 + 2] = r2;
        target[lane * 8 + 3] = r3;
        target[lane * 8 + 4] = t0;
        target[lane * 8 + 5] = t1;
        target[lane * 8 + 6] = t2;
        target[lane * 8 + 7] = t3;
    }

    [Theory, EveryAccelerator]
    public void Ldmatrix_spreads_rows_over_lanes_and_its_transpose_columns(string device)
    {
        ushort[] elements = [.. Enumerable.Range(0, 256).Select(i => (ushort)(i * 257))];
        int[] packed = [.. Enumerable.Range(0, 128).Select(i => elements[2 * i] | elements[2 * i + 1] << 16)];
        uint[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(packed);
            using var output = loader.Allocate1D<uint>(256);
            loader.Load<Action<KernelConfig, ArrayView<int>, ArrayView<uint>>>(LoadMatrices)((1, 32), input.View, output.View);
            return output.GetAsArray1D();
        });
        for (int lane = 0; lane < 32; lane++)
        {
            for (int matrix = 0; matrix < 4; matrix++)
            {
                uint At(int row, int column) => elements[matrix * 64 + row * 8 + column];
                int group = lane / 4, pair = lane % 4 * 2;
                Assert.Equal(At(group, pair) | At(group, pair + 1) << 16, result[lane * 8 + matrix]);
                Assert.Equal(At(pair, group) | At(pair + 1, group) << 16, result[lane * 8 + 4 + matrix]);
            }
        }
    }

    [TestKernel]
    internal static void TransposeInRegisters(ArrayView<uint> source, ArrayView<uint> target) =>
        target[Group.IdxX] = Intrinsics.TransposeMatrix(source[Group.IdxX]);

    [Theory, EveryAccelerator]
    public void Movmatrix_transposes_what_the_registers_of_a_warp_hold(string device)
    {
        // Two warps, a matrix each.
        ushort[] elements = [.. Enumerable.Range(0, 128).Select(i => (ushort)(i * 257))];
        uint[] Packed(Func<int, ushort> at) => [.. Enumerable.Range(0, 64).Select(i => at(2 * i) | (uint)at(2 * i + 1) << 16)];
        uint[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(Packed(i => elements[i]));
            using var output = loader.Allocate1D<uint>(64);
            loader.Load<Action<KernelConfig, ArrayView<uint>, ArrayView<uint>>>(TransposeInRegisters)((1, 64), input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(Packed(i => elements[i / 64 * 64 + i % 8 * 8 + i / 8 % 8]), result);
    }

    [TestKernel(80)]
    internal static void CopyWithFill(ArrayView<int> source, ArrayView<int> target, int valid)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32 * 7);
        int lane = Group.IdxX;
        int bytes16 = IntrinsicMath.Clamp((valid - lane * 4) * 4, 0, 16);
        Intrinsics.CpAsync16(ref shared[lane * 4], ref source[lane * 4], bytes16);
        Intrinsics.CpAsync8(ref shared[128 + lane * 2], ref source[lane * 2]);
        Intrinsics.CpAsync4(ref shared[192 + lane], ref source[lane]);
        Intrinsics.CpAsyncCommitGroup();
        Intrinsics.CpAsyncWaitAll();
        Group.Barrier();
        for (int i = 0; i < 7; i++)
            target[i * 32 + lane] = shared[i * 32 + lane];
    }

    [Theory, EveryAccelerator]
    public void Asynchronous_copies_fill_what_lies_past_the_source_with_zeros(string device)
    {
        int[] source = [.. Enumerable.Range(1, 128)];
        int[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(source);
            using var output = loader.Allocate1D<int>(224);
            loader.Load<Action<KernelConfig, ArrayView<int>, ArrayView<int>, int>>(CopyWithFill)((1, 32), input.View, output.View, 57);
            return output.GetAsArray1D();
        });
        Assert.Equal([.. source.Select((x, i) => i < 57 ? x : 0), .. source[..64], .. source[..32]], result);
    }
}
