using System.Globalization;
using System.Text.Json;
using Lia.Cli.Manifests;

namespace Lia.Cli.Tests;

/// <summary>lia batch status: what the lines of many shards' runs come to.</summary>
public sealed class BatchStatusTests : IDisposable
{
    private static readonly DateTime Start = new(2026, 11, 30, 12, 0, 0, DateTimeKind.Utc);

    private readonly string _folder = Directory.CreateTempSubdirectory("lia-status-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(string name, params string[] lines)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, string.Join('\n', lines) + "\n");
        return path;
    }

    private static string Line(int second, string run, string what, string more = "") =>
        $"{{\"time\":\"{Start.AddSeconds(second).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)}\","
            + $"\"event\":\"{what}\",\"run\":\"{run}\"{more}}}";

    private static string Begin(int second, string run, string shard, string plan = "p") => Line(second, run, "begin",
        $",\"manifest\":\"/m.csv\",\"shard\":\"{shard}\",\"rows\":4,\"work\":40,\"totalRows\":8,\"totalWork\":80,\"plan\":\"{plan}\"");

    private static string About(int row, string more = "") => $",\"row\":{row},\"name\":\"{row}.mp4\",\"work\":10{more}";

    private static string Done(int second, string run, int row) => Line(second, run, "done", About(row, ",\"skipped\":false"));

    [Fact]
    public void Rows_are_done_failed_running_or_left_and_the_rate_tells_the_rest()
    {
        string a = Write("a.jsonl", Begin(0, "a", "1/2"), Line(1, "a", "start", About(1)), Done(20, "a", 1),
            Line(21, "a", "start", About(2)), Done(30, "a", 2),
            Line(31, "a", "failed", About(3, ",\"reason\":\"no picture\",\"retry\":false")), Line(32, "a", "start", About(4)),
            Line(59, "a", "progress", About(4)));
        // The second shard's first run was killed; the one after it found a row done, and one that another time may succeed.
        string b = Write("b.jsonl", Begin(0, "b", "2/2"), Done(10, "b", 5), Line(11, "b", "start", About(6)), Begin(40, "c", "2/2"),
            Line(41, "c", "done", About(5, ",\"skipped\":true")), Line(42, "c", "failed", About(7, ",\"reason\":\"full\",\"retry\":true")),
            Line(43, "c", "end"));
        StatusReport report = StatusReport.Read([a, b], Start.AddSeconds(60));
        Assert.Equal((8, 3, 1, 1, 3, 1), (report.Total, report.Done, report.Failed, report.Running, report.Left, report.Again));
        Assert.Equal(0, report.Silent);
        Assert.Equal(3, report.RowsAMinute, 6); // 3 in a minute
        Assert.Equal(80, report.TimeLeft!.Value.TotalSeconds, 6); // 40 of 80 are over; 30 took a minute
        Assert.False(report.IsCutDifferently);
        Assert.Equal((3, "3.mp4", "no picture"), Assert.Single(report.Failures));

        // Nothing was said for long: nobody is at work.
        report = StatusReport.Read([a, b], Start.AddHours(1));
        Assert.Equal((0, 4, 1), (report.Running, report.Left, report.Silent));
        Assert.Equal(3, report.RowsAMinute * 59 / 60, 6); // until the last word
    }

    [Fact]
    public void A_later_word_counts_whichever_file_it_is_in()
    {
        string late = Write("1.jsonl", Begin(50, "b", "1/1"), Done(60, "b", 1)), early = Write("2.jsonl", Begin(0, "a", "1/1"),
            Line(10, "a", "failed", About(1, ",\"reason\":\"r\",\"retry\":true")), Line(11, "a", "end"));
        foreach (string[] order in (string[][])[[late, early], [early, late]])
        {
            StatusReport report = StatusReport.Read(order, Start.AddSeconds(61));
            Assert.Equal((1, 0, 7), (report.Done, report.Again, report.Left));
        }
    }

    [Fact]
    public void The_command_shows_a_table_or_json_and_names_what_is_odd()
    {
        string a = Write("a.jsonl", Begin(0, "a", "1/2"), Done(60, "a", 1), "{\"time\":\"2026-1", Line(61, "a", "end")),
            b = Write("b.jsonl", Begin(1, "b", "2/2", plan: "other"),
                Line(2, "b", "failed", About(5, ",\"reason\":\"no picture\",\"retry\":false")),
                Line(3, "b", "end"));
        Outcome text = CliRunner.Succeed("batch", "status", a, b);
        Assert.Equal(["rows  done  failed  running  left  rows a minute  time left",
            "----  ----  ------  -------  ----  -------------  ---------",
            "   8     1       1        0     6            1.0       6:06", "row 5 failed: 5.mp4: no picture"], text.OutputLines);
        Assert.Contains("1 line is no status line", text.Error.Replace("lines", "line", StringComparison.Ordinal));
        Assert.Contains("changed between the starts of shards", text.Error);
        JsonElement json = JsonDocument.Parse(CliRunner.Succeed("batch", "status", a, b, "--json").Output).RootElement;
        Assert.Equal((8, 1, 1, 6), (json.GetProperty("rows").GetInt32(), json.GetProperty("done").GetInt32(),
            json.GetProperty("failed").GetInt32(), json.GetProperty("left").GetInt32()));
        Assert.Equal(ExitCode.BadInput, CliRunner.Run("batch", "status", Path.Combine(_folder, "none.jsonl")).Status);
    }

    [Fact]
    public void A_line_after_one_that_was_cut_short_stands_alone()
    {
        string path = Path.Combine(_folder, "torn.jsonl");
        File.WriteAllText(path, "{\"time\":\"2026");
        using (StatusFile status = new(path))
        {
            status.Write("begin", _ => { });
            status.Write("end", _ => { });
        }
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(3, lines.Length);
        Assert.All(lines[1..], line => JsonDocument.Parse(line));
    }

    [Fact]
    public async Task Lines_of_several_writers_stay_whole()
    {
        string path = Path.Combine(_folder, "shared.jsonl");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
        {
            using StatusFile status = new(path);
            for (int i = 0; i < 200; i++) status.Write("progress", json =>
                json.WriteString("name", new string((char)('a' + writer), 1 + 10 * writer + i)));
        })));
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(1600, lines.Length);
        Assert.All(lines, line => Assert.Single(
            JsonDocument.Parse(line).RootElement.GetProperty("name").GetString()!.Distinct()));
    }
}
