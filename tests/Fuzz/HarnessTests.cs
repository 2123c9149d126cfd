namespace Lia.Fuzz;

/// <summary>A harness that cannot fail finds nothing: each promise is broken once, and it must say so.</summary>
public class HarnessTests
{
    private sealed class DocumentedException(string message) : Exception(message);

    private static FuzzTarget Target(Action<byte[]> read) =>
        new("faulty", 1, static mutator => mutator.Mutate(["some seed"u8.ToArray()], ["word"u8.ToArray()]), read,
            static e => e is DocumentedException);

    private static string? FirstFailure(FuzzTarget target)
    {
        Harness harness = new(target, 1);
        return Enumerable.Range(0, 200).Select(index => harness.Run(index)).FirstOrDefault(failure => failure is not null);
    }

    [Fact]
    public void A_reader_that_keeps_its_promises_passes() =>
        Assert.Null(
            FirstFailure(Target(static input =>
            { if (input.AsSpan(0, Math.Min(4, input.Length)).Contains((byte)'w')) throw new DocumentedException("there is a w in it"); })));

    [Fact]
    public void An_exception_that_is_not_documented_is_found() =>
        Assert.Contains(nameof(IndexOutOfRangeException),
            FirstFailure(Target(static input => { if (input.Length > 20) _ = input[input.Length]; })));

    [Fact]
    public void Memory_out_of_proportion_is_found() =>
        Assert.Contains("bytes of memory",
            FirstFailure(Target(static input => { if (input.Length > 20) GC.KeepAlive(new byte[10 << 20]); })));

    [Fact]
    public void Time_out_of_proportion_is_found() =>
        Assert.Contains(" s, where ",
            FirstFailure(Target(static input => { if (input.Length > 20) Thread.Sleep(60); }) with { FreeSeconds = 0.05 }));

    [Fact]
    public void Control_characters_in_messages_are_found() =>
        Assert.Contains("control characters", FirstFailure(Target(static _ => throw new DocumentedException("\u001b[31m"))));

    [Fact]
    public void Long_messages_are_found() =>
        Assert.Contains("characters", FirstFailure(Target(static _ => throw new DocumentedException(new string('x', 3_000)))));

    [Fact]
    public void The_same_seed_makes_the_same_inputs_and_another_seed_makes_others()
    {
        foreach (FuzzTarget target in Targets.All)
        {
            byte[][] Inputs(int seed) => [.. Enumerable.Range(0, 20).Select(index => target.Make(new Mutator(seed, index)))];
            Assert.Equal(Inputs(1), Inputs(1));
            Assert.NotEqual(Inputs(1), Inputs(2));
        }
    }
}
