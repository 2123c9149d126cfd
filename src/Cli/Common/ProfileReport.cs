using System.Diagnostics;
using System.Text.Json;

namespace Lia.Cli;

/// <summary>Where the time of an animation went, for people and for machines.</summary>
internal static class ProfileReport
{
    /// <summary>How long this process has run, to some hundredths of a second.</summary>
    public static TimeSpan SinceProcessStart()
    {
        using Process process = Process.GetCurrentProcess();
        return DateTime.Now - process.StartTime;
    }

    /// <param name="output">Receives two tables.</param>
    /// <param name="profile">Of an animator's first clip.</param>
    /// <param name="started">From the start of the process to the command.</param>
    public static void Write(TextWriter output, AnimationProfile profile, TimeSpan started)
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
    }

    /// <param name="json">Receives a member <c>profile</c>, in seconds.</param>
    /// <param name="profile">Of an animator's first clip.</param>
    /// <param name="started">From the start of the process to the command.</param>
    public static void Write(Utf8JsonWriter json, AnimationProfile profile, TimeSpan started)
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
        json.WriteEndObject();
    }

    private static IEnumerable<ProfileStep> Steps(AnimationProfile profile, TimeSpan started) =>
        profile.FirstFrame.Prepend(new("program started", started));

    private static string Seconds(TimeSpan time) => time == TimeSpan.Zero ? "" : $"{time.TotalSeconds:0.000}";

    private static double Rounded(TimeSpan time) => Math.Round(time.TotalSeconds, 6);
}
