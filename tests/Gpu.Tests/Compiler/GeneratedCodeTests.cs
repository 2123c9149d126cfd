using Lia.Gpu.Compiler;
using static Lia.Gpu.Tests.Compiler.PtxText;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>What the text of a kernel must look like, so that the assembler makes fast code of it.</summary>
public class GeneratedCodeTests
{
    private const int TileK = 16;

    // The register tile of a matrix product: 8 x 8 sums a thread, written as loops over local arrays.
    private static void RegisterTile(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int tiles)
    {
        ArrayView<float> sharedA = SharedMemory.Allocate<float>(TileK * 128), sharedB = SharedMemory.Allocate<float>(TileK * 128);
        ArrayView<float> sum = LocalMemory.Allocate<float>(64);
        ArrayView<float> left = LocalMemory.Allocate<float>(8), right = LocalMemory.Allocate<float>(8);
        int row = Group.IdxY * 8, column = Group.IdxX * 8;
        for (int i = 0; i < 64; i++) sum[i] = 0f;
        for (int tile = 0; tile < tiles; tile++)
        {
            for (int i = 0; i < 8; i++)
            {
                int at = Group.LinearIndex + i * 256;
                sharedA[at] = a[(tile * TileK + at / 128) * 128 + at % 128];
                sharedB[at] = b[(tile * TileK + at / 128) * 128 + at % 128];
            }
            Group.Barrier();
            for (int k = 0; k < TileK; k++)
            {
                for (int i = 0; i < 8; i++)
                {
                    left[i] = sharedA[k * 128 + row + i];
                    right[i] = sharedB[k * 128 + column + i];
                }
                for (int i = 0; i < 8; i++)
                {
                    for (int j = 0; j < 8; j++) sum[i * 8 + j] = Intrinsics.Fma(left[i], right[j], sum[i * 8 + j]);
                }
            }
            Group.Barrier();
        }
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++) c[(row + i) * 128 + column + j] = sum[i * 8 + j];
        }
    }

    [Fact]
    public void Sixty_four_sums_in_a_local_array_stay_in_registers()
    {
        string ptx = Of(RegisterTile);
        Assert.DoesNotContain(".local", ptx);
        Assert.Equal(64 * TileK, Count(ptx, "fma"));
    }

    [Fact]
    public void Addresses_in_an_unrolled_tile_are_immediate_offsets()
    {
        string loop = Loop(Of(RegisterTile));
        Assert.Equal(2 * 8 * TileK, Count(loop, "ld.shared"));
        // Two shared and two global base addresses a tile, not one for each of 272 accesses.
        Assert.InRange(Count(loop, "add.s32") + Count(loop, "add.s64"), 1, 40);
    }

    [Fact]
    public void An_indexed_tile_divides_nowhere()
    {
        string ptx = Of(RegisterTile);
        Assert.Equal(0, Count(ptx, "div") + Count(ptx, "rem"));
    }

    [Fact]
    public void Addresses_are_never_converted_between_state_spaces() => Assert.DoesNotContain("cvta", Of(RegisterTile));

    private static void CopyVectors(Index1D i, ArrayView<Float4> source, ArrayView<Float4> target) => target[i] = source[i];

    private static void CopyHalves(Index1D i, ArrayView<Half8> source, ArrayView<Half8> target) => target[i] = source[i];

    private record struct Quad(int A, int B, int C, int D);

    private static void CopyQuads(Index1D i, ArrayView<Quad> source, ArrayView<Quad> target) => target[i] = source[i];

    [Fact]
    public void Structs_of_16_bytes_are_copied_by_vector_instructions()
    {
        foreach (Delegate kernel in (Delegate[])[CopyVectors, CopyHalves, CopyQuads])
        {
            string ptx = Of(kernel);
            Assert.Equal((1, 1), (Count(ptx, "ld.global"), Count(ptx, "st.global")));
            Assert.Matches(@"ld\.global\.v4\.[bf]32 \{%\w+, %\w+, %\w+, %\w+\}, \[%rd\d+\];", ptx);
            Assert.Matches(@"st\.global\.v4\.[bf]32 \[%rd\d+\], \{", ptx);
        }
    }

    private record struct Holder(int Before, Quad Quad);

    private static void CopyUnalignedQuads(Index1D i, ArrayView<Holder> source, ArrayView<Holder> target) =>
        target[i].Quad = source[i].Quad;

    [Fact]
    public void Structs_that_may_be_unaligned_are_copied_field_by_field()
    {
        string ptx = Of(CopyUnalignedQuads);
        Assert.DoesNotContain(".v4", ptx);
        Assert.Equal(4, Count(ptx, "st.global"));
    }

    private static void ReadOnce(Index1D i, ArrayView<Float4> source, ArrayView<Float4> target) =>
        target[i] = Intrinsics.LoadNonCoherent(ref source[i]);

    [Fact]
    public void Read_only_loads_take_the_non_coherent_path() => Assert.Contains("ld.global.nc.v4.f32", Of(ReadOnce));

    // Fragments of a tensor core product: all indices are constants once the loops are unrolled.
    private static void Fragments(ArrayView<float> c, int steps)
    {
        ArrayView<Half> shared = SharedMemory.Allocate<Half>(64 * 64);
        ArrayView<float> sum = LocalMemory.Allocate<float>(32);
        ArrayView<uint> left = LocalMemory.Allocate<uint>(8), right = LocalMemory.Allocate<uint>(8);
        for (int i = 0; i < 32; i++) sum[i] = 0f;
        int lane = Warp.LaneIdx;
        for (int step = 0; step < steps; step++)
        {
            for (int i = 0; i < 2; i++)
            {
                int chunk = (lane / 16 + step) ^ (lane & 7);
                Intrinsics.LdMatrixX4(ref shared[(lane % 16 + i * 16) * 64 + chunk * 8], out left[i * 4], out left[i * 4 + 1],
                    out left[i * 4 + 2], out left[i * 4 + 3]);
                Intrinsics.LdMatrixX4Trans(ref shared[(lane % 16 + i * 16 + 32) * 64 + chunk * 8], out right[i * 4], out right[i * 4 + 1],
                    out right[i * 4 + 2], out right[i * 4 + 3]);
            }
            for (int i = 0; i < 2; i++)
            {
                for (int j = 0; j < 4; j++)
                {
                    int d = (i * 4 + j) * 4;
                    Intrinsics.MmaSyncF16(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[i * 4], left[i * 4 + 1],
                        left[i * 4 + 2], left[i * 4 + 3], right[j * 2], right[j * 2 + 1]);
                }
            }
        }
        for (int i = 0; i < 32; i++) c[lane * 32 + i] = sum[i];
    }

    [Fact]
    public void Tensor_core_fragments_stay_in_registers()
    {
        string ptx = Of(Fragments);
        Assert.DoesNotContain(".local", ptx);
        string loop = Loop(ptx);
        Assert.Equal(8, Count(loop, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"));
        Assert.Equal(4, Count(loop, "ldmatrix"));
        // The fragments go from one instruction to the next without moves: the only ones carry the 32 sums and the counter to the next
        // iteration.
        Assert.InRange(Count(loop, "mov"), 0, 33);
    }

    private static void VaryingIndex(Index1D i, ArrayView<int> indices, ArrayView<int> target)
    {
        ArrayView<int> table = LocalMemory.Allocate<int>(8);
        for (int k = 0; k < 8; k++) table[k] = k * k;
        target[i] = table[indices[i]];
    }

    [Fact]
    public void A_local_array_indexed_by_a_variable_lives_in_local_memory() => Assert.Equal(1, Count(Of(VaryingIndex), "ld.local.b32"));

    private static void Contraction(Index1D i, ArrayView<float> a, ArrayView<float> b) => b[i] = a[i] * b[i] + a[i];

    [Fact]
    public void Products_are_fused_with_sums_only_on_request()
    {
        string ptx = Of(Contraction);
        Assert.Equal((1, 1, 0), (Count(ptx, "mul.rn.f32"), Count(ptx, "add.rn.f32"), Count(ptx, "fma")));
        // Without a rounding mode the assembler would fuse them itself.
        Assert.DoesNotContain("mul.f32", ptx);
    }

    [LaunchBounds(128, 3)]
    private static void Bounded(ArrayView<int> target) => target[Group.IdxX] = Grid.IdxX;

    [Fact]
    public void Launch_bounds_are_directives()
    {
        Assert.Contains(".maxntid 128, 1, 1\n.minnctapersm 3\n", Of(Bounded));
        Assert.DoesNotContain(".maxntid", Of(Contraction));
    }

    private static void AtomicCount(ArrayView<int> counters, ArrayView<int> tickets)
    {
        Atomic.Add(ref counters[0], 1);
        tickets[Group.IdxX] = Atomic.Add(ref counters[1], 1);
    }

    [Fact]
    public void An_atomic_whose_result_is_not_used_is_a_reduction()
    {
        string ptx = Of(AtomicCount);
        Assert.Equal((1, 1), (Count(ptx, "red.global.add.u32"), Count(ptx, "atom.global.add.u32")));
    }

    private record struct Arguments(byte Flag, ArrayView<float> View, int Count);

    private static void Parameters(ArrayView<float> a, int n, Arguments more, byte small, double d, Half h)
    {
        if (n > small) a[0] = more.View[more.Count] + more.Flag + (float)d + h;
    }

    [Fact]
    public void Parameters_are_laid_out_as_the_CLR_lays_out_their_bytes()
    {
        CompiledKernel kernel = Compile(Parameters);
        Assert.Equal(["a", "n", "more", "small", "d", "h"], kernel.Parameters.Select(p => p.Name));
        Assert.Equal([0, 16, 24, 56, 64, 72], kernel.Parameters.Select(p => p.Offset));
        Assert.Equal([16, 4, 32, 1, 8, 2], kernel.Parameters.Select(p => p.Size));
        Assert.Equal(System.Runtime.CompilerServices.Unsafe.SizeOf<Arguments>(), kernel.Parameters[2].Size);
        Assert.Equal(74, kernel.ParameterBytes);
        Assert.False(kernel.IsImplicitlyGrouped);
        KernelParameter extent = Compile(Contraction).Parameters[^1];
        Assert.Equal(("extent", typeof(long), 32), (extent.Name, extent.Type, extent.Offset));
    }

    private static void SharedSizes(ArrayView<float> a)
    {
        ArrayView<float> first = SharedMemory.Allocate<float>(33);
        ArrayView<byte> second = SharedMemory.Allocate<byte>(5);
        ArrayView<float> third = SharedMemory.GetDynamic<float>();
        first[0] = a[0];
        second[0] = 1;
        third[0] = a[1];
        Group.Barrier();
        a[2] = first[0] + second[0] + third[0];
    }

    [Fact]
    public void Shared_memory_is_counted_with_its_alignment()
    {
        CompiledKernel kernel = Compile(SharedSizes);
        Assert.Equal(144 + 5, kernel.StaticSharedBytes);
        Assert.True(kernel.UsesDynamicShared);
        Assert.Contains(".extern .shared .align 16 .b8", kernel.Ptx);
        Assert.False(Compile(RegisterTile).UsesDynamicShared);
    }

    [Fact]
    public void Equal_kernels_give_equal_text()
    {
        var target = new CompileTarget(80);
        System.Reflection.MethodInfo kernel = ((Delegate)RegisterTile).Method;
        Assert.Equal(KernelCompiler.Translate(kernel, target).Ptx, KernelCompiler.Translate(kernel, target).Ptx);
        Assert.Same(KernelCompiler.Compile(kernel, target), KernelCompiler.Compile(kernel, new CompileTarget(80)));
    }

    [Fact]
    public void The_target_is_a_property_of_the_compile()
    {
        Assert.StartsWith(".version 7.8\n.target sm_75\n", Of(Contraction, new CompileTarget(75)));
        Assert.StartsWith(".version 8.3\n.target sm_90a\n", Of(Contraction, new CompileTarget(90, true, 8, 3)));
    }

    private static void ByTarget(ArrayView<uint> target, float x) => target[0] = Intrinsics.PackHalf2(x, 1f);

    [Fact]
    public void Code_for_other_targets_is_not_emitted()
    {
        Assert.Equal(1, Count(Of(ByTarget), "cvt.rn.f16x2.f32"));
        Assert.Equal(0, Count(Of(ByTarget, new CompileTarget(75)), "cvt.rn.f16x2.f32"));
        Assert.Equal(2, Count(Of(ByTarget, new CompileTarget(75)), "cvt.rn.f16.f32"));
    }

    [NoUnroll]
    private static void KeptLoop(ArrayView<float> a)
    {
        for (int i = 0; i < 4; i++) a[i] = i;
    }

    private static void UnrolledLoop(ArrayView<float> a)
    {
        for (int i = 0; i < 4; i++) a[i] = i;
    }

    [Fact]
    public void Constant_loops_are_unrolled_unless_told_otherwise()
    {
        Assert.Equal((4, 0), (Count(Of(UnrolledLoop), "st.global"), Count(Of(UnrolledLoop), "bra")));
        Assert.Equal(1, Count(Of(KeptLoop), "st.global"));
    }

    private static void SameTwice(Index1D i, ArrayView<float> a, ArrayView<float> b, int stride)
    {
        b[i * stride + 1] = a[i * stride] + a[i * stride + 1];
    }

    [Fact]
    public void Common_index_arithmetic_is_done_once() => Assert.Equal(1 + 1, Count(Of(SameTwice), "mul.lo.s32"));
}
