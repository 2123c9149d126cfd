using System.Text.Json;
using Lia.Training.Data;
using Lia.Training.Steps;
using Lia.Training.Tests;

namespace Lia.Cli.Tests;

public sealed class TrainCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lia-cli-train-").FullName;
    private readonly string[] _narrow;

    public TrainCommandTests()
    {
        for (int clip = 0; clip < 4; clip++)
        {
            Directory.CreateDirectory(At("data", $"clip{clip}"));
            for (int frame = 0; frame < 3; frame++)
            {
                RgbImage image = new(64, 64);
                image.Pixels.AsSpan().Fill((byte)(50 * clip + 10 * frame));
                image.Save(At("data", $"clip{clip}", $"{frame}.png"));
            }
        }
        _narrow = ["--size", "64", "--channels", "12,8,8,4,4", "--code", "24", "--directions", "5", "--batch", "2", "--seed", "3"];
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(params ReadOnlySpan<string> names) => Path.Combine([_folder, .. names]);

    private static Outcome Run(TinySteps steps, CancellationToken token, params string[] arguments)
    {
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int status = Application.Run(arguments, new CliContext(output, error, ErrorIsTerminal: false, token) { TrainingSteps = steps });
        return new(status, output.ToString(), error.ToString());
    }

    private Outcome Train(TinySteps steps, params string[] more) =>
        Run(steps, CancellationToken.None, ["train", At("data"), "-o", At("run"), .. _narrow, .. more]);

    [Fact]
    public void A_run_ends_with_a_model_and_a_line()
    {
        TinySteps steps = new();
        Outcome outcome = Train(steps, "--steps", "6", "--held-out", "1", "--average", "0.9", "--precision", "exact", "--device", "cuda:2");
        Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
        string model = At("run", "model.safetensors");
        Assert.StartsWith($"{model}: 6 steps, held out L1 ", outcome.Output);
        Assert.EndsWith(" on a tiny device\n", outcome.Output);
        Assert.StartsWith("1/6 steps, P ", outcome.ErrorLines.First(line => line.Contains("steps")));
        Assert.StartsWith("6/6 steps, P ", outcome.ErrorLines[^1]);
        Assert.Contains("0:00 left", outcome.ErrorLines[^1]);
        Assert.Equal((0.9, true, 2), (steps.Made[0].Average, steps.Made[0].IsExact, steps.Made[0].Gpu));
        Assert.Equal(1, steps.Made[0].Adversarial);
        CliRunner.Succeed("inspect", model); // as any command takes it
    }

    /// <summary>Each option reaches what it is for.</summary>
    [Fact]
    public void Options_are_taken_as_they_are_given()
    {
        CliRunner.Succeed("synthesize", "--size", "64", "-o", At("m.safetensors"), "-q");
        File.WriteAllText(At("vgg.safetensors"), "");
        Outcome outcome = Run(new TinySteps(), CancellationToken.None, "train", At("data"), "-o", At("run"), "--from", At("m.safetensors"),
            "--batch", "4", "--steps", "2", "--seed", "9", "--in-order", "--flip", "--jitter", "0.2", "--crop", "8", "--every", "1",
            "--held-out", "2", "--vgg", At("vgg.safetensors"), "--rate", "0.01", "--discriminator-rate", "0.02", "--schedule", "cosine",
            "--warm-up", "4", "--flat", "0.5", "--rate-end", "0.25", "--average", "0.99", "--adversarial", "0.5",
            "--discriminator", "patches", "--matching", "0.125", "--labels", "0", "--surfaces", "0", "--guide-end", "1",
            "--momentum", "0.9", "--l1", "0.25", "--fixed-directions", "--flow-start", "0.05",
            "--log-every", "1", "--checkpoint-every", "5", "--keep-every", "6", "--sheet-every", "7", "--workers", "2", "-q");
        Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
        Assert.Equal("", outcome.Output + outcome.Error);
        JsonElement options = JsonDocument.Parse(File.ReadAllText(At("run", "options.json"))).RootElement;
        Dictionary<string, object> expected = new()
        {
            ["data"] = At("data"), ["output"] = At("run"), ["from"] = At("m.safetensors"), ["batch"] = 4, ["steps"] = 2, ["seed"] = 9,
            ["inOrder"] = true, ["flip"] = true, ["jitter"] = 0.2, ["crop"] = 8, ["every"] = 1, ["heldOut"] = 2,
            ["vgg"] = At("vgg.safetensors"),
            ["rate"] = 0.01, ["discriminatorRate"] = 0.02, ["schedule"] = "Cosine", ["warmUp"] = 4, ["flat"] = 0.5, ["rateEnd"] = 0.25,
            ["average"] = 0.99, ["adversarial"] = 0.5, ["discriminator"] = "Patches", ["matching"] = 0.125, ["momentum"] = 0.9,
            ["l1"] = 0.25, ["labels"] = 0, ["surfaces"] = 0, ["guideEnd"] = 1,
            ["fixedDirections"] = true, ["flowStart"] = 0.05, ["logEvery"] = 1, ["checkpointEvery"] = 5,
            ["keepEvery"] = 6, ["sheetEvery"] = 7, ["workers"] = 2, ["precision"] = "Auto",
        };
        foreach ((string name, object value) in expected) Assert.Equal($"{value}", $"{options.GetProperty(name)}");
        string[] unset = ["size", "code", "directions", "weightMaps", "gpu"];
        Assert.All(unset, name => Assert.Equal(JsonValueKind.Null, options.GetProperty(name).ValueKind));
        // And each that there is was looked at.
        Assert.Equal([.. expected.Keys.Concat(unset).Append("channels").Order(StringComparer.Ordinal)],
            options.EnumerateObject().Select(option => option.Name).Order(StringComparer.Ordinal).ToArray());
    }

    /// <summary>What a pack knows beyond pictures reaches the step, and what comes of it those who look.</summary>
    [Fact]
    public void Labels_and_surfaces_are_weighed_and_told()
    {
        PackShape shape = new(64, false, 3, 2);
        using (PackWriter writer = new(At("p.liapack"), shape))
        {
            for (int i = 0; i < 4; i++) writer.Add(new byte[shape.PictureLength], new float[shape.Numbers]);
            writer.EndClip("clip");
            writer.Complete();
        }
        TinySteps steps = new();
        string[] arguments = ["train", At("p.liapack"), "-o", At("run"), .. _narrow, "--steps", "4", "--held-out", "0"];
        Outcome outcome = Run(steps, CancellationToken.None,
            [.. arguments, "--labels", "8", "--surfaces", "3", "--guide-end", "0.5", "--json"]);
        Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
        StepSettings made = steps.Made[0];
        Assert.Equal((3, 2, 8, 3), (made.Labels, made.Parts, made.LabelWeight, made.SurfaceWeight));
        Assert.Equal([1, 0.875f, 0.75f, 0.625f], steps.Seen.Select(seen => seen.Rates.Guide));
        Assert.Contains(", labels 0.2500, surfaces 0.5000, rate ", outcome.ErrorLines[^1]);
        foreach (string text in (string[])[outcome.Output, CliRunner.Succeed("train", "status", At("run"), "--json").Output])
        {
            JsonElement losses = JsonDocument.Parse(text).RootElement.GetProperty("losses");
            Assert.True(losses.GetProperty("labels").GetDouble() > 0 && losses.GetProperty("surfaces").GetDouble() > 0);
        }
        string[] table = CliRunner.Succeed("train", "status", At("run")).OutputLines;
        Assert.Equal("L1 G D labels surfaces rate", string.Join(' ', table[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[4..10]));
        // Means of the four steps: 1, 1/2, 1/3, 1/4 and twice as much.
        Assert.Equal(["0.5208", "1.0417"], table[2].Split(' ', StringSplitOptions.RemoveEmptyEntries)[7..9]);
        Assert.Contains("--guide-end was 0.5, and is 1", Refuse([.. arguments, "--labels", "8", "--surfaces", "3", "--resume"]));
        // Left out, they are not even looked at.
        TinySteps plain = new();
        Outcome without = Run(plain, CancellationToken.None, [.. arguments[..3], At("plain"), .. arguments[4..]]);
        Assert.True(without.Status == ExitCode.Success, without.Error);
        Assert.Equal((0, 0), (plain.Made[0].Labels, plain.Made[0].Parts));
        Assert.DoesNotContain("labels", without.ErrorLines[^1]);
    }

    [Fact]
    public void A_stopped_run_writes_a_checkpoint_and_goes_on()
    {
        using CancellationTokenSource stop = new();
        TinySteps first = new() { Ran = steps => { if (steps == 3) stop.Cancel(); } };
        string[] arguments = ["train", At("data"), "-o", At("run"), .. _narrow, "--steps", "6"];
        Outcome stopped = Run(first, stop.Token, arguments);
        Assert.Equal(ExitCode.Cancelled, stopped.Status);
        Assert.Equal("lia: stopped at step 3 of 6, with a checkpoint; the same command with --resume goes on from there",
            stopped.ErrorLines[^1]);
        Assert.Contains("stopped", CliRunner.Succeed("train", "status", At("run")).Output);

        TinySteps second = new();
        Outcome done = Run(second, CancellationToken.None, [.. arguments, "--resume", "--json"]);
        Assert.True(done.Status == ExitCode.Success, done.Error);
        JsonElement json = JsonDocument.Parse(done.Output).RootElement;
        Assert.Equal((6, 3), (json.GetProperty("steps").GetInt32(), second.Seen.Count));
        Assert.Equal(At("run", "model.safetensors"), json.GetProperty("model").GetString());
        Assert.Equal(JsonValueKind.Number, json.GetProperty("losses").GetProperty("perceptual").ValueKind);
    }

    [Fact]
    public void What_is_no_number_ends_the_run_with_one_line()
    {
        Outcome outcome = Train(new TinySteps { NotFiniteLoss = 4 }, "--steps", "6", "--checkpoint-every", "2", "-q");
        Assert.Equal(ExitCode.Failure, outcome.Status);
        Assert.Equal("lia: step 4: the loss is no number; first: gradient of dec.convs.3.conv.weight; the last good checkpoint is "
            + $"{At("run", "checkpoint.safetensors")} of step 2", Assert.Single(outcome.ErrorLines));
        Assert.Contains("failed: step 4: the loss is no number", CliRunner.Succeed("train", "status", At("run")).Output);
    }

    [Fact]
    public void The_status_is_a_table_or_json()
    {
        Train(new TinySteps(), "--steps", "6", "--held-out", "1", "--sheet-every", "3", "-q");
        string[] lines = CliRunner.Succeed("train", "status", At("run")).OutputLines;
        string[] heads = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] cells = lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["state", "step", "of", "P", "L1", "G", "D", "rate", "pairs/s", "time", "left"], heads);
        Assert.Equal(["done", "6", "6"], cells[..3]);
        Assert.Contains(lines, line => line.StartsWith("held out, at step 6: L1 ", StringComparison.Ordinal));
        Assert.Contains("checkpoint of step 6", lines);
        JsonElement json = JsonDocument.Parse(CliRunner.Succeed("train", "status", At("run"), "--json").Output).RootElement;
        Assert.Equal(("done", 6, 6), (json.GetProperty("state").GetString(), json.GetProperty("step").GetInt32(),
            json.GetProperty("checkpoint").GetInt32()));
        Assert.Equal(1.386, json.GetProperty("losses").GetProperty("discriminator").GetDouble(), 1e-3);
        Assert.Equal(2, json.GetProperty("heldOut").GetProperty("pictures").GetInt32());

        Outcome none = CliRunner.Run("train", "status", At("data"));
        Assert.Equal(ExitCode.BadInput, none.Status);
        Assert.Contains("no run in it", Assert.Single(none.ErrorLines));
    }

    [Fact]
    public void Clips_and_rows_are_packed_by_name()
    {
        Outcome outcome = CliRunner.Succeed("train", "pack", At("data"), "-o", At("p.liapack"), "--size", "64");
        Assert.Equal($"{At("p.liapack")}: 4 clips of 12 pictures, 0.1 MB\n4 clips: 4 done, 0 done already, 0 failed\n", outcome.Output);
        File.WriteAllText(At("rows.csv"),
            $"source,driving,start,target,weights\n{Frame(0, 0)},{Frame(1, 2)},{Frame(1, 0)},{Frame(0, 2)},\n{Frame(0, 0)},{Frame(2, 1)},,"
            + $"{Frame(0, 1)},\n{Frame(0, 0)},none.png,,{Frame(0, 1)},\n{Frame(0, 0)},,,{Frame(0, 1)},\n");
        outcome = CliRunner.Run("train", "pack", At("rows.csv"), "-o", At("r.liapack"), "--size", "64", "--json");
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement, pack = json.GetProperty("pack");
        Assert.Equal((4, 2, 2), (json.GetProperty("rows").GetInt32(), json.GetProperty("done").GetInt32(),
            json.GetProperty("failed").GetInt32()));
        Assert.Equal((2, 6), (pack.GetProperty("rows").GetInt32(), pack.GetProperty("pictures").GetInt32()));
        Assert.Contains("rows.csv: row 3: none.png: there is no such file.", outcome.Error);
        Assert.Contains("rows.csv: row 4 (line 5), column driving: there is nothing in it.", outcome.Error);

        Assert.Contains("rows are packed first", Refuse("train", At("rows.csv"), "-o", At("run")));
        Assert.Contains("no --every", Refuse("train", "pack", At("rows.csv"), "-o", At("x"), "--every", "2"));
        File.WriteAllText(At("wrong.csv"), "source,driving,target,targt\na,b,c,d\n");
        Assert.Contains("column targt: there is no such column. Did you mean 'target'?",
            Refuse("train", "pack", At("wrong.csv"), "-o", At("x")));
        Assert.Contains("would replace", Refuse("train", "pack", At("rows.csv"), "-o", At("rows.csv")));
        Assert.False(File.Exists(At("x")));

        string Frame(int clip, int frame) => At("data", $"clip{clip}", $"{frame}.png");
    }

    [Fact]
    public void Without_a_gpu_it_says_so_in_one_line()
    {
        Assert.SkipWhen(File.Exists("/dev/nvidiactl"), "There is a GPU.");
        Outcome outcome = CliRunner.Run("train", At("data"), "-o", At("run"));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.StartsWith("lia: Training needs a CUDA GPU: ", Assert.Single(outcome.ErrorLines));
        Assert.False(Directory.Exists(At("run")));
    }

    [Theory]
    [InlineData("There is nothing to learn from")]
    [InlineData("There is no folder for the run", "data")]
    [InlineData("--device is cuda or cuda:N", "data", "-o", "run", "--device", "cpu")]
    [InlineData("--channels is numbers", "data", "-o", "run", "--channels", "12,x")]
    [InlineData("--size is 64", "data", "-o", "run", "--size", "100")]
    [InlineData("there are 5 numbers of channels", "data", "-o", "run", "--size", "64", "--channels", "12")]
    [InlineData("--jitter is a number", "data", "-o", "run", "--jitter", "2")]
    [InlineData("The guide's end belongs to the weights of labels and surfaces", "data", "-o", "run", "--guide-end", "0.5")]
    [InlineData("Pictures with labels are not mirrored", "data", "-o", "run", "--labels", "8", "--flip")]
    [InlineData("--surfaces is a number", "data", "-o", "run", "--surfaces", "-1")]
    [InlineData("Flat and the rate's end belong to the cosine", "data", "-o", "run", "--flat", "0.5")]
    public void What_makes_no_sense_is_refused(string reason, params string[] arguments) =>
        Assert.Contains(reason, Refuse(["train", .. arguments]));

    private static string Refuse(params string[] arguments)
    {
        Outcome outcome = Run(new TinySteps(), CancellationToken.None, arguments);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        return outcome.ErrorLines[^1];
    }
}
