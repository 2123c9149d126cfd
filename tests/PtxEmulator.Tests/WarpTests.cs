using System.Numerics;

namespace Lia.PtxEmulator.Tests;

/// <summary>Exchange within a warp, barriers with reductions, and how warps are scheduled.</summary>
public class WarpTests
{
    // d[t] = {result, predicate}
    private static uint[] Shuffle(string instruction) => Ptx.Run<uint, uint>($"""
        mul.lo.u32 %r1, %t, 10;
        {instruction}
        selp.u32 %r3, 1, 0, %p1;
        mul.wide.u32 %l1, %t, 8;
        add.u64 %l1, %rd, %l1;
        st.global.v2.u32 [%l1], {"{%r2, %r3}"};
        """, [0], 64);

    [Theory]
    [InlineData("up", 3, 0), InlineData("down", 5, 31), InlineData("bfly", 17, 31), InlineData("idx", 7, 31), InlineData("down", 4, 0x181F),
        InlineData("up", 2, 0x1800), InlineData("idx", 3, 0x181F), InlineData("bfly", 8, 0x181F)]
    public void Shuffles_stay_inside_their_segment(string mode, int b, int c)
    {
        uint[] result = Shuffle($"shfl.sync.{mode}.b32 %r2|%p1, %r1, {b}, {c}, 0xffffffff;");
        // Segments of 8 lanes when c has 0x18 in its upper part, otherwise the whole warp.
        int width = c >> 8 == 0x18 ? 8 : 32;
        for (int lane = 0; lane < 32; lane++)
        {
            int start = lane / width * width;
            int from = mode switch { "up" => lane - b, "down" => lane + b, "bfly" => lane ^ b, _ => start + b };
            bool valid = mode == "up" ? from >= start : from < start + width;
            Assert.Equal((uint)(valid ? from : lane) * 10, result[2 * lane]);
            Assert.Equal(valid ? 1u : 0u, result[(2 * lane) + 1]);
        }
    }

    [Fact]
    public void A_butterfly_sums_the_warp()
    {
        string body =
            string.Concat(new[] { 16, 8, 4, 2,
            1 }.Select(i => $"shfl.sync.bfly.b32 %r2, %r1, {i}, 31, 0xffffffff;\nadd.u32 %r1, %r1, %r2;\n"));
        uint[] result = Ptx.Run<uint, uint>(
            $"mov.u32 %r1, %t;\n{body}\nmul.wide.u32 %l1, %t, 4;\nadd.u64 %l1, %rd, %l1;\nst.global.u32 [%l1], %r1;", [0], 32);
        Assert.All(result, x => Assert.Equal(496u, x));
    }

    [Fact]
    public void Votes()
    {
        string body = """
            and.b32 %r1, %t, 1;
            setp.eq.u32 %p1, %r1, 1;
            vote.sync.ballot.b32 %r2, %p1, 0xffffffff;
            vote.sync.ballot.b32 %r3, !%p1, 0xffffffff;
            vote.sync.any.pred %p2, %p1, 0xffffffff;
            vote.sync.all.pred %p3, %p1, 0xffffffff;
            setp.lt.u32 %p4, %t, 40;
            vote.sync.all.pred %p5, %p4, 0xffffffff;
            vote.sync.uni.pred %p6, %p4, 0xffffffff;
            vote.sync.uni.pred %p7, %p1, 0xffffffff;
            selp.u32 %r4, 1, 0, %p2;
            selp.u32 %r5, 2, 0, %p3;
            selp.u32 %r6, 4, 0, %p5;
            selp.u32 %r7, 8, 0, %p6;
            selp.u32 %r8, 16, 0, %p7;
            or.b32 %r4, %r4, %r5;
            or.b32 %r4, %r4, %r6;
            or.b32 %r4, %r4, %r7;
            or.b32 %r4, %r4, %r8;
            setp.eq.u32 %p8, %t, 0;
            @%p8 st.global.v2.u32 [%rd], {%r2, %r3};
            @%p8 st.global.u32 [%rd+8], %r4;
            """;
        Assert.Equal((uint[])[0xAAAA_AAAA, 0x5555_5555, 1 + 4 + 8], Ptx.Run<uint, uint>(body, [0], 3));
    }

    [Fact]
    public void Reductions_over_the_warp()
    {
        string body = """
            sub.u32 %r1, %t, 5;
            redux.sync.add.s32 %r2, %r1, 0xffffffff;
            redux.sync.min.s32 %r3, %r1, 0xffffffff;
            redux.sync.min.u32 %r4, %r1, 0xffffffff;
            redux.sync.max.s32 %r5, %r1, 0xffffffff;
            redux.sync.xor.b32 %r6, %r1, 0xffffffff;
            setp.eq.u32 %p8, %t, 0;
            @%p8 st.global.v4.u32 [%rd], {%r2, %r3, %r4, %r5};
            @%p8 st.global.u32 [%rd+16], %r6;
            """;
        int[] values = [.. Enumerable.Range(-5, 32)];
        Assert.Equal([values.Sum(), -5, 0, 26, values.Aggregate((x, y) => x ^ y)], Ptx.Run<int, int>(body, [0], 5));
    }

