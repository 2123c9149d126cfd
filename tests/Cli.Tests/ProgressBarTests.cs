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
    public void Without_a_total_there_is_no_bar() =>
        Assert.Equal("12 frames, 2.00 frames/s", ProgressBar.Line(Half with { Total = null }, 80));

    [Fact]
    public void The_line_is_drawn_over_itself_and_wiped_at_the_end()
    {
        StringWriter terminal = new();
        using (ProgressBar bar = new(terminal, () => 100))
        {
            bar.Report(Half);
            bar.Report(Half with { Frames = 24 });
        }
        string drawn = terminal.ToString();
        Assert.DoesNotContain('\n', drawn);
        Assert.Contains("\r[####################....................] 12/24 frames, 2.00 frames/s, 0:06 left\e[K", drawn);
        Assert.EndsWith("[########################################] 24/24 frames, 4.00 frames/s, 0:00 left\e[K\r\e[K", drawn);
    }
}
