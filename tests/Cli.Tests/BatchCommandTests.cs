using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>lia batch: a folder of outputs, a line each, failures at the end, and a rerun that goes on.</summary>
public class BatchCommandTests(Workspace files) : IClassFixture<Workspace>
{
    /// <summary>A folder of faces: a and b are pictures, bad is not.</summary>
    private string Faces(string name, bool withBad = false)
    {
        string folder = Directory.CreateDirectory(files.At(name)).FullName;
        File.Copy(files.Source, Path.Combine(folder, "a.png"));
        File.Copy(Path.Combine(files.Driving, "0003.png"), Path.Combine(folder, "b.png"));
        if (withBad) File.WriteAllText(Path.Combine(folder, "bad.png"), "no picture");
        return folder;
    }

    [Fact]
    public void Every_source_gets_what_animate_writes()
    {
        string faces = Faces("faces"), output = files.At("out");
        Outcome outcome = CliRunner.Succeed("batch", faces, Path.Combine(files.Driving, "0007.png"), "--driving", files.Driving, "-o",
            output, "-m", files.Model, "--format", "apng", "--strength", "0.5");
        Assert.Equal(4, outcome.OutputLines.Length);
        Assert.StartsWith($"{Path.Combine(output, "a.apng")}: 10 frames of 64x64 at 25/1 frames/s, relative motion, in ",
            outcome.OutputLines[0]);
        Assert.StartsWith($"{Path.Combine(output, "0007.apng")}: 10 frames", outcome.OutputLines[2]);
        Assert.Equal("3 sources: 3 written, 0 skipped, 0 failed", outcome.OutputLines[3]);
        CliRunner.Succeed("animate", Path.Combine(faces, "b.png"), files.Driving, "-o", files.At("b.apng"), "-m", files.Model, "--strength",
            "0.5", "-q");
        Assert.Equal(File.ReadAllBytes(files.At("b.apng")), File.ReadAllBytes(Path.Combine(output, "b.apng")));
        Assert.Equal(3, Directory.GetFileSystemEntries(output).Length);
    }

    [Fact]
    public void A_failure_ends_with_status_2_after_the_others_and_a_rerun_does_only_what_is_missing()
    {
        string faces = Faces("mixed", withBad: true), output = files.At("mixed-out");
        string[] command = ["batch", faces, "--driving", files.Driving, "-o", output, "-m", files.Model, "--format", "frames", "--frames",
            ":3"];
        Outcome first = CliRunner.Run([.. command, "-q"]);
        Assert.Equal((ExitCode.BadInput, ""), (first.Status, first.Output));
        Assert.StartsWith($"lia: {Path.Combine(faces, "bad.png")}: ", Assert.Single(first.ErrorLines));
        Assert.Equal(3, Directory.GetFiles(Path.Combine(output, "a")).Length);

        File.Copy(files.Source, Path.Combine(faces, "bad.png"), overwrite: true);
        Outcome second = CliRunner.Succeed(command);
        Assert.Equal([$"{Path.Combine(output, "a")}: there already, skipped", $"{Path.Combine(output, "b")}: there already, skipped"],
            second.OutputLines[..2]);
        Assert.StartsWith($"{Path.Combine(output, "bad")}: 3 frames", second.OutputLines[2]);
        Assert.Equal("3 sources: 1 written, 2 skipped, 0 failed", second.OutputLines[3]);
    }

