namespace Lia.Fuzz;

/// <summary>Two hundred thousand inputs with fixed seeds.</summary>
public class FuzzTests
{
    private const int Seed = 20, InputsPerShare = 1_000;

    public static TheoryData<string> Names => [.. Targets.All.Select(static target => target.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Whatever_the_bytes_the_reader_keeps_its_promises(string name)
    {
        FuzzTarget target = Targets.All.Single(target => target.Name == name);
        Harness harness = new(target, Seed);
        int inputs = target.Share * InputsPerShare;
        for (int index = 0; index < inputs; index++)
        {
            if (harness.Run(index) is { } failure) Assert.Fail(failure);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {harness}");
        // Most inputs are damaged and some are not: both ways were walked.
        Assert.True(harness.Accepted > inputs / 200, $"{harness}");
        Assert.True(harness.Refused > inputs / 20, $"{harness}");
    }

    [Fact]
    public void All_targets_together_read_two_hundred_thousand_inputs() =>
        Assert.Equal(200_000, Targets.All.Sum(static target => target.Share) * InputsPerShare);
}
