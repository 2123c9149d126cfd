using Lia.Animation.Framing;
using Lia.Animation.Motion;
using Lia.Animation.Pipeline;

namespace Lia;

/// <summary>What can be chosen about one clip. The defaults need nothing. What loads a model is <see cref="ModelOptions"/>.</summary>
public sealed record AnimationOptions
{
    /// <summary>How the driving motion is transferred.</summary>
    public MotionMode Mode { get; init; }

    /// <summary>Factor on the motion: 1 is the driving motion, more exaggerates. In relative mode 0 keeps the source still; in absolute
    /// mode
    /// the factor is on the driving pose itself, and 0 is the model's neutral pose.</summary>
    public float MotionStrength { get; init; } = 1;

    /// <summary>Frames in the window over which motion codes are smoothed, odd and at most 255: each code becomes the mean of those around
    /// it with the raised
    /// cosine weights <c>(1 + cos(2 pi j / (N + 1))) / (N + 1)</c>; beyond its ends the clip stands still. 1 leaves the motion as it is.
    /// Nothing is delayed, but a
    /// frame is computed only when half a window after it has been read.</summary>
    public int SmoothingWindow { get; init; } = 1;

    /// <summary>Where relative motion starts. Null: at the first frame used, or at the one that a motion clip names if that is used.
    /// Anything else lets all driving
    /// frames through the encoder before the first is animated.</summary>
    public StartFrame? StartFrame { get; init; }

    /// <summary>How often the motion is played. With more than once, all driving frames go through the encoder (once) before the first is
    /// animated, and
    /// the sound is left out.</summary>
    public int Loops { get; init; } = 1;

    /// <summary>Whether the motion is played backwards after forwards: n frames become 2n - 2, the turning points shown once, so that
    /// repetitions join smoothly.
    /// All driving frames go through the encoder before the first is animated, and the sound is left out.</summary>
    public bool PingPong { get; init; }

    /// <summary>Driving frames to use, counted from 0, the end excluded: <c>0..48</c>, <c>10..</c>; the only index from the end is
    /// <c>^0</c>.</summary>
    public Range Frames { get; init; } = Range.All;

    /// <summary>Overrides the rate of the driving clip (its frames are neither dropped nor repeated; the sound is then left out).
    /// Null keeps the clip's rate, or 25 for a folder of frames or a picture.</summary>
    public FrameRate? FrameRate { get; init; }

    /// <summary>How pictures that are not square become square.</summary>
    public Fit Fit { get; init; }

    /// <summary>The part of the source that is animated, usually a square around the face; null takes the whole picture. <see cref="Fit"/>
    /// makes it square
    /// if it is not.</summary>
    public PixelBox? Crop { get; init; }

    /// <summary>What transparent pixels of the source and of driving pictures show (PNG, TGA, BMP, TIFF, GIF); null shows the colors stored
    /// for them.</summary>
    public RgbColor? Background { get; init; }

    /// <summary>The part of every driving frame that is looked at; null takes the whole frame.</summary>
    public PixelBox? DrivingCrop { get; init; }

    /// <summary>Finds <see cref="DrivingCrop"/> from the motion in the driving file (<see cref="MotionFraming"/>), which is then read
    /// twice.</summary>
    public bool AutoDrivingCrop { get; init; }

    /// <summary>Whether the animated square goes back into the full source picture, with an edge that fades over a sixteenth of its side.
    /// The output has
    /// the source's size.</summary>
    public bool PasteBack { get; init; }

    /// <summary>Whether the output shows source, driving frame and result next to each other (three times as wide).</summary>
    public bool SideBySide { get; init; }

    /// <summary>How network values become colors.</summary>
    public Normalization Normalization { get; init; }

    /// <summary>Whether the driving clip's sound is kept, where the output can hold sound (mp4).</summary>
    public bool Audio { get; init; } = true;

    /// <summary>
    /// Rows of the output's frames, from 1 to 8192; the width follows, so that they keep their shape. Resized as Pillow does (bicubic).
    /// Null leaves them as they are: the model's size, or the source's when pasted back.
    /// </summary>
    public int? OutputHeight { get; init; }

    /// <summary>
    /// How near an encoded output is to the frames, from 1 (small) to 100 (large). Of <c>.mp4</c>, <c>.mov</c> and <c>.mkv</c> the rate
    /// factor is 51 less half of it, of <c>.webm</c> 63 less 0.63 of it; unset is 68 for both. <c>.webp</c> (unset: 90) and <c>.jpg</c>
    /// (95) take it as it is. A <c>.gif</c> gets that share of 256 colors a frame (unset: all). Other outputs keep every pixel and
    /// have none. Where frames are handed over and not written, it is not looked at.
    /// </summary>
    public int? Quality { get; init; }

