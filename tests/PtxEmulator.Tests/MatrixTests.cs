namespace Lia.PtxEmulator.Tests;

/// <summary>
/// ldmatrix, movmatrix and mma.sync against matrices written out element by element, with the fragment layouts as the PTX manual states
/// them.
/// </summary>
public class MatrixTests
{
    private const string Dynamic = ".extern .shared .align 16 .b8 dynamic[];";

    // PTX ISA, "Matrix Fragments for mma.m16n8k16 / m16n8k8": element i of a lane's fragment.
    private static (int Row, int Column) A16(int lane, int i) =>
        ((lane >> 2) + (i is 2 or 3 or 6 or 7 ? 8 : 0), (lane % 4 * 2) + (i & 1) + (i >= 4 ? 8 : 0));

    private static (int Row, int Column) B16(int lane, int i) => ((lane % 4 * 2) + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2);

    private static (int Row, int Column) A32(int lane, int i) => ((lane >> 2) + (i is 1 or 3 ? 8 : 0), (lane % 4) + (i >= 2 ? 4 : 0));

    private static (int Row, int Column) B32(int lane, int i) => ((lane % 4) + (i == 1 ? 4 : 0), lane >> 2);

    private static (int Row, int Column) C(int lane, int i) => ((lane >> 2) + (i >= 2 ? 8 : 0), (lane % 4 * 2) + (i & 1));

    private static double[,] Product(double[,] a, double[,] b, float[,] c)
    {
        var d = new double[16, 8];
        for (int i = 0; i < 16; i++)
        {
            for (int j = 0; j < 8; j++)
            {
                d[i, j] = c[i, j];
                for (int k = 0; k < a.GetLength(1); k++) d[i, j] += a[i, k] * b[k, j];
            }
        }
        return d;
    }

    // Registers of each lane: A, then B, then C; the result has four floats a lane.
    private static float[] Multiply(string instruction, int aRegisters, uint[] fragments, bool inPlace)
    {
        string A = string.Join(", ", Enumerable.Range(0, aRegisters).Select(i => $"%r{i}"));
        string B = string.Join(", ", Enumerable.Range(aRegisters, aRegisters / 2).Select(i => $"%r{i}"));
        int words = aRegisters + (aRegisters / 2) + 4;
        string loads = string.Concat(Enumerable.Range(0, words)
            .Select(i => $"ld.global.b32 {(i < words - 4 ? $"%r{i}" : $"%f{i - words + 4}")}, [%l1+{4 * i}];\n"));
        string d = inPlace ? "%f0, %f1, %f2, %f3" : "%f4, %f5, %f6, %f7";
        string body = $"""
            mul.wide.u32 %l1, %t, {4 * words};
            add.u64 %l1, %ra, %l1;
            {loads}
            {instruction} {"{"}{d}{"}"}, {"{"}{A}{"}"}, {"{"}{B}{"}"}, {"{%f0, %f1, %f2, %f3}"};
            mul.wide.u32 %l2, %t, 16;
            add.u64 %l2, %rd, %l2;
            st.global.v4.f32 [%l2], {"{"}{d}{"}"};
            """;
        return Ptx.Run<uint, float>(body, fragments, 128);
    }

