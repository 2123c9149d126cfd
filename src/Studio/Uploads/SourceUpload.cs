using Lia.Media.Imaging;
using Lia.Studio.Faces;

namespace Lia.Studio.Uploads;

/// <summary>A picture to animate. Its pixels lie in the folder, decoded once; in memory is what the network sees.</summary>
internal sealed class SourceUpload : Upload
{
    private readonly int _size;
    private readonly Networks _network;
    private readonly Lock _gate = new();
    private PixelBox? _crop;
    private Face _face;

    /// <param name="id">A new one.</param>
    /// <param name="name">What the client calls it.</param>
    /// <param name="folder">Has the file already.</param>
    /// <param name="file">The file as it was sent.</param>
    /// <param name="picture">What is in the file.</param>
    /// <param name="size">S.</param>
    /// <param name="network">Knows the picture's features.</param>
    public SourceUpload(string id, string name, string folder, string file, RgbImage picture, int size, Networks network)
        : base(id, name, folder)
    {
        (File, Width, Height, _size, _network) = (file, picture.Width, picture.Height, size, network);
        System.IO.File.WriteAllBytes(Pixels, picture.Pixels);
        _face = new(Square(picture, null));
    }

    /// <summary>Told that the face is another one.</summary>
    public event Action? Changed;

    /// <summary>The file as it was sent.</summary>
    public string File { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>The part that is animated; null for the centered square.</summary>
    public PixelBox? Crop
    {
        get
        {
            lock (_gate) return _crop;
        }
    }

    /// <summary>What the network sees.</summary>
    public Face Face
    {
        get
        {
            lock (_gate) return _face;
        }
    }

    /// <summary>The part that is animated, said or not.</summary>
    public PixelBox Part
    {
        get
        {
            if (Crop is { } crop) return crop;
            int side = Math.Min(Width, Height);
            return new((Width - side) / 2, (Height - side) / 2, side, side);
        }
    }

    private string Pixels => Path.Combine(Folder, "pixels");

    /// <summary>The whole picture.</summary>
    public RgbImage Read() => new(Width, Height, System.IO.File.ReadAllBytes(Pixels));

    /// <summary>Animates another part.</summary>
    /// <exception cref="MediaException">It reaches beyond the picture.</exception>
    public void Cut(PixelBox? crop)
    {
        Face old = Face, next = new(Square(Read(), crop), old);
        lock (_gate) (old, _face, _crop) = (_face, next, crop);
        _network.Forget(old);
        Changed?.Invoke();
    }

    public override void Leave()
    {
        base.Leave();
        _network.Forget(Face);
    }

    private byte[] Square(RgbImage picture, PixelBox? crop)
    {
        byte[] square = new byte[3 * _size * _size];
        new FrameFitter(_size, Fit.Crop, crop, Name).Fit(picture, square);
        return square;
    }
}
