using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.PtxEmulator.Tests;

/// <summary>
/// Each rule of mbarriers, tile copies and products of a warpgroup twice: a kernel that breaks it, and the same kernel that does not.
/// Kernels differ in what is left out or put in at a mark.
/// </summary>
public class HopperTests
{
    private const string Shared = ".extern .shared .align 1024 .b8 tiles[];\n.shared .align 8 .b8 barriers[64];";

    private static string Module(string body) => Ptx.Module(body, 90, Shared)
        .Replace(".version 7.8", ".version 8.3", StringComparison.Ordinal)
            .Replace(".target sm_90", ".target sm_90a", StringComparison.Ordinal);

    // a: a tensor map, behind it a matrix of 64 rows of 64 halves; d: 16 KiB of output.
    private static void Run(string body, int threads, TensorSwizzle swizzle = TensorSwizzle.None, EmulatorOptions? options = null)
    {
        using var memory = new EmulatedMemory();
        ulong a = memory.Allocate(256 + (64 * 128)), d = memory.Allocate(16384);
        memory.Span(a, 256 + (64 * 128)).Clear();
        TensorMap map = EmulatedTensorMap.Encode(new TensorMapDescription
        {
            Address = (nint)a + 256,
            Dimensions = [64, 64],
            Strides = [128],
            Box = [64, 8],
            Swizzle = swizzle,
        });
        memory.Write(a, MemoryMarshal.AsBytes(new ReadOnlySpan<TensorMap>(in map)));
        Ptx.Launch(memory, Module(body), a, d, new Dim3(threads), shared: 32768, options: options);
    }

    private static void Trips(EmulationErrorKind kind, string blames, string bad, string good, int threads, string says = "",
        TensorSwizzle swizzle = TensorSwizzle.None)
    {
        Run(good, threads, swizzle);
        var failure = Assert.Throws<EmulationException>(() => Run(bad, threads, swizzle));
        Assert.Equal(kind, failure.Kind);
        Assert.Contains(blames, failure.Instruction, StringComparison.Ordinal);
        Assert.Contains(says, failure.Message, StringComparison.Ordinal);
    }

    private static string Cut(string body, string line)
    {
        Assert.Contains(line, body, StringComparison.Ordinal);
        return body.Replace(line, "", StringComparison.Ordinal);
    }

    private static string At(string body, string mark, string lines)
    {
        Assert.Contains(mark, body, StringComparison.Ordinal);
        return body.Replace(mark, lines, StringComparison.Ordinal);
    }

    // ---- products ----

    // A at 0, 64 x 16, and B at 2048, 8 x 16, without swizzle: core matrices of 8 rows of 16 bytes, 128 bytes to the next along k, 256 to
    // the next eight rows.
    private const string Product = """
        mov.u32 %r9, tiles;
        shl.b32 %r1, %t, 4;
        add.u32 %r1, %r1, %r9;
        mov.u32 %r2, 0x3C003C00;
        st.shared.v4.b32 [%r1], {%r2, %r2, %r2, %r2};
        setp.lt.u32 %p1, %t, 16;
        @%p1 st.shared.v4.b32 [%r1+2048], {%r2, %r2, %r2, %r2};
        fence.proxy.async.shared::cta;
        bar.sync 0;
        shr.u32 %r3, %r9, 4;
        cvt.u64.u32 %l1, %r3;
        or.b64 %l2, %l1, 0x1000080000;
        add.u64 %l3, %l2, 128;
        mov.f32 %f1, 0f3F800000;
        mov.f32 %f2, 0f3F800000;
        mov.f32 %f3, 0f3F800000;
        mov.f32 %f4, 0f3F800000;
        wgmma.fence.sync.aligned;
        //fenced
        wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, %l2, %l3, 1, 1, 1, 0, 0;
        wgmma.commit_group.sync.aligned;
        //flying
        wgmma.wait_group.sync.aligned 0;
        //done
        mul.wide.u32 %l5, %t, 16;
        add.u64 %l5, %rd, %l5;
        st.global.v4.f32 [%l5], {%f1, %f2, %f3, %f4};
        """;

