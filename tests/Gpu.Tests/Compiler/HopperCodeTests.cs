using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.Compiler.PtxText;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>What kernels for sm_90a compile to: above all, that accumulators stay in the registers they are in.</summary>
public class HopperCodeTests
{
    private static readonly CompileTarget s_hopper = new(90, true, 8, 3);

    private static string Hopper(Delegate kernel) => Of(kernel, s_hopper);

    // Accumulators of two widths, carried around a loop of unknown length, with all an inner loop does.
    [LaunchBounds(128, 1)]
    private static void Pipeline(ArrayView<float> c, int steps)
    {
        ArrayView<Half> tiles = SwizzledSharedMemory.GetDynamic<Half>();
        ArrayView<ulong> barriers = SharedMemory.Allocate<ulong>(2);
        ArrayView<float> left = LocalMemory.Allocate<float>(64), right = LocalMemory.Allocate<float>(32);
        for (int i = 0; i < 64; i++) left[i] = 0f;
        ulong a = Intrinsics.MatrixDescriptor(Intrinsics.SharedAddress(ref tiles[0]), 128);
        ulong b = Intrinsics.MatrixDescriptor(Intrinsics.SharedAddress(ref tiles[64 * 64]), 128);
        for (int step = 0; step < steps; step++)
        {
            Intrinsics.MBarrierWait(ref barriers[0], step & 1);
            Intrinsics.WgmmaFence64x128(ref left[0]);
            Intrinsics.WgmmaFence64x64(ref right[0]);
            for (int k = 0; k < 4; k++)
            {
                Intrinsics.Wgmma64x128x16(ref left[0], a + (ulong)(2 * k), b + (ulong)(2 * k), true);
                Intrinsics.Wgmma64x64x16(ref right[0], a + (ulong)(2 * k), b + (ulong)(2 * k), step > 0 || k > 0);
            }
            Intrinsics.WgmmaCommitGroup();
            Intrinsics.WgmmaWait64x128(ref left[0], 0);
            Intrinsics.WgmmaWait64x64(ref right[0], 0);
            Intrinsics.MBarrierArrive(ref barriers[1]);
        }
        for (int i = 0; i < 64; i++) c[Group.IdxX * 96 + i] = left[i];
        for (int i = 0; i < 32; i++) c[Group.IdxX * 96 + 64 + i] = right[i];
    }

    [Fact]
    public void Accumulators_need_no_moves_in_a_loop()
    {
        string ptx = Hopper(Pipeline);
        string loop = Loop(ptx);
        Assert.Equal(4, Count(loop, "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16"));
        Assert.Equal(4, Count(loop, "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16"));
        Assert.Equal(0, Count(loop, "mov.f32"));
        Assert.DoesNotContain(".local", ptx);
        // One register each in all products: the text of the operand is the same.
        string[] accumulators = [.. Lines(loop).Where(l => l.Contains("m64n128k16", StringComparison.Ordinal))
            .Select(l => l[l.IndexOf('{')..(l.IndexOf('}') + 1)])];
        Assert.Single(accumulators.Distinct());
        Assert.Equal(64, accumulators[0].Split(',').Distinct().Count());
        // Before the loop they are set, behind it they are stored: nothing else.
        Assert.Equal(64 + 32, Count(ptx, "mov.f32"));
    }

