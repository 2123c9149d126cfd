using System.Globalization;

namespace Lia.Tests;

/// <summary>Clips that flash and beep at the same moments: where both are tells length and sync. ffmpeg judges.</summary>
internal static class Beeps
{
    /// <summary>When the picture turns bright, in seconds from its first frame.</summary>
    public static double[] Flashes(string clip)
    {
        string[] lines = Ff.Probe("-select_streams v:0 -show_entries packet=pts_time -of csv=p=0", clip).Split('\n');
        double[] times = [.. lines.Select(line => Number(line.Split(',')[0])).Order()];
        byte[] frames = Ff.Decode(clip, "gray");
        double[] means = [.. frames.Chunk(frames.Length / times.Length).Select(frame => frame.Average(value => (double)value))];
        Assert.Equal(times.Length, means.Length);
        double middle = (means.Min() + means.Max()) / 2;
        return
        [
            .. Enumerable.Range(0, means.Length).Where(i => means[i] > middle && (i == 0 || means[i - 1] <= middle))
                .Select(i => times[i] - times[0]),
        ];
    }

    /// <summary>When the sound sets in after at least 0.1 s of silence, in seconds from the picture's first frame.</summary>
    public static double[] Onsets(string clip)
    {
        const int Rate = 16000;
        double start = Start("a") - Start("v");
        short[] samples = Ff.DecodeSound(clip, Rate);
        List<double> onsets = [];
        int last = -Rate;
        for (int i = 0; i < samples.Length; i++)
        {
            if (Math.Abs((int)samples[i]) < 2000) continue;
            if (i - last > Rate / 10) onsets.Add(start + (double)i / Rate);
            last = i;
        }
        return [.. onsets];

        // Of the first decoded frame, without what the encoder needed to get going.
        double Start(string kind) => Number(
            Ff.Probe($"-select_streams {kind}:0 -read_intervals %+#5 -show_entries frame=pts_time -of csv=p=0", clip)
                .Split('\n')[0].Trim(','));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
