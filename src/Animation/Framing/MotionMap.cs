namespace Lia.Animation.Framing;

/// <summary>
/// Where the pictures of a clip differ. The picture is divided into square cells, at most 128 in a row or column, whose mean brightness
/// hardly
/// knows noise; a cell moves if its brightness ranges over more than a fifth of what the liveliest cells do, and over 8 of 255 at least.
/// </summary>
internal sealed class MotionMap
{
    private const int MostCells = 128;
    private const double LeastRange = 8, ShareOfLiveliest = 0.2, Liveliest = 0.99;
    private const double Stray = 0.02; // of the moving cells may lie beyond the box on each side: a clock in the corner, a reflection
    private const double Padding = 0.1; // of the box's side, added all around

    private readonly string _name;
    private readonly FrameSize _size;
    private readonly int _cell, _columns, _rows;
    private readonly double[] _least, _most;
    private int _frames;

    /// <param name="name">The clip in error messages.</param>
    /// <param name="size">The size of its frames.</param>
    public MotionMap(string name, FrameSize size)
    {
        (_name, _size) = (name, size);
        _cell = (Math.Max(size.Width, size.Height) + MostCells - 1) / MostCells;
        (_columns, _rows) = ((size.Width + _cell - 1) / _cell, (size.Height + _cell - 1) / _cell);
        (_least, _most) = (new double[_columns * _rows], new double[_columns * _rows]);
        _least.AsSpan().Fill(double.PositiveInfinity);
        _most.AsSpan().Fill(double.NegativeInfinity);
    }

    /// <summary>Looks at the next frame.</summary>
    /// <exception cref="MediaException">It has another size than the first.</exception>
    public void Add(RgbImage frame)
    {
        if ((frame.Width, frame.Height) != (_size.Width, _size.Height))
            throw new MediaException($"{_name}: frame {_frames} is {frame.Width}x{frame.Height}, the first {_size}; motion cannot be "
                + "found in frames of several sizes.");
        _frames++;
        for (int row = 0; row < _rows; row++)
        {
            for (int column = 0; column < _columns; column++)
            {
                double brightness = Brightness(frame, column * _cell, row * _cell);
                int at = row * _columns + column;
                _least[at] = Math.Min(_least[at], brightness);
                _most[at] = Math.Max(_most[at], brightness);
            }
        }
    }

    /// <summary>The square that holds what moves, with room around it, within the picture.</summary>
    /// <exception cref="MediaException">Nothing moves.</exception>
    public PixelBox Box()
    {
        double[] ranges = [.. _most.Zip(_least, (most, least) => most - least)];
        double liveliest = ranges.Order().ElementAt((int)(Liveliest * (ranges.Length - 1)));
        double threshold = Math.Max(LeastRange, ShareOfLiveliest * liveliest);
        int[] columns = new int[_columns], rows = new int[_rows];
        int moving = 0;
        for (int i = 0; i < ranges.Length; i++)
        {
            if (ranges[i] < threshold) continue;
            moving++;
            columns[i % _columns]++;
            rows[i / _columns]++;
        }
        if (moving == 0) throw new MediaException(
            $"{_name}: nothing moves in it, so no square can be put around the motion; give one (--driving-crop x,y,w,h).");

        int stray = (int)(Stray * moving);
        (int left, int right) = Extent(columns, stray, _size.Width);
        (int top, int bottom) = Extent(rows, stray, _size.Height);
        int side = Math.Min((int)Math.Ceiling(Math.Max(right - left, bottom - top) * (1 + 2 * Padding)),
            Math.Min(_size.Width, _size.Height));
        return new(Start(left + right, side, _size.Width), Start(top + bottom, side, _size.Height), side, side);

        // Centered over the motion, but in the picture.
        static int Start(int ends, int side, int extent) => Math.Clamp((ends - side) / 2, 0, extent - side);
    }

    private double Brightness(RgbImage frame, int left, int top)
    {
        int width = Math.Min(_cell, frame.Width - left), height = Math.Min(_cell, frame.Height - top), sum = 0;
        for (int y = top; y < top + height; y++)
        {
            // 0.299, 0.587 and 0.114 in 1/256.
            ReadOnlySpan<byte> pixels = frame.Pixels.AsSpan(3 * (y * frame.Width + left), 3 * width);
            for (int x = 0; x < pixels.Length; x += 3) sum += 77 * pixels[x] + 150 * pixels[x + 1] + 29 * pixels[x + 2];
        }
        return sum / 256.0 / (width * height);
    }

    /// <summary>Where the cells begin and end, in pixels, when a few on either side are left out.</summary>
    private (int Start, int End) Extent(int[] counts, int stray, int pixels)
    {
        int first = 0, last = counts.Length - 1;
        for (int seen = counts[first]; seen <= stray; seen += counts[++first]) { }
        for (int seen = counts[last]; seen <= stray; seen += counts[--last]) { }
        return (first * _cell, Math.Min((last + 1) * _cell, pixels));
    }
}
