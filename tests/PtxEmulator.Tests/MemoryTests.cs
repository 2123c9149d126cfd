namespace Lia.PtxEmulator.Tests;

/// <summary>Loads and stores of every type and space, and atomics.</summary>
public class MemoryTests
{
    private const string Dynamic = ".extern .shared .align 16 .b8 dynamic[];";

    [Fact]
    public void Narrow_loads_extend_by_their_sign()
    {
        // One thread's word is read as each type.
        string body = """
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            mul.wide.u32 %l1, %t, 32;
            add.u64 %l3, %rd, %l1;
            ld.global.u8 %r1, [%l2+3];
            ld.global.s8 %r2, [%l2+3];
            ld.global.u16 %r3, [%l2+2];
            ld.global.s16 %r4, [%l2+2];
            ld.global.s8 %h1, [%l2+3];
            mov.b32 %r5, {%h1, %h1};
            ld.global.s32 %l4, [%l2];
            mov.b64 {_, %r6}, %l4;
            st.global.v4.u32 [%l3], {%r1, %r2, %r3, %r4};
            st.global.v2.u32 [%l3+16], {%r5, %r6};
            st.global.u8 [%l3+24], %r1;
            st.global.u8 [%l3+25], %r3;
            st.global.b16 [%l3+26], %h1;
            st.global.b32 [%l3+28], 0f3F800000;
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0x8234_5678, 0x1234_5678], 16, block: new Dim3(2));
        Assert.Equal((uint[])[0x82, 0xFFFF_FF82, 0x8234, 0xFFFF_8234, 0xFF82_FF82, 0xFFFF_FFFF, 0xFF82_3482, 0x3F80_0000], result[..8]);
        Assert.Equal((uint[])[0x12, 0x12, 0x1234, 0x1234, 0x0012_0012, 0, 0x0012_3412, 0x3F80_0000], result[8..]);
    }

    [Theory]
    [InlineData("v4.f32", "{%f1, %f2, %f3, %f4}"), InlineData("v2.f64", "{%g1, %g2}"), InlineData("v2.b64", "{%l11, %l12}"),
        InlineData("v4.b32", "{%r1, %r2, %r3, %r4}")]
    public void Vectors_of_16_bytes_copy_as_one(string type, string registers)
    {
        string body = $"""
            mul.wide.u32 %l1, %t, 16;
            add.u64 %l2, %ra, %l1;
            add.u64 %l3, %rd, %l1;
            ld.global.nc.{type} {registers}, [%l2];
            st.global.{type} [%l3], {registers};
            """;
        uint[] input = [.. Enumerable.Range(0, 128).Select(i => (uint)(i * 0x0101_0107))];
        Assert.Equal(input, Ptx.Run<uint, uint>(body, input, 128));
    }

    [Fact]
    public void Constant_memory_has_initial_values()
    {
        string body = """
            and.b32 %r1, %t, 3;
            shl.b32 %r1, %r1, 2;
            mov.u32 %r2, table;
            add.u32 %r2, %r2, %r1;
            ld.const.u32 %r3, [%r2];
            ld.const.f32 %f1, [scale];
            cvt.rzi.u32.f32 %r4, %f1;
            mul.lo.u32 %r3, %r3, %r4;
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u32 [%l1], %r3;
            """;
        uint[] result = Ptx.Run<uint, uint>(body, [0], 32,
            variables: ".const .align 4 .u32 table[4] = {3, 5, 7, 11};\n.const .f32 scale = 0f40000000;");
        Assert.Equal(Enumerable.Range(0, 32).Select(i => ((uint[])[6, 10, 14, 22])[i % 4]), result);
    }

    [Fact]
    public void Each_thread_has_its_own_local_memory()
    {
        string body = """
            .local .align 16 .b8 scratch[64];
            mov.u64 %l1, scratch;
            st.local.u32 [%l1+4], %t;
            cvta.local.u64 %l2, %l1;
            ld.u32 %r1, [%l2+4];
            mul.wide.u32 %l3, %t, 4;
            add.u64 %l3, %rd, %l3;
            st.global.u32 [%l3], %r1;
            """;
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (uint)i), Ptx.Run<uint, uint>(body, [0], 64, block: new Dim3(64)));
    }

    [Fact]
    public void Generic_addresses_reach_shared_and_global_memory()
    {
        string body = """
            mul.wide.u32 %l1, %t, 4;
            mov.u64 %l2, buffer;
            cvta.shared.u64 %l3, %l2;
            add.u64 %l3, %l3, %l1;
            st.u32 [%l3], %t;
            cvta.to.shared.u64 %l4, %l3;
            ld.shared.u32 %r1, [%l4];
            cvta.global.u64 %l5, %rd;
            add.u64 %l5, %l5, %l1;
            st.u32 [%l5], %r1;
            """;
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (uint)i),
            Ptx.Run<uint, uint>(body, [0], 32, variables: ".shared .align 4 .b8 first[4];\n.shared .align 16 .b8 buffer[128];"));
    }

    [Fact]
    public void Parameters_are_structures_read_in_parts()
    {
        string ptx = """
            .version 7.8
            .target sm_75
            .address_size 64
            .visible .entry k(.param .u32 n, .param .align 8 .b8 view[16], .param .s8 small)
            .maxntid 32, 1, 1
            {
                .reg .b32 %r<4>;
                .reg .b64 %l<3>;
                ld.param.u32 %r1, [n];
                ld.param.u64 %l1, [view];
                ld.param.u64 %l2, [view+8];
                ld.param.s8 %r2, [small];
                cvt.u32.u64 %r3, %l2;
                st.global.u32 [%l1], %r1;
                st.global.u32 [%l1+4], %r2;
                st.global.u32 [%l1+8], %r3;
                ret;
            }
            """;
        using var memory = new EmulatedMemory();
        ulong d = memory.Allocate(12);
        byte[] parameters = new byte[25];
        BitConverter.TryWriteBytes(parameters.AsSpan(0), 77);
        BitConverter.TryWriteBytes(parameters.AsSpan(8), d);
        BitConverter.TryWriteBytes(parameters.AsSpan(16), 99L);
        parameters[24] = 0xFE;
        new Emulator(memory).Launch(PtxModule.Parse(ptx)["k"], new Dim3(1), new Dim3(1), 0, parameters);
        byte[] result = new byte[12];
        memory.Read(d, result);
        Assert.Equal([77, -2, 99], new[] { 0, 4, 8 }.Select(i => BitConverter.ToInt32(result, i)));
    }

    [Fact]
    public void Atomics_return_the_old_value_and_are_not_lost_between_blocks()
    {
        string body = """
            atom.global.add.u32 %r1, [%ra], 1;
            mul.wide.u32 %l1, %r1, 4;
            add.u64 %l1, %rd, %l1;
            st.global.u32 [%l1], %r1;
            """;
        // Every ticket is drawn exactly once.
        Assert.Equal(Enumerable.Range(0, 4096)
            .Select(i => (uint)i), Ptx.Run<uint, uint>(body, [0], 4096, block: new Dim3(64), grid: new Dim3(64)));
    }

    [Theory]
    [InlineData("and.b32", 0xF0F0_1234u, 0x00FF_00FFu, 0xF0F0_1234u & 0x00FF_00FFu)]
    [InlineData("or.b32", 0xF0F0_1234u, 0x00FF_00FFu, 0xF0F0_1234u | 0x00FF_00FFu)]
    [InlineData("xor.b32", 0xF0F0_1234u, 0x00FF_00FFu, 0xF0F0_1234u ^ 0x00FF_00FFu)]
    [InlineData("exch.b32", 5u, 9u, 9u)]
    [InlineData("inc.u32", 5u, 9u, 6u), InlineData("inc.u32", 9u, 9u, 0u)]
    [InlineData("dec.u32", 5u, 9u, 4u), InlineData("dec.u32", 0u, 9u, 9u), InlineData("dec.u32", 12u, 9u, 9u)]
    [InlineData("min.s32", 0xFFFF_FFFFu, 3u, 0xFFFF_FFFFu), InlineData("min.u32", 0xFFFF_FFFFu, 3u, 3u)]
    [InlineData("max.s32", 0xFFFF_FFFFu, 3u, 3u), InlineData("max.u32", 0xFFFF_FFFFu, 3u, 0xFFFF_FFFFu)]
    [InlineData("add.f32", 0x3F80_0000u, 0x4000_0000u, 0x4040_0000u)]
    [InlineData("add.f32", 0x0000_0001u, 0x3F80_0000u, 0x3F80_0000u), InlineData("add.f32", 0x0000_0003u, 0x8000_0001u, 0u)]
    [InlineData("add.noftz.f16x2", 0x3C00_4000u, 0x3C00_0001u, 0x4000_4000u)]
    public void Atomic_operations_on_global_memory(string operation, uint old, uint operand, uint expected)
    {
        string type = operation.Contains("f32", StringComparison.Ordinal) ? "%f1" : "%r1";
        string body = $"""
            mov.b32 {type}, {operand};
            atom.global.{operation} {(type == "%f1" ? "%f2" : "%r2")}, [%ra], {type};
            mov.b32 %r3, {(type == "%f1" ? "%f2" : "%r2")};
            ld.global.u32 %r4, [%ra];
            st.global.v2.u32 [%rd], {"{%r3, %r4}"};
            """;
        Assert.Equal((uint[])[old, expected], Ptx.Run<uint, uint>(body, [old], 2, block: new Dim3(1)));
    }

    [Fact]
    public void Atomic_float_sums_keep_subnormals_in_shared_memory()
    {
        string body = """
            mov.u32 %r1, 0;
            st.shared.u32 [%r1], 3;
            mov.b32 %f1, 0x80000001;
            red.shared.add.f32 [%r1], %f1;
            ld.shared.u32 %r2, [%r1];
            st.global.u32 [%rd], %r2;
            """;
        Assert.Equal((uint[])[2], Ptx.Run<uint, uint>(body, [0], 1, block: new Dim3(1), shared: 4, variables: Dynamic));
    }

    [Fact]
    public void Compare_and_swap_and_64_bits()
    {
        string body = """
            atom.global.cas.b64 %l1, [%ra], 5, 123456789012;
            atom.global.cas.b64 %l2, [%ra], 5, 7;
            atom.global.add.u64 %l3, [%ra], 1;
            atom.global.max.s64 %l4, [%ra+8], -3;
            ld.global.u64 %l5, [%ra];
            ld.global.u64 %l6, [%ra+8];
            st.global.v2.u64 [%rd], {%l1, %l2};
            st.global.v2.u64 [%rd+16], {%l3, %l5};
            st.global.u64 [%rd+32], %l6;
            """;
        Assert.Equal([5L, 123456789012, 123456789012, 123456789013, -3], Ptx.Run<long, long>(body, [5, -9], 5, block: new Dim3(1)));
    }

    [Fact]
    public void Memory_is_accounted_for()
    {
        using var memory = new EmulatedMemory();
        ulong a = memory.Allocate(100), b = memory.Allocate(0);
        Assert.Equal((2, 100L), (memory.LiveAllocations, memory.LiveBytes));
        Assert.Equal(0ul, a % 256);
        memory.Free(a);
        memory.Free(b);
        Assert.Equal((0, 0L), (memory.LiveAllocations, memory.LiveBytes));
        Assert.NotEqual(a, memory.Allocate(100));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Allocate(-1));
    }

    [Fact]
    public void Copies_on_the_device_carry_what_is_initialized()
    {
        using var memory = new EmulatedMemory();
        ulong a = memory.Allocate(8), b = memory.Allocate(8);
        memory.Write(a, [1, 2, 3, 4]);
        memory.Write(b, new byte[8]);
        memory.Copy(a, b, 8);
        byte[] head = new byte[4];
        memory.Read(b, head);
        Assert.Equal([1, 2, 3, 4], head);
        Assert.Throws<InvalidOperationException>(() => memory.Read(b + 4, new byte[1]));
        memory.Poison(b, 2);
        Assert.Throws<InvalidOperationException>(() => memory.Read(b, new byte[3]));
    }
}
