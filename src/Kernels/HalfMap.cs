namespace Lia.Kernels;

/// <summary>
/// An fp16 activation in CHW8 order, [frame][channel / 8][part][plane][row][column][8]: eight channels of a pixel are 16 bytes, and eight
/// pixels of a row are the 128 bytes the tensor cores call a core matrix. A value is one half or, of two parts, the sum of two
/// (<see cref="IMapFormat"/>). Channels are padded with zeros to a multiple of <see cref="ChannelGranule"/>.
/// </summary>
/// <param name="View">The halves.</param>
/// <param name="Frames">Pictures.</param>
/// <param name="Channels">Channels without padding.</param>
/// <param name="Height">Rows of a plane.</param>
/// <param name="Width">Columns of a plane.</param>
/// <param name="Planes">
/// 1; or 4 for a picture cut by the parities of its coordinates (phase-separated): pixel (y, x) lies in plane 2 (y mod 2) + x mod 2 at (y /
/// 2, x / 2).
/// </param>
/// <param name="Parts">Halves of a value. To who only addresses halves they are <see cref="StoredPlanes"/>.</param>
internal sealed record HalfMap(ArrayView<Half> View, int Frames, int Channels, int Height, int Width, int Planes = 1, int Parts = 1)
{
    /// <summary>What channels are padded to: the depth of one tensor core product.</summary>
    public const int ChannelGranule = 16;

    /// <summary>Octets of channels, padding included.</summary>
    public int Octets => PaddedChannels(Channels) / 8;

    /// <summary>Planes of halves of an octet: those of the first part, then those of the second.</summary>
    public int StoredPlanes => Parts * Planes;

    /// <summary>Halves of all frames.</summary>
    public long Length => LengthOf(Frames, Channels, Height, Width, StoredPlanes);

    /// <summary>Channels with padding.</summary>
    public static int PaddedChannels(int channels) => (channels + ChannelGranule - 1) / ChannelGranule * ChannelGranule;

    /// <summary>Halves of a map; <paramref name="planes"/> are those of all parts.</summary>
    public static long LengthOf(int frames, int channels, int height, int width, int planes = 1) =>
        (long)frames * PaddedChannels(channels) * planes * height * width;

    /// <summary>The values in NCHW order, without padding; a phase-separated map cannot be asked.</summary>
    public float[] ToPlanar(ReadOnlySpan<Half> values)
    {
        if (Planes != 1) throw new InvalidOperationException("A phase-separated map has no planar order of its own.");
        int pixels = Height * Width, octets = Octets;
        float[] planar = new float[Frames * Channels * pixels];
        for (int frame = 0; frame < Frames; frame++)
        {
            for (int channel = 0; channel < Channels; channel++)
            {
                ReadOnlySpan<Half> octet = values.Slice((frame * octets + channel / 8) * Parts * pixels * 8, Parts * pixels * 8);
                for (int i = 0; i < Parts * pixels; i++)
                    planar[(frame * Channels + channel) * pixels + i % pixels] += octet[i * 8 + channel % 8];
            }
        }
        return planar;
    }
}
