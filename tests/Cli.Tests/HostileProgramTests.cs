using System.Diagnostics;
using System.Runtime.Versioning;

namespace Lia.Cli.Tests;

/// <summary>What PATH calls ffmpeg may do anything: hang, lie, break off, or be somebody else's. The program says so, loses nothing, and
/// ends when it is told to.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class HostileProgramTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), ASecond = TimeSpan.FromSeconds(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("lia-hostile-").FullName;

    public HostileProgramTests()
    {
        Directory.CreateDirectory(At("bin"));
        Directory.CreateDirectory(At("tmp"));
        using Process ffmpeg = Process.Start("ffmpeg",
            ["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "6", At("driving.mp4")]);
        ffmpeg.WaitForExit();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    /// <summary>A program of the shell, which may call the true one as <c>$true</c>.</summary>
    private void Script(string path, string lines)
    {
        string name = Path.GetFileName(path);
        string found = Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, name))
            .First(File.Exists);
        File.WriteAllText(path, $"#!/bin/sh\ntrue={found}\n{lines}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private Process Animate(string output, string before, params string[] more)
    {
        ProcessStartInfo start = new("/usr/bin/env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "lia.dll"),
            "animate", DemoFiles.Source, "driving.mp4", "-o", output, "-m", DemoFiles.Model, "-q", .. more])
        {
            WorkingDirectory = _folder, RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{before}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["TMPDIR"] = At("tmp");
        return Process.Start(start)!;
    }

    private async Task<(int Status, string Error)> Run(string output, string before, params string[] more)
    {
        using Process process = Animate(output, before, more);
        string error = await process.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, error);
    }

    [Fact]
    public async Task A_program_in_the_current_folder_is_not_run()
    {
        Script(At("ffmpeg"), $"touch {At("planted")}; exit 1");
        Script(At("ffprobe"), $"touch {At("planted")}; exit 1");
        // Empty and relative folders of PATH are the current one.
        (int status, string error) = await Run("out.mp4", ".::bin");
        Assert.Equal((0, ""), (status, error));
        Assert.False(File.Exists(At("planted")));
    }

    /// <summary>The programs leave a file when they are there, and sleep for a time that nobody else sleeps for.</summary>
    [Theory]
    [InlineData("ffmpeg", "[ $1 = -version ] || exec $true \"$@\"; touch started; exec sleep SLEEP")]
    [InlineData("ffmpeg", "[ $1 = -version ] && exec $true \"$@\"; touch started; sleep SLEEP")] // the shell's child holds the pipes
    [InlineData("ffmpeg", "[ $1 = -version ] && exec $true \"$@\"; (sleep SLEEP &); touch started; exit 0")] // nobody's child does
    [InlineData("ffprobe", "touch started; trap '' TERM; sleep SLEEP")]
    [InlineData("ffprobe", "(sleep SLEEP &); touch started; exit 0")]
    [InlineData("ffmpeg", "case \"$*\" in *rawvideo*) touch started; sleep SLEEP; exit;; esac; exec $true \"$@\"")]
    public async Task A_signal_ends_programs_that_hang(string program, string lines)
    {
        // Others may keep the machine busy: the promise is kept when it is kept once.
        TimeSpan best = TimeSpan.MaxValue;
        for (int attempt = 0; attempt < 5 && best > ASecond; attempt++)
        {
            TimeSpan time = await End();
            if (time < best) best = time;
        }
        Assert.InRange(best, TimeSpan.Zero, ASecond);

        async Task<TimeSpan> End()
        {
            string sleep = $"{Random.Shared.Next(100_000, 999_999)}";
            File.Delete(At("started"));
            Script(At($"bin/{program}"), lines.Replace("SLEEP", sleep).Replace("started", At("started")));
            using Process process = Animate("out.mp4", At("bin"));
            Task<string> error = process.StandardError.ReadToEndAsync();
            Stopwatch watch = Stopwatch.StartNew();
            while (!File.Exists(At("started")) && watch.Elapsed < Patience) await Task.Delay(20);
            await Task.Delay(100);
            watch.Restart();
            CliRunner.Signal(process, CliRunner.Terminate);
            try
            {
                await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
            }
            finally
            {
                process.Kill(entireProcessTree: true);
            }
            TimeSpan taken = watch.Elapsed;
            Assert.Equal((ExitCode.Cancelled, "lia: stopped; nothing was written\n"), (process.ExitCode, await error));
            Assert.DoesNotContain(Directory.GetDirectories("/proc"), folder => IsSleeping(folder, sleep));
            Assert.Empty(Directory.GetFileSystemEntries(_folder, "*out.mp4*"));
            TestContext.Current.TestOutputHelper?.WriteLine($"{program}: ended {taken.TotalSeconds:0.000} s after the signal");
            return taken;
        }

        static bool IsSleeping(string folder, string time)
        {
            try
            {
                return File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0').Contains(time);
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData("out.mp4", "cat > /dev/null; exit 0", "it is empty")]
    [InlineData("out.gif", "cat > /dev/null; exit 0", "it is empty")]
    [InlineData("out.webp", "cat > /dev/null; exit 0", "it is empty")]
    [InlineData("out.mp4", "$true \"$@\"; for last; do :; done; truncate -s 2000 ${last#file:}", "it is cut off")]
    [InlineData("out.gif", "$true \"$@\"; for last; do :; done; truncate -s 2000 ${last#file:}", "it is cut off")]
    [InlineData("out.webp", "$true \"$@\"; for last; do :; done; truncate -s 2000 ${last#file:}", "it is cut off")]
    [InlineData("out.mp4", "$true \"$@\" -frames:v 2", "2 of 6 frames")] // a second output, so that the first is made of all frames
    [InlineData("out.mp4", "cat > /dev/null; echo no good >&2; exit 1", "no good")]
    public async Task An_encoder_is_not_believed(string output, string lines, string reason)
    {
        if (lines.Contains("-frames")) lines = "head -c 98304 | $true \"$@\"; cat > /dev/null"; // two of six frames of 128x128
        Script(At("bin/ffmpeg"), $"case \"$*\" in *rawvideo*) ;; *) exec $true \"$@\";; esac\n{lines}");
        File.WriteAllText(At(output), "old");
        (int status, string error) = await Run(output, At("bin"));
        Assert.Equal(ExitCode.BadInput, status);
        Assert.StartsWith($"lia: {output}: ", error);
        Assert.Contains(reason, error);
        Assert.Equal("old", File.ReadAllText(At(output)));
        Assert.Empty(Directory.GetFiles(_folder, ".*.part"));
    }

    [Theory]
    [InlineData("ffprobe", "echo garbage", "what ffprobe says of it cannot be understood")]
    [InlineData("ffprobe", "exit 0", "what ffprobe says of it cannot be understood")]
    [InlineData("ffprobe", "yes", "what ffprobe says of it is too long")]
    [InlineData("ffmpeg", "[ $1 = -version ] && exec $true \"$@\"; exec yes", "what ffmpeg writes cannot be understood")]
    [InlineData("ffmpeg", "[ $1 = -version ] && exec $true \"$@\"; exec yes P6", "what ffmpeg writes cannot be understood")]
    public async Task An_answer_that_makes_no_sense_is_an_error_of_the_clip(string program, string lines, string reason)
    {
        Script(At($"bin/{program}"), lines);
        (int status, string error) = await Run("out.png", At("bin"));
        Assert.Equal(ExitCode.BadInput, status);
        Assert.StartsWith($"lia: driving.mp4: {reason}", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    /// <summary>Nobody can clean up after a killed run but the next one; what no name leads to goes by itself.</summary>
    [Fact]
    public async Task A_killed_run_leaves_little_and_the_next_sweeps_it()
    {
        File.WriteAllText(At($"tmp/lia-{Guid.NewGuid():N}.frames"), "of an older version");
        using (Process process = Animate("out.png", At("bin"), "--normalize", "minmax", "--ping-pong", "--loop", "1000", "--side-by-side"))
        {
            Task<string> error = process.StandardError.ReadToEndAsync();
            Stopwatch watch = Stopwatch.StartNew();
            // The output is made first; the temporary file for the driving frames, with the motion.
            while (watch.Elapsed < Patience
                && !(Directory.GetFiles(_folder, ".*.part").Length > 0 && Open(process).Count(IsTemporary) == 2)) await Task.Delay(20);
            Assert.Equal(2, Open(process).Count(IsTemporary));
            string part = Assert.Single(Directory.GetFiles(_folder, ".*.part"));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(part));
            process.Kill();
            await process.WaitForExitAsync();
        }
        Assert.Empty(Directory.GetFileSystemEntries(At("tmp"), "lia-*")); // the runtime has some of its own
        Assert.Single(Directory.GetFiles(_folder, ".*.part"));
        Assert.Equal(0, (await Run("out.png", At("bin"))).Status);
        Assert.Empty(Directory.GetFiles(_folder, ".*.part"));

        bool IsTemporary(string file) => file.StartsWith(At("tmp/lia-")) && file.EndsWith(" (deleted)");

        static string[] Open(Process process) =>
            [.. Directory.GetFiles($"/proc/{process.Id}/fd").Select(file => new FileInfo(file).LinkTarget ?? "")];
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("gif")]
    [InlineData("webp")]
    [InlineData("png")]
    [InlineData("y4m")]
    public async Task A_full_disk_keeps_the_old_file(string extension)
    {
        // In a name space of its own everybody may have a small disk.
        string lia = $"dotnet {Path.Combine(AppContext.BaseDirectory, "lia.dll")} animate {DemoFiles.Source} driving.mp4 -m "
            + $"{DemoFiles.Model} -q -o disk/o.{extension}";
        ProcessStartInfo start = new("unshare", ["-Urm", "sh", "-c",
            $"mkdir disk; for size in 8; do mount -t tmpfs -o size=${{size}}k none disk || exit 77; printf old > disk/o.{extension}; "
                + $"{lia}; echo $? $(cat disk/o.{extension}) $(ls -A disk); umount disk; done"])
        {
            WorkingDirectory = _folder, RedirectStandardError = true, RedirectStandardOutput = true,
        };
        using Process shell = Process.Start(start)!;
        Task<string> error = shell.StandardError.ReadToEndAsync();
        string output = await shell.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await shell.WaitForExitAsync();
        Assert.SkipWhen(shell.ExitCode == 77 || output.Length == 0, "No disk can be mounted here: " + await error);
        Assert.Equal($"2 old o.{extension}\n", output);
        Assert.All((await error).Trim().Split('\n'), line => Assert.StartsWith($"lia: disk/o.{extension}: ", line));
    }
}