    /// <summary>A safetensors file to write the network's float32 frames to, before clamping: tensor <c>frames</c> [N, 3, S, S]. Null
    /// writes none.</summary>
    public string? Dump { get; init; }

    /// <summary>The largest <see cref="OutputHeight"/>.</summary>
    internal const int MostRows = 8192;

    internal static AnimationOptions None { get; } = new();

    internal int FirstFrame => Frames.Start.Value;

    /// <summary>The end of the range, excluded; null when open.</summary>
    internal int? EndFrame => Frames.End.IsFromEnd ? null : Frames.End.Value;

    internal FramingSettings Framing => new(Fit, Crop, DrivingCrop);

    /// <summary>What decides which motion codes a driving clip has: clips whose options are equal in this share their codes.</summary>
    internal AnimationOptions OfMotion => this with
    {
        Mode = default, MotionStrength = 1, StartFrame = null, Loops = 1, PingPong = false, Crop = null, PasteBack = false,
        Normalization = default, Audio = true, Dump = null, OutputHeight = null, Quality = null,
    };

    /// <summary>The records that the rooms below look at.</summary>
    /// <param name="mode">Relative or absolute.</param>
    /// <param name="batch">Frames that go together; 0 for the device's choice.</param>
    internal ClipSettings Settings(MotionMode mode, int batch) => new(
        new MotionSettings
        {
            FirstFrame = FirstFrame,
            EndFrame = EndFrame,
            IsRelative = mode == MotionMode.Relative,
            Strength = MotionStrength,
            SmoothingWindow = SmoothingWindow,
            Start = StartFrame,
            Loops = Loops,
            PingPong = PingPong,
            KeepsFrames = SideBySide,
        },
        Framing, new CompositionSettings(SideBySide, PasteBack, Normalization, Dump, OutputHeight), batch, FrameRate);

    /// <exception cref="ArgumentException">A value is out of its range, or two exclude each other.</exception>
    internal void Validate()
    {
        if (Frames.Start.IsFromEnd || (Frames.End.IsFromEnd && Frames.End.Value != 0))
            throw new ArgumentException($"The frame range {Frames} counts from the end; only ^0 as its end is understood.");
        if (EndFrame <= FirstFrame) throw new ArgumentException($"The frame range {Frames} is empty.");
        if (!float.IsFinite(MotionStrength))
            throw new ArgumentException($"The motion strength is {MotionStrength}; it must be a finite number.");
        if (SmoothingWindow is < 1 or > MotionSmoothing.LongestWindow || SmoothingWindow % 2 == 0)
            throw new ArgumentException($"The smoothing window is {SmoothingWindow}; it must be odd and from 1 to "
                + $"{MotionSmoothing.LongestWindow}.");
        if (Loops < 1) throw new ArgumentException($"The number of loops is {Loops}; it must be 1 or more.");
        if (FrameRate is { Numerator: 0 }) throw new ArgumentException("The frame rate is 0.");
        if (!Enum.IsDefined(Mode) || !Enum.IsDefined(Fit) || !Enum.IsDefined(Normalization))
            throw new ArgumentException("An enumeration value is not one of its names.");
        foreach ((string name, PixelBox? box) in new[] { ("crop", Crop), ("driving crop", DrivingCrop) })
        {
            if (box is { IsBox: false }) throw new ArgumentException(
                $"The {name} is {box}; it must begin at 0 or above and hold at least one pixel.");
        }
        if (OutputHeight is < 1 or > MostRows)
            throw new ArgumentException($"The output height is {OutputHeight}; it must be from 1 to {MostRows}.");
        if (Quality is < 1 or > 100) throw new ArgumentException($"The quality is {Quality}; it must be from 1 to 100.");
        if (AutoDrivingCrop && DrivingCrop is not null)
            throw new ArgumentException("The driving crop is given and to be found as well; choose one.");
        if (PasteBack && SideBySide) throw new ArgumentException("Pasting back and showing pictures side by side exclude each other.");
        if (PasteBack && Normalization == Normalization.MinMax)
            throw new ArgumentException("Stretched colors (minmax) would not match the picture they are pasted back into.");
    }
}
