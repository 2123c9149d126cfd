using Lia.Testing;

namespace Lia.Tests;

/// <summary>Files of all sorts as people have them, under <c>tests/data/cases</c>.</summary>
internal static class Cases
{
    public static string Path(string name) => System.IO.Path.Combine(TestData.Folder, "cases", name);
}
