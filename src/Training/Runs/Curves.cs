using System.Globalization;
using Lia.Media.Imaging;

namespace Lia.Training.Runs;

/// <summary>
/// Losses, rate and measures in the course of a run as one picture, a panel each: steps to the right, and up the range that all but the
/// wildest points are in.
/// </summary>
internal sealed class Curves
{
    private const int Width = 560, Height = 260, Columns = 2, Left = 78, Right = 18, Top = 34, Bottom = 32, Lines = 4;

    private static readonly RgbColor s_ink = new(40, 44, 52), s_grid = new(226, 229, 234), s_curve = new(28, 100, 200),
        s_measure = new(200, 70, 30);

    private readonly Series _perceptual = new("perceptual loss"), _l1 = new("L1 loss"), _adversarial = new("adversarial loss (generator)"),
        _discriminator = new("discriminator loss"), _rate = new("rate (generator)"), _psnr = new("held out: PSNR (dB)"),
        _heldOutL1 = new("held out: L1"), _lpips = new("held out: LPIPS"),
        _matching = new("feature matching"), _labels = new("labels"), _surfaces = new("surfaces");

    public void Add(LoggedSteps steps)
    {
        _perceptual.Add(steps.Step, steps.Perceptual);
        _l1.Add(steps.Step, steps.L1);
        _adversarial.Add(steps.Step, steps.Adversarial);
        _discriminator.Add(steps.Step, steps.Discriminator);
        _rate.Add(steps.Step, steps.Rate);
        if (steps.Matching > 0) _matching.Add(steps.Step, steps.Matching);
        if (steps.Labels > 0) _labels.Add(steps.Step, steps.Labels);
        if (steps.Surfaces > 0) _surfaces.Add(steps.Step, steps.Surfaces);
    }

    public void Add(LoggedMeasures measures)
    {
        _psnr.Add(measures.Step, measures.Psnr);
        _heldOutL1.Add(measures.Step, measures.L1);
        if (measures.Lpips is { } lpips) _lpips.Add(measures.Step, lpips);
    }

    /// <summary>Draws what there is.</summary>
    /// <param name="lastStep">Where panels end on the right.</param>
    public RgbImage Draw(long lastStep)
    {
        Series[] always = [_perceptual, _l1, _adversarial, _discriminator, _rate], measures = [_psnr, _heldOutL1, _lpips],
            panels = [.. always, .. measures.Concat([_matching, _labels, _surfaces]).Where(series => series.Count > 0)];
        int rows = (panels.Length + Columns - 1) / Columns;
        RgbImage picture = new(Columns * Width, rows * Height);
        picture.Pixels.AsSpan().Fill(255);
        for (int i = 0; i < panels.Length; i++)
            DrawPanel(picture, panels[i], i % Columns * Width, i / Columns * Height, Math.Max(1, lastStep),
                measures.Contains(panels[i]));
        return picture;
    }

    private static void DrawPanel(RgbImage picture, Series series, int left, int top, long lastStep, bool isMeasure)
    {
        int x0 = left + Left, y0 = top + Top, width = Width - Left - Right, height = Height - Top - Bottom;
        DotFont.Draw(picture, series.Name, x0, top + 10, 2, s_ink);
        (double least, double most) = Range([.. series.Points.Select(point => point.Value)]);
        for (int line = 0; line <= Lines; line++)
        {
            int y = y0 + height - 1 - line * (height - 1) / Lines, x = x0 + line * (width - 1) / Lines;
            Fill(picture, x0, y, width, 1, s_grid);
            Fill(picture, x, y0, 1, height, s_grid);
            string value = Short(least + (most - least) * line / Lines), step = Steps(lastStep * line / (double)Lines);
            DotFont.Draw(picture, value, x0 - 8 - DotFont.Width(value, 1), y - 3, 1, s_ink);
            int middle = x - DotFont.Width(step, 1) / 2, last = left + Width - DotFont.Width(step, 1) - 2;
            DotFont.Draw(picture, step, Math.Min(middle, last), y0 + height + 8, 1, s_ink);
        }
        (int X, int Y)? before = null;
        foreach ((double step, double value) in series.Points)
        {
            double up = Math.Clamp((value - least) / (most - least), 0, 1);
            (int X, int Y) point = (x0 + (int)Math.Round(Math.Min(1, step / lastStep) * (width - 1)),
                y0 + height - 1 - (int)Math.Round(up * (height - 1)));
            if (before is { } from) Line(picture, from, point, isMeasure ? s_measure : s_curve);
            if (isMeasure || series.Count == 1) Fill(picture, point.X - 2, point.Y - 2, 5, 5, isMeasure ? s_measure : s_curve);
            before = point;
        }
    }

    /// <summary>From the least to the largest but for a hundredth at either end, and a little room.</summary>
    private static (double Least, double Most) Range(double[] values)
    {
        if (values.Length == 0) return (0, 1);
        Array.Sort(values);
        int outside = values.Length / 100;
        double least = values[outside], most = values[^(outside + 1)];
        double room = most > least ? 0.05 * (most - least) : Math.Max(Math.Abs(most) * 0.1, 1e-6);
        return (least >= 0 ? Math.Max(0, least - room) : least - room, most + room);
    }

    /// <summary>A line of two pixels.</summary>
    private static void Line(RgbImage picture, (int X, int Y) from, (int X, int Y) to, RgbColor color)
    {
        int steps = Math.Max(1, Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)));
        for (int i = 0; i <= steps; i++)
        {
            Fill(picture, from.X + (int)Math.Round((double)(to.X - from.X) * i / steps),
                from.Y + (int)Math.Round((double)(to.Y - from.Y) * i / steps), 2, 2, color);
        }
    }

    private static void Fill(RgbImage picture, int left, int top, int width, int height, RgbColor color)
    {
        for (int y = Math.Max(0, top); y < Math.Min(picture.Height, top + height); y++)
        {
            for (int x = Math.Max(0, left); x < Math.Min(picture.Width, left + width); x++)
            {
                int at = 3 * (y * picture.Width + x);
                (picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]) = (color.Red, color.Green, color.Blue);
            }
        }
    }

    private static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    private static string Steps(double step) => step < 10_000 ? step.ToString("0.#", CultureInfo.InvariantCulture)
        : (step / 1000).ToString("0.#", CultureInfo.InvariantCulture) + "k";
}
