using System.Diagnostics;
using Lia.Media.Ffmpeg;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>What can go wrong with files: one line that names the file and the reason, nothing left behind, nothing left running.</summary>
public class FileErrorTests
{
    private static Animator Animator() => new FakeExecutor(64).Animator();

    private static MediaException Refused(Action action, string file, string reason)
    {
        MediaException refusal = Assert.Throws<MediaException>(action);
        Assert.StartsWith(file + ": ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal;
    }

    /// <summary>A folder with source.png and a driving.mp4 of 60 frames with sound.</summary>
    private static TempFolder Inputs()
    {
        TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -frames:v 60 -shortest", folder["driving.mp4"]);
        return folder;
    }

    [Fact]
    public void Inputs_that_cannot_be_used_are_named()
    {
        using TempFolder folder = Inputs();
        using Animator animator = Animator();
        File.WriteAllText(folder["text.mp4"], "this is not a video");
        File.WriteAllBytes(folder["empty.png"], []);
        byte[] video = File.ReadAllBytes(folder["driving.mp4"]);
        File.WriteAllBytes(folder["cut.mp4"], video[..(video.Length / 2)]); // the index is at the end
        Ff.Mpeg("-f lavfi -i sine -t 1", folder["sound.m4a"]);
        Directory.CreateDirectory(folder["hollow"]);

        string good = folder["source.png"], output = folder["out.mp4"];
        Refused(() => animator.Animate(folder["none.png"], folder["driving.mp4"], output), folder["none.png"], "there is no such file");
        Refused(() => animator.Animate(folder["hollow"], folder["driving.mp4"], output), folder["hollow"], "it is a folder");
        Refused(() => animator.Animate(folder["text.mp4"], folder["driving.mp4"], output), folder["text.mp4"], "nvalid data");
        Refused(() => animator.Animate(folder["empty.png"], folder["driving.mp4"], output), folder["empty.png"], "it is empty");
        foreach ((string driving, string reason) in new[]
        {
            ("none.mp4", "there is no such file"), ("text.mp4", "nvalid data"), ("empty.png", "it is empty"), ("cut.mp4",
                "moov atom not found"),
            ("sound.m4a", "there is no picture or video in it"), ("hollow", "there is no picture in the folder"),
        })
            Refused(() => animator.Animate(good, folder[driving], output), folder[driving], reason);
        Refused(() => animator.Animate(good, folder["driving.mp4"], output, new() { Frames = 60.. }), folder["driving.mp4"],
            "it has 60 frames, so none from frame 60 on");
        Assert.DoesNotContain("out.mp4", folder.Entries);
        Assert.DoesNotContain(folder.Entries, entry => entry.StartsWith('.'));
    }

    [Fact]
    public void Damage_in_the_middle_of_a_video_is_survived_and_reported()
    {
        using TempFolder folder = Inputs();
        Ff.Mpeg("-i", folder["driving.mp4"], "-c", "copy", "-an", folder["driving.mkv"]);
        byte[] video = File.ReadAllBytes(folder["driving.mkv"]);
        new Random(1).NextBytes(video.AsSpan(video.Length / 2, 3000));
        File.WriteAllBytes(folder["driving.mkv"], video);
        using Animator animator = Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving.mkv"], folder["out.mp4"]);
        Assert.InRange(summary.Frames, 10, 60);
        Assert.StartsWith(folder["driving.mkv"] + ": ", summary.Warning, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', summary.Warning!);
    }

    /// <summary>A BMP header is enough to claim 20000 x 20000 pixels.</summary>
    [Fact]
    public void A_picture_of_20000_by_20000_is_refused_in_any_format()
    {
        using TempFolder folder = new();
        byte[] header = new byte[54];
        long length = header.Length + 3L * 20000 * 20000;
        "BM"u8.CopyTo(header);
        (header[10], header[14], header[26], header[28]) = (54, 40, 1, 24);
        BitConverter.TryWriteBytes(header.AsSpan(2), (uint)length);
        BitConverter.TryWriteBytes(header.AsSpan(18), 20000);
        BitConverter.TryWriteBytes(header.AsSpan(22), 20000);
        using (FileStream file = File.Create(folder["a.bmp"]))
        {
            file.Write(header);
            file.SetLength(length); // whole, and next to nothing on the disk
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(() => RgbImage.Load(folder["a.bmp"]), folder["a.bmp"], "20000x20000 is too large");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Fact]
    public void Outputs_that_cannot_be_written_are_refused_before_the_work()
    {
        using TempFolder folder = Inputs();
        Directory.CreateDirectory(folder["folder.mp4"]);
        Directory.CreateDirectory(folder["full"]);
        File.WriteAllText(folder["full/note.txt"], "");
        File.WriteAllText(folder["file"], "");
        int frames = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => frames++ }.Animator();
        foreach ((string output, string reason) in new[]
        {
            ("out.avi", ".avi is not known"), ("none/out.mp4", "there is no folder"), ("none/out.png",
                "there is no folder"), ("none/a%05d.png", "there is no folder"),
            ("none/frames/", "there is no folder to make it in"), ("full", "the folder is not empty"), ("file",
                "it is a file, and a folder of pictures was asked for"),
        })
            Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder[output]), folder[output], reason);
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["o.mp4"],
            new() { Dump = folder["none/d.safetensors"] }), folder["none/d.safetensors"], "there is no folder");
        if (OperatingSystem.IsLinux())
            Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], "/proc/out.mp4"), "/proc/out.mp4",
                "cannot be written");
        Assert.Equal(0, frames);
        Assert.Equal(["driving.mp4", "file", "folder.mp4", "full", "full/note.txt", "source.png"], folder.Entries);
    }

    [Fact]
    public void Outputs_never_replace_inputs()
    {
        using TempFolder folder = Inputs();
        File.CreateSymbolicLink(folder["link.mp4"], folder["driving.mp4"]);
        Directory.CreateDirectory(folder["frames"]);
        Pictures.Noise(64, 64, 2).Save(folder["frames/00000.png"]);
        byte[] source = File.ReadAllBytes(folder["source.png"]), driving = File.ReadAllBytes(folder["driving.mp4"]);
        using Animator animator = Animator();
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["source.png"]), folder["source.png"],
            "the output would replace the source");
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["./driving.mp4"]), folder["./driving.mp4"],
            "the output would replace the driving file");
        Refused(() => animator.Animate(folder["source.png"], folder["link.mp4"], folder["driving.mp4"]), folder["driving.mp4"],
            "the output would replace the driving file");
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["link.mp4"]), folder["link.mp4"],
            "the output would replace the driving file");
        Refused(() => animator.Animate(folder["source.png"], folder["frames"], folder["frames"]), folder["frames"],
            "the output would replace the driving file");
        Refused(() => animator.Animate(folder["source.png"], folder["frames"], folder["frames/%05d.png"]), folder["frames/%05d.png"],
            "the output would replace the driving file");
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["o.mp4"], new() { Dump = folder["o.mp4"] }),
            folder["o.mp4"], "the dump would replace the output");
        Assert.Equal(source, File.ReadAllBytes(folder["source.png"]));
        Assert.Equal(driving, File.ReadAllBytes(folder["driving.mp4"]));
    }

    [Fact]
    public void An_existing_output_is_replaced_only_by_a_complete_one()
    {
        using TempFolder folder = Inputs();
        File.WriteAllText(folder["out.mp4"], "old");
        using (Animator failing = new FakeExecutor(64) { Poison = 30 }.Animator())
            Assert.Throws<Weights.WeightsException>(() => failing.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"]));
        Assert.Equal("old", File.ReadAllText(folder["out.mp4"]));
        using Animator animator = Animator();
        animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"]);
        Assert.Equal(60, Ff.CountFrames(folder["out.mp4"]));
    }

    /// <summary>Linux has a device that is always full.</summary>
    [Fact]
    public void A_full_disk_is_reported_and_nothing_is_left()
    {
        using TempFolder folder = new();
        using (PendingFile file = new(folder["out.png"]))
        {
            using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            MediaException refusal = Assert.Throws<MediaException>(() => Outputs.Guard(folder["out.png"], () => full.Write(new byte[100])));
            Assert.Equal(folder["out.png"] + ": cannot be written: No space left on device", refusal.Message);
        }
        Assert.Empty(folder.Entries);
    }

    [Theory]
    [InlineData("out.mp4", false)]
    [InlineData("out.gif", false)]
    [InlineData("out.png", true)]
    [InlineData("frames/", false)]
    [InlineData("f%05d.png", true)]
    public void Cancelling_leaves_neither_file_nor_process(string output, bool minmax)
    {
        using TempFolder folder = Inputs();
        using CancellationTokenSource source = new();
        int frames = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => { if (++frames == 20) source.Cancel(); } }.Animator();
        AnimationOptions options = new()
        {
            Dump = folder["dump.safetensors"],
            Normalization = minmax ? Normalization.MinMax : Normalization.Fixed,
        };
        Assert.Throws<OperationCanceledException>(() =>
            animator.Animate(folder["source.png"], folder["driving.mp4"], folder[output], options, null, source.Token));
        Assert.Equal(["driving.mp4", "source.png"], folder.Entries);
        Assert.Empty(ProcessesOn(folder));
    }

    [Fact]
    public void A_token_cancelled_beforehand_starts_nothing()
    {
        using TempFolder folder = Inputs();
        using Animator animator = Animator();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"],
                cancellationToken: new CancellationToken(true)));
        Assert.Equal(["driving.mp4", "source.png"], folder.Entries);
    }

    [Fact]
    public void An_encoder_that_dies_is_an_error_that_leaves_nothing()
    {
        using TempFolder folder = Inputs();
        int frames = 0;
        using Animator animator = new FakeExecutor(64)
        {
            BeforeSynthesis = _ =>
            {
                if (++frames != 20) return;
                foreach (int id in ProcessesOn(folder, "out.mp4")) Process.GetProcessById(id).Kill();
            },
        }.Animator();
        Refused(() => animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"]), folder["out.mp4"], "status 137");
        Assert.Equal(["driving.mp4", "source.png"], folder.Entries);
        Assert.Empty(ProcessesOn(folder));
    }

    [Fact]
    public void A_missing_program_is_named_with_its_package()
    {
        MediaException missing = Assert.Throws<MediaException>(() =>
            ChildProcess.Start("lia-ffmpeg-that-is-not-there", [], "clip.mp4", feeds: false, default));
        Assert.StartsWith("clip.mp4: ", missing.Message, StringComparison.Ordinal);
        Assert.Contains("install the package `ffmpeg`", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_program_says_last_reaches_the_message()
    {
        using ChildProcess child = ChildProcess.Start("ffmpeg", ["-nostdin", "-v", "error", "-i", "file:/none.mp4"], "clip.mp4",
            feeds: false, default);
        Assert.Contains("No such file or directory", Assert.Throws<MediaException>(() => child.WaitForSuccess()).Message,
            StringComparison.Ordinal);
    }

    /// <summary>A program that writes nothing and reads nothing, for as long as it likes.</summary>
    [Fact]
    public void Cancelling_ends_a_program_that_hangs()
    {
        using CancellationTokenSource source = new();
        using ChildProcess child = ChildProcess.Start("sleep", ["600"], "clip.mp4", feeds: true, source.Token);
        source.CancelAfter(100);
        Assert.Equal(-1, child.Output.ReadByte());
        Assert.IsType<OperationCanceledException>(child.Failure());
    }

    [Fact]
    public void Disposing_ends_and_reaps_a_program()
    {
        int id;
        using (ChildProcess child = ChildProcess.Start("sleep", ["600"], "clip.mp4", feeds: true, default)) id = child.Id;
        Assert.False(Directory.Exists($"/proc/{id}")); // a zombie would still be listed
    }

    /// <summary>More on the error output than a pipe holds does not block the program.</summary>
    [Fact]
    public void A_talkative_program_does_not_block()
    {
        using ChildProcess child = ChildProcess.Start("sh",
            ["-c", "i=0; while [ $i -lt 3000 ]; do echo 'a line of about a hundred characters, again and again, so that the pipe gets "
                + "full for sure' >&2; i=$((i+1)); done; echo last >&2"], "clip.mp4", feeds: false, default);
        Assert.EndsWith("last", child.WaitForSuccess(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipe_as_input_is_refused_and_not_waited_for()
    {
        using TempFolder folder = new();
        Process.Start("mkfifo", folder["pipe.mp4"]).WaitForExit();
        Refused(() => RgbImage.Load(folder["pipe.mp4"]), folder["pipe.mp4"], "not a regular file");
        File.CreateSymbolicLink(folder["link.png"], folder["pipe.mp4"]);
        Refused(() => RgbImage.Load(folder["link.png"]), folder["link.png"], "not a regular file");
    }

    /// <summary>Running programs whose command line names the folder.</summary>
    private static int[] ProcessesOn(TempFolder folder, string file = "") =>
        [.. Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name =>
            int.Parse(name!)).Where(id =>
        {
            try
            {
                string line = File.ReadAllText($"/proc/{id}/cmdline");
                return line.Contains(folder.Path, StringComparison.Ordinal) && line.Contains(file, StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        })];
}
