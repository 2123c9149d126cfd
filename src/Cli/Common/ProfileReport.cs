using System.Diagnostics;
using System.Runtime;
using System.Text.Json;

namespace Lia.Cli;

/// <summary>Where the time of an animation went, for people and for machines.</summary>
internal static class ProfileReport
{
    /// <summary>When this process started, to some hundredths of a second.</summary>
    public static DateTime ProcessStart()
    {
        using Process process = Process.GetCurrentProcess();
        return process.StartTime;
    }

    /// <summary>How long this process has run.</summary>
    public static TimeSpan SinceProcessStart() => DateTime.Now - ProcessStart();

    /// <param name="output">Receives two tables, and a third of what ran beside each other.</param>
    /// <param name="profile">Of an animator's first clip.</param>
    /// <param name="started">From the start of the process to the command.</param>
    /// <param name="timeline">What ran beside each other; null leaves its table out.</param>
    public static void Write(TextWriter output, AnimationProfile profile, TimeSpan started, Timeline? timeline)
    {
        output.WriteLine();
        TextTable stages = new("stage", ">busy s", ">share", ">waited for input s", ">for output s");
        foreach (ProfileStage stage in profile.Stages.Where(stage => stage != new ProfileStage(stage.Name, default, default, default)))
        {
            stages.Add(
                stage.Name, Seconds(stage.Busy), profile.Wall > TimeSpan.Zero ? $"{100 * (stage.Busy / profile.Wall):0} %"
                    : "", Seconds(stage.WaitedForInput), Seconds(stage.WaitedForOutput));
        }
        stages.Write(output);
        output.WriteLine($"of {profile.Wall.TotalSeconds:0.000} s; stages run beside each other");
        output.WriteLine();
        TextTable steps = new("before the first frame", ">ms", ">since the start");
        TimeSpan since = TimeSpan.Zero;
        foreach (ProfileStep step in Steps(profile, started))
            steps.Add(step.Name, $"{step.Duration.TotalMilliseconds:0}", $"{(since += step.Duration).TotalMilliseconds:0}");
        steps.Write(output);
        if (timeline?.Rows() is { Count: > 0 } rows) Write(output, rows);
        output.WriteLine($"ended {Milliseconds(SinceProcessStart())} ms after the start; "
            + $"compiled on the way: {JitInfo.GetCompiledMethodCount()} methods, {Milliseconds(JitInfo.GetCompilationTime())} ms; "
            + $"collections: {GC.CollectionCount(0)}, {Milliseconds(GC.GetTotalPauseDuration())} ms");
    }

    private static void Write(
        TextWriter output, IReadOnlyList<(string Name, TimeSpan From, TimeSpan To, int Count, TimeSpan Sum)> rows)
    {
        output.WriteLine();
        TextTable spans = new("beside each other", ">from ms", ">to", ">times", ">ms in all");
        foreach ((string name, TimeSpan from, TimeSpan to, int count, TimeSpan sum) in rows)
            spans.Add(name, Milliseconds(from), Milliseconds(to), $"{count}", $"{sum.TotalMilliseconds:0.0}");
        spans.Write(output);
        output.WriteLine();
    }

    /// <param name="json">Receives a member <c>profile</c>, in seconds.</param>
    /// <param name="profile">Of an animator's first clip.</param>
    /// <param name="started">From the start of the process to the command.</param>
    /// <param name="timeline">What ran beside each other; null for nothing.</param>
    public static void Write(Utf8JsonWriter json, AnimationProfile profile, TimeSpan started, Timeline? timeline)
    {
        json.WriteStartObject("profile");
        json.WriteNumber("wall", Rounded(profile.Wall));
        json.WriteStartArray("stages");
        foreach (ProfileStage stage in profile.Stages)
        {
            json.WriteStartObject();
            json.WriteString("name", stage.Name);
            json.WriteNumber("busy", Rounded(stage.Busy));
            json.WriteNumber("waitedForInput", Rounded(stage.WaitedForInput));
            json.WriteNumber("waitedForOutput", Rounded(stage.WaitedForOutput));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("firstFrame");
        foreach (ProfileStep step in Steps(profile, started))
        {
            json.WriteStartObject();
            json.WriteString("name", step.Name);
            json.WriteNumber("seconds", Rounded(step.Duration));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("activities");
        foreach ((string name, TimeSpan from, TimeSpan to, int count, TimeSpan sum) in timeline?.Rows() ?? [])
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("from", Rounded(from));
            json.WriteNumber("to", Rounded(to));
            json.WriteNumber("times", count);
            json.WriteNumber("seconds", Rounded(sum));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("end", Rounded(SinceProcessStart()));
        json.WriteNumber("methodsCompiled", JitInfo.GetCompiledMethodCount());
        json.WriteNumber("compiling", Rounded(JitInfo.GetCompilationTime()));
        json.WriteNumber("collections", GC.CollectionCount(0));
        json.WriteNumber("collecting", Rounded(GC.GetTotalPauseDuration()));
        json.WriteEndObject();
    }

    private static IEnumerable<ProfileStep> Steps(AnimationProfile profile, TimeSpan started) =>
        profile.FirstFrame.Prepend(new("program started", started));

    private static string Milliseconds(TimeSpan time) => $"{time.TotalMilliseconds:0}";

    private static string Seconds(TimeSpan time) => time == TimeSpan.Zero ? "" : $"{time.TotalSeconds:0.000}";

    private static double Rounded(TimeSpan time) => Math.Round(time.TotalSeconds, 6);
}