    private static void Check(string instruction, int k, Func<double, uint> encode, int elementBits, Func<Random, double> value, bool exact)
    {
        var random = new Random(k + elementBits);
        var a = new double[16, k];
        var b = new double[k, 8];
        var c = new float[16, 8];
        for (int i = 0; i < 16; i++) for (int j = 0; j < k; j++) a[i, j] = value(random);
        for (int i = 0; i < k; i++) for (int j = 0; j < 8; j++) b[i, j] = value(random);
        for (int i = 0; i < 16; i++) for (int j = 0; j < 8; j++) c[i, j] = (float)value(random);
        int perRegister = 32 / elementBits, aRegisters = 16 * k / 32 / perRegister;
        var fragments = new List<uint>();
        for (int lane = 0; lane < 32; lane++)
        {
            uint Pack(int count, int register, Func<int, double> element) => Enumerable.Range(0, count)
                .Aggregate(0u, (bits, e) => bits | (encode(element((register * count) + e)) << (e * elementBits)));
            for (int r = 0; r < aRegisters; r++)
                fragments.Add(Pack(perRegister, r,
                    i => { var (row, column) = elementBits == 16 ? A16(lane, i) : A32(lane, i); return a[row, column]; }));
            for (int r = 0; r < aRegisters / 2; r++)
                fragments.Add(Pack(perRegister, r,
                    i => { var (row, column) = elementBits == 16 ? B16(lane, i) : B32(lane, i); return b[row, column]; }));
            for (int i = 0; i < 4; i++) fragments.Add(BitConverter.SingleToUInt32Bits(c[C(lane, i).Row, C(lane, i).Column]));
        }
        double[,] expected = Product(a, b, c);
        foreach (bool inPlace in (bool[])[false, true])
        {
            float[] result = Multiply(instruction, aRegisters, [.. fragments], inPlace);
            for (int lane = 0; lane < 32; lane++)
            {
                for (int i = 0; i < 4; i++)
                {
                    double truth = expected[C(lane, i).Row, C(lane, i).Column];
                    Assert.Equal(exact ? truth : (float)truth, result[(4 * lane) + i]);
                }
            }
        }
    }

    private static uint EncodeHalf(double x) => BitConverter.HalfToUInt16Bits((Half)x);

    private static uint EncodeBFloat(double x) => BitConverter.SingleToUInt32Bits((float)x) >> 16;

    private static uint EncodeSingle(double x) => BitConverter.SingleToUInt32Bits((float)x);

    private static double Integer(Random random) => random.Next(-8, 9);

