using System.Text.Json;
using Lia.Training.Data;
using Lia.Training.Runs;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Tests;

public sealed class RunTests : IDisposable
{
    private readonly TrainingWorkspace _work = new();
    private readonly string _pack;

    public RunTests()
    {
        for (int clip = 0; clip < 6; clip++) _work.Clip($"data/clip{clip}", 20 + 30 * clip, 3 + clip);
        _pack = _work.At("data.liapack");
        TrainingPack.Write(_work.At("data"), _pack, new PackOptions { Size = 64 });
    }

    public void Dispose() => _work.Dispose();

    private TrainerOptions Options(string run = "run") => new()
    {
        Data = _pack,
        Output = _work.At(run),
        Size = 64,
        Channels = TinySteps.Narrow.Channels,
        Code = 24,
        Directions = 5,
        Batch = 2,
        Steps = 12,
        Seed = 3,
        HeldOut = 2,
        LogEvery = 2,
        CheckpointEvery = 4,
        SheetEvery = 6,
        Workers = 2,
    };

    [Fact]
    public void A_run_leaves_a_model_that_every_command_takes_and_a_folder_that_tells_of_it()
    {
        TinySteps steps = new();
        List<TrainingProgress> told = [];
        TrainingSummary summary = new Trainer(Options() with { Average = 0.5, KeepEvery = 6 }, steps).Run(new Told(told.Add));

        Assert.True(steps.Last!.IsDisposed);
        Assert.Equal(12, summary.Steps);
        Assert.Equal(Enumerable.Range(1, 12).Select(step => (long)step), told.Select(progress => progress.Step));
        Assert.Equal(12 * 2 / 4.0, told[^1].Epochs); // Four of six clips are learned from.
        using ITensorSource model = Checkpoint.Open(summary.Model);
        ModelManifest.Identify(model, summary.Model); // which checks every tensor
        Assert.Equal(TinySteps.Narrow, ModelArchitecture.Infer(model));
        foreach (TensorInfo tensor in TinySteps.Narrow.Layout())
        {
            float[] expected = tensor.Name.EndsWith(".kernel") ? ModelArchitecture.FirKernel(tensor.Name)
                : steps.Last.Values.GetValueOrDefault($"average.{tensor.Name}") ?? new float[tensor.ElementCount];
            Assert.Equal(expected, model.Read(tensor.Name));
        }
        Assert.Equal("12", model.Metadata["steps"]);
        Assert.Equal(
            [
                ".run.lock", "checkpoint-000000006.safetensors", "checkpoint-000000012.safetensors", "checkpoint.safetensors", "curves.png",
                "log.jsonl", "model-000000006.safetensors", "model-000000012.safetensors", "model.safetensors", "options.json",
                "sheets/000000006.png", "sheets/000000012.png",
            ],
            Directory.GetFiles(_work.At("run"), "*", SearchOption.AllDirectories).Select(path =>
                Path.GetRelativePath(_work.At("run"), path).Replace('\\', '/')).Order(StringComparer.Ordinal));
        Assert.Equal(6, TrainingCheckpoint.ReadHeader(_work.At("run", "checkpoint-000000006.safetensors")).Step);
        Assert.Equal(
            ["begun 0", "steps 2", "steps 4", "checkpoint 4", "steps 6", "measured 6", "steps 8", "checkpoint 8", "steps 10", "steps 12",
                "measured 12", "checkpoint 12", "done 12"],
            RunLog.Read(_work.At("run", "log.jsonl")).Select(line => $"{line.Event} {line.Step}"));
    }

    [Fact]
    public void A_run_that_goes_on_is_bit_for_bit_one_that_never_stopped()
    {
        TinySteps whole = new(), first = new(), second = new();
        TrainerOptions options = Options() with
        {
            Average = 0.9, Flip = true, Jitter = 0.1, Schedule = RateSchedule.Cosine, WarmUp = 3, Flat = 0.2, RateEnd = 0.1,
        };
        new Trainer(options with { Output = _work.At("whole") }, whole).Run();

        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => new Trainer(options, first).Run(new Told(progress =>
        {
            if (progress.Step == 5) stop.Cancel();
        }), stop.Token));
        Assert.Equal(5, TrainingStatus.Read(options.Output).Checkpoint); // It was written first.
        Assert.Equal("stopped", TrainingStatus.Read(options.Output).State);
        new Trainer(options with { Workers = 1 }, second) { IsResumed = true }.Run();

