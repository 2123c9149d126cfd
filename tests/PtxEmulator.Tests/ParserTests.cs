namespace Lia.PtxEmulator.Tests;

/// <summary>What is not known or not allowed is refused before anything runs, with the line and the text.</summary>
public class ParserTests
{
    private static void Refused(string instruction, string because, int sm = 90)
    {
        string ptx = Ptx.Module("mov.u32 %r1, 0;\n" + instruction, sm);
        PtxSyntaxException failure = Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(ptx));
        Assert.Contains(because, failure.Message, StringComparison.Ordinal);
        Assert.Equal(ptx.Split('\n').ToList().FindIndex(l => l.Contains(instruction, StringComparison.Ordinal)) + 1, failure.Line);
    }

    [Theory]
    [InlineData("frobnicate.u32 %r1, %r2;", "instruction 'frobnicate' is not known")]
    [InlineData("add.u32.wide %r1, %r2, %r3;", ".wide is not known here")]
    [InlineData("add.rz.f32 %f1, %f2, %f3;", ".rz is not known here")]
    [InlineData("add.ftz.f32 %f1, %f2, %f3;", ".ftz is not known here")]
    [InlineData("fma.f32 %f1, %f2, %f3, %f4;", "expected .rn")]
    [InlineData("add.u32 %r1, %r2;", "operand 3 is missing")]
    [InlineData("add.u32 %r1, %r2, %r3, %r4;", "4 operands where 3 are known")]
    [InlineData("add.u32 %r1, %r2, %nothing;", "register %nothing is not declared")]
    [InlineData("add.f32 %f1, %f2, %t;", "%t is .u32, the instruction works on .f32")]
    [InlineData("add.u32 %r1, %r2, %l1;", "%l1 is .b64, the instruction works on .u32")]
    [InlineData("add.u32 %f1, %r2, %r3;", "%f1 is .f32, the instruction works on .u32")]
    [InlineData("add.f32 %f1, %f2, 1;", "'1' is not an operand of type .f32")]
    [InlineData("add.u32 %r1, %r2, 0f3F800000;", "is not an operand of type .u32")]
    [InlineData("add.u16 %h1, %h2, 65536;", "65536 does not fit .u16")]
    [InlineData("add.u32 %r1, %r2, %tid.x;", "register %tid.x is not declared")]
    [InlineData("and.u32 %r1, %r2, %r3;", "type .u32 is not allowed here")]
    [InlineData("setp.lo.s32 %p1, %r1, %r2;", ".lo does not compare .s32")]
    [InlineData("setp.lt.s32 %r1, %r1, %r2;", "%r1 is .b32, the instruction works on .pred")]
    [InlineData("selp.u32 %r1, %r2, %r3, %r4;", "'%r4' is not a predicate")]
    [InlineData("bra $L_nowhere;", "label '$L_nowhere' is not defined")]
    [InlineData("ld.global.u32 %r1, [%r2];", "a global or generic address has 64 bits")]
    [InlineData("ld.global.v4.f64 {%g1, %g2, %g3, %g4}, [%ra];", "at most 16 bytes")]
    [InlineData("ld.global.v2.f32 {%f1, %f1}, [%ra];", "occurs twice")]
    [InlineData("ld.global.v4.f32 {%f1, %f2}, [%ra];", "must have 4 elements")]
    [InlineData("ld.global.f32 %g1, [%ra];", "the instruction works on .f32")]
    [InlineData("ld.global.u32 %r1, [%ra-4];", "a negative offset is written [register+-4]")]
    [InlineData("ld.param.u64 %l1, [a+8];", "reads outside the 8 bytes of a")]
    [InlineData("ld.shared.u32 %r1, [a];", "a is a .Param variable")]
    [InlineData("st.const.u32 [%ra], %r1;", ".const cannot be written")]
    [InlineData("cvt.f16.f32 %h1, %f1;", "needs a floating-point rounding")]
    [InlineData("cvt.rn.f32.f16 %f1, %h1;", "this conversion is exact")]
    [InlineData("cvt.u32.f32 %r1, %f1;", "needs an integer rounding")]
    [InlineData("cvt.f32.u32 %f1, %r1;", "integer to floating point needs a rounding")]
    [InlineData("cvt.rn.u16.u32 %h1, %r1;", "integers are not rounded")]
    [InlineData("cp.async.cg.shared.global [%r1], [%ra], 8;", ".cg copies 16 bytes")]
    [InlineData("mma.sync.aligned.m16n8k16.row.row.f32.f16.f16.f32 {%f1}, {%r1}, {%r1}, {%f1};", "expected .col")]
    [InlineData("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1}, [%r2];", "must have 2 elements")]
    [InlineData("shfl.bfly.b32 %r1, %r2, 1, 31, -1;", "expected .sync")]
    [InlineData("call.uni f;", "instruction 'call' is not known")]
    [InlineData("mov.u64 %l1, %tid.x;", "special registers have type .u32")]
    [InlineData("@%r1 bra $L_nowhere;", "label '$L_nowhere' is not defined")]
    [InlineData("@%r1 mov.u32 %r2, 0;", "'%r1' is not a predicate")]
    public void Instructions(string instruction, string because) => Refused(instruction, because);

    [Theory]
    [InlineData("cp.async.wait_all;", "needs sm_80 or later, the target is sm_75")]
    [InlineData(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2, %f3, %f4}, {%r1, %r1, %r1, %r1}, {%r1, %r1}, {%f1, %f2, %f3, %f4};",
        "needs sm_80")]
    [InlineData("min.f16x2 %r1, %r2, %r3;", "needs sm_80")]
    [InlineData("cvt.rn.f16x2.f32 %r1, %f1, %f2;", "needs sm_80")]
    public void Instructions_that_the_target_does_not_have(string instruction, string because) => Refused(instruction, because, sm: 75);

    [Theory]
    [InlineData(".version 7.8\n.target sm_75\n.address_size 32", ".address_size must be 64")]
    [InlineData(".version 7.8\n.target gfx90\n", "'gfx90' is not a target")]
    [InlineData(".target sm_75\n", ".version is missing")]
    [InlineData(".version 7.8\n", ".target is missing")]
    [InlineData(".version 7.8\n.target sm_75\n.alias f, g;", "'.alias' is not known at module level")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { ret; ", "is not closed")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { .reg .u32 %a, %a; ret; }", "declared twice")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { .reg .u8 %a; ret; }", "registers of type U8 do not exist")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { .reg .u32 %a; mov.u32 %a, 0; }", "does not end with ret")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { $L: $L: ret; }", "label $L is defined twice")]
    [InlineData(".version 7.8\n.target sm_75\n.visible .entry k() { ret; # }", "unexpected character '#'")]
    [InlineData(".version 7.8\n.target sm_75\n.global .u32 x;", "'.global' is not known")]
    public void Modules(string ptx, string because) =>
        Assert.Contains(because, Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(ptx)).Message, StringComparison.Ordinal);

    [Fact]
    public void Comments_debug_lines_and_launch_bounds_are_read()
    {
        PtxModule module = PtxModule.Parse("""
            // a comment
            .version 7.8
            .target sm_90a /* over
            lines */
            .address_size 64
            .file 1 "kernel.cs"
            .visible .entry first()
            .maxntid 128, 1, 1
            .minnctapersm 2
            {
                .loc 1 3 5
                .pragma "nounroll";
                ret;
            }
            .visible .entry second() { exit; }
            """);
        Assert.Equal(90, module.Sm);
        Assert.Equal(["first", "second"], module.EntryNames);
        Assert.Equal(128, module["first"].MaximumThreads);
        Assert.Contains("'third', only first, second", Assert.Throws<KeyNotFoundException>(() => module["third"]).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_are_read_in_every_notation()
    {
        uint[] result = Ptx.Run<uint, uint>("""
            mov.u32 %r1, 0xFF;
            mov.u32 %r2, 0b101;
            mov.u32 %r3, 017;
            mov.u32 %r4, 42U;
            st.global.v4.u32 [%rd], {%r1, %r2, %r3, %r4};
            mov.s32 %r1, -1;
            mov.f32 %f2, 0f40490FDB;
            mov.f32 %f3, 1.5;
            mov.f64 %g1, 0d3FF8000000000000;
            cvt.rn.f32.f64 %f4, %g1;
            st.global.u32 [%rd+16], %r1;
            st.global.f32 [%rd+20], %f2;
            st.global.v2.f32 [%rd+24], {%f3, %f4};
            """, [0], 8, block: new Dim3(1));
        Assert.Equal((uint[])[255, 5, 15, 42, 0xFFFF_FFFF, 0x4049_0FDB, 0x3FC0_0000, 0x3FC0_0000], result);
    }
}
