namespace Lia.Network.Cpu;

/// <summary>
/// An activation [height, width, channels] in memory: channels innermost, padded with zeros to a multiple of
/// <see cref="ChannelUnit"/>, with an optional border of zero pixels around the picture.
/// </summary>
/// <remarks>
/// Channels innermost make every kernel a loop over whole vectors without a tail, and make the taps of one kernel row of a
/// convolution one contiguous run of memory. The padding channels are always finite zeros: packed weights are zero there.
/// </remarks>
internal sealed unsafe class FeatureMap
{
    /// <summary>Channels are padded to a multiple of this: the widest vector, one cache line.</summary>
    public const int ChannelUnit = 16;

    public FeatureMap(int height, int width, int channels, int border, int? stride = null)
    {
        (Height, Width, Channels, Border) = (height, width, channels, border);
        Stride = stride ?? RoundUp(channels);
    }

    public int Height { get; }

    public int Width { get; }

    public int Channels { get; }

    /// <summary>Zero pixels on each side.</summary>
    public int Border { get; }

    /// <summary>Floats from pixel to pixel.</summary>
    public int Stride { get; }

    /// <summary>Floats from row to row.</summary>
    public nint Pitch => (nint)(Width + 2 * Border) * Stride;

    /// <summary>Floats the map occupies.</summary>
    public long Length => (long)(Height + 2 * Border) * Pitch;

    /// <summary>Start of the memory, set when the arena is committed.</summary>
    public float* Memory { get; set; }

    public static int RoundUp(int channels) => (channels + ChannelUnit - 1) / ChannelUnit * ChannelUnit;

    /// <summary>The first channel of a pixel; coordinates may lie in the border.</summary>
    public float* Pixel(int y, int x) => Memory + (y + Border) * Pitch + (nint)(x + Border) * Stride;

    /// <summary>Makes the border zero; memory is shared with other maps, so this is part of writing one.</summary>
    public void ClearBorder()
    {
        if (Border == 0) return;
        nint edge = Border * Pitch, side = (nint)Border * Stride;
        Clear(Memory, edge);
        Clear(Memory + (Height + Border) * Pitch, edge);
        for (int y = 0; y < Height; y++)
        {
            float* row = Memory + (y + Border) * Pitch;
            Clear(row, side);
            Clear(row + Pitch - side, side);
        }
    }

    /// <summary>Copies into a row-major [channels, height, width] picture.</summary>
    public void ToPlanar(Span<float> destination)
    {
        for (int channel = 0; channel < Channels; channel++)
        {
            for (int y = 0; y < Height; y++)
            {
                float* row = Pixel(y, 0) + channel;
                Span<float> target = destination.Slice((channel * Height + y) * Width, Width);
                for (int x = 0; x < target.Length; x++) target[x] = row[(nint)x * Stride];
            }
        }
    }

    /// <summary>Copies the picture (not the border) of a map with the same extents.</summary>
    public void CopyFrom(FeatureMap source)
    {
        long bytes = (long)Width * Stride * sizeof(float);
        for (int y = 0; y < Height; y++) Buffer.MemoryCopy(source.Pixel(y, 0), Pixel(y, 0), bytes, bytes);
    }

    private static void Clear(float* start, nint count) => new Span<float>(start, checked((int)count)).Clear();
}
