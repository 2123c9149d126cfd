using System.Diagnostics;

namespace Lia.Media.IO;

/// <summary>What of reading and writing files takes time, for whoever listens to activities; nobody else pays for them.</summary>
internal static class Activities
{
    private static readonly ActivitySource s_source = new("Lia.Media");

    /// <summary>Begins something that ends when the result is disposed; null where nobody listens.</summary>
    public static Activity? Begin(string name) => s_source.StartActivity(name);
}
