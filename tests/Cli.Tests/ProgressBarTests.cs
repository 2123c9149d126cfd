using System.Diagnostics;

namespace Lia.Cli.Tests;

public class ProgressBarTests
{
    private static readonly AnimationProgress Half = new(12, 24, TimeSpan.FromSeconds(6));

    [Fact]
    public void A_wide_terminal_shows_a_bar_and_words() =>
        Assert.Equal("[####################....................] 12/24 frames, 2.00 frames/s, 0:06 left", ProgressBar.Line(Half, 200));

    [Fact]
    public void The_line_never_reaches_the_last_column()
    {
        for (int width = 1; width < 120; width++)
        {
            Assert.InRange(ProgressBar.Line(Half, width).Length, 0, width - 1);
            Assert.InRange(ProgressBar.Line(null, width).Length, 0, width - 1);
        }
    }

    [Fact]
    public void A_narrow_terminal_shows_the_words_alone() =>
        Assert.Equal("12/24 frames, 2.00 frames/s, 0:06 left", ProgressBar.Line(Half, 40));

    [Fact]
    public void Without_a_total_there_is_no_bar()
    {
        Assert.Equal("12 frames, 2.00 frames/s", ProgressBar.Line(Half with { Total = null }, 80));
        Assert.Equal("1 frame, 1.00 frames/s", ProgressBar.Line(new(1, null, TimeSpan.FromSeconds(1)), 80));
    }

    /// <summary>Pulled narrower and wider, on terminals that break long lines anew and on those that cut them.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void A_resized_terminal_keeps_one_line(bool breaksAnew, bool isToldAtOnce)
    {
        int told = 100;
        Screen screen = new(told, breaksAnew);
        using (ProgressBar bar = new(new TerminalText(new ScreenWriter(screen)), () => told))
        {
            int frames = 0;
            foreach (int width in (int[])[100, 45, 20, 90, 31, 100])
            {
                lock (screen)
                {
                    screen.Resize(width);
                    // Or the next line is drawn for the width that was.
                    if (isToldAtOnce) told = width;
                }
                bar.Report(Half with { Frames = ++frames });
                lock (screen) Assert.Single(screen.Rows);
                told = width;
                bar.Report(Half with { Frames = ++frames });
                lock (screen) Assert.Equal(ProgressBar.Line(Half with { Frames = frames }, width), Assert.Single(screen.Rows));
            }
        }
        Assert.Empty(screen.Rows);
    }

    [Fact]
    public void Messages_stand_above_the_line()
    {
        Screen screen = new(60, breaksAnew: true);
        TerminalText terminal = new(new ScreenWriter(screen));
        using (ProgressBar bar = new(terminal, () => 60))
        {
            bar.Report(Half);
            terminal.WriteLine("lia: warning: something long enough to be broken by the edge of the terminal");
            bar.Report(Half);
            lock (screen)
            {
                Assert.Equal(["lia: warning: something long enough to be broken by the edge", "of the terminal",
                    ProgressBar.Line(Half, 60)], screen.Rows.Select(row => row.Trim()));
            }
        }
        terminal.WriteLine("done");
        Assert.Equal("done", screen.Rows[^1]);
    }

    /// <summary>The whole program on a terminal that is pulled at while it works, standard output being something else.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_program_keeps_one_line_on_a_resized_terminal(bool breaksAnew)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the pseudo terminal of the test is Linux's");
        string folder = Directory.CreateTempSubdirectory("lia-terminal-").FullName;
        for (int i = 0; i < 5000; i++) File.CreateSymbolicLink(Path.Combine(folder, $"{i:d4}.png"), Path.GetFullPath(DemoFiles.Source));
        try
        {
            using PseudoTerminal terminal = new(100, breaksAnew);
            using Process lia = terminal.Start(folder, "out.txt", "dotnet", Path.Combine(AppContext.BaseDirectory, "lia.dll"), "animate",
                DemoFiles.Source, ".", "-o", "-", "-m", DemoFiles.Model, "--device", "cpu");
            foreach (int width in (int[])[100, 45, 20, 90, 100])
            {
                terminal.Resize(width);
                // Two lines on, the one that was on its way has been replaced.
                await WaitForFrames(terminal);
                await WaitForFrames(terminal);
                string row = Assert.Single(terminal.Rows);
                Assert.Equal(width >= 90, row.StartsWith('['));
                Assert.InRange(row.Length, 15, width - 1);
            }
            const char ControlC = '\x03';
            terminal.Type(ControlC);
            await lia.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(ExitCode.Cancelled, lia.ExitCode);
            for (int i = 0; i < 1200 && !terminal.Rows.Contains("lia: stopped"); i++) await Task.Delay(50); // read by another thread
            Assert.DoesNotContain(terminal.Rows, row => row.Contains("/5000"));
            Assert.Contains("lia: stopped", terminal.Rows);
            Assert.DoesNotContain((byte)'\e', File.ReadAllBytes(Path.Combine(folder, "out.txt")).AsSpan(0, 16).ToArray());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static async Task WaitForFrames(PseudoTerminal terminal)
        {
            string[] before = terminal.Rows;
            for (int i = 0; i < 1200; i++)
            {
                await Task.Delay(50);
                if (terminal.Rows is [.., var row] && row.Contains("/5000") && row != before.LastOrDefault()) return;
            }
            Assert.Fail($"no frame in a minute: {string.Join(" | ", terminal.Rows)}");
        }
    }

    private sealed class ScreenWriter(Screen screen) : StringWriter
    {
        public override void Write(string? value)
        {
            lock (screen) screen.Write(value!);
        }

        public override void WriteLine(string? value) => Write(value + "\r\n");
    }
}
