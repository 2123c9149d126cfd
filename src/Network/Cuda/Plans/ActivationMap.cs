using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <summary>A float32 activation on the device, in the arena or outside.</summary>
/// <param name="View">[frame, row, column, channel]; planar ones are [frame, channel, row, column].</param>
/// <param name="Frames">Pictures.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Channels">Channels.</param>
/// <param name="IsPlanar">Whether the channels come before the rows.</param>
internal sealed record ActivationMap(ArrayView<float> View, int Frames, int Height, int Width, int Channels, bool IsPlanar = false)
    : ICudaActivation
{
    /// <summary>Values of all frames.</summary>
    public int Length => Frames * Height * Width * Channels;

    /// <inheritdoc/>
    public ArrayView<float> Memory => View;

    /// <inheritdoc/>
    public int[] Shape => [Frames, Channels, Height, Width];

    /// <inheritdoc/>
    public float[] Read(AcceleratorStream stream)
    {
        float[] values = new float[Length];
        View.CopyToCPU(stream, values.AsSpan());
        return ToPlanar(values);
    }

    private float[] ToPlanar(float[] values)
    {
        if (IsPlanar) return values;
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
