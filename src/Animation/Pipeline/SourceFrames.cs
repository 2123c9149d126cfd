using Lia.Animation.Framing;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Media.Imaging;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>The source as the network sees it: one picture for all frames, or the pictures of a clip, each encoded when its turn
/// comes.</summary>
internal sealed class SourceFrames : IDisposable
{
    private readonly RateMatchingReader? _rest; // the clip's frames after the present one
    private readonly bool _keepsSize;
    private readonly FrameFitter _fitter;
    private readonly FrameSize _pictureSize;
    private readonly int _size;
    private readonly byte[] _square;
    private RgbImage _picture;
    private EncodedSource? _encoded;
    private int _frame;

    private SourceFrames(string name, RgbImage first, RateMatchingReader? rest, int size, FramingSettings framing, bool keepsSize)
    {
        (Name, _picture, _rest, _size, _keepsSize) = (name, first, rest, size, keepsSize);
        _pictureSize = new(first.Width, first.Height);
        _fitter = new FrameFitter(size, framing.Fit, framing.Crop, name);
        _square = new byte[3 * size * size];
        _fitter.Fit(first, _square);
    }

    /// <summary>One picture.</summary>
    /// <exception cref="MediaException">The crop reaches beyond it.</exception>
    public static SourceFrames Still(string name, RgbImage picture, int size, FramingSettings framing) =>
        new(name, picture, null, size, framing, false);

    /// <summary>A clip, whose first frame is read at once.</summary>
    /// <param name="clip">Disposed with this object, and when this fails.</param>
    /// <param name="size">S.</param>
    /// <param name="framing">The crop and the fit.</param>
    /// <param name="keepsSize">Whether all frames must have one size: those to be pasted back into.</param>
    /// <exception cref="MediaException">There is no frame in it, or the crop reaches beyond it.</exception>
    public static SourceFrames Clip(IFrameReader clip, int size, FramingSettings framing, bool keepsSize)
    {
        RateMatchingReader matched = new(clip);
        try
        {
            return new(clip.Name, matched.Read()
                ?? throw new MediaException($"{clip.Name}: there is no frame in it."), matched, size, framing, keepsSize);
        }
        catch
        {
            clip.Dispose();
            throw;
        }
    }

    public string Name { get; }

    /// <summary>Whether every frame has a source of its own.</summary>
    public bool IsClip => _rest is not null;

    /// <summary>Number of frames, if the source is a clip that says.</summary>
    public int? Count => _rest?.Count;

    /// <summary>The present source as the network sees it [S, S, 3].</summary>
    public byte[] Square => _square;

    /// <summary>The present source in full.</summary>
    public RgbImage Picture => _picture;

    /// <summary>Lets a clip play at its own pace beside a motion of a rate. Without a rate on either side, frames go by their
    /// numbers.</summary>
    public void Match(FrameRate? rate)
    {
        if (_rest is not null) _rest.Rate = rate;
    }

    /// <summary>What undoes the crop.</summary>
    public PasteBack PasteBack() => new(_pictureSize, _fitter.From, _fitter.To, _size);

    /// <summary>The source of the next frames: the one picture, encoded once, or the clip's next; null when the clip has ended.</summary>
    /// <exception cref="MediaException">The clip is damaged.</exception>
    public EncodedSource? Next(IExecutor executor)
    {
        if (_encoded is not null)
        {
            if (_rest is null) return _encoded;
            _encoded.Dispose();
            _encoded = null;
            if (_rest.Read() is not RgbImage picture) return null;
            _frame++;
            if (_keepsSize && (picture.Width, picture.Height) != (_pictureSize.Width, _pictureSize.Height))
                throw new MediaException($"{Name}: frame {_frame} is {picture.Width}x{picture.Height}, the first {_pictureSize}; frames "
                    + "to be pasted back into must have one size.");
            _picture = picture;
            _fitter.Fit(picture, _square);
        }
        float[] image = new float[_square.Length];
        Planes.FromPixels(_square, image);
        return _encoded = executor.EncodeSource(image);
    }

    public void Dispose()
    {
        _encoded?.Dispose();
        _rest?.Dispose();
    }
}
