namespace Lia.Kernels;

/// <summary>
/// How a kernel that visits every pixel of a frame, and sums over them channel by channel, is cut into blocks:
/// <code>
///     block (part, chunk, frame): 256 threads = S slots x L lanes (L a power of two, at most 32)
///
///                lanes: quads of channels ->
///       slot 0   [ pixel 0     | ....... ]     a slot takes every (S)th pixel of the part: neighboring threads hold neighboring
///       slot 1   [ pixel 1     | ....... ]     addresses, 16 bytes each
///         ...
///       slot S-1 [ pixel S-1   | ....... ]     then the slots' sums meet: <see cref="SlotSum"/>, always in the same order
/// </code>
/// One sum a part is stored; <see cref="OrderedSum"/> adds up the parts. The cut depends on shapes alone, not on the device.
/// </summary>
internal struct PixelStrips
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    private const int PixelsPerThread = 16;

    /// <summary>L.</summary>
    public int Lanes;

    /// <summary>Pixels of a part.</summary>
    public int PixelsPerPart;

    /// <summary>Parts of a frame.</summary>
    public int Parts;

    /// <summary>The cut of frames of <paramref name="pixels"/> pixels.</summary>
    public static PixelStrips Of(int pixels, int channels)
    {
        int lanes = 1;
        while (lanes < 32 && lanes * 4 < channels) lanes *= 2;
        int pixelsPerPart = Threads / lanes * PixelsPerThread;
        return new() { Lanes = lanes, PixelsPerPart = pixelsPerPart, Parts = (pixels + pixelsPerPart - 1) / pixelsPerPart };
    }

    /// <summary>Groups and threads.</summary>
    public readonly KernelConfig Config(int frames, int channels)
    {
        int quads = (channels + 3) / 4;
        return new(new Index3D(Parts, (quads + Lanes - 1) / Lanes, frames), new Index3D(Threads, 1, 1));
    }
}

/// <summary>Sums over the slots of a block that is cut as <see cref="PixelStrips"/> says.</summary>
internal static class SlotSum
{
    private const int Warps = PixelStrips.Threads / 32;

    /// <summary>Floats of shared memory.</summary>
    public const int SharedLength = 4 * PixelStrips.Threads;

    /// <summary>
    /// The sum over the slots, in the threads of slot 0; first by butterflies in the warps, then warp after warp. All threads of the block
    /// call it.
    /// </summary>
    public static Float4 Of(ArrayView<float> shared, Float4 value, int lanes)
    {
        for (int mask = 16; mask >= lanes; mask >>= 1)
        {
            value = new(value.X + Warp.ShuffleXor(value.X, mask), value.Y + Warp.ShuffleXor(value.Y, mask),
                value.Z + Warp.ShuffleXor(value.Z, mask), value.W + Warp.ShuffleXor(value.W, mask));
        }
        Group.Barrier(); // What an earlier call left is read.
        int thread = Group.IdxX;
        shared[thread] = value.X;
        shared[PixelStrips.Threads + thread] = value.Y;
        shared[2 * PixelStrips.Threads + thread] = value.Z;
        shared[3 * PixelStrips.Threads + thread] = value.W;
        Group.Barrier();
        if (thread < lanes)
        {
            for (int warp = 1; warp < Warps; warp++)
            {
                int from = warp * 32 + thread;
                value = Quad.Add(value, new(shared[from], shared[PixelStrips.Threads + from], shared[2 * PixelStrips.Threads + from],
                    shared[3 * PixelStrips.Threads + from]));
            }
        }
        return value;
    }
}
