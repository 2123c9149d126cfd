using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the packing of a map is passed.</summary>
internal struct MapPackingArguments
{
    /// <summary>x [frame, row, column, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>The same as <see cref="HalfMap"/>.</summary>
    public ArrayView<Half> Output;

    /// <summary>Multiplied to the channels: [frame, channel], rows <see cref="StyleStride"/> apart; empty for none.</summary>
    public ArrayView<float> Style;

    /// <summary>A power of two that is multiplied in (<see cref="OperandScale"/>); empty for none.</summary>
    public ArrayView<float> Scale;

    /// <summary>Another that is multiplied in.</summary>
    public float Factor;

    /// <summary>Elements of x from frame to frame: 0 where all frames are the same.</summary>
    public int FrameStride;

    public int StyleStride, Height, Width, Channels;

    /// <summary>Extents of the output: octets of channels, planes of a part, rows and columns of a plane.</summary>
    public int Octets, Planes, PlaneHeight, PlaneWidth;
}

/// <summary>
/// A float32 map in the order of <see cref="HalfMap"/>, rounded to halves or to pairs of them, for tensor cores that read both operands
/// from shared memory: of convolutions (<see cref="WgmmaConvolution"/>) and of the gradients by their weights.
/// <code>
///     x [frame][row][column][channel]  -->  [frame][channel / 8][part][plane][row][column][8]
///
///     a block: 32 neighboring pixels of a plane x up to 8 octets, a warp each: it reads 32 bytes of each pixel, whole sectors, and
///              writes 512 neighboring bytes of each part
/// </code>
/// With four planes the pixels are dealt to them by the parities of their coordinates; places without a pixel, and channels beyond the
/// last, become zeros. What is beyond 65504 becomes 65504. Bound by bytes: 4 read and 2 or 4 written a value.
/// </summary>
internal static class MapPacking
{
    private const int Pixels = 32, MostOctets = 8;

    /// <summary>The launch.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="output">Where to: one plane, or four for a picture of which a convolution takes every second pixel.</param>
    /// <param name="arguments">Input, modulation and factors; <see cref="MapPackingArguments.Height"/> and
    /// <see cref="MapPackingArguments.Width"/> of the input.</param>
    /// <exception cref="ArgumentException">The input's length does not fit.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, HalfMap output, MapPackingArguments arguments)
    {
        int frames = arguments.FrameStride == 0 ? 1 : output.Frames;
        if (arguments.Input.Length != (long)frames * arguments.Height * arguments.Width * output.Channels)
        {
            throw new ArgumentException($"{arguments.Input.Length} values for {frames} x {arguments.Height} x {arguments.Width} x "
                + $"{output.Channels}", nameof(arguments));
        }
        arguments.Output = output.View;
        arguments.Channels = output.Channels;
        arguments.Octets = output.Octets;
        arguments.Planes = output.Planes;
        arguments.PlaneHeight = output.Height;
        arguments.PlaneWidth = output.Width;
        int octets = Math.Min(MostOctets, output.Octets), pixels = output.Planes * output.Height * output.Width;
        KernelConfig config = new(
            new Index3D((pixels + Pixels - 1) / Pixels, (output.Octets + octets - 1) / octets, output.Frames),
            new Index3D(Pixels * octets, 1, 1));
        double bytes = sizeof(float) * (double)arguments.Input.Length + 2.0 * output.Length;
        return (output.Parts, output.Channels % Octet.Size == 0) switch
        {
            (1, true) => KernelLaunch.Create(loader, Run<OneHalf, VectorAccess>, config, arguments, bytes: bytes),
            (1, false) => KernelLaunch.Create(loader, Run<OneHalf, ScalarAccess>, config, arguments, bytes: bytes),
            (_, true) => KernelLaunch.Create(loader, Run<TwoHalves, VectorAccess>, config, arguments, bytes: bytes),
            (_, false) => KernelLaunch.Create(loader, Run<TwoHalves, ScalarAccess>, config, arguments, bytes: bytes),
        };
    }

    [LaunchBounds(Pixels * MostOctets)]
    public static void Run<TFormat, TAccess>(MapPackingArguments a)
        where TFormat : struct, IMapFormat
        where TAccess : struct, IChannelAccess
    {
        int pixel = Grid.IdxX * Pixels + (Group.IdxX & (Pixels - 1)), octet = Grid.IdxY * (Group.DimX / Pixels) + Group.IdxX / Pixels;
        int frame = Grid.IdxZ, plane = a.PlaneHeight * a.PlaneWidth;
        if (pixel < a.Planes * plane && octet < a.Octets)
        {
            int phase = pixel / plane, inPlane = pixel - phase * plane;
            int row = inPlane / a.PlaneWidth, column = inPlane - row * a.PlaneWidth;
            if (a.Planes > 1)
            {
                row = 2 * row + (phase >> 1);
                column = 2 * column + (phase & 1);
            }
            int channel = octet * Octet.Size;
            bool exists = row < a.Height && column < a.Width && channel < a.Channels;
            int from = exists ? frame * a.FrameStride + (row * a.Width + column) * a.Channels + channel : 0;
            Octet value = Load<TAccess>(a.Input, from, exists ? a.Channels - channel : 0);
            float factor = a.Factor;
            if (a.Scale.Length != 0) factor *= a.Scale[0];
            value = Octet.Scale(value, factor);
            if (a.Style.Length != 0)
                value = Octet.Multiply(value, Load<TAccess>(a.Style, exists ? frame * a.StyleStride + channel : 0,
                    exists ? a.Channels - channel : 0));
            int parts = default(TFormat).Parts, at = (frame * a.Octets + octet) * (parts * a.Planes * plane) + pixel;
            Half8 rounded = Octet.Pack(value);
            a.Output.Cast<Half8>()[at] = rounded;
            if (parts == 2) a.Output.Cast<Half8>()[at + a.Planes * plane] = Octet.Pack(Octet.Subtract(value, Octet.Unpack(rounded)));
        }
    }

    // Eight values, those of them that exist; zeros for the rest. None exists, or the first does.
    private static Octet Load<TAccess>(ArrayView<float> values, int from, int count) where TAccess : struct, IChannelAccess
    {
        if (default(TAccess).Vector)
        {
            Octet whole = new(new(0f, 0f, 0f, 0f), new(0f, 0f, 0f, 0f));
            if (count > 0) whole = new(values.Cast<Float4>()[from >> 2], values.Cast<Float4>()[(from >> 2) + 1]);
            return whole;
        }
        ArrayView<float> eight = LocalMemory.Allocate<float>(Octet.Size);
        for (int i = 0; i < Octet.Size; i++) eight[i] = i < count ? values[from + i] : 0f;
        return new(new(eight[0], eight[1], eight[2], eight[3]), new(eight[4], eight[5], eight[6], eight[7]));
    }
}
