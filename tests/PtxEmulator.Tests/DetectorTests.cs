namespace Lia.PtxEmulator.Tests;

/// <summary>
/// Every detector twice: a kernel planted to trip it, and one that differs by a detail and passes. The failure names its kind, the
/// instruction's line and text, the block, the thread and the address.
/// </summary>
public class DetectorTests
{
    private const string Dynamic = ".extern .shared .align 16 .b8 dynamic[];";

    private static void Trips(EmulationErrorKind kind, string bad, string blames, string good, int inputs = 64, int outputs = 64,
        Dim3? block = null, Dim3? grid = null, int shared = 0,
        string variables = Dynamic, EmulatorOptions? options = null, Dim3? thread = null)
    {
        EmulationException failure = Ptx.Fails(bad, inputs, outputs, block, grid, shared, options, variables);
        Assert.Equal(kind, failure.Kind);
        Assert.Contains(blames, failure.Instruction, StringComparison.Ordinal);
        Assert.Contains(blames, failure.Message, StringComparison.Ordinal);
        Assert.Equal(LineIn(bad, variables, blames), failure.Line);
        if (thread is not null) Assert.Equal(thread, failure.Thread);
        Ptx.Passes(good, inputs, outputs, block, grid, shared, options, variables);
    }

    private static int LineIn(string body, string variables, string text)
    {
        int line = Array.FindIndex(Ptx.Module(body, variables: variables).Split('\n'), l => l.Contains(text, StringComparison.Ordinal)) + 1;
        Assert.NotEqual(0, line);
        return line;
    }

    private static string Store(string offset) => $"""
        mul.wide.u32 %l1, %t, 4;
        add.u64 %l1, %rd, %l1;
        st.global.u32 [%l1+{offset}], %t;
        """;

    [Fact]
    public void Global_writes_out_of_bounds() =>
        Trips(EmulationErrorKind.OutOfBounds, Store("4"), "st.global.u32", Store("0"), outputs: 32, thread: new Dim3(31, 0, 0));

    [Fact]
    public void Global_reads_out_of_bounds_before_the_first_byte()
    {
        string body = "ld.global.u32 %r1, [%ra+{0}];";
        Trips(EmulationErrorKind.OutOfBounds, body.Replace("{0}", "-4", StringComparison.Ordinal), "ld.global.u32",
            body.Replace("{0}", "0", StringComparison.Ordinal), thread: new Dim3(0, 0, 0));
    }

    [Fact]
    public void A_vector_that_starts_inside_and_ends_outside()
    {
        string Body(int offset) => $"ld.global.v4.u32 {{%r1, %r2, %r3, %r4}}, [%ra+{offset}];";
        Trips(EmulationErrorKind.OutOfBounds, Body(32), "ld.global.v4.u32", Body(16), inputs: 10);
    }

    [Fact]
    public void A_null_pointer()
    {
        EmulationException failure = Ptx.Fails("mov.u64 %l1, 0;\nld.global.u32 %r1, [%l1];");
        Assert.Equal(EmulationErrorKind.OutOfBounds, failure.Kind);
        Assert.Equal(0ul, failure.Address);
    }

    [Fact]
    public void Misaligned_global_accesses()
    {
        string Body(int offset) => $"ld.global.v2.u32 {{%r1, %r2}}, [%ra+{offset}];";
        Trips(EmulationErrorKind.Misaligned, Body(4), "ld.global.v2.u32", Body(8));
    }

    [Fact]
    public void Misaligned_shared_accesses()
    {
        string Body(int offset) => $"mul.lo.u32 %r1, %t, 8;\nst.shared.u32 [%r1+{offset}], %t;";
        Trips(EmulationErrorKind.Misaligned, Body(2), "st.shared.u32", Body(4), shared: 264);
    }

