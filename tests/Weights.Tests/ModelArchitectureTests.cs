using System.Text.Json;
using Lia.Testing;

namespace Lia.Weights.Tests;

public class ModelArchitectureTests
{
    public static TheoryData<int> Sizes => [64, 128, 256, 512, 1024];

    [Theory, MemberData(nameof(Sizes))]
    public void Layout_is_that_of_the_official_generator(int size)
    {
        using JsonDocument golden = JsonDocument.Parse(TestData.Read("state_dict_layout.json"));
        IEnumerable<string> expected = golden.RootElement.GetProperty(size.ToString()).EnumerateObject()
            .Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Value.EnumerateArray())}]");
        IEnumerable<string> actual = ModelArchitecture.Official(size).Layout()
            .Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Shape)}]");
        Assert.Equal(expected, actual);
    }
}
