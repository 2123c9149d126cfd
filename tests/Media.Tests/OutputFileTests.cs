using System.Diagnostics;
using System.Runtime.Versioning;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Media.Raw;

namespace Lia.Tests;

/// <summary>Outputs in the making and temporary files: whose they are, where they lead, and what is left of them.</summary>
[UnsupportedOSPlatform("windows")]
public class OutputFileTests
{
    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public void A_file_in_the_making_is_its_owners_alone_and_then_what_the_system_or_the_old_file_says()
    {
        using TempFolder folder = new();
        File.WriteAllText(folder["usual"], "");
        Commit(folder["new.png"]);
        Assert.Equal(File.GetUnixFileMode(folder["usual"]), File.GetUnixFileMode(folder["new.png"]));
        File.WriteAllText(folder["mine.png"], "old");
        File.SetUnixFileMode(folder["mine.png"], OwnersAlone);
        Commit(folder["mine.png"]);
        Assert.Equal(OwnersAlone, File.GetUnixFileMode(folder["mine.png"]));

        static void Commit(string path)
        {
            using PendingFile file = new(path);
            Assert.Equal(OwnersAlone, File.GetUnixFileMode(file.Path));
            file.Open().WriteByte(1);
            file.Commit();
            Assert.Equal([1], File.ReadAllBytes(path));
        }
    }

    [Fact]
    public void What_lies_in_memory_is_replaced_and_a_device_is_not()
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "there is no /dev/shm");
        string path = $"/dev/shm/lia-{Guid.NewGuid():N}.png";
        try
        {
            foreach (byte[] old in (byte[][])[[], [7]])
            {
                File.WriteAllBytes(path, old);
                using PendingFile file = new(path);
                file.Open().WriteByte(1);
                file.Commit();
                Assert.Equal([1], File.ReadAllBytes(path));
            }
        }
        finally
        {
            File.Delete(path);
        }
        Assert.Contains("it is a device", Assert.Throws<MediaException>(() => new PendingFile("/dev/null")).Message);
    }

    [Fact]
    public void Symbolic_links_are_followed()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["elsewhere/empty"]);
        File.WriteAllText(folder["elsewhere/old.png"], "old");
        File.CreateSymbolicLink(folder["link.png"], "elsewhere/old.png");
        File.CreateSymbolicLink(folder["new.png"], folder["elsewhere/new.png"]); // leads nowhere yet
        File.CreateSymbolicLink(folder["link"], folder["elsewhere/empty"]);
        File.CreateSymbolicLink(folder["00001.png"], folder["elsewhere/one.png"]);
        File.CreateSymbolicLink(folder["loop.png"], folder["loop.png"]);
        RgbImage picture = Pictures.Noise(8, 8, 1);
        picture.Save(folder["link.png"]);
        picture.Save(folder["new.png"]);
        foreach (string output in (string[])["link", "%05d.png"])
        {
            using PngSequenceWriter writer = new(folder[output], 8, 8);
            writer.Write(picture.Pixels);
            writer.Write(picture.Pixels);
            writer.Complete();
        }
        foreach (string name in (string[])["old.png", "new.png", "one.png", "empty/00000.png", "empty/00001.png"])
            Assert.Equal(picture.Pixels, RgbImage.Load(folder["elsewhere/" + name]).Pixels);
        foreach (string name in (string[])["link.png", "new.png", "link", "00001.png"])
            Assert.NotNull(new FileInfo(folder[name]).LinkTarget);
        Assert.Contains("a link that leads to itself", Assert.Throws<MediaException>(() => picture.Save(folder["loop.png"])).Message);
        Assert.DoesNotContain(folder.Entries, entry => entry.EndsWith(".part", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_named_pipe_is_written_to_and_not_replaced()
    {
        using TempFolder folder = new();
        foreach (string name in (string[])["out.png", "out.rgb"])
        {
            using Process mkfifo = Process.Start("mkfifo", [folder[name]]);
            mkfifo.WaitForExit();
        }
        RgbImage picture = Pictures.Noise(8, 8, 1);
        Assert.Contains("it is a pipe, and only raw video", Assert.Throws<MediaException>(() => picture.Save(folder["out.png"])).Message);
        // to open it waits
        Task<byte[]> reading = Task.Run(() => File.ReadAllBytes(folder["out.rgb"]), TestContext.Current.CancellationToken);
        using (RawWriter writer = RawWriter.ToFile(folder["out.rgb"], 8, 8, new FrameRate(25, 1), RawOutput.Auto,
            TestContext.Current.CancellationToken))
        {
            writer.Write(picture.Pixels);
            writer.Complete();
        }
        Assert.Equal(picture.Pixels, await reading);

        // One that nobody reads is given up when the work is cancelled.
        using CancellationTokenSource stop = new(100);
        Assert.ThrowsAny<OperationCanceledException>(
            () => RawWriter.ToFile(folder["out.rgb"], 8, 8, new FrameRate(25, 1), RawOutput.Auto, stop.Token));
        Assert.Equal(["out.png", "out.rgb"], folder.Entries.Order());
    }

    [Fact]
    public void Leftovers_are_swept_and_what_is_in_the_making_is_not()
    {
        using TempFolder folder = new();
        string[] others = [".other.png.0123456789abcdef0123456789abcdef.part", ".out.png.short.part", "out.png.part"];
        string dead = $".out.png.{Guid.NewGuid():N}.part";
        foreach (string name in (string[])[dead, .. others]) File.WriteAllText(folder[name], "");
        using PendingFile first = new(folder["out.png"]), second = new(folder["out.png"]);
        Assert.True(File.Exists(first.Path) && File.Exists(second.Path));
        Assert.False(File.Exists(folder[dead]));
        Assert.All(others, name => Assert.True(File.Exists(folder[name])));

        // A folder of pictures in the making.
        string deadFolder = folder[$".frames.{Guid.NewGuid():N}.part"];
        Directory.CreateDirectory(deadFolder);
        File.WriteAllText(Path.Combine(deadFolder, TemporaryFiles.LockName), "");
        File.WriteAllText(Path.Combine(deadFolder, "00000.png"), "");
        using PngSequenceWriter alive = new(folder["frames"], 8, 8), beside = new(folder["frames"], 8, 8);
        Assert.False(Directory.Exists(deadFolder));
        Assert.Equal(2, Directory.GetDirectories(folder.Path, ".frames.*.part").Length);
    }

    [Fact]
    public void A_temporary_file_has_no_name_and_older_ones_are_swept()
    {
        using TempFolder folder = new();
        string dead = folder[$"lia-{Guid.NewGuid():N}.frames"], alive = folder[$"lia-{Guid.NewGuid():N}.driving"],
            other = folder["lia-mine.frames"];
        foreach (string file in (string[])[dead, other]) File.WriteAllText(file, "");
        // As older versions held them.
        using (new FileStream(alive, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None)) TemporaryFiles.Sweep(folder.Path);
        Assert.Equal([Path.GetFileName(alive), Path.GetFileName(other)], folder.Entries.Order());

        using FileStream temporary = TemporaryFiles.Open("a test", ".frames");
        Assert.False(File.Exists(temporary.Name));
        Assert.Equal(OwnersAlone, File.GetUnixFileMode(temporary.SafeFileHandle));
        temporary.Write([1, 2]);
        temporary.Position = 1;
        Assert.Equal(2, temporary.ReadByte());
    }
}
