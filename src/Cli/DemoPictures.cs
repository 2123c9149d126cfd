namespace Lia.Cli;

/// <summary>A face drawn with ellipses: the demonstration's source picture and its driving clip, as PNG files that are gone when this is disposed.</summary>
internal sealed class DemoPictures : IDisposable
{
    private readonly DirectoryInfo _folder;

    /// <param name="size">Side of the pictures.</param>
    /// <param name="frames">Length of the driving clip, which ends where it began.</param>
    /// <param name="cancellation">Stops the drawing.</param>
    public DemoPictures(int size, int frames, CancellationToken cancellation)
    {
        _folder = Directory.CreateTempSubdirectory("lia-demo-");
        try
        {
            Source = Path.Combine(_folder.FullName, "source.png");
            Driving = Path.Combine(_folder.FullName, "driving");
            Directory.CreateDirectory(Driving);
            Face(size, skin: (236, 188, 150), turn: 0, nod: 0, mouth: 0.2).Save(Source);
            for (int frame = 0; frame < frames; frame++)
            {
                cancellation.ThrowIfCancellationRequested();
                double phase = 2 * Math.PI * frame / frames;
                Face(size, skin: (170, 205, 235), Math.Sin(phase), Math.Sin(2 * phase) / 2, 0.5 - Math.Cos(3 * phase) / 2).Save(Path.Combine(Driving, $"{frame:d5}.png"));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The picture to animate.</summary>
    public string Source { get; }

    /// <summary>A folder of numbered pictures.</summary>
    public string Driving { get; }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <param name="size">Side of the picture.</param>
    /// <param name="skin">Red, green and blue of the face.</param>
    /// <param name="turn">-1 (left) to 1 (right).</param>
    /// <param name="nod">-1 (up) to 1 (down).</param>
    /// <param name="mouth">0 (closed) to 1 (open).</param>
    private static RgbImage Face(int size, (byte, byte, byte) skin, double turn, double nod, double mouth)
    {
        RgbImage image = new(size, size);
        Ellipse(0, 0, 3, 3, (60, 70, 90)); // Background.
        double x = 0.12 * turn, y = 0.08 * nod;
        Ellipse(x / 2, -0.12 + y / 2, 0.62, 0.74, (70, 48, 36)); // Hair.
        Ellipse(x, 0.05 + y, 0.52, 0.66, skin);
        foreach (int side in new[] { -1, 1 })
        {
            double eye = 1.6 * x + side * 0.21;
            Ellipse(eye, -0.08 + y, 0.11, 0.08, (250, 250, 250));
            Ellipse(eye + 0.03 * turn, -0.08 + y, 0.05, 0.06, (40, 40, 60));
        }
        Ellipse(2 * x, 0.12 + y, 0.05, 0.11, ((byte)(skin.Item1 * 0.85), (byte)(skin.Item2 * 0.85), (byte)(skin.Item3 * 0.85))); // Nose.
        Ellipse(1.6 * x, 0.4 + y, 0.2, 0.03 + 0.09 * mouth, (150, 50, 60));
        return image;

        // Centre and radii in units of half the picture; edges are smoothed over a pixel.
        void Ellipse(double centreX, double centreY, double radiusX, double radiusY, (byte Red, byte Green, byte Blue) colour)
        {
            for (int row = 0; row < size; row++)
            {
                for (int column = 0; column < size; column++)
                {
                    double dx = ((2 * column + 1.0) / size - 1 - centreX) / radiusX, dy = ((2 * row + 1.0) / size - 1 - centreY) / radiusY;
                    double pixels = (1 - Math.Sqrt(dx * dx + dy * dy)) * Math.Min(radiusX, radiusY) * size / 2;
                    double cover = Math.Clamp(pixels + 0.5, 0, 1);
                    Span<byte> pixel = image.Pixels.AsSpan(3 * (row * size + column), 3);
                    pixel[0] = (byte)Math.Round(pixel[0] + cover * (colour.Red - pixel[0]));
                    pixel[1] = (byte)Math.Round(pixel[1] + cover * (colour.Green - pixel[1]));
                    pixel[2] = (byte)Math.Round(pixel[2] + cover * (colour.Blue - pixel[2]));
                }
            }
        }
    }
}
