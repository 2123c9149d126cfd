using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Tests;

/// <summary>Whole small kernels: index arithmetic, control flow, shared memory and barriers working together.</summary>
public class KernelTests
{
    [Fact]
    public void A_grid_of_blocks_adds_vectors_with_a_tail()
    {
        const int n = 1000;
        string ptx = """
            .version 7.8
            .target sm_75
            .address_size 64
            .visible .entry add(.param .u64 x, .param .u64 y, .param .u32 n)
            {
                .reg .pred %p<2>;
                .reg .b32 %r<6>;
                .reg .b64 %rd<6>;
                .reg .f32 %f<4>;
                ld.param.u64 %rd1, [x];
                ld.param.u64 %rd2, [y];
                ld.param.u32 %r1, [n];
                mov.u32 %r2, %ctaid.x;
                mov.u32 %r3, %ntid.x;
                mov.u32 %r4, %tid.x;
                mad.lo.s32 %r5, %r2, %r3, %r4;
                setp.ge.s32 %p1, %r5, %r1;
                @%p1 bra $L_1;
                mul.wide.s32 %rd3, %r5, 4;
                add.s64 %rd4, %rd1, %rd3;
                add.s64 %rd5, %rd2, %rd3;
                ld.global.f32 %f1, [%rd4];
                ld.global.f32 %f2, [%rd5];
                add.f32 %f3, %f1, %f2;
                st.global.f32 [%rd5], %f3;
            $L_1:
                ret;
            }
            """;
        using var memory = new EmulatedMemory();
        float[] x = [.. Enumerable.Range(0, n).Select(i => i * 0.5f)], y = [.. Enumerable.Range(0, n).Select(i => (float)-i)];
        ulong dx = memory.Allocate(n * 4), dy = memory.Allocate(n * 4);
        memory.Write(dx, MemoryMarshal.AsBytes(x.AsSpan()));
        memory.Write(dy, MemoryMarshal.AsBytes(y.AsSpan()));
        byte[] parameters = new byte[20];
        BitConverter.TryWriteBytes(parameters.AsSpan(0), dx);
        BitConverter.TryWriteBytes(parameters.AsSpan(8), dy);
        BitConverter.TryWriteBytes(parameters.AsSpan(16), n);

        LaunchStatistics statistics = new Emulator(memory).Launch(PtxModule.Parse(ptx)["add"], new Dim3(8), new Dim3(128), 0, parameters);

        float[] result = new float[n];
        memory.Read(dy, MemoryMarshal.AsBytes(result.AsSpan()));
        Assert.Equal(x.Zip(y, (a, b) => a + b), result);
        Assert.Equal(32, statistics.ByInstruction["ld.param.u32"]);
        Assert.Equal(n * 4, statistics.Global["st"].Bytes);
    }

    [Fact]
    public void A_block_reverses_through_shared_memory()
    {
        string body = """
            mul.lo.u32 %r1, %t, 4;
            cvta.to.global.u64 %l0, %ra;
            cvt.u64.u32 %l1, %r1;
            add.u64 %l2, %l0, %l1;
            ld.global.u32 %r2, [%l2];
            st.shared.u32 [%r1], %r2;
            bar.sync 0;
            sub.u32 %r3, 127, %t;
            shl.b32 %r3, %r3, 2;
            ld.shared.u32 %r4, [%r3];
            add.u64 %l3, %rd, %l1;
            st.global.u32 [%l3], %r4;
            """;
        uint[] input = [.. Enumerable.Range(0, 128).Select(i => (uint)(i * i))];
        uint[] result =
            Ptx.Run<uint, uint>(body, input, 128, block: new Dim3(128), shared: 512, variables: ".extern .shared .align 16 .b8 dynamic[];");
        Assert.Equal(input.Reverse(), result);
    }

