namespace Lia.Cli;

/// <summary>Some frames of a clip below each other in one picture, evenly spread.</summary>
/// <param name="rows">Frames in the picture.</param>
/// <param name="length">Frames in the clip.</param>
internal sealed class ContactSheet(int rows, int length)
{
    private readonly List<RgbImage> _shown = [];
    private int _seen;

    /// <summary>Looks at the next frame of the clip.</summary>
    public void Add(RgbImage frame)
    {
        if (_shown.Count < rows && _seen++ == _shown.Count * length / rows) _shown.Add(frame);
    }

    /// <summary>Writes the picture as PNG.</summary>
    public void Save(string path)
    {
        int width = _shown[0].Width, height = _shown[0].Height;
        RgbImage sheet = new(width, height * _shown.Count);
        for (int row = 0; row < _shown.Count; row++) _shown[row].Pixels.CopyTo(sheet.Pixels.AsSpan(row * 3 * width * height));
        sheet.Save(path);
    }
}