    [Fact]
    public void Products_are_written_as_the_manual_says()
    {
        string ptx = Hopper(Pipeline);
        Assert.StartsWith(".version 8.3\n.target sm_90a\n", ptx);
        // The driver's linker would keep no alignment above 16 bytes.
        Assert.Contains(".extern .shared .align 16 .b8 dynamic_shared[];", ptx);
        Assert.Matches(@"mov\.b32 (%r\d+), dynamic_shared;\s+add\.s32 \1, \1, 1023;\s+and\.b32 \1, \1, -1024;", ptx);
        Assert.Matches(
            @"wgmma\.mma_async\.sync\.aligned\.m64n128k16\.f32\.f16\.f16 \{(%f\d+, ){63}%f\d+\}, %rd\d+, %rd\d+, 1, 1, 1, 0, 0;", ptx);
        Assert.Matches(
            @"wgmma\.mma_async\.sync\.aligned\.m64n64k16\.f32\.f16\.f16 \{(%f\d+, ){31}%f\d+\}, %rd\d+, %rd\d+, %p\d+, 1, 1, 0, 0;", ptx);
        Assert.Matches(@"mbarrier\.try_wait\.parity\.shared::cta\.b64 %p\d+, \[%r\d+\], %r\d+;", ptx);
        Assert.Matches(@"mbarrier\.arrive\.shared::cta\.b64 _, \[%r\d+\+8\];", ptx);
    }

