using System.Diagnostics;
using System.Globalization;

namespace Lia.Fuzz;

/// <summary>
/// Without options the test program. With <c>--count N [--target NAME] [--seed S] [--from I]</c> a fuzzer: N inputs for the target, or N
/// shared out over all, starting with input I of the sequence that the seed names. Exit status 1 and a line for each input that went wrong.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments.Contains("--count")) return Fuzz(arguments);
        return await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(arguments);
    }

    private static int Fuzz(string[] arguments)
    {
        string? Option(string name) =>
            Array.IndexOf(arguments, name) is >= 0 and var at && at + 1 < arguments.Length ? arguments[at + 1] : null;
        long Number(string name, long otherwise) =>
            Option(name) is { } text ? long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : otherwise;

        (long count, int seed, long from) = (Number("--count", 0), (int)Number("--seed", 1), Number("--from", 0));
        FuzzTarget[] targets = [.. Targets.All.Where(target => Option("--target") is not { } name || target.Name == name)];
        if (targets.Length == 0)
        {
            Console.Error.WriteLine($"There is no such target; there are {string.Join(", ", Targets.All.Select(target => target.Name))}.");
            return 2;
        }
        int failures = 0, shares = targets.Sum(target => target.Share);
        foreach (FuzzTarget target in targets)
        {
            long inputs = targets.Length == 1 ? count : count * target.Share / shares;
            long start = Stopwatch.GetTimestamp();
            Harness harness = new(target, seed);
            for (long index = from; index < from + inputs; index++)
            {
                if (harness.Run(index) is not { } failure) continue;
                Console.WriteLine(failure);
                if (++failures == 20) return 1;
            }
            Console.WriteLine($"{target.Name}: {inputs} inputs in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s; {harness}");
        }
        return failures == 0 ? 0 : 1;
    }
}
