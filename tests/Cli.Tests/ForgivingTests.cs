using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>What people type, and what they meant by it.</summary>
public class ForgivingTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("help", "animate")]
    [InlineData("help animate", "--driving-crop")]
    [InlineData("help motion extract", "--output")]
    public void Help_is_a_command_too(string line, string expected)
    {
        Outcome outcome = CliRunner.Run(line.Split(' '));
        Assert.Equal((ExitCode.Success, ""), (outcome.Status, outcome.Error));
        Assert.Contains(expected, outcome.Output);
    }

    [Fact]
    public void A_failed_run_that_was_to_give_JSON_gives_the_error_as_JSON()
    {
        Outcome outcome = CliRunner.Run(["animate", "nothing.png", files.Driving, "-o", files.At("x.png"), "-m", files.Model, "--json"]);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        using JsonDocument json = JsonDocument.Parse(outcome.Output);
        Assert.Equal("nothing.png: there is no such file.", json.RootElement.GetProperty("error").GetString());
        Assert.Equal(2, json.RootElement.GetProperty("exitStatus").GetInt32());
        Assert.Equal("lia: nothing.png: there is no such file.", Assert.Single(outcome.ErrorLines));
    }

    [Fact]
    public void Names_count_in_any_case_and_rates_as_they_are_spoken()
    {
        string output = files.At("rate.y4m");
        Outcome outcome = CliRunner.Run(["animate", files.Source, files.Driving, "-o", output, "-m", files.Model, "-q", "--device", "CPU",
            "--mode", "Relative", "--fps", "29.97"]);
        Assert.Equal((ExitCode.Success, ""), (outcome.Status, outcome.Error));
        Assert.Contains(" F30000:1001 ", File.ReadLines(output).First());
    }

    [Fact]
    public void Two_pictures_are_asked_about()
    {
        Outcome outcome = CliRunner.Run(["animate", files.Source, files.Source, "-o", files.At("one.jpg"), "-m", files.Model, "-q"]);
        Assert.Equal(ExitCode.Success, outcome.Status);
        Assert.Equal("lia: warning: DRIVING is one picture: is the order right? It is SOURCE DRIVING.", Assert.Single(outcome.ErrorLines));
        Assert.Equal([0xff, 0xd8], File.ReadAllBytes(files.At("one.jpg"))[..2]);
    }
}
