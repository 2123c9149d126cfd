using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>What people type, and what they meant by it.</summary>
public class ForgivingTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("help", "animate")]
    [InlineData("help animate", "--driving-crop")]
    [InlineData("help motion extract", "--output")]
    [InlineData("animate help", "--driving-crop")]
    [InlineData("motion help", "extract")]
    [InlineData("motion extract help", "--output")]
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

    /// <summary>However it fails: where frames go to standard output JSON goes where its results would, and a fault of the program itself
    /// is told too.</summary>
    [Theory]
    [InlineData("anmate --json", ExitCode.BadInput, "Did you mean 'animate'?")]
    [InlineData("animate SOURCE DRIVING -o no/such/folder/x.png --json -m MODEL", ExitCode.BadInput, "no folder")]
    [InlineData("batch SOURCE --driving nothing.mp4 -o x --json -m MODEL", ExitCode.BadInput, "there is no such file")]
    [InlineData("motion extract nothing.mp4 -o x.safetensors --json -m MODEL", ExitCode.BadInput, "there is no such file")]
    [InlineData("manipulate nothing.png -o x.png -d 1 --json -m MODEL", ExitCode.BadInput, "there is no such file")]
    [InlineData("evaluate nothing.mp4 --json -m MODEL", ExitCode.BadInput, "there is no such file")]
    [InlineData("verify nothing.safetensors --json", ExitCode.BadInput, "there is no such file")]
    [InlineData("inspect nothing.safetensors --json", ExitCode.BadInput, "there is no such file")]
    [InlineData("animate SOURCE - -o x.png --json -m MODEL", ExitCode.Failure, "internal error: the stream broke")]
    [InlineData("animate nothing.png DRIVING -o - --json -m MODEL", ExitCode.BadInput, "there is no such file")]
    public void Every_failed_run_that_was_to_give_JSON_does(string line, int status, string message)
    {
        StringWriter output = new(), error = new();
        CliContext context = new(output, error, ErrorIsTerminal: false, default)
        {
            OpenInput = () => throw new InvalidOperationException("the stream broke"),
            OpenOutput = () => Stream.Null,
        };
        string[] arguments = [.. line.Split(' ').Select(word => word switch
        {
            "SOURCE" => files.Source,
            "DRIVING" => files.Driving,
            "MODEL" => files.Model,
            "x" or "x.png" or "x.safetensors" => files.At(word),
            _ => word,
        })];
        Assert.Equal(status, Application.Run(arguments, context));
        string said = output.ToString();
        if (line.Contains(" -o - "))
        {
            Assert.Equal("", said);
            said = error.ToString()[error.ToString().IndexOf('{')..];
        }
        using JsonDocument json = JsonDocument.Parse(said);
        Assert.Contains(message, json.RootElement.GetProperty("error").GetString());
        Assert.Equal(status, json.RootElement.GetProperty("exitStatus").GetInt32());
    }

    [Theory]
    [InlineData("animate SOURCE DRIVING -o demo.y4m")]
    [InlineData("batch SOURCE --driving DRIVING -o demo --format png")]
    [InlineData("motion extract DRIVING -o demo.safetensors")]
    public void Without_a_model_the_demonstrations_is_taken_and_named(string line)
    {
        string[] arguments = [.. line.Split(' ').Select(word => word switch
        {
            "SOURCE" => files.Source,
            "DRIVING" => files.Driving,
            _ => word.StartsWith("demo", StringComparison.Ordinal) ? files.At(word) : word,
        })];
        Outcome outcome = CliRunner.Succeed([.. arguments, "--frames", "0:1", "--json"]);
        Assert.Equal("lia: no model is named (--model FILE): the demonstration model of drawn portraits is taken", outcome.ErrorLines[0]);
        using JsonDocument json = JsonDocument.Parse(outcome.Output);
        JsonElement result = json.RootElement.TryGetProperty("sources", out JsonElement sources) ? sources[0] : json.RootElement;
        Assert.Equal(DemoFiles.Model, result.GetProperty("model").GetString());
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
