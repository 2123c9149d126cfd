namespace Lia.Animation.Framing;

/// <summary>Which part of a picture becomes the square that a network sees, and how.</summary>
/// <param name="Fit">How what is not square becomes square.</param>
/// <param name="Crop">The part of the source; null for all of it.</param>
/// <param name="DrivingCrop">The part of every driving frame; null for all of it.</param>
internal sealed record FramingSettings(Fit Fit = Fit.Crop, PixelBox? Crop = null, PixelBox? DrivingCrop = null);
