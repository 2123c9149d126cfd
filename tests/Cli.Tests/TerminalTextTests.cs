using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>Nothing that a file is called or says drives the terminal.</summary>
public sealed class TerminalTextTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("plain, größer, 日本, 👩‍🚀", "plain, größer, 日本, 👩‍🚀")]
    [InlineData("\e[31mred\a", "\\u001b[31mred\\u0007")]
    [InlineData("\u009b2J", "\\u009b2J")] // the one-character form of the same
    [InlineData("evil\u202egpj.exe", "evil\\u202egpj.exe")]
    [InlineData("\u2066a\u2069\u200e\ufeff", "\\u2066a\\u2069\\u200e\\ufeff")]
    [InlineData("one\ntwo\r", "one\\u000atwo\\u000d")]
    [InlineData("\U000e0041", "\\udb40\\udc41")] // a tag, which nobody sees
    public void A_line_shows_and_does_nothing(string text, string shown)
    {
        StringWriter written = new() { NewLine = "\n" };
        new TerminalText(written).WriteLine(text);
        Assert.Equal(shown + "\n", written.ToString());
    }

    [Fact]
    public void Text_of_several_lines_stays_so()
    {
        StringWriter written = new();
        new TerminalText(written).Write("one\r\n\ttwo\n\rthree");
        Assert.Equal("one\r\n\ttwo\n\\u000dthree", written.ToString());
    }

    [Fact]
    public void Names_in_results_and_errors_are_escaped_and_JSON_is_not_changed()
    {
        string name = files.At("\e]0;title\a\u202e.png"), model = files.At("\e[2Jmodel.safetensors");
        File.Copy(files.Model, model);
        Outcome done = CliRunner.Succeed("animate", files.Source, files.Driving, "-o", name, "-m", model, "--frames", "0:1");
        Outcome json = CliRunner.Succeed("animate", files.Source, files.Driving, "-o", name, "-m", model, "--frames", "0:1", "--json",
            "-q");
        Outcome inspected = CliRunner.Succeed("inspect", model);
        Outcome failed = CliRunner.Run("animate", files.Source, "\e[2Jnone.mp4", "-o", name, "-m", files.Model);
        Outcome misused = CliRunner.Run("animate", "--nothing\e[2J");
        Assert.Contains("\\u001b]0;title\\u0007\\u202e.png: 1 frame", done.Output);
        Assert.Contains("\\u001b[2Jnone.mp4: there is no such file", failed.Error);
        foreach (Outcome outcome in (Outcome[])[done, json, inspected, failed, misused])
            Assert.DoesNotContain((outcome.Output + outcome.Error).Replace("\n", ""), c => char.IsControl(c) || c == '\u202e');
        Assert.Equal(name, JsonDocument.Parse(json.Output).RootElement.GetProperty("output").GetString());
    }
}
