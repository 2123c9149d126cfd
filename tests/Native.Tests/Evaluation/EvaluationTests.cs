using System.Text.Json;
using Lia.Evaluation;
using Lia.Weights;

namespace Lia.Tests.Evaluation;

/// <summary>Reconstruction of clips. The fake network's frame is half the source plus, in each colour, what the driving frame has on
/// average more than the first, plus the first's average.</summary>
public sealed class EvaluationTests : IDisposable
{
    private static readonly RgbImage[] Frames = [.. Enumerable.Range(0, 5).Select(i => Pictures.Noise(64, 64, i))];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 5)]
    [InlineData(2, 4)]
    public void The_first_frame_is_the_source_and_every_frame_is_compared_with_its_reconstruction(int first, int end)
    {
        using Animator animator = new FakeExecutor(64).Animator(batch: 2);
        RgbImage[] truth = Frames[first..end];
        RgbImage[] results = [.. animator.All(truth[0], truth)];
        ClipScores scores = animator.Evaluate(Frames, null, new() { Frames = first..end });
        Assert.Equal(truth.Length, scores.Frames);
        Assert.Equal(Mean(ImageMetrics.L1), scores.L1, 1e-12);
        Assert.Equal(Mean(ImageMetrics.Psnr), scores.Psnr, 1e-9);
        Assert.Equal(Mean(ImageMetrics.Ssim), scores.Ssim, 1e-12);
        Assert.Equal(Mean(ImageMetrics.MsSsim), scores.MsSsim, 1e-12);
        Assert.Null(scores.Lpips);

        double Mean(Func<RgbImage, RgbImage, double> measure) => truth.Zip(results, measure).Average();
    }

    [Fact]
    public void A_clip_in_a_file_is_fitted_and_compared_as_the_network_sees_it()
    {
        string clip = _folder["clip"];
        Directory.CreateDirectory(clip);
        RgbImage[] wide = [.. Enumerable.Range(0, 3).Select(i => Pictures.Noise(128, 64, 20 + i))];
        for (int i = 0; i < wide.Length; i++) wide[i].Save(Path.Combine(clip, $"{i}.png"));
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal(animator.Evaluate(wide), animator.Evaluate(clip));
        Assert.NotEqual(animator.Evaluate(wide), animator.Evaluate(clip, null, new() { Fit = Fit.Stretch }));
    }

    [Fact]
    public void What_would_change_the_reconstruction_is_left_aside()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        ClipScores plain = animator.Evaluate(Frames);
        Assert.Equal(plain, animator.Evaluate(Frames, null,
            new() { MotionStrength = 3, Normalization = Normalization.MinMax, SideBySide = true, Dump = _folder["dump.safetensors"] }));
        // the source is the start: both modes are wa + Q alpha
        Assert.Equal(plain, animator.Evaluate(Frames, null, new() { Mode = MotionMode.Absolute }));
        Assert.Empty(_folder.Entries);
    }

    [Fact]
    public void A_range_without_frames_is_named()
    {
        string clip = Clip("a", 0);
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal($"{clip}: it has 3 frames, so none from frame 3 on.",
            Assert.Throws<MediaException>(() => animator.Evaluate(clip, null, new() { Frames = 3.. })).Message);
        Assert.Equal("the driving frames: there is no frame in it.",
            Assert.Throws<MediaException>(() => animator.Evaluate(Array.Empty<RgbImage>())).Message);
        Assert.Equal(3, animator.Evaluate(clip).Frames);
    }

    [Fact]
    public void A_part_of_the_frames_is_source_and_truth()
    {
        RgbImage[] large = [.. Frames.Select(frame => new RgbImage(96, 80)), new(96, 80)], parts = [.. Frames, new(64, 64)];
        for (int i = 0; i < large.Length; i++)
            for (int y = 0; y < 64; y++)
                parts[i].Pixels.AsSpan(3 * 64 * y, 3 * 64).CopyTo(large[i].Pixels.AsSpan(3 * (96 * (y + 7) + 20)));
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal(animator.Evaluate(parts), animator.Evaluate(large, null, new() { DrivingCrop = new(20, 7, 64, 64) }));

        Directory.CreateDirectory(_folder["large"]);
        for (int i = 0; i < large.Length; i++) large[i].Save(_folder[$"large/{i}.png"]);
        PixelBox moving = MotionFraming.Find(_folder["large"]);
        Assert.Equal(animator.Evaluate(large, null, new() { DrivingCrop = moving }),
            animator.Evaluate(_folder["large"], null, new() { AutoDrivingCrop = true }));
        Assert.Throws<ArgumentException>(() => animator.Evaluate(large, null, new() { AutoDrivingCrop = true }));
    }

    [Fact]
    public void A_frame_without_error_counts_with_a_hundred_decibels()
    {
        RgbImage black = new(64, 64); // -1: half of it plus its mean is out of range, which is black again
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal(new ClipScores(2, 0, 100, 1, 1, null), animator.Evaluate(new[] { black, black }));
    }

    [Fact]
    public void Clips_are_evaluated_one_by_one_and_one_that_fails_does_not_stop_the_rest()
    {
        string report = _folder["report.json"];
        string[] clips = [Clip("a", 0), _folder["missing"], Clip("b", 10)];
        using Animator animator = new FakeExecutor(64).Animator();
        List<string> told = [];
        EvaluationReport result = animator.EvaluateEach(clips, report, null, null, new Told(told));
        Assert.Equal(clips, told);
        Assert.Equal(clips, result.Clips.Select(clip => clip.Clip));
        Assert.Equal([true, false, true], result.Clips.Select(clip => clip.Scores is not null));
        Assert.Equal($"{clips[1]}: there is no such file.", result.Clips[1].Problem);
        Assert.Equal(animator.Evaluate(clips[2]), result.Clips[2].Scores);
        Assert.Equal(6, result.Overall!.Frames);
        Assert.Equal((result.Clips[0].Scores!.Psnr + result.Clips[2].Scores!.Psnr) / 2, result.Overall.Psnr, 1e-12);

        EvaluationReport loaded = EvaluationReport.Load(report);
        Assert.Equal(result.Clips, loaded.Clips);
        Assert.Equal((64, 3), (loaded.Size, loaded.MsSsimScales));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(report));
        Assert.Equal(result.Overall.Ssim, json.RootElement.GetProperty("overall").GetProperty("ssim").GetDouble());
    }

    [Fact]
    public void A_rerun_computes_only_what_has_no_scores()
    {
        string report = _folder["report.json"];
        int batches = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => batches++ }.Animator();
        animator.EvaluateEach([Clip("a", 0), _folder["b"]], report);
        int once = batches;
        Assert.Equal(3, once);

        EvaluationReport again = animator.EvaluateEach([Clip("a", 0), Clip("b", 10), Clip("c", 20)], report);
        Assert.Equal(once + 6, batches);
        Assert.All(again.Clips, clip => Assert.Null(clip.Problem));
        Assert.Equal(["a", "b", "c"], again.Clips.Select(clip => Path.GetFileName(clip.Clip)));
        animator.EvaluateEach([Clip("c", 20)], report);
        Assert.Equal(once + 6, batches);
    }

    [Fact]
    public void A_report_of_another_model_or_other_options_is_refused_and_stays()
    {
        string report = _folder["report.json"], clip = Clip("a", 0);
        using Animator animator = new FakeExecutor(64).Animator();
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 3);
        using Animator other = new(new ModelOptions { Weights = weights, Device = Device.Cpu });
        animator.EvaluateEach([clip], report);
        string before = File.ReadAllText(report);
        Refused("another model", () => other.EvaluateEach([clip], report));
        Refused("relative motion, not absolute", () => animator.EvaluateEach([clip], report, null, new() { Mode = MotionMode.Absolute }));
        Refused("the fit crop, not pad", () => animator.EvaluateEach([clip], report, null, new() { Fit = Fit.Pad }));
        Refused("the driving crop none, not 0,0,32,32", () =>
            animator.EvaluateEach([clip], report, null, new() { DrivingCrop = new(0, 0, 32, 32) }));
        Refused("the frames 0..^0, not 0..2", () => animator.EvaluateEach([clip], report, null, new() { Frames = ..2 }));
        using Animator exact = new FakeExecutor(64).Animator(precision: Precision.Exact);
        Refused("the precision auto, not exact", () => exact.EvaluateEach([clip], report));
        Assert.Equal(before, File.ReadAllText(report));

        void Refused(string reason, Action run) =>
            Assert.Equal($"{report}: this report was made with {reason}; name another file.", Assert.Throws<MediaException>(run).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"model":"","size":64,"mode":"relative","fit":"crop","drivingCrop":"none","frames":"0..^0","precision":"auto","lpips":null,"clips":[{"clip":"a","frames":0,"l1":0,"psnr":0,"ssim":0,"msSsim":0}]}""")]
    [InlineData("""{"model":1,"size":64,"mode":"relative","fit":"crop","drivingCrop":"none","frames":"0..^0","precision":"auto","lpips":null,"clips":[]}""")]
    [InlineData("""{"model":"","size":"64","mode":"relative","fit":"crop","drivingCrop":"none","frames":"0..^0","precision":"auto","lpips":null,"clips":[]}""")]
    public void A_file_that_is_no_report_is_named(string text)
    {
        string path = _folder["report.json"];
        File.WriteAllText(path, text);
        Assert.StartsWith($"{path}: ", Assert.Throws<MediaException>(() => EvaluationReport.Load(path)).Message);
    }

    [Fact]
    public void Cancelling_leaves_the_clips_done_so_far_in_the_report()
    {
        string report = _folder["report.json"];
        using CancellationTokenSource cancellation = new();
        int batches = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => { if (++batches == 5) cancellation.Cancel(); } }.Animator();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            animator.EvaluateEach([Clip("a", 0), Clip("b", 10)], report, cancellationToken: cancellation.Token));
        Assert.Equal(["a"], EvaluationReport.Load(report).Clips.Select(clip => Path.GetFileName(clip.Clip)));
    }

    [Fact]
    public void Folders_stand_for_the_clips_in_them()
    {
        string root = _folder["set"];
        foreach (string name in new[] { "set/take10", "set/take2", "set/empty" }) Directory.CreateDirectory(_folder[name]);
        Pictures.Flat(8, 1, 2, 3).Save(_folder["set/take10/0.png"]);
        Pictures.Flat(8, 1, 2, 3).Save(_folder["set/take2/0.png"]);
        File.WriteAllText(_folder["set/b.MP4"], "");
        File.WriteAllText(_folder["set/notes.txt"], "");
        File.WriteAllText(_folder["set/.hidden.mp4"], "");
        Assert.Equal(["b.MP4", "take2", "take10"], Clips.Find([root + "/"]).Select(Path.GetFileName));
        Assert.Equal([_folder["set/take2"]], Clips.Find([_folder["set/take2/"], _folder["set/take2"]]));
        Assert.Equal([_folder["set/notes.txt"]], Clips.Find([_folder["set/notes.txt"]]));
        Assert.Equal($"{_folder["set/empty"]}: there is no clip in the folder.",
            Assert.Throws<MediaException>(() => Clips.Find([_folder["set/empty"]])).Message);
        Assert.Equal($"{_folder["none"]}: there is no such file or folder.",
            Assert.Throws<MediaException>(() => Clips.Find([_folder["none"]])).Message);
    }

    /// <summary>A folder with three frames.</summary>
    private string Clip(string name, int seed)
    {
        string path = _folder[name];
        Directory.CreateDirectory(path);
        for (int i = 0; i < 3; i++) Pictures.Noise(64, 64, seed + i).Save(Path.Combine(path, $"{i}.png"));
        return path;
    }

    private sealed class Told(List<string> clips) : IProgress<EvaluatedClip>
    {
        public void Report(EvaluatedClip value) => clips.Add(value.Clip);
    }
}