    // The old content is read again behind the product, so it cannot share the new one's register.
    [LaunchBounds(128, 1)]
    private static void KeptContent(ArrayView<float> c, ulong a, ulong b)
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(4), kept = LocalMemory.Allocate<float>(4);
        for (int i = 0; i < 4; i++) kept[i] = d[i] = c[Group.IdxX * 4 + i];
        Intrinsics.WgmmaFence64x8(ref d[0]);
        Intrinsics.Wgmma64x8x16(ref d[0], a, b, true);
        Intrinsics.WgmmaCommitGroup();
        Intrinsics.WgmmaWait64x8(ref d[0], 0);
        for (int i = 0; i < 4; i++) c[Group.IdxX * 4 + i] = d[i] - kept[i];
    }

    [Fact]
    public void Content_that_is_read_again_is_copied_before_the_fence()
    {
        string[] lines = [.. Lines(Hopper(KeptContent))];
        int fence = Array.IndexOf(lines, "wgmma.fence.sync.aligned;");
        Assert.Equal(4, lines.Take(fence).Count(l => l.StartsWith("mov.f32", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines.Skip(fence), l => l.StartsWith("mov.f32", StringComparison.Ordinal));
    }

    // The same where the loop lies between, in which the old content is not mentioned.
    [LaunchBounds(128, 1)]
    private static void KeptBehindALoop(ArrayView<float> c, ulong a, ulong b, int steps)
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(4), kept = LocalMemory.Allocate<float>(4);
        for (int i = 0; i < 4; i++) kept[i] = d[i] = c[Group.IdxX * 4 + i];
        for (int step = 0; step < steps; step++)
        {
            Intrinsics.WgmmaFence64x8(ref d[0]);
            Intrinsics.Wgmma64x8x16(ref d[0], a, b, true);
            Intrinsics.WgmmaCommitGroup();
            Intrinsics.WgmmaWait64x8(ref d[0], 0);
        }
        for (int i = 0; i < 4; i++) c[Group.IdxX * 4 + i] = d[i] - kept[i];
    }

    [Fact]
    public void Content_that_is_read_behind_a_loop_is_kept_through_it()
    {
        string ptx = Hopper(KeptBehindALoop);
        string[] differences = [.. Lines(ptx).Where(l => l.StartsWith("sub.rn.f32", StringComparison.Ordinal))];
        Assert.Equal(4, differences.Length);
        Assert.All(differences, l => Assert.NotEqual(l.Split(", ")[1], l.Split(", ")[2].TrimEnd(';')));
        Assert.Equal((4, 0), (Count(ptx, "mov.f32"), Count(Loop(ptx), "mov.f32")));
    }

    // Two accumulators change places around the loop: one register each is impossible without moves, whatever is merged.
    [LaunchBounds(128, 1)]
    private static void Exchanged(ArrayView<float> c, ulong a, ulong b, int steps)
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(4), e = LocalMemory.Allocate<float>(4);
        for (int i = 0; i < 4; i++)
        {
            d[i] = 0f;
            e[i] = 1f;
        }
        for (int step = 0; step < steps; step++)
        {
            Intrinsics.WgmmaFence64x8(ref d[0]);
            Intrinsics.Wgmma64x8x16(ref d[0], a, b, true);
            Intrinsics.WgmmaCommitGroup();
            Intrinsics.WgmmaWait64x8(ref d[0], 0);
            for (int i = 0; i < 4; i++) (d[i], e[i]) = (e[i], d[i]);
        }
        for (int i = 0; i < 4; i++) c[Group.IdxX * 8 + i] = d[i];
        for (int i = 0; i < 4; i++) c[Group.IdxX * 8 + 4 + i] = e[i];
    }

    [Fact]
    public void Values_that_live_at_once_keep_their_own_registers() =>
        // Each exchange is three moves.
        Assert.InRange(Count(Loop(Hopper(Exchanged)), "mov.f32"), 8, 12);

    // What is computed from the results behind the wait must stay there, invariant in the later loop or not.
    [LaunchBounds(128, 1)]
    private static void ReadBehindTheWait(ArrayView<float> c, ulong a, ulong b, int steps)
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(4);
        for (int i = 0; i < 4; i++) d[i] = 0f;
        for (int step = 0; step < steps; step++)
        {
            Intrinsics.WgmmaFence64x8(ref d[0]);
            Intrinsics.Wgmma64x8x16(ref d[0], a, b, true);
            Intrinsics.WgmmaCommitGroup();
            Intrinsics.WgmmaWait64x8(ref d[0], 0);
            c[step] = d[0] * 2f;
        }
    }

    [Fact]
    public void Results_are_read_behind_the_wait()
    {
        string[] lines = [.. Lines(Hopper(ReadBehindTheWait))];
        Assert.True(Array.FindIndex(lines, l => l.StartsWith("mul.rn.f32", StringComparison.Ordinal))
            > Array.IndexOf(lines, "wgmma.wait_group.sync.aligned 0;"));
    }

    private interface ITile
    {
        int Columns { get; }
    }

    private readonly struct Wide : ITile
    {
        public int Columns => 256;
    }

    [LaunchBounds(128, 1)]
    private static void ByWidth<TTile>(ArrayView<float> c, ulong a, ulong b) where TTile : struct, ITile
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(default(TTile).Columns / 2);
        Intrinsics.WgmmaFence(default(TTile).Columns, ref d[0]);
        Intrinsics.Wgmma(default(TTile).Columns, ref d[0], a, b, false);
        Intrinsics.WgmmaCommitGroup();
        Intrinsics.WgmmaWait(default(TTile).Columns, ref d[0], 0);
        for (int i = 0; i < default(TTile).Columns / 2; i++) c[Group.IdxX * 128 + i] = d[i];
    }

    [Fact]
    public void The_width_may_come_from_a_type_argument()
    {
        string ptx = Hopper(ByWidth<Wide>);
        Assert.Equal((1, 1), (Count(ptx, "wgmma.mma_async"), Count(ptx, "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16")));
        Assert.DoesNotContain(".local", ptx);
    }

    private static void Tiles(ArrayView<TensorMap> maps, int x, int y)
    {
        ArrayView<Half> tile = SwizzledSharedMemory.GetDynamic<Half>();
        ArrayView<ulong> barrier = SharedMemory.Allocate<ulong>(1);
        Intrinsics.TensorMapAcquire(ref maps[1]);
        Intrinsics.TensorMapPrefetch(ref maps[1]);
        Intrinsics.PrefetchL2(ref maps[2], 128);
        Intrinsics.MBarrierInit(ref barrier[0], 1);
        Intrinsics.MBarrierInitFence();
        Intrinsics.MBarrierArriveExpectTx(ref barrier[0], 8192);
        Intrinsics.TmaLoad4D(ref tile[64], ref maps[1], 0, x, y - 1, 3, ref barrier[0]);
        Intrinsics.ProxyFenceShared();
        Intrinsics.ProxyFence();
        Intrinsics.WaitForPreviousLaunches();
        Intrinsics.AllowNextLaunch();
        Intrinsics.LowerRegisters(40);
        Intrinsics.RaiseRegisters(232);
        Intrinsics.StMatrixX4(ref tile[8], 1, 2, 3, 4);
    }

    [Fact]
    public void Copies_are_written_as_the_manual_says()
    {
        string ptx = Hopper(Tiles);
        Assert.Matches(@"fence\.proxy\.tensormap::generic\.acquire\.sys \[%rd\d+\], 128;", ptx);
        Assert.Matches(@"prefetch\.tensormap \[%rd\d+\];", ptx);
        Assert.Matches(@"cp\.async\.bulk\.prefetch\.L2\.global \[%rd\d+\], %r\d+;", ptx);
        Assert.Matches(@"mbarrier\.init\.shared::cta\.b64 \[%r\d+\], %r\d+;", ptx);
        Assert.Contains("fence.mbarrier_init.release.cluster;", ptx);
        Assert.Matches(@"mbarrier\.arrive\.expect_tx\.shared::cta\.b64 _, \[%r\d+\], %r\d+;", ptx);
        Assert.Matches(
            @"cp\.async\.bulk\.tensor\.4d\.shared::cluster\.global\.tile\.mbarrier::complete_tx::bytes " +
            @"\[%r\d+\], \[%rd\d+, \{%r\d+, %r\d+, %r\d+, %r\d+\}\], \[%r\d+\];", ptx);
        Assert.Contains("fence.proxy.async.shared::cta;", ptx);
        Assert.Contains("griddepcontrol.wait;", ptx);
        Assert.Contains("griddepcontrol.launch_dependents;", ptx);
        Assert.Contains("setmaxnreg.dec.sync.aligned.u32 40;", ptx);
        Assert.Contains("setmaxnreg.inc.sync.aligned.u32 232;", ptx);
        Assert.Matches(@"stmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 \[%r\d+\+16\], \{%r\d+, %r\d+, %r\d+, %r\d+\};", ptx);
    }

    private static void Guarded(ArrayView<int> target)
    {
        if (Intrinsics.TargetIsHopper) Intrinsics.LowerRegisters(40);
        target[0] = 1;
    }

    [Fact]
    public void Other_targets_refuse_products_or_never_see_them()
    {
        Assert.Contains("needs sm_90a, which only that architecture has, the target is sm_90:",
            Assert.Throws<KernelCompilationException>(() => Of(KeptContent)).Message);
        Assert.Contains("needs sm_90, the target is sm_89",
            Assert.Throws<KernelCompilationException>(() => Of(Tiles, new CompileTarget(89))).Message);
        Assert.Contains("needs PTX 8.3, the target has 8.0",
            Assert.Throws<KernelCompilationException>(() => Of(Tiles, new CompileTarget(90, true, 8, 0))).Message);
        Assert.Equal(1, Count(Hopper(Guarded), "setmaxnreg"));
        Assert.Equal(0, Count(Of(Guarded), "setmaxnreg"));
        Assert.Equal(0, Count(Of(Guarded, new CompileTarget(75)), "setmaxnreg"));
    }

    [Fact]
    public void Kernels_whose_warpgroups_move_registers_are_not_for_the_linker()
    {
        Assert.True(CudaModule.MovesRegisters(Compile(Tiles, s_hopper)));
        Assert.False(CudaModule.MovesRegisters(Compile(Guarded)));
    }

    [Fact]
    public void Descriptors_hold_address_strides_and_swizzle()
    {
        Assert.Equal(0x4000_0040_0001_0040ul, Intrinsics.MatrixDescriptor(0x400, 128));
        Assert.Equal(0x8000_0020_0001_0020ul, Intrinsics.MatrixDescriptor(0x200, 64));
        Assert.Equal(0xc000_0010_0001_0010ul, Intrinsics.MatrixDescriptor(0x100, 32));
        Assert.Equal(0x0000_0010_0008_3ffful, Intrinsics.MatrixDescriptor(0x3fff0, 128, 256, 0));
    }
}
