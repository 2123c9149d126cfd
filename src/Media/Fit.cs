namespace Lia;

/// <summary>How a picture that is not square becomes square. Resampling is Pillow's bicubic in every case.</summary>
public enum Fit
{
    /// <summary>Cut to the centre square.</summary>
    Crop,
    /// <summary>Stretched: the aspect ratio is not kept (what the official program does with the source).</summary>
    Stretch,
    /// <summary>Scaled to fit and centred on black.</summary>
    Pad,
}
