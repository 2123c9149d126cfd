using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Lia.Testing;

namespace Lia.Weights.Tests;

/// <summary>The reference files are those whose SHA-256 stands in tests/data/README.md: truth is not edited by accident.</summary>
public partial class ReferenceDataTests
{
    public static TheoryData<string, string> Sums()
    {
        TheoryData<string, string> sums = [];
        foreach (Match line in SumLine().Matches(File.ReadAllText(Path.Combine(TestData.Folder, "README.md"))))
            sums.Add(line.Groups[2].Value, line.Groups[1].Value);
        return sums;
    }

    [Theory, MemberData(nameof(Sums))]
    public void A_reference_file_has_the_sum_written_beside_it(string name, string sum) =>
        Assert.Equal(sum, Convert.ToHexStringLower(SHA256.HashData(TestData.Read(name))));

    [GeneratedRegex("^([0-9a-f]{64})  (\\S+)$", RegexOptions.Multiline)]
    private static partial Regex SumLine();
}