        Assert.Equal(whole.Seen, [.. first.Seen, .. second.Seen]);
        foreach (string file in (string[])["checkpoint.safetensors", "model.safetensors", "sheets/000000012.png"])
            Assert.Equal(File.ReadAllBytes(_work.At("whole", file)), File.ReadAllBytes(_work.At("run", file)));
        Assert.NotEqual(first.Last!.Values["adam.steps"], second.Last!.Values["adam.steps"]);
    }

    /// <summary>Killed, and not stopped: steps after the checkpoint are done again, and told once.</summary>
    [Fact]
    public void A_run_that_was_killed_goes_on_from_its_checkpoint_and_its_log_from_there()
    {
        TrainerOptions options = Options();
        new Trainer(options with { Output = _work.At("whole") }, new TinySteps()).Run();
        TinySteps first = new();
        Assert.Throws<InvalidOperationException>(() => new Trainer(options, first).Run(new Told(progress =>
        {
            if (progress.Step == 7) throw new InvalidOperationException("killed");
        })));
        Assert.Equal(4, TrainingStatus.Read(options.Output).Checkpoint);
        File.AppendAllText(_work.At("run", "log.jsonl"), "{\"time\":\"2026-11-3"); // amid a line
        TinySteps second = new();
        new Trainer(options, second) { IsResumed = true }.Run();

        Assert.Equal(8, second.Seen.Count);
        Assert.Equal(Steps("whole"), Steps("run"));
        Assert.Equal(File.ReadAllBytes(_work.At("whole", "checkpoint.safetensors")),
            File.ReadAllBytes(_work.At("run", "checkpoint.safetensors")));

        (LoggedSteps?, LoggedMeasures?)[] Steps(string run) => [.. RunLog.Read(_work.At(run, "log.jsonl"))
            .Where(line => line.Event is "steps" or "measured")
            .Select(line => (line.Steps is { } steps ? steps with { PairsPerSecond = 0 } : (LoggedSteps?)null, line.Measures))];
    }

    [Fact]
    public void A_loss_that_is_no_number_ends_the_run_and_says_where()
    {
        TrainingException failure = Assert.Throws<TrainingException>(() =>
            new Trainer(Options(), new TinySteps { NotFiniteLoss = 7 }).Run());
        string checkpoint = _work.At("run", "checkpoint.safetensors");
        Assert.Equal((7, checkpoint), (failure.Step, failure.Checkpoint));
        Assert.Equal("step 7: the loss is no number; first: gradient of dec.convs.3.conv.weight; the last good checkpoint is "
            + $"{checkpoint} of step 4", failure.Message);
        Assert.Equal(4, TrainingCheckpoint.ReadHeader(checkpoint).Step);
        TrainingStatus status = TrainingStatus.Read(_work.At("run"));
        Assert.Equal(("failed", failure.Message), (status.State, status.Failure));

        Assert.Contains("there is no checkpoint yet",
            Assert.Throws<TrainingException>(() => new Trainer(Options("early"), new TinySteps { NotFiniteLoss = 2 }).Run()).Message);
    }

    [Fact]
    public void A_weight_that_is_no_number_never_replaces_a_good_checkpoint()
    {
        byte[]? good = null;
        TrainingException failure = Assert.Throws<TrainingException>(() =>
            new Trainer(Options(), new TinySteps { NotFiniteWeight = 6 }).Run(new Told(progress =>
            {
                if (progress.Step == 5) good = File.ReadAllBytes(_work.At("run", "checkpoint.safetensors"));
            })));
        Assert.Equal(8, failure.Step);
        Assert.Contains("first: discriminator.weight", failure.Message);
        Assert.Contains("of step 4", failure.Message);
        Assert.Equal(good, File.ReadAllBytes(_work.At("run", "checkpoint.safetensors")));
    }

    [Fact]
    public void A_run_goes_on_as_it_was_begun_or_not_at_all()
    {
        Assert.Contains("nothing to go on with", Refuse(Options()));
        new Trainer(Options() with { Steps = 4 }, new TinySteps()).Run();
        Assert.Contains("there is a run in it already",
            Assert.Throws<MediaException>(() => new Trainer(Options(), new TinySteps()).Run()).Message);
        Assert.Contains("--jitter was 0, and is 0.1", Refuse(Options() with { Jitter = 0.1 }));
        Assert.Contains("--batch was 2, and is 3", Refuse(Options() with { Batch = 3 }));
        Assert.Contains("--labels was 0, and is 8", Refuse(Options() with { Labels = 8 }));
        Assert.Contains("--surfaces was 0, and is 3", Refuse(Options() with { Surfaces = 3 }));
        Assert.Contains("--seed was 3, and is 4", Refuse(Options() with { Seed = 4 }));
        Assert.Contains("--vgg was not given, and is given", Refuse(Options() with { Vgg = "vgg.safetensors" }));
        Assert.Contains("--code was 24, and is unset", Refuse(Options() with { Code = null }));
        string other = _work.At("other.liapack");
        _work.Clip("data/clip0", 99, 3);
        TrainingPack.Write(_work.At("data"), other, new PackOptions { Size = 64 });
        Assert.Contains("this is other data", Refuse(Options() with { Data = other }));

        // Steps, intervals and threads are the user's to change.
        TinySteps more = new();
        new Trainer(Options() with { Steps = 6, LogEvery = 1, Workers = 1 }, more) { IsResumed = true }.Run();
        Assert.Equal(2, more.Seen.Count);

        string Refuse(TrainerOptions options) =>
            Assert.Throws<MediaException>(() => new Trainer(options, new TinySteps()) { IsResumed = true }.Run()).Message;
    }

    [Fact]
    public void Damaged_checkpoints_are_refused()
    {
        new Trainer(Options() with { Steps = 4 }, new TinySteps()).Run();
        string path = _work.At("run", "checkpoint.safetensors");
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..^8]);
        Assert.Throws<WeightsException>(Resume);
        File.Copy(_work.At("run", "model.safetensors"), path, overwrite: true);
        Assert.Contains("no checkpoint of a training run", Assert.Throws<WeightsException>(Resume).Message);

        using (SafetensorsFile file = Rewrite(whole))
        {
            Change(file, file.Tensors.Values.Skip(1), file.Metadata);
            Assert.Contains("is missing", Assert.Throws<WeightsException>(Resume).Message);
            Change(file, file.Tensors.Values.Append(new("surplus", DType.Float32, [0])), file.Metadata);
            Assert.Contains("'surplus' is not part", Assert.Throws<WeightsException>(Resume).Message);
            Change(file, file.Tensors.Values, new Dictionary<string, string>(file.Metadata) { ["channels"] = "1,2" });
            Assert.Contains("no size and channels", Assert.Throws<WeightsException>(Resume).Message);
            Change(file, file.Tensors.Values, new Dictionary<string, string>(file.Metadata) { ["step"] = "-4" });
            Assert.Contains("tell no step", Assert.Throws<WeightsException>(Resume).Message);
        }
        File.WriteAllBytes(path, whole);
        Resume();

        void Resume() => new Trainer(Options() with { Steps = 4 }, new TinySteps()) { IsResumed = true }.Run();

        SafetensorsFile Rewrite(byte[] bytes)
        {
            File.WriteAllBytes(_work.At("whole.safetensors"), bytes);
            return new(_work.At("whole.safetensors"));
        }

        void Change(SafetensorsFile file, IEnumerable<TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata) =>
            SafetensorsWriter.Write(path, tensors, metadata, (tensor, bytes) =>
            {
                if (bytes.Length > 0) file.CopyBytesTo(tensor.Name, bytes);
            });
    }

    [Fact]
    public void A_run_is_one_programs_at_a_time()
    {
        TrainerOptions options = Options();
        string? problem = null;
        new Trainer(options, new TinySteps()).Run(new Told(progress =>
        {
            if (progress.Step != 5) return;
            Assert.Equal("running", TrainingStatus.Read(options.Output).State);
            problem = Assert.Throws<MediaException>(() => new Trainer(options, new TinySteps()) { IsResumed = true }.Run()).Message;
        }));
        Assert.Contains("another program is at work", problem);
        Assert.Equal("done", TrainingStatus.Read(options.Output).State);
    }

    [Fact]
    public void A_run_may_begin_with_a_model()
    {
        string start = _work.At("start.safetensors");
        using SyntheticCheckpoint weights = new(TinySteps.Narrow, 77);
        SafetensorsWriter.Write(start, weights, weights.Metadata, DType.Float16);
        TinySteps steps = new();
        // Nothing is learned at the smallest of rates.
        TrainerOptions options = Options() with { From = start, Size = null, Channels = [], Code = null, Directions = null, Average = 0.9,
            Steps = 1, Rate = 1e-30 };
        new Trainer(options, steps).Run();
        Assert.Equal(TinySteps.Narrow, steps.Made[0].Architecture);
        using ITensorSource before = Checkpoint.Open(start), after = Checkpoint.Open(_work.At("run", "model.safetensors"));
        foreach (string name in before.Tensors.Keys) Assert.Equal(before.Read(name), after.Read(name), (a, b) => Math.Abs(a - b) < 1e-20);
        // And it goes on without the model.
        File.Delete(start);
        new Trainer(options with { Steps = 2 }, steps) { IsResumed = true }.Run();
    }

    /// <summary>
    /// A code of the tiny network is some values of the picture: labels that are a linear function of them are told without an error
    /// from the first step on, each by the pictures where it is known. Rows of both kinds, and pairs of a clip.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_probe_of_a_model_begins_with_the_least_squares(bool isSupervised)
    {
        const int Labels = 3, Directions = 5, Pictures = 60;
        string start = _work.At("start.safetensors");
        using (SyntheticCheckpoint weights = new(TinySteps.Narrow, 77))
            SafetensorsWriter.Write(start, weights, weights.Metadata, DType.Float16);
        Random random = new(5);
        float[] probe = [.. Enumerable.Range(0, Labels * Directions).Select(_ => random.NextSingle() - 0.5f)];
        PackShape shape = new(64, false, Labels + 1);
        string path = _work.At("p.liapack");
        using (PackWriter writer = new(path, shape))
        {
            byte[] picture = new byte[shape.PictureLength];
            for (int i = 0; i < Pictures; i++)
            {
                random.NextBytes(picture);
                double[] told = [.. Enumerable.Range(0, Labels).Select(label => Enumerable.Range(0, Directions)
                    .Sum(code => probe[label * Directions + code] * (picture[Place(code)] / 127.5 - 1)))];
                // One label is known of every third picture, and the last of hardly any.
                writer.Add(picture, [(float)told[0], i % 3 == 0 ? (float)told[1] : float.NaN, (float)told[2], i == 7 ? 1 : float.NaN]);
            }
            writer.EndClip("clip");
            for (int i = 0; isSupervised && i < Pictures; i++)
                writer.Add(new PackedRow(i, 7 * i % Pictures, i % 2 == 0 ? i : 11 * i % Pictures, i));
            writer.Complete();
        }
        TrainerOptions options = Options() with { Data = path, From = start, Size = null, Channels = [], Code = null, Directions = null,
            Average = 0.9, Labels = 8, HeldOut = 0, Steps = 1, Rate = 1e-30 };
        TinySteps steps = new();
        new Trainer(options, steps).Run();
        foreach (string name in (string[])["generator.probe.weight", "average.probe.weight"])
        {
            float[] found = steps.Last!.Values[name];
            for (int i = 0; i < probe.Length; i++) Assert.Equal(probe[i], found[i], 1e-5);
            // Of one picture, or two or three times the same, five numbers do not follow.
            if (isSupervised) Assert.All(found[probe.Length..], value => Assert.True(float.IsFinite(value)));
        }
        // The same again; and from random weights it is not looked for.
        TinySteps again = new(), fresh = new();
        new Trainer(options with { Output = _work.At("again") }, again).Run();
        Assert.Equal(steps.Last!.Values["generator.probe.weight"], again.Last!.Values["generator.probe.weight"]);
        new Trainer(Options("fresh") with { Data = path, Labels = 8, HeldOut = 0, Steps = 1, Rate = 1e-30 }, fresh).Run();
        Assert.All(fresh.Last!.Values["generator.probe.weight"], value => Assert.Equal(0, value, 1e-20));
        // A model has no probe, a checkpoint does.
        using ITensorSource model = Checkpoint.Open(_work.At("run", "model.safetensors"));
        Assert.DoesNotContain(model.Tensors.Keys, name => name.Contains("probe"));
        using SafetensorsFile checkpoint = new(_work.At("run", "checkpoint.safetensors"));
        Assert.Equal(steps.Last.Values["generator.probe.weight"], checkpoint.Read("generator.probe.weight"));

        // In planes it is the Nth part of all values; in a pack colors lie together.
        static int Place(int code) => code * (3 * 64 * 64 / Directions) is var at ? 3 * (at % (64 * 64)) + at / (64 * 64) : 0;
    }

    [Fact]
    public void The_least_squares_are_those_of_each_labels_own_pictures()
    {
        // y = 2 a + b known of three pictures with an error of 0.3 each way, and of codes that are all alike half of either.
        float[] codes = [1, 0, 0, 1, 1, 1, 5, 5, 5, 5], told = [2.3f, float.NaN, 1.3f, float.NaN, 2.7f, float.NaN, float.NaN, 10,
            float.NaN, 10];
        float[] probe = ProbeStart.Fit(codes, told, 2);
        // Normal equations by hand: [[2, 1], [1, 2]] x = [5, 4].
        Assert.Equal([2, 1], probe[..2].Select(value => Math.Round(value, 5)));
        Assert.Equal([1, 1], probe[2..].Select(value => Math.Round(value, 5))); // of all that fit, the shortest
        Assert.Equal([0, 0], ProbeStart.Fit([1, 2, 3, 4], [float.NaN, 7], 1)); // too few
    }

    /// <summary>What is not in the data cannot be weighed.</summary>
    [Fact]
    public void Labels_and_surfaces_that_are_not_there_are_refused()
    {
        Assert.Equal($"{_pack}: there are no labels in it to be weighed (--labels).",
            Assert.Throws<MediaException>(() => new Trainer(Options() with { Labels = 8 }, new TinySteps()).Run()).Message);
        Assert.Equal($"{_pack}: there are no surfaces in it to be weighed (--surfaces).",
            Assert.Throws<MediaException>(() => new Trainer(Options() with { Surfaces = 3 }, new TinySteps()).Run()).Message);
        Assert.Contains("no labels", Assert.Throws<MediaException>(() =>
            new Trainer(Options("clips") with { Data = _work.At("data"), Labels = 8 }, new TinySteps()).Run()).Message);
    }

    [Fact]
    public void Folders_are_packed_into_the_run_once()
    {
        List<string> warnings = [];
        _work.Clip("data/short", 1, 1);
        TrainerOptions options = Options() with { Data = _work.At("data"), Steps = 4 };
        new Trainer(options, new TinySteps()) { OnWarning = warnings.Add }.Run();
        Assert.Contains("short: it has 1 frame", Assert.Single(warnings));
        Directory.Delete(_work.At("data"), recursive: true);
        TinySteps more = new();
        new Trainer(options with { Steps = 6 }, more) { IsResumed = true }.Run();
        Assert.Equal(2, more.Seen.Count);
    }

    [Fact]
    public void Without_a_device_nothing_is_begun()
    {
        Assert.Throws<NotSupportedException>(() => new Trainer(Options(), new TinySteps { IsThere = false }).Run());
        Assert.False(Directory.Exists(_work.At("run")));
    }

    [Fact]
    public void Rates_rise_stay_and_fall_along_a_cosine()
    {
        TrainerOptions options = Options() with { Steps = 1000, Rate = 0.01, DiscriminatorRate = 0.02, WarmUp = 10 };
        Assert.Equal(0.01 * 0.8 / 10, Rates.At(options, 0).Generator, 1e-9);
        Assert.Equal(0.01 * 0.8, Rates.At(options, 9).Generator, 1e-9);
        Assert.Equal(0.02 * 16 / 17, Rates.At(options, 999).Discriminator, 1e-9);
        Assert.Equal(0.002 * 16 / 17, Rates.At(Options(), 7).Discriminator, 1e-9); // the recipe's

        options = options with { Schedule = RateSchedule.Cosine, Flat = 0.4, RateEnd = 0.1 };
        Assert.Equal(1, Rates.Part(options, 400));
        Assert.Equal(0.55, Rates.Part(options, 700), 1e-9); // half way between 1 and 0.1
        Assert.Equal(0.1 + 0.9 * (1 + Math.Sqrt(0.5)) / 2, Rates.Part(options, 550), 1e-9); // an eighth of a turn
        Assert.InRange(Rates.Part(options, 999), 0.1, 0.1001);
        Assert.Equal(1, Rates.Part(options with { Flat = 1 }, 999));

        options = options with { Labels = 8, GuideEnd = 0.1 };
        Assert.Equal([1, 0.55f, 0.1f], new long[] { 0, 500, 1000 }.Select(step => Rates.At(options, step).Guide));
        Assert.Equal(1, Rates.At(Options(), 7).Guide);

        TrainerOptions patches = options with { Discriminator = DiscriminatorKind.Patches };
        Assert.Equal([1f, 1f], new long[] { 0, 999 }.Select(step => Rates.At(options, step).Adversary));
        Assert.Equal([0f, 0f, 0.5f, 1f, 1f], new long[] { 0, 50, 125, 200, 999 }.Select(step => Rates.At(patches, step).Adversary));
    }

    [Fact]
    public void Held_out_clips_are_measured_and_shown()
    {
        TinySteps steps = new();
        TrainingSummary summary = new Trainer(Options() with { Steps = 6 }, steps).Run();
        float share = steps.Last!.Share;
        // Of the two clips with 7 and 8 frames the first frame is moved to four others: green tells the frame.
        (int, int)[] targets = [.. new[] { 7, 8 }.SelectMany(frames => Enumerable.Range(1, 4).Select(i => (0, i * (frames - 1) / 4)))];
        double[] errors = [.. targets.Select(pair => pair.Item2 - Math.Round(pair.Item2 * (double)share))];
        Assert.Equal(8, summary.Measures!.Value.Pictures);
        Assert.Equal(errors.Average(error => Math.Abs(error) / 255 / 3), summary.Measures.Value.L1, 1e-9);
        Assert.Equal(errors.Average(error => error == 0 ? 100 : 10 * Math.Log10(255 * 255 / (error * error / 3))),
            summary.Measures.Value.Psnr, 1e-6);

        RgbImage sheet = RgbImage.Load(_work.At("run", "sheets", "000000006.png"));
        int top = sheet.Height - 2 * 64;
        Assert.Equal((4 * 64, true), (sheet.Width, top is > 0 and < 64));
        // Red tells the clip.
        Assert.Equal([140, 140, 140, Moved(140, 170), 170, 170, 170, Moved(170, 140)],
            Enumerable.Range(0, 8).Select(i => (int)sheet.Pixels[3 * ((top + i / 4 * 64 + 32) * sheet.Width + i % 4 * 64 + 32)]));

        int Moved(int from, int to) => (int)Math.Round(from + share * (to - from));
    }

    [Fact]
    public void Points_of_a_curve_are_bounded_in_number_and_their_mean_stays()
    {
        Series series = new("s");
        for (int i = 0; i < 100_000; i++) series.Add(i, i);
        series.Add(100_000, double.NaN);
        Assert.InRange(series.Count, 512, 1024);
        (double Step, double Value)[] points = [.. series.Points];
        Assert.All(points, point => Assert.Equal(point.Step, point.Value, 1e-6));
        Assert.Equal(points.Select(point => point.Step).Order(), points.Select(point => point.Step));
        Assert.InRange(points[0].Step, 0, 200);
        Assert.InRange(points[^1].Step, 99_800, 100_000);
    }

    [Fact]
    public void The_curves_are_where_their_values_are()
    {
        Curves curves = new();
        for (int step = 1; step <= 400; step++)
        {
            double noise = new Random(step).NextDouble() - 0.5;
            curves.Add(new LoggedSteps(step * 50, 45 * Math.Exp(-step / 90.0) + 6 + noise, 0.4 / step + 0.05 + 0.01 * noise,
                1 + step / 400.0, 1.386 - step / 2000.0 + 0.05 * noise, 0.0016 * Math.Min(1, step / 100.0), 40));
            if (step % 40 == 0) curves.Add(new LoggedMeasures(step * 50, 64, 0.1 - step / 8000.0, 20 + step / 60.0, 0.4 - step / 2000.0));
        }
        RgbImage picture = curves.Draw(20_000);
        // The third panel's line goes straight from its lower left to its upper right.
        (int X, int Y)[] blue = [.. Enumerable.Range(0, picture.Width * picture.Height)
            .Select(i => (X: i % picture.Width, Y: i / picture.Width))
            .Where(at => at.X < picture.Width / 2 && at.Y is > 260 and < 520 && picture.Pixels[3 * (at.Y * picture.Width + at.X)] == 28)];
        (int left, int right) = (blue.Min(at => at.X), blue.Max(at => at.X));
        (int top, int bottom) = (blue.Min(at => at.Y), blue.Max(at => at.Y));
        Assert.InRange(right - left, 400, 470);
        Assert.InRange(bottom - top, 150, 194);
        Assert.All(blue, at => Assert.InRange(at.Y - (bottom + (top - bottom) * (at.X - left) / (double)(right - left)), -4, 4));
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        foreach (TrainerOptions wrong in (TrainerOptions[])
        [
            Options() with { Size = 100 }, Options() with { Channels = [1, 2] }, Options() with { Channels = [0, 1, 1, 1, 1] },
            Options() with { Directions = 30 }, Options() with { Batch = 0 }, Options() with { Batch = 65 }, Options() with { Steps = 0 },
            Options() with { Jitter = 0.6 }, Options() with { Jitter = double.NaN }, Options() with { Crop = -1 },
            Options() with { Rate = 0 }, Options() with { DiscriminatorRate = -1 }, Options() with { Rate = double.NaN },
            Options() with { Flat = 0.5 }, Options() with { Average = 1 }, Options() with { Adversarial = -1 },
            Options() with { Momentum = 1 }, Options() with { L1 = -1 }, Options() with { FlowStart = 2 },
            Options() with { Matching = 0.5 }, Options() with { Discriminator = DiscriminatorKind.Patches, Adversarial = 0, Matching = 1 },
            Options() with { Labels = -1 }, Options() with { Surfaces = double.NaN }, Options() with { Labels = 1, GuideEnd = 1.5 },
            Options() with { GuideEnd = 0.5 }, Options() with { Labels = 1, Flip = true }, Options() with { Batch = 6 },
            Options() with { Code = 10 }, Options() with { Channels = [4, 4, 4, 4, 6] },
            Options() with { LogEvery = 0 }, Options() with { From = "m.safetensors" }, Options() with { HeldOut = -1 },
        ]) Assert.Throws<ArgumentException>(() => new Trainer(wrong, new TinySteps()));
        _ = new Trainer(Options(), new TinySteps());
    }

    [Fact]
    public void A_log_may_hold_anything()
    {
        string path = _work.At("log.jsonl");
        File.WriteAllLines(path,
        [
            "", "nonsense", "[]", "{}", "{\"event\":\"steps\"}", "{\"event\":7,\"step\":1}", "{\"event\":\"steps\",\"step\":-3}",
            "{\"event\":\"steps\",\"step\":1e300,\"l1\":1e999}", "{\"event\":\"measured\",\"step\":4,\"pictures\":1e99,\"psnr\":\"x\"}",
            "{\"event\":\"\\ud800\",\"step\":1}", "{\"event\":\"steps\",\"step\":6,\"l1\":0.5,\"time\":\"never\"}",
        ]);
        Assert.Contains(RunLog.Read(path), line => line is { Step: 6, Time: null, Steps.L1: 0.5 });
    }

    [Fact]
    public void The_status_is_the_logs()
    {
        new Trainer(Options() with { Steps = 6 }, new TinySteps()).Run();
        TrainingStatus status = TrainingStatus.Read(_work.At("run"));
        Assert.Equal((6, 6, 6, "a tiny device", "done"), (status.Step, status.Steps, status.Checkpoint, status.Device, status.State));
        Assert.NotNull(status.Losses);
        Assert.Null(status.Remaining);
        Assert.Equal(status.Measures, status.Best);
        Assert.Contains("no run in it", Assert.Throws<MediaException>(() => TrainingStatus.Read(_work.At("data"))).Message);
        File.WriteAllText(_work.At("run", "options.json"), "{\"data\":\"a\",\"output\":\"b\",\"more\":1}");
        Assert.Contains("no options of a run", Assert.Throws<MediaException>(() => TrainingStatus.Read(_work.At("run"))).Message);
    }

    private sealed class Told(Action<TrainingProgress> tell) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => tell(value);
    }
}
