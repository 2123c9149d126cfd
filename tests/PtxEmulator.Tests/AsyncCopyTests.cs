namespace Lia.PtxEmulator.Tests;

/// <summary>cp.async: sizes, zero fill, and groups that arrive in order.</summary>
public class AsyncCopyTests
{
    private const string Dynamic = ".extern .shared .align 16 .b8 dynamic[];";

    [Theory]
    [InlineData("ca", 4), InlineData("ca", 8), InlineData("ca", 16), InlineData("cg", 16)]
    public void Copies_arrive_at_the_wait(string cache, int bytes)
    {
        string body = $"""
            mul.wide.u32 %l1, %t, {bytes};
            add.u64 %l2, %ra, %l1;
            cp.async.{cache}.shared.global [%l1], [%l2], {bytes};
            cp.async.commit_group;
            cp.async.wait_group 0;
            bar.sync 0;
            shl.b32 %r1, %t, 2;
            mul.wide.u32 %l3, %t, 4;
            add.u64 %l3, %rd, %l3;
            ld.shared.u32 %r2, [%r1];
            st.global.u32 [%l3], %r2;
            """;
        uint[] input = [.. Enumerable.Range(0, 32 * bytes / 4).Select(i => (uint)i * 3)];
        Assert.Equal(input[..32], Ptx.Run<uint, uint>(body, input, 32, shared: 32 * bytes, variables: Dynamic));
    }

    [Theory]
    [InlineData(0), InlineData(3), InlineData(8), InlineData(16)]
    public void The_rest_of_a_short_source_is_zero(int sourceBytes)
    {
        // With 0 bytes the source is not read at all: here it lies outside the allocation.
        string body = $"""
            mov.u32 %r1, {sourceBytes};
            mov.u64 %l1, {(sourceBytes == 0 ? "0" : "%ra")};
            mov.u32 %r2, 0;
            cp.async.cg.shared.global [%r2], [%l1], 16, %r1;
            cp.async.wait_all;
            ld.shared.v4.u32 {"{%r4, %r5, %r6, %r7}"}, [%r2];
            st.global.v4.u32 [%rd], {"{%r4, %r5, %r6, %r7}"};
            """;
        byte[] input = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];
        byte[] result =
            Ptx.Run<byte, byte>(body, input[..Math.Max(1, sourceBytes)], 16, block: new Dim3(1), shared: 16, variables: Dynamic);
        Assert.Equal([.. input[..sourceBytes], .. new byte[16 - sourceBytes]], result);
    }

    [Fact]
    public void Groups_arrive_oldest_first()
    {
        // Three stages in flight; wait_group 2 brings the first, wait_group 1 the second.
        string body = """
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            cp.async.ca.shared.global [%l1], [%l2], 4;
            cp.async.commit_group;
            cp.async.ca.shared.global [%l1+128], [%l2+128], 4;
            cp.async.commit_group;
            cp.async.ca.shared.global [%l1+256], [%l2+256], 4;
            cp.async.commit_group;
            cp.async.wait_group 2;
            ld.shared.u32 %r1, [%l1];
            cp.async.wait_group 1;
            ld.shared.u32 %r2, [%l1+128];
            {0}
            ld.shared.u32 %r3, [%l1+256];
            add.u32 %r1, %r1, %r2;
            add.u32 %r1, %r1, %r3;
            add.u64 %l3, %rd, %l1;
            st.global.u32 [%l3], %r1;
            """;
        uint[] input = [.. Enumerable.Range(0, 96).Select(i => (uint)(i * i))];
        uint[] result = Ptx.Run<uint, uint>(body.Replace("{0}", "cp.async.wait_group 0;", StringComparison.Ordinal), input, 32, shared: 384,
            variables: Dynamic);
        for (int t = 0; t < 32; t++) Assert.Equal(input[t] + input[t + 32] + input[t + 64], result[t]);

        EmulationException failure =
            Ptx.Fails(body.Replace("{0}", "cp.async.wait_group 1;", StringComparison.Ordinal), inputs: 96, shared: 384, variables: Dynamic);
        Assert.Equal(EmulationErrorKind.MissingAsyncCopyWait, failure.Kind);
        Assert.Equal("ld.shared.u32 %r3, [%l1+256];", failure.Instruction);
    }

    [Fact]
    public void Empty_groups_count()
    {
        // The usual tail of a pipeline: an empty group is committed so that wait_group 1 still means the same.
        string body = """
            mul.wide.u32 %l1, %t, 4;
            add.u64 %l2, %ra, %l1;
            cp.async.ca.shared.global [%l1], [%l2], 4;
            cp.async.commit_group;
            cp.async.commit_group;
            cp.async.wait_group 1;
            ld.shared.u32 %r1, [%l1];
            """;
        Ptx.Passes(body, shared: 128, variables: Dynamic);
    }

    [Fact]
    public void Sources_are_checked()
    {
        string Body(string source, int bytes) =>
            $"mov.u32 %r1, 0;\ncp.async.ca.shared.global [%r1], [{source}], {bytes};\ncp.async.wait_all;";
        EmulationErrorKind Kind(string body) => Ptx.Fails(body, block: new Dim3(1), shared: 16, variables: Dynamic).Kind;
        Assert.Equal(EmulationErrorKind.OutOfBounds, Kind(Body("%ra+256", 4)));
        Assert.Equal(EmulationErrorKind.Misaligned, Kind(Body("%ra+4", 8)));
        Assert.Equal(EmulationErrorKind.UninitializedRead, Kind(Body("%rd", 4)));
        Ptx.Passes(Body("%ra+240", 16), block: new Dim3(1), shared: 16, variables: Dynamic);
    }
}
