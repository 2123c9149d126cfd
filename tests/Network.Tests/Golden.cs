using Lia.Testing;
using Lia.Weights;

namespace Lia.Network.Tests;

/// <summary>The reference files.</summary>
internal static class Golden
{
    /// <summary>Opens a reference file; the caller disposes it.</summary>
    public static SafetensorsFile Open(string name) => new(TestData.Unpack($"{name}.safetensors"));
}