    [Fact]
    public void Groups_of_lanes_shuffle_on_their_own()
    {
        // The two halves of the warp take different sides of a branch.
        string body = """
            mul.lo.u32 %r1, %t, 10;
            setp.lt.u32 %p1, %t, 16;
            @%p1 bra $L_low;
            shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff0000;
            bra.uni $L_end;
            $L_low:
            shfl.sync.bfly.b32 %r2, %r1, 2, 31, 0x0000ffff;
            $L_end:
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u32 [%l1], %r2;
        """;
        Assert.Equal(Enumerable.Range(0, 32).Select(t => (uint)(t < 16 ? t ^ 2 : t ^ 1) * 10), Ptx.Run<uint, uint>(body, [0], 32));
    }

    [Fact]
    public void Barriers_reduce_over_the_block()
    {
        string body = """
            setp.lt.u32 %p1, %t, 40;
            bar.red.popc.u32 %r1, 0, %p1;
            bar.red.and.pred %p2, 0, %p1;
            bar.red.or.pred %p3, 0, %p1;
            bar.red.or.pred %p4, 0, !%p1;
            selp.u32 %r2, 1, 0, %p2;
            selp.u32 %r3, 2, 0, %p3;
            selp.u32 %r4, 4, 0, %p4;
            or.b32 %r2, %r2, %r3;
            or.b32 %r2, %r2, %r4;
            mul.wide.u32 %l1, %t, 8;
            add.u64 %l1, %rd, %l1;
            st.global.v2.u32 [%l1], {%r1, %r2};
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 200, block: new Dim3(100));
        for (int t = 0; t < 100; t++) Assert.Equal((40u, 6u), (result[2 * t], result[(2 * t) + 1]));
    }

    [Fact]
    public void A_warp_that_spins_gives_the_others_their_turn()
    {
        // Warp 0 waits in a loop until warp 1 has set the flag.
        string body = """
            mov.u32 %r1, 0;
            setp.eq.u32 %p1, %t, 0;
            @%p1 st.shared.u32 [%r1], 0;
            bar.sync 0;
            setp.ge.u32 %p2, %t, 32;
            @%p2 bra $L_set;
            $L_wait:
            ld.volatile.shared.u32 %r2, [%r1];
            setp.ne.u32 %p3, %r2, 7;
            @%p3 bra $L_wait;
            bra.uni $L_end;
            $L_set:
            setp.eq.u32 %p4, %t, 32;
            @%p4 st.volatile.shared.u32 [%r1], 7;
            $L_end:
            mov.u32 %r3, 0;
        """;
        Ptx.Passes(body, block: new Dim3(64), shared: 4, variables: ".extern .shared .align 16 .b8 dynamic[];");
    }

    [Theory]
    [InlineData(null, 1), InlineData(1, 1), InlineData(2, 2), InlineData(null, 4)]
    public void Neither_order_nor_parallelism_changes_a_correct_kernel(int? seed, int parallelism)
    {
        // A block sum by a tree in shared memory.
        string body = """
            mov.u32 %r9, %ctaid.x;
            mad.lo.u32 %r8, %r9, 128, %t;
            shl.b32 %r1, %t, 2;
            mul.lo.u32 %r2, %r8, %r8;
            st.shared.u32 [%r1], %r2;
            bar.sync 0;
            mov.u32 %r3, 64;
            $L_loop:
            setp.lt.u32 %p1, %t, %r3;
            @!%p1 bra $L_skip;
            shl.b32 %r4, %r3, 2;
            add.u32 %r4, %r4, %r1;
            ld.shared.u32 %r5, [%r4];
            ld.shared.u32 %r6, [%r1];
            add.u32 %r5, %r5, %r6;
            st.shared.u32 [%r1], %r5;
            $L_skip:
            bar.sync 0;
            shr.u32 %r3, %r3, 1;
            setp.ne.u32 %p2, %r3, 0;
            @%p2 bra $L_loop;
            setp.eq.u32 %p3, %t, 0;
            mul.wide.u32 %l1, %r9, 4;
            add.u64 %l1, %rd, %l1;
            @%p3 ld.shared.u32 %r7, [%r1];
            @%p3 st.global.u32 [%l1], %r7;
        """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 16, block: new Dim3(128), grid: new Dim3(16), shared: 512,
            options: new EmulatorOptions { ScheduleSeed = seed, Parallelism = parallelism },
            variables: ".extern .shared .align 16 .b8 dynamic[];");
        for (int b = 0; b < 16; b++) Assert.Equal((uint)Enumerable.Range(b * 128, 128).Sum(i => (long)i * i), result[b]);
    }

    [Fact]
    public void Lane_masks()
    {
        string body = """
            mov.u32 %r1, %lanemask_lt;
            mov.u32 %r2, %lanemask_ge;
            mov.u32 %r3, %laneid;
            mov.u32 %r4, %warpid;
            mul.wide.u32 %l1, %t, 16;
            add.u64 %l1, %rd, %l1;
            st.global.v4.u32 [%l1], {%r1, %r2, %r3, %r4};
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 256, block: new Dim3(64));
        for (int t = 0; t < 64; t++)
        {
            Assert.Equal(t % 32, BitOperations.PopCount(result[4 * t]));
            Assert.Equal(uint.MaxValue, result[4 * t] ^ result[(4 * t) + 1]);
            Assert.Equal(((uint)t % 32, (uint)t / 32), (result[(4 * t) + 2], result[(4 * t) + 3]));
        }
    }
}