    [Fact]
    public void Results_are_read_behind_the_wait()
    {
        Trips(EmulationErrorKind.ProductInFlight, "add.rn.f32", At(Product, "//flying", "add.rn.f32 %f9, %f1, %f2;"),
            At(Product, "//done", "add.rn.f32 %f9, %f1, %f2;"), 128, "%f1");
        Trips(EmulationErrorKind.ProductInFlight, "mov.f32 %f4, %f9",
            "mov.f32 %f9, 0f00000000;" + At(Product, "//flying", "mov.f32 %f4, %f9;"),
            "mov.f32 %f9, 0f00000000;" + At(Product, "//done", "mov.f32 %f4, %f9;"), 128, "%f4");
        Trips(EmulationErrorKind.ProductInFlight, "st.global", Cut(Product, "wgmma.wait_group.sync.aligned 0;"), Product, 128);
        Trips(EmulationErrorKind.ProductInFlight, "st.global",
            Product.Replace("wait_group.sync.aligned 0", "wait_group.sync.aligned 1", StringComparison.Ordinal), Product, 128);
    }

    [Fact]
    public void A_product_outside_a_group_is_not_waited_for() =>
        Trips(EmulationErrorKind.ProductInFlight, "st.global", Cut(Product, "wgmma.commit_group.sync.aligned;"), Product, 128);

    [Fact]
    public void A_warp_does_not_exit_before_the_wait()
    {
        string unread = Cut(Product, "st.global.v4.f32 [%l5], {%f1, %f2, %f3, %f4};");
        Trips(EmulationErrorKind.ProductInFlight, "ret", Cut(unread, "wgmma.wait_group.sync.aligned 0;"), unread, 128,
            "exits without a wait");
    }

    [Fact]
    public void Accumulators_that_were_touched_are_fenced()
    {
        Trips(EmulationErrorKind.MissingProductFence, "wgmma.mma_async", Cut(Product, "wgmma.fence.sync.aligned;"), Product, 128,
            "no wgmma.fence");
        Trips(EmulationErrorKind.MissingProductFence, "wgmma.mma_async", At(Product, "//fenced", "mov.f32 %f2, 0f00000000;"), Product, 128,
            "%f2");
    }

    [Fact]
    public void Products_in_flight_share_all_accumulators_or_none()
    {
        string Second(string d) =>
            At(Product, "//flying",
            $"wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {{{d}}}, %l2, %l3, 1, 1, 1, 0, 0;\nwgmma.commit_group.sync.aligned;");
        Trips(EmulationErrorKind.ProductInFlight, "{%f3, %f4, %f5, %f6}",
            "mov.f32 %f5, 0f00000000;\nmov.f32 %f6, 0f00000000;\n" + Second("%f3, %f4, %f5, %f6"), Second("%f1, %f2, %f3, %f4"), 128);
    }

    [Fact]
    public void Writers_fence_before_a_product_reads() =>
        Trips(EmulationErrorKind.MissingProxyFence, "wgmma.mma_async", Cut(Product, "fence.proxy.async.shared::cta;"), Product, 128,
            "without a fence.proxy.async");

    [Fact]
    public void The_writer_itself_must_fence() =>
        Trips(EmulationErrorKind.MissingProxyFence, "wgmma.mma_async",
            Product.Replace("fence.proxy.async.shared::cta;\nbar.sync 0;",
                "bar.sync 0;\nsetp.eq.u32 %p2, %t, 0;\n@%p2 fence.proxy.async.shared::cta;", StringComparison.Ordinal), Product, 128,
                "thread 8 ");

    [Fact]
    public void Operands_are_complete_before_a_product_reads() =>
        Trips(EmulationErrorKind.SharedReadWriteRace, "wgmma.mma_async", Cut(Product, "bar.sync 0;"), Product, 128);

    [Fact]
    public void Operands_stay_until_the_wait() =>
        Trips(EmulationErrorKind.ProductInFlight, "st.shared.b32", At(Product, "//flying", "bar.sync 0;\nst.shared.b32 [%r1], %r2;"),
            At(Product, "//done", "bar.sync 0;\nst.shared.b32 [%r1], %r2;"), 128, "a product in line");

