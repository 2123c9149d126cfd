using System.Globalization;
using Lia.Media.Imaging;

namespace Lia.Cli;

/// <summary>
/// Sweeps as one picture on white: a row for each, with the number of its direction on the left; a column for each delta, which stands
/// above it.
/// </summary>
internal sealed class DirectionSheet
{
    private const int LargestCell = 256;

    private readonly RgbImage _sheet;
    private readonly FrameFitter? _shrink;
    private readonly int _cell, _columns, _left, _top;
    private int _count;

    /// <param name="sweeps">All with the same deltas.</param>
    /// <param name="size">Side of the frames; frames above 256 are shown in 256 pixels.</param>
    /// <exception cref="ArgumentException">The deltas differ, or the picture would be too large.</exception>
    public DirectionSheet(IReadOnlyList<IReadOnlyList<MotionEdit[]>> sweeps, int size)
    {
        float[] deltas = Deltas(sweeps[0]);
        if (sweeps.Any(sweep => !Deltas(sweep).SequenceEqual(deltas)))
            throw new ArgumentException("The sweeps of a sheet must have the same deltas: its columns are labeled with them.");
        _cell = Math.Min(size, LargestCell);
        if (_cell < size) _shrink = new FrameFitter(_cell, Fit.Stretch);
        _columns = deltas.Length;

        string[] names = [.. sweeps.Select(sweep => sweep[0][0].Direction.ToString(CultureInfo.InvariantCulture))];
        int scale = Math.Max(1, _cell / 64), margin = 2 * scale, line = DotFont.Height * scale;
        _left = names.Max(name => DotFont.Width(name, scale)) + 2 * margin;
        _top = line + 2 * margin;
        long width = _left + (long)_columns * _cell, height = _top + (long)sweeps.Count * _cell;
        if (width * height > RgbImage.MaxPixels)
            throw new ArgumentException($"The sheet would have {width}x{height} pixels, more than {RgbImage.MaxPixels:N0}: take fewer "
                + "sweeps or steps.");
        _sheet = new RgbImage((int)width, (int)height);
        _sheet.Pixels.AsSpan().Fill(255);
        for (int column = 0; column < _columns; column++)
        {
            string label = deltas[column].ToString("+0.###;-0.###;0", CultureInfo.InvariantCulture);
            DotFont.Draw(_sheet, label, _left + column * _cell + (_cell - DotFont.Width(label, scale)) / 2, margin, scale);
        }
        for (int row = 0; row < names.Length; row++)
            DotFont.Draw(_sheet, names[row], _left - margin - DotFont.Width(names[row], scale), _top + row * _cell + (_cell - line) / 2,
                scale);
    }

    /// <summary>Adds the next frame: row by row, from the left.</summary>
    public void Add(RgbImage frame)
    {
        byte[] pixels = frame.Pixels;
        if (_shrink is not null) _shrink.Fit(frame, pixels = new byte[3 * _cell * _cell]);
        int x = _left + _count % _columns * _cell, y = _top + _count / _columns * _cell;
        for (int row = 0; row < _cell; row++)
            pixels.AsSpan(3 * row * _cell, 3 * _cell).CopyTo(_sheet.Pixels.AsSpan(3 * ((y + row) * _sheet.Width + x)));
        _count++;
    }

    /// <summary>Writes the picture as PNG.</summary>
    public void Save(string path) => _sheet.Save(path);

    private static float[] Deltas(IReadOnlyList<MotionEdit[]> sweep) => [.. sweep.Select(step => step[0].Delta)];
}
