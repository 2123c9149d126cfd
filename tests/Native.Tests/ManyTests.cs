using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Many pictures with one motion: encoded once, resumable, and one failure is one failure.</summary>
public class ManyTests
{
    /// <summary>Pictures a.png, b.png and c.png in faces/, and a driving.mp4 of 7 frames.</summary>
    private static TempFolder Inputs()
    {
        TempFolder folder = new();
        Directory.CreateDirectory(folder["faces"]);
        foreach (string name in new[] { "a", "b", "c" }) Pictures.Noise(64, 64, name[0]).Save(folder[$"faces/{name}.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=80x64:rate=25 -frames:v 7", folder["driving.mp4"]);
        return folder;
    }

    [Fact]
    public void The_driving_clip_is_encoded_once_and_every_output_is_what_animate_writes()
    {
        using TempFolder folder = Inputs();
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        IReadOnlyList<AnimationJob> jobs = AnimationJob.ForEach([folder["faces"]], folder["new/out"], ".png");
        AnimationJobResult[] results = [.. animator.AnimateMany(jobs, folder["driving.mp4"])];
        Assert.Equal(7, executor.DrivingFrames);
        Assert.Equal(["a.png", "b.png", "c.png"], results.Select(result => Path.GetFileName(result.Job.Output)));
        foreach (AnimationJobResult result in results)
        {
            Assert.Equal((7, result.Job.Output), (result.Summary!.Frames, result.Summary.Output));
            animator.Animate(result.Job.Source, folder["driving.mp4"], folder["one.png"]);
            Assert.Equal(File.ReadAllBytes(folder["one.png"]), File.ReadAllBytes(result.Job.Output));
        }
        Assert.DoesNotContain(folder.Entries, entry => entry.Contains(".part", StringComparison.Ordinal));
    }

    /// <summary>How many frames go together depends on what was told of their number, which for the second picture is known: the same
    /// must go together all the same.</summary>
    [Fact]
    public void A_clip_that_does_not_tell_its_length_tells_it_to_none_of_many()
    {
        using TempFolder folder = Inputs();
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        Driving driving = Driving.From(Enumerable.Range(0, 5).Select(i => Pictures.Noise(64, 64, i)).Where(static _ => true));
        Assert.All(animator.AnimateMany(AnimationJob.ForEach([folder["faces"]], folder["out"], ".png"), driving),
            result => Assert.Equal(5, result.Summary!.Frames));
        // For the motion, and for each of three pictures.
        Assert.Equal([null, null, null, null], executor.Expected);
    }

    /// <summary>Options that look at the whole clip, the source or the driving frames do the same for each of many as for one.</summary>
    [Fact]
    public void Options_work_as_for_one()
    {
        using TempFolder folder = Inputs();
        using Animator animator = new FakeExecutor(64).Animator();
        AnimationOptions options = new()
        {
            StartFrame = StartFrame.Best,
            SmoothingWindow = 3,
            Loops = 2,
            PingPong = true,
            SideBySide = true,
            Frames = 1..6,
        };
        IReadOnlyList<AnimationJob> jobs = AnimationJob.ForEach([folder["faces/a.png"], folder["faces/b.png"]], folder["out"], ".png");
        Assert.All(animator.AnimateMany(jobs, folder["driving.mp4"], options: options), result => Assert.Equal(16, result.Summary!.Frames));
        foreach (AnimationJob job in jobs)
        {
            animator.Animate(job.Source, folder["driving.mp4"], folder["one.png"], options);
            Assert.Equal(File.ReadAllBytes(folder["one.png"]), File.ReadAllBytes(job.Output));
        }
    }

    [Fact]
    public void Sound_goes_along()
    {
        using TempFolder folder = Inputs();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 0.4", folder["sound.mp4"]);
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.All(animator.AnimateMany(AnimationJob.ForEach([folder["faces"]], folder["out"], ".mp4"), folder["sound.mp4"]), result =>
            Assert.True(result.Summary!.HasAudio));
    }

    [Fact]
    public void A_rerun_skips_what_is_there_and_does_the_rest()
    {
        using TempFolder folder = Inputs();
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        foreach (string extension in new[] { ".png", "" })
        {
            IReadOnlyList<AnimationJob> jobs = AnimationJob.ForEach([folder["faces"]], folder["out"], extension);
            using (IEnumerator<AnimationJobResult> interrupted = animator.AnimateMany(jobs, folder["driving.mp4"]).GetEnumerator())
                Assert.True(interrupted.MoveNext());
            Assert.Equal([true, false, false], jobs.Select(job => job.IsDone));
            DateTime first = File.GetLastWriteTimeUtc(jobs[0].Output);

            Assert.Equal([true, false, false], animator.AnimateMany(jobs, folder["driving.mp4"]).Select(result => result.IsSkipped));
            Assert.Equal(first, File.GetLastWriteTimeUtc(jobs[0].Output));
            int encoded = executor.DrivingFrames;
            Assert.All(animator.AnimateMany(jobs, folder["driving.mp4"]), result => Assert.True(result.IsSkipped));
            Assert.All(animator.AnimateMany(jobs, folder["not there, nor asked for.mp4"]), result => Assert.True(result.IsSkipped));
            Assert.Equal(encoded, executor.DrivingFrames);
        }
        File.WriteAllText(folder["out/a.png"], "not whole");
        Assert.Equal([true, true, true],
            animator.AnimateMany(AnimationJob.ForEach([folder["faces"]], folder["out"], ".png"), folder["driving.mp4"], overwrite: true)
                .Select(result => result.Summary is not null));
        Assert.Equal(64, RgbImage.Load(folder["out/a.png"]).Width);
    }

    [Fact]
    public void A_failure_is_reported_and_the_others_are_done()
    {
        using TempFolder folder = Inputs();
        File.WriteAllText(folder["faces/b.png"], "no picture");
        Directory.CreateDirectory(folder["out/c.png/full"]);
        AnimationJob[] jobs =
        [
            new(folder["none.png"], folder["out/none.png"]), new(folder["faces/b.png"], folder["out/b.png"]), new(folder["faces/c.png"],
                folder["out/c.png"]),
            new(folder["faces/c.png"], folder["out/c.xyz"]), new(folder["faces/a.png"], folder["out/a.png"]),
        ];
        using Animator animator = new FakeExecutor(64).Animator();
        AnimationJobResult[] results = [.. animator.AnimateMany(jobs, folder["driving.mp4"], overwrite: true)];
        Assert.Equal([true, true, true, true, false], results.Select(result => result.Failure is not null));
        Assert.Equal(folder["none.png"] + ": there is no such file.", results[0].Failure!.Message);
        Assert.StartsWith(folder["faces/b.png"] + ": ", results[1].Failure!.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder["out/c.png"] + ": cannot be written", results[2].Failure!.Message, StringComparison.Ordinal);
        Assert.Contains(".xyz is not known", results[3].Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(7, results[4].Summary!.Frames);
        Assert.Equal(["out/a.png", "out/c.png", "out/c.png/full"],
            folder.Entries.Where(entry => entry.StartsWith("out/", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_stops_all_is_thrown()
    {
        using TempFolder folder = Inputs();
        AnimationJob[] jobs = [new(folder["faces/a.png"], folder["out/a.png"])];
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Contains("there is no such file",
            Assert.Throws<MediaException>(() => animator.AnimateMany(jobs, folder["none.mp4"]).ToList()).Message);
        Assert.Contains("none from frame 7 on",
            Assert.Throws<MediaException>(() =>
                animator.AnimateMany(jobs, folder["driving.mp4"], options: new() { Frames = 7.. }).ToList()).Message);
        using CancellationTokenSource cancellation = new();
        Synchronous progress = new(value => { if (value is { Stage: AnimationStage.Animating, Frames: 3 }) cancellation.Cancel(); });
        Assert.Throws<OperationCanceledException>(() =>
            animator.AnimateMany(jobs, folder["driving.mp4"], progress: progress, cancellationToken: cancellation.Token).ToList());
        Assert.DoesNotContain(folder.Entries, entry => entry.StartsWith("out/", StringComparison.Ordinal));
    }

    [Fact]
    public void Outputs_never_replace_a_source_even_where_they_would_count_as_done()
    {
        using TempFolder folder = Inputs();
        byte[] a = File.ReadAllBytes(folder["faces/a.png"]), b = File.ReadAllBytes(folder["faces/b.png"]);
        AnimationJob[] jobs = [new(folder["faces/a.png"], folder["faces/a.png"]), new(folder["faces/a.png"], folder["faces/b.png"]),
            new(folder["faces/b.png"], folder["driving.mp4"])];
        using Animator animator = new FakeExecutor(64).Animator();
        AnimationJobResult[] results = [.. animator.AnimateMany(jobs, folder["driving.mp4"])];
        Assert.Contains("would replace the source", results[0].Failure!.Message);
        Assert.Contains("would replace another job's source", results[1].Failure!.Message);
        Assert.Contains("would replace the driving file", results[2].Failure!.Message);
        Assert.Equal(a, File.ReadAllBytes(folder["faces/a.png"]));
        Assert.Equal(b, File.ReadAllBytes(folder["faces/b.png"]));
    }

    [Fact]
    public void A_motion_clip_drives_many_too()
    {
        using TempFolder folder = Inputs();
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        MotionClip motion = animator.ExtractMotion(folder["driving.mp4"]);
        IReadOnlyList<AnimationJob> jobs = AnimationJob.ForEach([folder["faces"]], folder["out"], ".png");
        Assert.All(animator.AnimateMany(jobs, motion), result => Assert.Equal(7, result.Summary!.Frames));
        Assert.Equal(7, executor.DrivingFrames);
        animator.Animate(folder["faces/b.png"], folder["driving.mp4"], folder["one.png"]);
        Assert.Equal(File.ReadAllBytes(folder["one.png"]), File.ReadAllBytes(folder["out/b.png"]));
        MotionClip other = new(motion.Codes, motion.Directions, motion.FrameRate, new('0', 64));
        Assert.Contains("another model", Assert.Throws<MediaException>(() => animator.AnimateMany(jobs, other)).Message);
    }

    [Fact]
    public void Jobs_are_named_after_their_sources()
    {
        using TempFolder folder = Inputs();
        for (int i = 9; i <= 11; i++) File.Copy(folder["faces/a.png"], folder[$"faces/x{i}.PNG"]);
        File.WriteAllText(folder["faces/notes.txt"], "no picture");
        IReadOnlyList<AnimationJob> jobs = AnimationJob.ForEach([folder["driving.mp4"], folder["faces"]], folder["out"], ".gif");
        Assert.Equal(["driving.gif", "a.gif", "b.gif", "c.gif", "x9.gif", "x10.gif", "x11.gif"],
            jobs.Select(job => Path.GetRelativePath(folder["out"], job.Output)));
        File.Copy(folder["faces/a.png"], folder["faces/a.bmp"]);
        Assert.Contains("and so would that of",
            Assert.Throws<MediaException>(() => AnimationJob.ForEach([folder["faces"]], folder["out"], ".mp4")).Message);
        Assert.Contains("choose another for the outputs",
            Assert.Throws<MediaException>(() => AnimationJob.ForEach([folder["faces"]], folder["faces/"], ".mp4")).Message);
        Directory.CreateDirectory(folder["hollow"]);
        Assert.Contains("no picture in the folder",
            Assert.Throws<MediaException>(() => AnimationJob.ForEach([folder["hollow"]], folder["out"], ".mp4")).Message);
    }

    [Fact]
    public void Jobs_that_make_no_sense_are_refused_at_once()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Contains("two jobs have this output",
            Assert.Throws<ArgumentException>(() => animator.AnimateMany([new("a.png", "x/o.png"), new("b.png", "./x/o.png")], "d.mp4"))
                .Message);
        Assert.Contains("name a folder",
            Assert.Throws<ArgumentException>(() => animator.AnimateMany([new("a.png", "o%05d.png")], "d.mp4")).Message);
        Assert.Contains("a dump is of one clip",
            Assert.Throws<ArgumentException>(() =>
                animator.AnimateMany([new("a.png", "o.png")], "d.mp4", options: new() { Dump = "d.safetensors" })).Message);
        Assert.Empty(animator.AnimateMany([], "d.mp4"));
    }
}