    [Fact]
    public void Lanes_leave_a_loop_one_by_one_and_meet_behind_it()
    {
        // d[t] = t + (t - 1) + ... + 1, then all lanes vote together.
        string body = """
            mov.u32 %r1, %t;
            mov.u32 %r2, 0;
            $L_loop:
            setp.eq.u32 %p1, %r1, 0;
            @%p1 bra $L_done;
            add.u32 %r2, %r2, %r1;
            sub.u32 %r1, %r1, 1;
            bra.uni $L_loop;
            $L_done:
            activemask.b32 %r3;
            mul.wide.u32 %l1, %t, 8;
            add.u64 %l1, %rd, %l1;
            st.global.v2.u32 [%l1], {%r2, %r3};
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 64);
        for (uint t = 0; t < 32; t++)
        {
            Assert.Equal(t * (t + 1) / 2, result[2 * t]);
            Assert.Equal(uint.MaxValue, result[(2 * t) + 1]);
        }
    }

    [Fact]
    public void Nested_branches_meet_inside_out()
    {
        string body = """
            and.b32 %r1, %t, 1;
            setp.eq.u32 %p1, %r1, 0;
            mov.u32 %r5, 0;
            @%p1 bra $L_even;
            and.b32 %r2, %t, 2;
            setp.eq.u32 %p2, %r2, 0;
            @%p2 bra $L_one;
            mov.u32 %r3, 3;
            bra.uni $L_inner;
            $L_one:
            mov.u32 %r3, 1;
            $L_inner:
            activemask.b32 %r5;
            bra.uni $L_end;
            $L_even:
            mov.u32 %r3, 0;
            $L_end:
            activemask.b32 %r6;
            mul.wide.u32 %l1, %t, 16;
            add.u64 %l1, %rd, %l1;
            st.global.v4.u32 [%l1], {%r3, %r5, %r6, %r6};
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 128);
        for (uint t = 0; t < 32; t++)
        {
            Assert.Equal((t & 1) == 0 ? 0 : t & 3, result[4 * t]);
            Assert.Equal((t & 1) == 0 ? 0 : 0xAAAA_AAAA, result[(4 * t) + 1]);
            Assert.Equal(uint.MaxValue, result[(4 * t) + 2]);
        }
    }

    [Fact]
    public void Lanes_that_return_early_do_not_keep_the_others_apart()
    {
        string body = """
            setp.lt.u32 %p1, %t, 16;
            @!%p1 bra $L_else;
            setp.lt.u32 %p2, %t, 4;
            @%p2 ret;
            mov.u32 %r1, 1;
            bra.uni $L_join;
            $L_else:
            mov.u32 %r1, 2;
            $L_join:
            activemask.b32 %r2;
            mul.wide.u32 %l1, %t, 8;
            add.u64 %l1, %rd, %l1;
            st.global.v2.u32 [%l1+-32], {%r1, %r2};
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 56);
        for (int t = 4; t < 32; t++)
        {
            Assert.Equal(t < 16 ? 1u : 2u, result[2 * (t - 4)]);
            Assert.Equal(0xFFFF_FFF0, result[(2 * (t - 4)) + 1]);
        }
    }

    [Fact]
    public void Blocks_and_threads_have_three_coordinates()
    {
        // d[linear thread of the grid] = tid.x | tid.y << 4 | tid.z << 8 | ctaid.x << 12 | ctaid.y << 16 | ctaid.z << 20
        string body = """
            mov.u32 %r1, %tid.y;
            mov.u32 %r2, %tid.z;
            mov.u32 %r3, %ctaid.x;
            mov.u32 %r4, %ctaid.y;
            mov.u32 %r5, %ctaid.z;
            mov.u32 %r11, %ntid.x;
            mov.u32 %r12, %ntid.y;
            mov.u32 %r13, %ntid.z;
            mov.u32 %r14, %nctaid.x;
            mov.u32 %r15, %nctaid.y;
            mad.lo.u32 %r6, %r5, %r15, %r4;
            mad.lo.u32 %r6, %r6, %r14, %r3;
            mad.lo.u32 %r6, %r6, %r13, %r2;
            mad.lo.u32 %r6, %r6, %r12, %r1;
            mad.lo.u32 %r6, %r6, %r11, %t;
            shl.b32 %r1, %r1, 4;
            shl.b32 %r2, %r2, 8;
            shl.b32 %r3, %r3, 12;
            shl.b32 %r4, %r4, 16;
            shl.b32 %r5, %r5, 20;
            or.b32 %r1, %r1, %t;
            or.b32 %r1, %r1, %r2;
            or.b32 %r1, %r1, %r3;
            or.b32 %r1, %r1, %r4;
            or.b32 %r1, %r1, %r5;
            mul.wide.u32 %l1, %r6, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u32 [%l1], %r1;
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 5 * 3 * 2 * 2 * 3 * 2, block: new Dim3(5, 3, 2), grid: new Dim3(2, 3, 2));
        int i = 0;
        for (uint bz = 0; bz < 2; bz++)
            for (uint by = 0; by < 3; by++)
                for (uint bx = 0; bx < 2; bx++)
                    for (uint z = 0; z < 2; z++)
                        for (uint y = 0; y < 3; y++)
                            for (uint x = 0; x < 5; x++)
                                Assert.Equal(x | y << 4 | z << 8 | bx << 12 | by << 16 | bz << 20, result[i++]);
    }
}