    [Fact]
    public void Json_tells_of_every_source()
    {
        string faces = Faces("json", withBad: true), output = files.At("json-out"), motion = files.At("m.safetensors");
        CliRunner.Succeed("motion", "extract", files.Driving, "-o", motion, "-m", files.Model, "-q");
        string[] command = ["batch", faces, "--motion", motion, "-o", output, "-m", files.Model, "--format", "png", "-q", "--json"];
        CliRunner.Run(command);
        File.Delete(Path.Combine(output, "b.png"));
        Outcome outcome = CliRunner.Run(command);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal((1, 1, 1), (json.GetProperty("written").GetInt32(), json.GetProperty("skipped").GetInt32(),
            json.GetProperty("failed").GetInt32()));
        JsonElement[] sources = [.. json.GetProperty("sources").EnumerateArray()];
        Assert.Equal(["skipped", "written", "failed"], sources.Select(source => source.GetProperty("status").GetString()));
        Assert.Equal(10, sources[1].GetProperty("frames").GetInt32());
        Assert.Equal(Path.Combine(output, "a.png"), sources[0].GetProperty("output").GetString());
        Assert.Equal(outcome.ErrorLines[0]["lia: ".Length..], sources[2].GetProperty("problem").GetString());
        Assert.Equal(ExitCode.Success,
            CliRunner.Run([.. command[..1], Path.Combine(faces, "a.png"), .. command[2..], "--overwrite"]).Status);
    }

    [Fact]
    public void Stopped_it_keeps_what_is_whole_and_says_how_to_go_on()
    {
        string faces = Faces("stopped"), output = files.At("stopped-out");
        using CancellationTokenSource cancellation = new();
        // Cancelled by the first line on standard output: that of a.png.
        StringWriter error = new() { NewLine = "\n" };
        using Watch lines = new(cancellation.Cancel);
        int status = Application.Run(["batch", faces, "--driving", files.Driving, "-o", output, "-m", files.Model, "--format", "png"],
            new CliContext(lines, error, ErrorIsTerminal: false, cancellation.Token));
        Assert.Equal(ExitCode.Cancelled, status);
        Assert.EndsWith("lia: stopped with 1 of 2 sources to go; the same command goes on from there\n", error.ToString());
        Assert.Equal([Path.Combine(output, "a.png")], Directory.GetFileSystemEntries(output));
    }

    [Fact]
    public void What_a_folder_holds_and_is_not_taken_is_named()
    {
        string faces = Faces("others"), output = files.At("others-out");
        File.WriteAllText(Path.Combine(faces, "raw.cr2"), "");
        File.WriteAllText(Path.Combine(faces, ".hidden"), "");
        Directory.CreateDirectory(Path.Combine(faces, "more"));
        string[] command = ["batch", faces, "--driving", files.Driving, "-o", output, "-m", files.Model, "--frames", ":1", "-q"];
        Outcome outcome = CliRunner.Succeed([.. command, "--format", "png"]);
        Assert.Equal($"lia: warning: {faces}: not taken, by their names no pictures: more/, raw.cr2", Assert.Single(outcome.ErrorLines));
        // Taken, and told by name: no picture lies under these names here.
        foreach (string name in (string[])["c.heic", "d.AVIF"]) File.WriteAllText(Path.Combine(faces, name), "no picture");
        outcome = CliRunner.Run([.. command[..2], "--driving", files.Driving, "-o", files.At("others-too"), "-m", files.Model, "-q",
            "--format", "apng"]);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains($"lia: {Path.Combine(faces, "c.heic")}: ", outcome.Error);
        Assert.Contains($"lia: {Path.Combine(faces, "d.AVIF")}: ", outcome.Error);
    }

    [Theory]
    [InlineData("mov")]
    [InlineData("mkv")]
    [InlineData("webm")]
    [InlineData("y4m")]
    [InlineData("rgb")]
    public void Every_container_that_animate_writes_is_a_format(string format)
    {
        string output = files.At($"{format}-out");
        CliRunner.Succeed("batch", files.Source, "--driving", files.Driving, "-o", output, "-m", files.Model, "--frames", ":2", "-q",
            "--format", format);
        Assert.Equal([Path.Combine(output, $"source.{format}")], Directory.GetFiles(output));
    }

    /// <summary>Does something when the first line is written.</summary>
    private sealed class Watch(Action first) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            first();
        }
    }
}