    [Fact]
    public void Reads_of_global_memory_that_nobody_wrote()
    {
        // Half of the output is written, then read.
        string Body(string type) => $"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u16 [%l1], %h1;
            ld.global.{type} %r1, [%l1];
            """;
        Trips(EmulationErrorKind.UninitializedRead, "mov.b16 %h1, 1;\n" + Body("u32"), "ld.global.u32", "mov.b16 %h1, 1;\n" + Body("u16"));
    }

    [Theory]
    [InlineData("u8", "%r1", 1), InlineData("u16", "%r1", 2), InlineData("u32", "%r1", 4), InlineData("u64", "%l2", 8),
        InlineData("v4.u32", "{%r1, %r2, %r3, %r4}", 16)]
    public void A_single_unwritten_byte_spoils_a_read_of_any_size(string type, string registers, int bytes)
    {
        // All bytes of the access but the last are written.
        string Body(int written) => $"""
            mov.b16 %h1, 1;
            {string.Concat(Enumerable.Range(0, written).Select(i => $"st.global.u8 [%rd+{i}], %h1;\n"))}
            ld.global.{type} {registers}, [%rd];
            """;
        Assert.Equal(EmulationErrorKind.UninitializedRead, Ptx.Fails(Body(bytes - 1)).Kind);
        Ptx.Passes(Body(bytes));
    }

    [Fact]
    public void Reads_of_shared_memory_that_nobody_wrote()
    {
        string Body(int bound) => $"""
            mul.lo.u32 %r1, %t, 4;
            setp.lt.u32 %p1, %t, {bound};
            @%p1 st.shared.u32 [%r1], %t;
            bar.sync 0;
            ld.shared.u32 %r2, [%r1];
            """;
        Trips(EmulationErrorKind.UninitializedRead, Body(31), "ld.shared.u32", Body(32), shared: 128, thread: new Dim3(31, 0, 0));
    }

    [Fact]
    public void Shared_memory_of_the_block_before_is_not_initialized()
    {
        // Only block 0 writes.
        string Body(int blocks) => $"""
            mov.u32 %r1, %ctaid.x;
            setp.lt.u32 %p1, %r1, {blocks};
            mul.lo.u32 %r2, %t, 4;
            @%p1 st.shared.u32 [%r2], %t;
            ld.shared.u32 %r3, [%r2];
            """;
        Trips(EmulationErrorKind.UninitializedRead, Body(1), "ld.shared.u32", Body(2), grid: new Dim3(2), shared: 128,
            options: new EmulatorOptions { Parallelism = 1 });
    }

    [Fact]
    public void Reads_of_local_memory_that_the_thread_did_not_write()
    {
        string Body(int offset) => $"""
            .local .align 8 .b8 scratch[16];
            mov.u64 %l1, scratch;
            st.local.u32 [%l1+{offset}], %t;
            ld.local.u32 %r1, [scratch+8];
            """;
        Trips(EmulationErrorKind.UninitializedRead, Body(4), "ld.local.u32", Body(8));
    }

    [Fact]
    public void Local_memory_out_of_bounds()
    {
        string Body(int offset) => $".local .align 8 .b8 scratch[16];\nst.local.u32 [scratch+{offset}], %t;";
        Trips(EmulationErrorKind.OutOfBounds, Body(16), "st.local.u32", Body(12));
    }

    [Fact]
    public void Registers_that_were_not_written_on_the_path_taken()
    {
        string Body(string predicate) => $"""
            setp.lt.u32 %p1, %t, 16;
            setp.lt.u32 %p2, %t, 32;
            {predicate} mov.u32 %r1, 5;
            add.u32 %r2, %r1, %t;
            """;
        Trips(EmulationErrorKind.UninitializedRegister, Body("@%p1"), "add.u32 %r2, %r1, %t", Body("@%p2"), thread: new Dim3(16, 0, 0));
    }

    [Fact]
    public void Predicates_that_were_not_written()
    {
        string Body(string set) => $"{set}\n@%p1 add.u32 %r2, %t, %t;";
        Trips(EmulationErrorKind.UninitializedRegister, Body(""), "add.u32 %r2", Body("setp.eq.u32 %p1, %t, 3;"));
    }

    [Fact]
    public void A_register_written_in_the_loop_before_it_is_read_is_initialized()
    {
        // %r2 is written in the first round only, and read in later ones.
        Ptx.Passes("""
            mov.u32 %r1, 0;
            $L_1:
            setp.ne.u32 %p1, %r1, 0;
            @%p1 bra $L_2;
            mov.u32 %r2, 7;
            $L_2:
            add.u32 %r2, %r2, 1;
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p2, %r1, 4;
            @%p2 bra $L_1;
        """);
    }

    [Fact]
    public void Use_after_free()
    {
        using var memory = new EmulatedMemory();
        ulong a = memory.Allocate(256), d = memory.Allocate(256);
        memory.Write(a, new byte[256]);
        string module = Ptx.Module("ld.global.u32 %r1, [%ra];");
        Ptx.Launch(memory, module, a, d);
        memory.Free(a);
        EmulationException failure = Assert.Throws<EmulationException>(() => Ptx.Launch(memory, module, a, d));
        Assert.Equal(EmulationErrorKind.UseAfterFree, failure.Kind);
        Assert.Equal(a, failure.Address);
        Assert.Throws<ArgumentException>(() => memory.Free(a));
    }

    [Fact]
    public void The_host_reads_only_what_was_written()
    {
        using var memory = new EmulatedMemory();
        ulong a = memory.Allocate(8);
        memory.Write(a, [1, 2, 3, 4]);
        memory.Read(a, new byte[4]);
        Assert.Contains("byte 4", Assert.Throws<InvalidOperationException>(() => memory.Read(a, new byte[8])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => memory.Write(a + 4, new byte[5]));
    }

    [Fact]
    public void Shared_memory_out_of_bounds()
    {
        string Body(int offset) => $"mul.lo.u32 %r1, %t, 4;\nst.shared.u32 [%r1+{offset}], %t;";
        Trips(EmulationErrorKind.OutOfBounds, Body(4), "st.shared.u32", Body(0), shared: 128, thread: new Dim3(31, 0, 0));
    }

    [Fact]
    public void Running_over_the_end_of_one_shared_array_does_not_reach_the_next()
    {
        const string arrays = ".shared .align 16 .b8 first[128];\n.shared .align 16 .b8 second[128];";
        string Body(int offset) => $"""
            mov.u64 %l1, first;
            mul.wide.u32 %l2, %t, 4;
            add.u64 %l1, %l1, %l2;
            st.shared.u32 [%l1+{offset}], %t;
            """;
        Trips(EmulationErrorKind.OutOfBounds, Body(4), "st.shared.u32", Body(0), variables: arrays);
    }

    [Fact]
    public void A_barrier_that_only_some_lanes_reach()
    {
        string Body(int lanes) => $"""
            setp.ge.u32 %p1, %t, {lanes};
            @%p1 bra $L_1;
            bar.sync 0;
            $L_1:
            mov.u32 %r1, 0;
        """;
        Trips(EmulationErrorKind.BarrierDivergence, Body(16), "bar.sync 0", Body(64), block: new Dim3(64));
    }

    [Fact]
    public void A_barrier_that_only_some_warps_reach()
    {
        string Body(int threads) => $"""
            setp.ge.u32 %p1, %t, {threads};
            @%p1 bra $L_1;
            bar.sync 0;
            $L_1:
            mov.u32 %r1, 0;
        """;
        Trips(EmulationErrorKind.BarrierDivergence, Body(32), "bar.sync 0", Body(64), block: new Dim3(64));
    }

    [Fact]
    public void Threads_that_exit_before_a_barrier_of_the_others()
    {
        string Body(int threads) => $"""
            setp.ge.u32 %p1, %t, {threads};
            @%p1 ret;
            bar.sync 0;
            """;
        Trips(EmulationErrorKind.BarrierDivergence, Body(60), "bar.sync 0", Body(64), block: new Dim3(64));
    }

    [Fact]
    public void Warps_that_wait_at_different_barriers()
    {
        string Body(int boundary) => $"""
            setp.lt.u32 %p1, %t, {boundary};
            @%p1 bra $L_1;
            bar.sync 0;
            bra.uni $L_2;
            $L_1:
            barrier.sync 0;
            $L_2:
            mov.u32 %r1, 0;
        """;
        EmulationException failure = Ptx.Fails(Body(32), block: new Dim3(64));
        Assert.Equal(EmulationErrorKind.BarrierDivergence, failure.Kind);
        Ptx.Passes(Body(64), block: new Dim3(64));
    }

    [Fact]
    public void Named_barriers_count_their_threads()
    {
        // Warps 0 and 1 meet at barrier 1, warps 2 and 3 at barrier 2.
        string Body(int threads) => $"""
            shr.u32 %r1, %t, 6;
            add.u32 %r1, %r1, 1;
            bar.sync %r1, {threads};
            """;
        Trips(EmulationErrorKind.BarrierDivergence, Body(96), "bar.sync %r1", Body(64), block: new Dim3(128));
    }

    [Fact]
    public void Write_write_races_between_warps()
    {
        // Both warps write word t % 32; the barrier between makes it right.
        string Body(string between) => $"""
            and.b32 %r1, %t, 31;
            shl.b32 %r1, %r1, 2;
            setp.lt.u32 %p1, %t, 32;
            @%p1 st.shared.u32 [%r1], %t;
            {between}
            @!%p1 st.shared.u32 [%r1], %r1;
            """;
        Trips(EmulationErrorKind.SharedWriteWriteRace, Body(""), "st.shared.u32 [%r1], %r1", Body("bar.sync 0;"), block: new Dim3(64),
            shared: 128);
    }

    [Fact]
    public void Write_write_races_within_one_instruction()
    {
        string Body(int mask) => $"""
            and.b32 %r1, %t, {mask};
            shl.b32 %r1, %r1, 2;
            st.shared.u32 [%r1], %t;
            """;
        Trips(EmulationErrorKind.SharedWriteWriteRace, Body(15), "st.shared.u32", Body(31), shared: 128, thread: new Dim3(16, 0, 0));
    }

    [Fact]
    public void Reading_what_another_warp_wrote_without_a_barrier()
    {
        string Body(string between) => $"""
            shl.b32 %r1, %t, 2;
            st.shared.u32 [%r1], %t;
            bar.sync 0;
            setp.lt.u32 %p1, %t, 32;
            @%p1 st.shared.u32 [%r1], 7;
            {between}
            and.b32 %r2, %r1, 127;
            @!%p1 ld.shared.u32 %r3, [%r2];
            """;
        Trips(EmulationErrorKind.SharedReadWriteRace, Body("bar.warp.sync 0xffffffff;"), "ld.shared.u32", Body("bar.sync 0;"),
            block: new Dim3(64), shared: 256);
    }

    [Fact]
    public void Overwriting_what_another_warp_may_still_read()
    {
        // The second barrier of a tile loop: without it a fast warp overwrites the tile.
        string Body(string between) => $"""
            mov.u32 %r4, 0;
            shl.b32 %r1, %t, 2;
            $L_1:
            st.shared.u32 [%r1], %t;
            bar.sync 0;
            xor.b32 %r2, %r1, 128;
            ld.shared.u32 %r3, [%r2];
            {between}
            add.u32 %r4, %r4, 1;
            setp.lt.u32 %p1, %r4, 3;
            @%p1 bra $L_1;
        """;
        EmulationException failure = Ptx.Fails(Body(""), block: new Dim3(64), shared: 256, variables: Dynamic);
        Assert.Equal(EmulationErrorKind.SharedReadWriteRace, failure.Kind);
        Ptx.Passes(Body("bar.sync 0;"), block: new Dim3(64), shared: 256, variables: Dynamic);
    }

    [Fact]
    public void Lanes_of_a_warp_are_not_in_lockstep()
    {
        string Body(string between) => $"""
            shl.b32 %r1, %t, 2;
            st.shared.u32 [%r1], %t;
            {between}
            xor.b32 %r2, %r1, 4;
            ld.shared.u32 %r3, [%r2];
            """;
        Trips(EmulationErrorKind.SharedReadWriteRace, Body("shfl.sync.idx.b32 %r9, %t, 0, 31, 0xffffffff;"), "ld.shared.u32",
            Body("bar.warp.sync 0xffffffff;"), shared: 128);
    }

    [Fact]
    public void Parts_of_a_word_belong_to_different_threads()
    {
        // Halves of words written by neighbours: no race. Overlapping bytes: a race.
        string Body(int stride) => $"""
            mul.lo.u32 %r1, %t, {stride};
            mov.b32 {"{%h1, %h2}"}, %t;
            st.shared.u16 [%r1], %h1;
            bar.warp.sync 0xffffffff;
            """;
        Ptx.Passes(Body(2), shared: 128, variables: Dynamic);
        EmulationException failure = Ptx.Fails(Body(0), shared: 128, variables: Dynamic);
        Assert.Equal(EmulationErrorKind.SharedWriteWriteRace, failure.Kind);
    }

    [Fact]
    public void Atomics_race_with_plain_accesses_but_not_with_each_other()
    {
        string Body(string first) => $"""
            mov.u32 %r1, 0;
            setp.eq.u32 %p1, %t, 0;
            @%p1 st.shared.u32 [%r1], %r1;
            bar.sync 0;
            {first}
            red.shared.add.u32 [%r1], 1;
            """;
        Trips(EmulationErrorKind.SharedReadWriteRace, Body("ld.shared.u32 %r2, [%r1];"), "red.shared.add.u32",
            Body("atom.shared.add.u32 %r2, [%r1], 1;"), block: new Dim3(64), shared: 4);
    }

    [Fact]
    public void A_missing_wait_for_an_asynchronous_copy()
    {
        string Body(string wait) => $"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            cp.async.ca.shared.global [%l1], [%l2], 4;
            cp.async.commit_group;
            {wait}
            ld.shared.u32 %r1, [%l1];
            """;
        Trips(EmulationErrorKind.MissingAsyncCopyWait, Body(""), "ld.shared.u32", Body("cp.async.wait_group 0;"), shared: 128);
        Trips(EmulationErrorKind.MissingAsyncCopyWait, Body("cp.async.wait_group 1;"), "ld.shared.u32", Body("cp.async.wait_all;"),
            shared: 128);
        // A barrier is no wait.
        Trips(EmulationErrorKind.MissingAsyncCopyWait, Body("bar.sync 0;"), "ld.shared.u32", Body("cp.async.wait_all;\nbar.sync 0;"),
            shared: 128);
    }

