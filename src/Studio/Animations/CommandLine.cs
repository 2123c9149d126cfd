namespace Lia.Studio.Animations;

/// <summary>An animation as a line that can be typed.</summary>
internal static class CommandLine
{
    private const string Plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";

    /// <summary>The arguments after <c>lia</c>.</summary>
    public static IReadOnlyList<string> Arguments(
        string source, string? driving, Motive motive, AnimationPlan plan, IReadOnlyList<string> model) =>
    [
        motive == Motive.Directions ? "manipulate" : "animate", source,
        .. motive switch
        {
            Motive.Driving => (string[])[driving!],
            Motive.Motion => ["--motion", driving!],
            _ => [],
        },
        "-o", AnimationRecord.NameOfResult(source, driving, plan.Format), .. plan.Arguments, .. model,
    ];

    /// <summary>A line for a POSIX shell.</summary>
    public static string Line(IEnumerable<string> arguments) => $"lia {string.Join(' ', arguments.Select(Quoted))}";

    private static string Quoted(string argument) =>
        argument.Length > 0 && argument.All(Plain.Contains) ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