    [Theory]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16), InlineData("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 8)]
    public void Products_of_halves(string instruction, int k)
    {
        Check(instruction, k, EncodeHalf, 16, Integer, exact: true);
        Check(instruction, k, EncodeHalf, 16, r => (double)(Half)(r.NextDouble() - 0.5), exact: false);
        // Subnormal halves count too.
        Check(instruction, k, EncodeHalf, 16, r => r.Next(-5, 6) * Math.ScaleB(1, -24), exact: false);
    }

    [Theory]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16),
        InlineData("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", 8)]
    public void Products_of_bfloats(string instruction, int k) => Check(instruction, k, EncodeBFloat, 16, Integer, exact: true);

    [Fact]
    public void Products_of_tf32()
    {
        const string instruction = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
        Check(instruction, 8, EncodeSingle, 32, Integer, exact: true);
        // The low 13 bits of an operand do not count.
        Check(instruction, 8, x => EncodeSingle(x) | 0x1FFF, 32, r => r.Next(1, 9), exact: false);
    }

    [Fact]
    public void Infinities_and_NaN_spread_along_rows_and_columns()
    {
        // All of A is infinite, half of B zero: infinity times zero is NaN.
        uint[] fragments = [.. Enumerable.Range(0, 32)
            .SelectMany(lane => (uint[])[0x7C00_7C00, 0x7C00_7C00, 0x7C00_7C00, 0x7C00_7C00, lane < 16 ? 0x3C00_3C00u : 0,
            lane < 16 ? 0x3C00_3C00u : 0, 0, 0, 0, 0])];
        float[] result = Multiply("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 4, fragments, inPlace: false);
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++)
                Assert.Equal(C(lane, i).Column < 4 ? 0x7F80_0000u : 0x7FFF_FFFF, BitConverter.SingleToUInt32Bits(result[(4 * lane) + i]));
    }

    [Theory]
    [InlineData(1, false), InlineData(2, false), InlineData(4, false), InlineData(1, true), InlineData(2, true), InlineData(4, true)]
    public void Matrices_are_loaded_by_rows_or_transposed(int count, bool transposes)
    {
        // Shared element (m, row, column) is 100 m + 10 row + column; rows lie 48 bytes apart, so that only the addresses say where they
        // are.
        string registers = string.Join(", ", Enumerable.Range(5, count).Select(i => $"%r{i}"));
        string body = $"""
            mul.wide.u32 %l1, %t, 16;
            add.u64 %l2, %ra, %l1;
            ld.global.v4.u32 {"{%r1, %r2, %r3, %r4}"}, [%l2];
            mul.lo.u32 %r0, %t, 48;
            st.shared.v4.u32 [%r0], {"{%r1, %r2, %r3, %r4}"};
            bar.warp.sync 0xffffffff;
            mov.u32 %r5, 0;
            mov.u32 %r6, 0;
            mov.u32 %r7, 0;
            mov.u32 %r8, 0;
            ldmatrix.sync.aligned.m8n8.x{count}{(transposes ? ".trans" : "")}.shared.b16 {"{"}{registers}{"}"}, [%r0];
            add.u64 %l3, %rd, %l1;
            st.global.v4.u32 [%l3], {"{%r5, %r6, %r7, %r8}"};
            """;
        ushort[] input = [.. Enumerable.Range(0, 256).Select(i => (ushort)((100 * (i / 64)) + (10 * (i / 8 % 8)) + (i % 8)))];
        ushort[] result = Ptx.Run<ushort, ushort>(body, input, 256, shared: 48 * 32, variables: Dynamic);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int matrix = 0; matrix < count; matrix++)
            {
                for (int i = 0; i < 2; i++)
                {
                    int row = lane / 4, column = (2 * (lane % 4)) + i;
                    int expected = transposes ? (100 * matrix) + (10 * column) + row : (100 * matrix) + (10 * row) + column;
                    Assert.Equal(expected, result[(lane * 8) + (matrix * 2) + i]);
                }
            }
        }
    }

    [Theory]
    [InlineData("%r2", "%r1"), InlineData("%r1", "%r1")]
    public void A_matrix_is_transposed_in_registers(string d, string a)
    {
        // Element (row, column) is 10 row + column.
        ushort[] input = [.. Enumerable.Range(0, 64).Select(i => (ushort)(10 * (i / 8) + i % 8))];
        ushort[] result = Ptx.Run<ushort, ushort>($"""
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            ld.global.u32 %r1, [%l2];
            movmatrix.sync.aligned.m8n8.trans.b16 {d}, {a};
            add.u64 %l3, %rd, %l1;
            st.global.u32 [%l3], {d};
            """, input, 64);
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (ushort)(10 * (i % 8) + i / 8)), result);
    }

    [Fact]
    public void A_matrix_in_registers_needs_all_lanes()
    {
        const string Move = "movmatrix.sync.aligned.m8n8.trans.b16 %r2, %r1;";
        Ptx.Passes($"mov.u32 %r1, %t;\n{Move}");
        Assert.Equal(EmulationErrorKind.WarpDivergence,
            Ptx.Fails($"mov.u32 %r1, %t;\nsetp.lt.u32 %p1, %t, 8;\n@%p1 {Move}").Kind);
    }

    [Fact]
    public void Rows_of_matrices_must_be_aligned()
    {
        string Body(int offset) => $"""
            mov.u32 %r1, {offset};
            st.shared.v4.u32 [0], {"{%r1, %r1, %r1, %r1}"};
            ldmatrix.sync.aligned.m8n8.x1.shared.b16 {"{%r5}"}, [%r1];
            """;
        // One thread writes, the others only look on.
        string Guarded(int offset) => Body(offset).Replace("st.shared", "setp.eq.u32 %p1, %t, 0;\n@%p1 st.shared", StringComparison.Ordinal)
            .Replace("ldmatrix", "bar.warp.sync 0xffffffff;\nldmatrix", StringComparison.Ordinal);
        Assert.Equal(EmulationErrorKind.Misaligned, Ptx.Fails(Guarded(8), shared: 32, variables: Dynamic).Kind);
        Ptx.Passes(Guarded(0), shared: 32, variables: Dynamic);
    }
}