    [Fact]
    public void An_uncommitted_copy_belongs_to_no_group()
    {
        string Body(string commit) => $"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            cp.async.ca.shared.global [%l1], [%l2], 4;
            {commit}
            cp.async.wait_group 0;
            ld.shared.u32 %r1, [%l1];
            """;
        Trips(EmulationErrorKind.MissingAsyncCopyWait, Body(""), "ld.shared.u32", Body("cp.async.commit_group;"), shared: 128);
    }

    [Fact]
    public void An_asynchronous_copy_is_seen_by_others_only_after_a_barrier()
    {
        string Body(string between) => $"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            cp.async.ca.shared.global [%l1], [%l2], 4;
            cp.async.commit_group;
            cp.async.wait_group 0;
            {between}
            xor.b64 %l3, %l1, 4;
            ld.shared.u32 %r1, [%l3];
            """;
        Trips(EmulationErrorKind.SharedReadWriteRace, Body(""), "ld.shared.u32", Body("bar.sync 0;"), shared: 128);
    }

    [Fact]
    public void An_asynchronous_copy_into_a_stage_that_others_still_read()
    {
        string Body(string between) => $"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            st.shared.u32 [%l1], %t;
            bar.sync 0;
            xor.b64 %l3, %l1, 4;
            ld.shared.u32 %r1, [%l3];
            {between}
            cp.async.ca.shared.global [%l1], [%l2], 4;
            """;
        Trips(EmulationErrorKind.SharedReadWriteRace, Body(""), "cp.async.ca", Body("bar.sync 0;"), shared: 128);
    }

    [Fact]
    public void A_shuffle_whose_members_are_not_all_here()
    {
        string Body(string members) => $"""
            setp.ge.u32 %p1, %t, 16;
            @%p1 bra $L_1;
            shfl.sync.bfly.b32 %r1, %t, 1, 31, {members};
            $L_1:
            mov.u32 %r2, 0;
        """;
        Trips(EmulationErrorKind.WarpDivergence, Body("0xffffffff"), "shfl.sync.bfly", Body("0x0000ffff"));
    }

    [Fact]
    public void A_shuffle_that_reads_a_lane_which_does_not_take_part()
    {
        // A block of 16 threads: exchanging with lane t ^ 16 reads lanes that do not exist.
        string Body(int distance) => $"shfl.sync.bfly.b32 %r1, %t, {distance}, 31, 0xffffffff;";
        Trips(EmulationErrorKind.InactiveLaneRead, Body(16), "shfl.sync.bfly", Body(8), block: new Dim3(16));
    }

    [Fact]
    public void A_matrix_instruction_without_the_whole_warp()
    {
        string Body(int lanes) => $"""
            mov.f32 %f1, 0f00000000;
            setp.ge.u32 %p1, %t, {lanes};
            @%p1 bra $L_1;
            mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {"{%f1, %f2, %f3, %f4}, {%t, %t, %t, %t}, {%t, %t}, {%f1, %f1, %f1, %f1}"};
            $L_1:
            mov.u32 %r2, 0;
        """;
        Trips(EmulationErrorKind.WarpDivergence, Body(31), "mma.sync", Body(32));
    }

    [Fact]
    public void Loops_that_never_end()
    {
        string Body(int step) => $"""
            mov.u32 %r1, 0;
            $L_1:
            add.u32 %r1, %r1, {step};
            setp.ne.u32 %p1, %r1, 1000;
            @%p1 bra $L_1;
        """;
        var options = new EmulatorOptions { WarpInstructionBudget = 100_000 };
        Assert.Equal(EmulationErrorKind.StepBudgetExceeded, Ptx.Fails(Body(0), options: options).Kind);
        Ptx.Passes(Body(1), options: options);
    }

    [Fact]
    public void Many_barriers_do_not_count_as_an_endless_loop() =>
        Ptx.Passes("""
            mov.u32 %r1, 0;
            $L_1:
            bar.sync 0;
            add.u32 %r1, %r1, 1;
            setp.ne.u32 %p1, %r1, 1000;
            @%p1 bra $L_1;
        """, block: new Dim3(64), options: new EmulatorOptions { WarpInstructionBudget = 5_000 });

    [Fact]
    public void Traps() =>
        Trips(EmulationErrorKind.Trap, "setp.eq.u32 %p1, %t, 9;\n@%p1 trap;", "trap", "setp.eq.u32 %p1, %t, 32;\n@%p1 trap;",
        thread: new Dim3(9, 0, 0));

    [Fact]
    public void Blocks_that_write_the_same_global_byte()
    {
        string Body(int stride) => $"""
            mov.u32 %r1, %ctaid.x;
            mad.lo.u32 %r1, %r1, {stride}, %t;
            mul.wide.u32 %l1, %r1, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u32 [%l1], %t;
            """;
        Trips(EmulationErrorKind.GlobalRace, Body(31), "st.global.u32", Body(32), grid: new Dim3(2),
            options: new EmulatorOptions { DetectGlobalRaces = true });
    }

    [Fact]
    public void Blocks_that_read_what_another_one_writes()
    {
        string Body(string add) => $"""
            mov.u32 %r1, %ctaid.x;
            mad.lo.u32 %r1, %r1, 32, %t;
            mul.wide.u32 %l1, %r1, 4;
            add.u64 %l1, %ra, %l1;
            ld.global.u32 %r2, [%l1];
            {add}
            st.global.u32 [%l1], %t;
            """;
        // Block 0 writes what block 1 reads after it; block 1 writes what block 0 has read before.
        var options = new EmulatorOptions { DetectGlobalRaces = true, Parallelism = 1 };
        EmulationException later = Ptx.Fails(Body("add.u64 %l1, %l1, 128;"), inputs: 96, grid: new Dim3(2), options: options);
        Assert.Equal((EmulationErrorKind.GlobalRace, "ld.global.u32 %r2, [%l1];"), (later.Kind, later.Instruction));
        EmulationException earlier =
            Ptx.Fails("add.u64 %ra, %ra, 128;\n" + Body("sub.u64 %l1, %l1, 128;"), inputs: 96, grid: new Dim3(2), options: options);
        Assert.Equal((EmulationErrorKind.GlobalRace, "st.global.u32 [%l1], %t;"), (earlier.Kind, earlier.Instruction));
        Ptx.Passes(Body(""), inputs: 96, grid: new Dim3(2), options: options);
    }

    [Fact]
    public void Atomics_of_blocks_do_not_race() =>
        Ptx.Passes("red.global.add.u32 [%ra], 1;", grid: new Dim3(8), options: new EmulatorOptions { DetectGlobalRaces = true });

    [Fact]
    public void A_failure_says_where()
    {
        EmulationException failure = Ptx.Fails("""
            mov.u32 %r1, %tid.y;
            setp.eq.u32 %p1, %r1, 3;
            @%p1 ld.global.u32 %r2, [%ra+256];
            """, block: new Dim3(8, 8), grid: new Dim3(2, 3), options: new EmulatorOptions { Parallelism = 1 });
        Assert.Equal(EmulationErrorKind.OutOfBounds, failure.Kind);
        Assert.Equal("@%p1 ld.global.u32 %r2, [%ra+256];", failure.Instruction);
        Assert.Equal(new Dim3(0, 3, 0), failure.Thread);
        Assert.Equal(new Dim3(0, 0, 0), failure.Block);
        Assert.Contains("block (0, 0, 0), thread (0, 3, 0)", failure.Message, StringComparison.Ordinal);
        Assert.Contains("which has 256 bytes", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Impossible_launches()
    {
        using var memory = new EmulatedMemory();
        PtxEntry entry = PtxModule.Parse(Ptx.Module("", variables: Dynamic))["kernel"];
        var emulator = new Emulator(memory);
        void Refused(Dim3 grid, Dim3 block, int shared, int parameters) =>
            Assert.Equal(EmulationErrorKind.InvalidLaunch,
                Assert.Throws<EmulationException>(() => emulator.Launch(entry, grid, block, shared, new byte[parameters])).Kind);
        emulator.Launch(entry, new Dim3(1), new Dim3(1024), 227 * 1024, new byte[16]);
        Refused(new Dim3(0), new Dim3(32), 0, 16);
        Refused(new Dim3(1), new Dim3(1025), 0, 16);
        Refused(new Dim3(1), new Dim3(32, 32, 2), 0, 16);
        Refused(new Dim3(1, 65536), new Dim3(32), 0, 16);
        Refused(new Dim3(1), new Dim3(32), (227 * 1024) + 1, 16);
        Refused(new Dim3(1), new Dim3(32), 0, 12);
    }
}