    [Fact]
    public void All_four_warps_multiply()
    {
        string some = "shr.u32 %r5, %t, 5;\nsetp.eq.u32 %p3, %r5, 3;\n" + At(Product, "//fenced", "@%p3 bra skip;")
            .Replace("//flying", "skip:", StringComparison.Ordinal);
        Trips(EmulationErrorKind.Deadlock, "wgmma.wait_group", Cut(some, "st.global.v4.f32 [%l5], {%f1, %f2, %f3, %f4};"), Product, 128,
            "have issued 1, 1, 1, 0");
        Assert.Equal(EmulationErrorKind.WarpDivergence, Assert.Throws<EmulationException>(() => Run(Product, 64)).Kind);
    }

    [Fact]
    public void The_warps_agree_on_descriptors() =>
        Trips(EmulationErrorKind.InvalidOperand, "wgmma.mma_async",
            At(Product, "//fenced", "shr.u32 %r5, %t, 5;\ncvt.u64.u32 %l9, %r5;\nadd.u64 %l2, %l2, %l9;"), Product, 128,
            "differ between the warps");

    [Fact]
    public void Swizzled_operands_start_where_the_pattern_does()
    {
        // 8 rows of 128 bytes at the start, or in the middle of a pattern.
        string Body(int address) => $"""
            mov.u32 %r9, tiles;
            mul.lo.u32 %r1, %t, 64;
            add.u32 %r1, %r1, %r9;
            mov.u32 %r2, 0;
            {string.Concat(Enumerable.Range(0, 4).SelectMany(i => new[] { i * 16, 8192 + i * 16 })
                .Select(at => $"st.shared.v4.b32 [%r1+{at}], {{%r2, %r2, %r2, %r2}};\n"))}
            fence.proxy.async.shared::cta;
            bar.sync 0;
            add.u32 %r3, %r9, {address};
            shr.u32 %r3, %r3, 4;
            cvt.u64.u32 %l1, %r3;
            or.b64 %l2, %l1, 0x4000004000010000;
            wgmma.fence.sync.aligned;
            wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {"{%f1, %f2, %f3, %f4}"}, %l2, %l2, 0, 1, 1, 0, 0;
            wgmma.commit_group.sync.aligned;
            wgmma.wait_group.sync.aligned 0;
            """;
        Trips(EmulationErrorKind.InvalidOperand, "wgmma.mma_async", Body(128), Body(96), 128, "repeats every 1024");
        Trips(EmulationErrorKind.InvalidOperand, "wgmma.mma_async", Body(112), Body(64), 128, "do not fit");
    }

