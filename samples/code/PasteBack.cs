namespace Lia.Samples;

/// <summary>A face in a larger picture, driven by the part of a clip that moves, and put back into its place.</summary>
internal static class PasteBack
{
    public static void Run(string model, string picture, string box, string driving, string output)
    {
        if (!PixelBox.TryParse(box, out PixelBox face)) throw new ArgumentException($"{box} is not X,Y,W,H");
        PixelBox moving = MotionFraming.Find(driving);
        AnimationOptions options = new() { Crop = face, PasteBack = true, DrivingCrop = moving };
        Native.Animate(picture, driving, output, new ModelOptions { Model = model }, options);
    }
}
