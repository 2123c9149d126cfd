namespace Lia;

// Which part of a picture is animated, and where the result goes.
public sealed partial record AnimationOptions
{
    /// <summary>The part of the source that is animated, usually a square around the face; null takes the whole picture. <see cref="Fit"/> makes it square if it is not.</summary>
    public PixelBox? Crop { get; init; }

    /// <summary>The part of every driving frame that is looked at; null takes the whole frame.</summary>
    public PixelBox? DrivingCrop { get; init; }

    /// <summary>Finds <see cref="DrivingCrop"/> from the motion in the driving file (<see cref="MotionFraming"/>), which is then read twice.</summary>
    public bool AutoDrivingCrop { get; init; }

    /// <summary>Whether the animated square goes back into the full source picture, with an edge that fades over a sixteenth of its side. The output has the source's size.</summary>
    public bool PasteBack { get; init; }

    /// <summary>Whether the source file is a clip: its frame i is animated with driving frame i, encoded anew each time, until the shorter of the two
    /// ends. Otherwise the first frame of a clip is animated.</summary>
    public bool SourceVideo { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range, or two exclude each other.</exception>
    private void ValidateFraming()
    {
        foreach ((string name, PixelBox? box) in new[] { ("crop", Crop), ("driving crop", DrivingCrop) })
            if (box is { IsBox: false }) throw new ArgumentException($"The {name} is {box}; it must begin at 0 or above and hold at least one pixel.");
        if (AutoDrivingCrop && DrivingCrop is not null) throw new ArgumentException("The driving crop is given and to be found as well; choose one.");
        if (PasteBack && SideBySide) throw new ArgumentException("Pasting back and showing pictures side by side exclude each other.");
        if (PasteBack && Normalization == Normalization.MinMax) throw new ArgumentException("Stretched colours (minmax) would not match the picture they are pasted back into.");
    }
}