    [Theory]
    [InlineData("sm_90", "8.3", "needs sm_90a"), InlineData("sm_90a", "7.8", "needs PTX 8.0")]
    public void Products_are_of_sm_90a_alone(string target, string version, string says)
    {
        string module = Module(Product).Replace("sm_90a", target, StringComparison.Ordinal)
            .Replace("8.3", version, StringComparison.Ordinal);
        Assert.Contains(says, Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(module)).Message, StringComparison.Ordinal);
    }

    // ---- mbarriers ----

    private const string Barrier = """
        mov.u32 %r9, barriers;
        mov.u32 %r8, tiles;
        setp.eq.u32 %p1, %t, 0;
        mov.u32 %r1, 32;
        @%p1 mbarrier.init.shared::cta.b64 [%r9], %r1;
        @%p1 fence.mbarrier_init.release.cluster;
        bar.sync 0;
        mul.lo.u32 %r3, %t, 4;
        add.u32 %r3, %r3, %r8;
        setp.ge.u32 %p2, %t, 32;
        @%p2 bra reader;
        st.shared.u32 [%r3], %t;
        mbarrier.arrive.shared::cta.b64 _, [%r9];
        //arrived
        bra end;
        reader:
        mov.u32 %r4, 0;
        again:
        mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r9], %r4;
        @!%p3 bra again;
        ld.shared.u32 %r5, [%r3+-128];
        end:
        """;

    [Fact]
    public void An_arrival_and_a_wait_order_accesses() =>
        Trips(EmulationErrorKind.SharedReadWriteRace, "ld.shared",
            Cut(Cut(Barrier, "mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r9], %r4;"), "@!%p3 bra again;"), Barrier, 64,
            "with no barrier between");

    [Fact]
    public void Initializations_are_ordered_before_use() =>
        Trips(EmulationErrorKind.SharedReadWriteRace, "mbarrier.try_wait", Cut(Barrier, "bar.sync 0;"), Barrier, 64);

    [Fact]
    public void A_phase_that_never_ends_is_a_deadlock() =>
        Trips(EmulationErrorKind.Deadlock, "mbarrier.try_wait",
            Barrier.Replace("mov.u32 %r1, 32;", "mov.u32 %r1, 33;", StringComparison.Ordinal), Barrier, 64,
            "lacks 1 of 33 arrivals and 0 bytes");

    [Fact]
    public void Arrivals_are_counted() =>
        Trips(EmulationErrorKind.BarrierMisuse, "mbarrier.arrive", "setp.eq.u32 %p5, %t, 0;\nmov.u32 %r20, 64;\n"
            + At(Barrier, "//arrived",
                "@%p5 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r9], %r20;\nmbarrier.arrive.shared::cta.b64 _, [%r9];")
                .Replace("mov.u32 %r1, 32;", "mov.u32 %r1, 33;", StringComparison.Ordinal), Barrier, 64, "once too often");

    [Theory]
    [InlineData("mbarrier.arrive.shared::cta.b64 _, [%r9+8];", "there is no initialized mbarrier")]
    [InlineData("ld.shared.u64 %l1, [%r9];", "hold an mbarrier")]
    [InlineData("st.shared.u64 [%r9], %l0;", "hold an mbarrier")]
    [InlineData("mbarrier.init.shared::cta.b64 [%r9], %r1;", "initializes an mbarrier again")]
    public void A_barrier_is_no_data(string line, string says) =>
        Trips(EmulationErrorKind.BarrierMisuse, line, "mov.u64 %l0, 0;\n" + At(Barrier, "//arrived", line), Barrier, 64, says);

    // ---- tiles ----

    // The first tile, on its way to the first of two barriers.
    private const string FirstLoad = """
        mov.u32 %r9, barriers;
        mov.u32 %r8, tiles;
        setp.eq.u32 %p1, %t, 0;
        mov.u32 %r1, 1;
        mov.u32 %r2, 1024;
        mov.u32 %r3, 0;
        @%p1 mbarrier.init.shared::cta.b64 [%r9], %r1;
        @%p1 mbarrier.init.shared::cta.b64 [%r9+8], %r1;
        @%p1 fence.mbarrier_init.release.cluster;
        bar.sync 0;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r9], %r2;
        @%p1 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r8], [%ra, {%r3, %r3}], [%r9];

        """;

    private const string Load = FirstLoad + """
        //loading
        again:
        mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r9], %r3;
        @!%p3 bra again;
        mul.lo.u32 %r4, %t, 16;
        add.u32 %r4, %r4, %r8;
        ld.shared.u32 %r5, [%r4];
        //loaded
        """;

    [Fact]
    public void A_tile_is_read_behind_the_wait()
    {
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "ld.shared", Cut(Load, "@!%p3 bra again;"), Load, 64);
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "st.shared", At(Load, "//loading", "st.shared.u32 [%r8+64], %r1;"), Load, 32);
    }

    [Fact]
    public void A_block_waits_for_its_tiles() =>
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "", Cut(Cut(Load, "@!%p3 bra again;"), "ld.shared.u32 %r5, [%r4];"), Load, 64,
            "the block ends while the load of a tile");

    [Theory]
    [InlineData(1040, "lacks 0 of 1 arrivals and 16 bytes"), InlineData(1008, "lacks 0 of 1 arrivals and -16 bytes")]
    public void Every_byte_of_the_tile_is_expected(int bytes, string says) =>
        Trips(EmulationErrorKind.Deadlock, "mbarrier.try_wait",
            Load.Replace("mov.u32 %r2, 1024;", $"mov.u32 %r2, {bytes};", StringComparison.Ordinal), Load, 64, says);

    [Fact]
    public void The_copy_engine_must_see_the_barrier() =>
        Trips(EmulationErrorKind.MissingProxyFence, "cp.async.bulk.tensor", Cut(Load, "@%p1 fence.mbarrier_init.release.cluster;"), Load,
            64, "fence.mbarrier_init");

    [Fact]
    public void A_tile_is_overwritten_only_when_all_have_read_it()
    {
        // The second load comes at once, or behind a barrier.
        const string Again = """
            @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r9+8], %r2;
            @%p1 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r8], [%ra, {%r3, %r3}], [%r9+8];
            more:
            mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r9+8], %r3;
            @!%p3 bra more;
            """;
        string load = Load.Replace("setp.eq.u32 %p1, %t, 0;", "setp.eq.u32 %p1, %t, 32;", StringComparison.Ordinal);
        Trips(EmulationErrorKind.SharedReadWriteRace, "[%r9+8];", At(load, "//loaded", Again),
            At(load, "//loaded", "bar.sync 0;\n" + Again), 64);
        // When the other warp is later, it finds the tile under way.
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "ld.shared", At(Load, "//loaded", Again),
            At(Load, "//loaded", "bar.sync 0;\n" + Again), 64);
    }

    // Two tiles on a barrier each. Waits are put in at the marks.
    private const string TwoLoads = FirstLoad + """
        add.u32 %r7, %r8, 1024;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r9+8], %r2;
        @%p1 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r7], [%ra, {%r3, %r3}], [%r9+8];
        //wait
        ld.shared.u32 %r5, [%r8];
        ld.shared.u32 %r6, [%r7];
        """;

    private static string Wait(int barrier, int parity) => $"""
        mov.u32 %r20, {parity};
        again{barrier}{parity}:
        mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r9+{8 * barrier}], %r20;
        @!%p3 bra again{barrier}{parity};

        """;

    [Fact]
    public void Tiles_arrive_in_any_order() =>
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "ld.shared.u32 %r5",
            At(TwoLoads, "//wait", Wait(1, 0)), At(TwoLoads, "//wait", Wait(0, 0) + Wait(1, 0)), 32);

    [Fact]
    public void A_wait_that_leaves_out_a_phase_passes_before_that_phase_has_ended() =>
        Trips(EmulationErrorKind.MissingAsyncCopyWait, "ld.shared.u32 %r5",
            At(TwoLoads, "//wait", Wait(1, 0) + Wait(0, 1)), At(TwoLoads, "//wait", Wait(1, 0) + Wait(0, 0)), 32);

    [Fact]
    public void A_seed_draws_which_tile_arrives()
    {
        // The first to arrive is read; some seeds bring the one that is waited for first, others the other.
        bool[] passes = [.. Enumerable.Range(1, 16).Select(seed => Record.Exception(() => RunWith(seed)) is null)];
        Assert.Contains(true, passes);
        Assert.Contains(false, passes);

        static void RunWith(int seed) => Run(
            At(Cut(TwoLoads, "ld.shared.u32 %r6, [%r7];"), "//wait", Wait(1, 0)), 32, options: new() { ScheduleSeed = seed });
    }

    [Fact]
    public void What_is_prefetched_exists_and_is_aligned()
    {
        const string Fetch = "mov.u32 %r2, 8448;\ncp.async.bulk.prefetch.L2.global [%ra], %r2;";
        Trips(EmulationErrorKind.Misaligned, "cp.async.bulk.prefetch", Fetch.Replace("8448", "8440", StringComparison.Ordinal), Fetch, 32,
            "multiple of 16");
        Trips(EmulationErrorKind.Misaligned, "cp.async.bulk.prefetch", "add.u64 %ra, %ra, 8;\n" + Fetch, Fetch, 32, "multiple of 16");
        Trips(EmulationErrorKind.OutOfBounds, "cp.async.bulk.prefetch", Fetch.Replace("8448", "8464", StringComparison.Ordinal), Fetch, 32);
    }

    [Fact]
    public void Tiles_and_maps_are_aligned()
    {
        Trips(EmulationErrorKind.Misaligned, "cp.async.bulk.tensor",
            Load.Replace("mov.u32 %r8, tiles;", "mov.u32 %r8, tiles;\nadd.u32 %r8, %r8, 64;", StringComparison.Ordinal), Load, 64,
            "multiple of 128");
        Trips(EmulationErrorKind.Misaligned, "cp.async.bulk.tensor",
            Load.Replace("mov.u32 %r8, tiles;", "mov.u32 %r8, tiles;\nadd.u32 %r8, %r8, 512;", StringComparison.Ordinal), Load, 64,
            "multiple of 1024", TensorSwizzle.Bytes128);
        Trips(EmulationErrorKind.InvalidOperand, "cp.async.bulk.tensor", "add.u64 %ra, %ra, 32;\n" + Load, Load, 64, "multiple of 64");
        Trips(EmulationErrorKind.InvalidOperand, "cp.async.bulk.tensor", "add.u64 %ra, %ra, 256;\n" + Load, Load, 64, "no tensor map");
        Trips(EmulationErrorKind.InvalidOperand, "cp.async.bulk.tensor", Load.Replace("tensor.2d", "tensor.3d", StringComparison.Ordinal)
            .Replace("{%r3, %r3}", "{%r3, %r3, %r3}", StringComparison.Ordinal), Load, 64, "has 2 dimensions");
    }

    [Fact]
    public void A_tensor_that_is_larger_than_its_memory_is_found()
    {
        // The map says 64 rows; the load of rows 60 to 67 stays inside, whatever the box; the map of a shorter allocation does not.
        using var memory = new EmulatedMemory();
        ulong map = memory.Allocate(128), rows = memory.Allocate(60 * 128), d = memory.Allocate(16);
        memory.Span(rows, 60 * 128).Clear();
        TensorMap encoded = EmulatedTensorMap.Encode(
            new TensorMapDescription { Address = (nint)rows, Dimensions = [64, 64], Strides = [128], Box = [64, 8] });
        memory.Write(map, MemoryMarshal.AsBytes(new ReadOnlySpan<TensorMap>(in encoded)));
        string At(int row) =>
            Module(Load.Replace("[%ra, {%r3, %r3}]", "[%ra, {%r3, %r30}]", StringComparison.Ordinal).Insert(0, $"mov.u32 %r30, {row};\n"));
        Ptx.Launch(memory, At(52), map, d, new Dim3(64), shared: 32768);
        Ptx.Launch(memory, At(-8), map, d, new Dim3(64), shared: 32768);
        Assert.Equal(EmulationErrorKind.OutOfBounds,
            Assert.Throws<EmulationException>(() => Ptx.Launch(memory, At(53), map, d, new Dim3(64), shared: 32768)).Kind);
    }

    [Fact]
    public void A_tile_is_not_loaded_over_operands_in_flight()
    {
        // B, the product's 8 rows behind A, is where the tile goes.
        const string Set = """
            mov.u32 %r19, barriers;
            setp.eq.u32 %p7, %t, 0;
            mov.u32 %r11, 1;
            mov.u32 %r12, 1024;
            mov.u32 %r13, 0;
            @%p7 mbarrier.init.shared::cta.b64 [%r19], %r11;
            @%p7 fence.mbarrier_init.release.cluster;

            """;
        const string Overwrite = """
            add.u32 %r18, %r9, 2048;
            bar.sync 0;
            @%p7 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r19], %r12;
            @%p7 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r18], [%ra, {%r13, %r13}], [%r19];
            again:
            mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r19], %r13;
            @!%p3 bra again;
            """;
        Trips(EmulationErrorKind.ProductInFlight, "cp.async.bulk.tensor", Set + At(Product, "//flying", Overwrite),
            Set + At(Product, "//done", Overwrite), 128, "a product in line");
    }
}
