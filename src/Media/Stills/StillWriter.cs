using Lia.Media.IO;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia.Media.Stills;

/// <summary>
/// Writes one picture through ImageSharp: JPEG with a color for every pixel (of quality 95 unless asked for another), or WebP (90).
/// </summary>
internal sealed class StillWriter : IFrameWriter
{
    private const int LongestSide = 65_535, LongestWebPSide = 16_383;

    private readonly string _path;
    private readonly int _width, _height;
    private readonly IImageEncoder _encoder;
    private readonly PendingFile _file;
    private bool _isWritten;

    /// <param name="path">The file to be made.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="quality">1 to 100; null for the format's usual.</param>
    /// <exception cref="MediaException">The format has no pictures so large, or the file cannot be made.</exception>
    public StillWriter(string path, int width, int height, int? quality = null)
    {
        (_path, _width, _height) = (path, width, height);
        bool isWebP = IsWebP(path);
        _encoder = isWebP ? new WebpEncoder { FileFormat = WebpFileFormatType.Lossy, Quality = quality ?? 90 }
            : new JpegEncoder { Quality = quality ?? 95, ColorType = JpegColorType.YCbCrRatio444 };
        int most = isWebP ? LongestWebPSide : LongestSide;
        if (Math.Max(width, height) > most)
            throw new MediaException($"{path}: {width}x{height} cannot be written: its format has at most {most:N0} pixels a side.");
        _file = new PendingFile(path);
    }

    /// <summary>Whether a name asks for one of the formats written here.</summary>
    public static bool IsStill(string path) => IsWebP(path) || Path.GetExtension(path).ToLowerInvariant() is ".jpg" or ".jpeg";

    public void Write(ReadOnlySpan<byte> pixels)
    {
        if (_isWritten)
            throw new MediaException($"{_path}: it takes one picture, and there are more; "
                + "NAME%05d.png takes a picture for each frame, .mp4, .gif and .webp a clip.");
        _isWritten = true;
        using Image<Rgb24> image = Image.LoadPixelData<Rgb24>(pixels, _width, _height);
        Outputs.Guard(_path, () => _encoder.Encode(image, _file.Open()));
    }

    public bool Complete()
    {
        _file.Commit();
        return false;
    }

    public void Dispose() => _file.Dispose();

    private static bool IsWebP(string path) => Path.GetExtension(path).Equals(".webp", StringComparison.OrdinalIgnoreCase);
}
