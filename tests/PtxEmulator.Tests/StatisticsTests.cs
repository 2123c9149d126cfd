namespace Lia.PtxEmulator.Tests;

/// <summary>What a launch reports: instructions, bytes, sectors and bank conflicts, against counts done by hand.</summary>
public class StatisticsTests
{
    private const string Dynamic = ".extern .shared .align 16 .b8 dynamic[];";

    private static SharedTraffic Stores(string address, string store) =>
        Ptx.Passes($"mov.u32 %r1, 0;\n{address}\n{store}", shared: 32 * 1024, variables: Dynamic).Shared.Values.Single();

    [Theory]
    [InlineData(1, 1), InlineData(2, 2), InlineData(4, 4), InlineData(8, 8), InlineData(16, 16), InlineData(32, 32), InlineData(33, 1),
        InlineData(3, 1)]
    public void Strided_words_conflict(int strideInWords, int wavefronts)
    {
        SharedTraffic traffic = Stores($"mul.lo.u32 %r2, %t, {4 * strideInWords};", "st.shared.u32 [%r2], %r1;");
        Assert.Equal(new SharedTraffic(1, 128, wavefronts, wavefronts - 1), traffic);
    }

    [Theory]
    [InlineData(4, 0), InlineData(8, 4), InlineData(32, 28)]
    public void Accesses_of_16_bytes_go_by_quarter_warps(int strideInWords, int extra)
    {
        // Eight lanes of 16 bytes cover the 32 banks once: 4 wavefronts is the least.
        string vector = "{%r1, %r1, %r1, %r1}";
        SharedTraffic traffic = Stores($"mul.lo.u32 %r2, %t, {4 * strideInWords};", $"st.shared.v4.u32 [%r2], {vector};");
        Assert.Equal(new SharedTraffic(1, 512, 4 + extra, extra), traffic);
    }

    [Theory]
    [InlineData(2, 0), InlineData(4, 2), InlineData(32, 30)]
    public void Accesses_of_8_bytes_go_by_half_warps(int strideInWords, int extra)
    {
        SharedTraffic traffic = Stores($"mul.lo.u32 %r2, %t, {4 * strideInWords};", "st.shared.v2.u32 [%r2], {%r1, %r1};");
        Assert.Equal(new SharedTraffic(1, 256, 2 + extra, extra), traffic);
    }

    [Fact]
    public void Lanes_that_read_one_word_share_it()
    {
        LaunchStatistics statistics = Ptx.Passes("""
            mov.u32 %r1, 0;
            setp.eq.u32 %p1, %t, 0;
            @%p1 st.shared.u32 [%r1], 5;
            bar.sync 0;
            ld.shared.u32 %r2, [%r1];
            ld.shared.u16 %h1, [%r1+2];
            """, shared: 4, variables: Dynamic);
        Assert.Equal(new SharedTraffic(1, 128, 1, 0), statistics.Shared["ld.32"]);
        Assert.Equal(new SharedTraffic(1, 64, 1, 0), statistics.Shared["ld.16"]);
        Assert.Equal(new SharedTraffic(1, 4, 1, 0), statistics.Shared["st.32"]);
        Assert.Equal(0, statistics.ExtraSharedWavefronts);
    }

    [Theory]
    [InlineData(16, 0), InlineData(64, 12), InlineData(128, 28), InlineData(144, 0)]
    public void Matrix_rows_conflict_when_their_banks_do(int rowBytes, int extra)
    {
        LaunchStatistics statistics = Ptx.Passes($"""
            mul.lo.u32 %r1, %t, {rowBytes};
            st.shared.v4.u32 [%r1], {"{%t, %t, %t, %t}"};
            bar.sync 0;
            ldmatrix.sync.aligned.m8n8.x4.shared.b16 {"{%r4, %r5, %r6, %r7}"}, [%r1];
            """, shared: 32 * rowBytes, variables: Dynamic);
        Assert.Equal(new SharedTraffic(1, 512, 4 + extra, extra), statistics.Shared["ldmatrix"]);
    }

    [Theory]
    [InlineData(4, 4), InlineData(32, 32), InlineData(8, 8), InlineData(0, 1)]
    public void Global_sectors_measure_coalescing(int stride, int sectors)
    {
        LaunchStatistics statistics =
            Ptx.Passes($"mul.wide.u32 %l1, %t, {stride};\nadd.u64 %l1, %ra, %l1;\nld.global.u32 %r1, [%l1];", inputs: 256);
        Assert.Equal(new GlobalTraffic(1, 128, sectors), statistics.Global["ld"]);
    }

    [Fact]
    public void Instructions_are_counted_by_name_over_all_warps()
    {
        LaunchStatistics statistics = Ptx.Passes("""
            mov.u32 %r1, 0;
            mov.f32 %f1, 0f3F800000;
            $L_1:
            fma.rn.f32 %f1, %f1, %f1, %f1;
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p1, %r1, 10;
            @%p1 bra $L_1;
        """, block: new Dim3(70), grid: new Dim3(2));
        Assert.Equal(10 * 3 * 2, statistics.ByInstruction["fma.rn.f32"]);
        Assert.Equal(10 * 3 * 2, statistics.ByInstruction["bra"]);
        Assert.Equal(statistics.ByInstruction.Values.Sum(), statistics.WarpInstructions);
        Assert.Equal((3 + 2 + 40 + 1) * 6, statistics.WarpInstructions);
    }
}
