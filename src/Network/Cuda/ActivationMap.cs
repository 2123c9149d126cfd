using Lia.Gpu;

namespace Lia.Network.Cuda;

/// <summary>An activation on the device, in the arena or outside.</summary>
/// <param name="View">[frame, row, column, channel]; planar ones are [frame, channel, row, column].</param>
/// <param name="Frames">Pictures.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Channels">Channels.</param>
/// <param name="IsPlanar">Whether the channels come before the rows.</param>
internal sealed record ActivationMap(ArrayView<float> View, int Frames, int Height, int Width, int Channels, bool IsPlanar = false)
{
    /// <summary>Values of all frames.</summary>
    public int Length => Frames * Height * Width * Channels;

    /// <summary>The values in NCHW order.</summary>
    public float[] ToPlanar(ReadOnlySpan<float> values)
    {
        if (IsPlanar) return values.ToArray();
        float[] planar = new float[Length];
        int pixels = Height * Width;
        for (int frame = 0; frame < Frames; frame++)
        {
            for (int pixel = 0; pixel < pixels; pixel++)
            {
                for (int channel = 0; channel < Channels; channel++)
                    planar[(frame * Channels + channel) * pixels + pixel] = values[(frame * pixels + pixel) * Channels + channel];
            }
        }
        return planar;
    }
}
