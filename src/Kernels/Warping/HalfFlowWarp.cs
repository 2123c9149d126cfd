using Lia.Gpu.Runtime;
using Lia.Kernels.Resampling;

namespace Lia.Kernels.Warping;

/// <summary>What the end of a decoder level is passed. Empty views leave a part out.</summary>
internal struct HalfFlowWarpArguments
{
    /// <summary>x, CHW8: the level's StyledConv output.</summary>
    public ArrayView<Half> Input;

    /// <summary>The source's feature, CHW8 of one frame; with <see cref="FeatureStride"/> one for each frame.</summary>
    public ArrayView<Half> Feature;

    /// <summary>s [frame, channel], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Style;

    /// <summary>ToFlow's weight [3, channel], its scale multiplied in, and bias [3].</summary>
    public ArrayView<float> FlowWeights, FlowBias;

    /// <summary>
    /// ToRGB's weight [3, channel], its scale multiplied in, the bias before its activation [3] and the one after it [3].
    /// </summary>
    public ArrayView<float> RgbWeights, RgbBias, RgbOffset;

    /// <summary>o and RGB of the level below, planar [frame, 3, row, column]; empty at the first level.</summary>
    public ArrayView<float> PreviousFlow, PreviousRgb;

    /// <summary>linspace(-1, 1, size) as float32, along the width and along the height.</summary>
    public ArrayView<float> GridX, GridY;

    /// <summary>
    /// The next layer's modulation [frame, channel], rows <see cref="NextStyleStride"/> (a multiple of 4) apart; empty for none.
    /// </summary>
    public ArrayView<float> NextStyle;

    /// <summary>Receives o, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Flow;

    /// <summary>Receives the running RGB sum, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Rgb;

    /// <summary>Receives blended times the next style, CHW8.</summary>
    public ArrayView<Half> Blended;

    /// <summary>Receives warped, CHW8; usually empty.</summary>
    public ArrayView<Half> Warped;

    public int Frames, Height, Width, Channels, StyleStride, NextStyleStride;

    /// <summary>Halves from one frame's feature to the next, a multiple of 8; 0 when all frames share one.</summary>
    public int FeatureStride;

    /// <summary>log2 of a block's pixels.</summary>
    internal int TileShift;
}

/// <summary>How many octets of channels a thread takes, at compile time.</summary>
internal interface IOctetsPerThread
{
    int Value { get; }
}

/// <summary>One octet: most threads, for the smallest pictures.</summary>
internal readonly struct OneOctet : IOctetsPerThread
{
    public int Value => 1;
}

/// <summary>Two octets.</summary>
internal readonly struct TwoOctets : IOctetsPerThread
{
    public int Value => 2;
}

/// <summary>Four octets: most loads under way.</summary>
internal readonly struct FourOctets : IOctetsPerThread
{
    public int Value => 4;
}

/// <summary>
/// The end of a decoder level in one pass on half maps, ToFlow, warp, blend and ToRGB, all arithmetic in float32:
/// <code>
///     o[j]    = sum over c of  s[c] Wf[j, c] x[c]  + bf[j] + up(previous o)[j]            j = 0, 1, 2
///     flow    = (tanh o[0] + gridx, tanh o[1] + gridy),  m = sigmoid o[2]
///     warped  = grid_sample(feature, flow) m,            blended = warped + x (1 - m)     stored times the next layer's style
///     rgb[j]  = FusedLeakyReLU(sum over c of Wr[j, c] warped[c] + br[j]) + b[j] + up(previous rgb)[j]
///
///     a block: 256 threads = P pixels x S slices of the channels (here P = 64, S = 4: 128 channels, four octets a thread)
///
///                    pixels ->                        a slice's octets are every (S)th; x stays in registers
///       slice 0   [ warp 0 | warp 1 ]
///       slice 1   [ warp 2 | warp 3 ]  sum over c     P threads add the slices up in order, make o, corners and mask
///       slice 2   [ warp 4 | warp 5 ] ------------->  of their pixel and share them; then all warp their channels,
///       slice 3   [ warp 6 | warp 7 ]                 and 3 P threads finish rgb
///
///     shared memory:  s Wf [3, c]   Wr [3, c]   sums [min(S, 8)][3][P]   corners, weights and 1 - m [9][P]
/// </code>
/// With fewer than 32 pixels a warp holds several slices, whose sums meet in a butterfly first. How channels are cut depends on the level's
/// shape alone: the same sums in the same order for any number of frames.
/// Bound by bytes: x and blended once, the feature some four times out of the cache (8.4 MB a frame for 128 channels at 128).
/// </summary>
internal static class HalfFlowWarp
{
    private const int Threads = 256;
    private const int MostSums = 8;
    private const int CornerValues = 9;

    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value, of all maps.</param>
    public static KernelLaunch Prepare(KernelLoader loader, HalfFlowWarpArguments arguments, int parts = 1)
    {
        int octets = arguments.Channels / Octet.Size, plane = arguments.Height * arguments.Width;
        // The fewer threads a level has, the less each takes; 64 slices at most, so that a block has four neighboring pixels at least.
        long work = (long)octets * plane;
        int each = octets >= 4 && work >= 128 * 4 * Threads ? 4 : work >= 64 * 2 * Threads ? 2 : 1;
        while (octets > 64 * each && each < 4) each *= 2;
        int slices = 1;
        while (slices * each < octets) slices *= 2;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slices, Threads, "Channels / 32");
        int tile = Threads / slices;
        arguments.TileShift = int.Log2(tile);

        double pixels = (double)arguments.Frames * plane;
        Index3D grid = new((plane + tile - 1) / tile, arguments.Frames, 1);
        int shared = 2 * 3 * slices * each * Octet.Size + (Math.Min(slices, MostSums) * 3 + CornerValues) * tile;
        KernelConfig config = new(grid, new Index3D(Threads, 1, 1), SharedMemoryConfig.RequestDynamic<float>(shared));
        double operations = 27 * pixels * arguments.Channels;
        double bytes = pixels * (2 * parts * arguments.Channels * (arguments.Blended.Length != 0 ? 2 : 1) + sizeof(float) * 6) + 2.0 * parts
            * plane * arguments.Channels;
        Action<HalfFlowWarpArguments> kernel = (each, parts) switch
        {
            (4, 1) => Run<FourOctets>,
            (2, 1) => Run<TwoOctets>,
            (_, 1) => Run<OneOctet>,
            (4, _) => RunPairs<FourOctets>,
            (2, _) => RunPairs<TwoOctets>,
            _ => RunPairs<OneOctet>,
        };
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, operations, bytes);
    }

    /// <summary>One half a value.</summary>
    [LaunchBounds(Threads, 3)]
    public static void Run<TOctets>(HalfFlowWarpArguments a) where TOctets : struct, IOctetsPerThread => Compute<TOctets, OneHalf>(a);

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(Threads, 2)]
    public static void RunPairs<TOctets>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread => Compute<TOctets, TwoHalves>(a);

    private static void Compute<TOctets, TFormat>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread
        where TFormat : struct, IMapFormat
    {
        Overlap.Begin();
        int pixels = 1 << a.TileShift, slices = Threads >> a.TileShift, paddedChannels = slices * default(TOctets).Value * Octet.Size;
        ArrayView<float> flowWeights = SharedMemory.GetDynamic<float>(), rgbWeights = flowWeights.SubView(3 * paddedChannels);
        ArrayView<float> sums = rgbWeights.SubView(3 * paddedChannels),
            corners = sums.SubView(IntrinsicMath.Min(slices, MostSums) * 3 * pixels);

        int frame = Grid.IdxY, plane = a.Height * a.Width, octets = a.Channels / Octet.Size;
        int tilePixel = Group.IdxX & (pixels - 1), slice = Group.IdxX >> a.TileShift;
        // Threads past the last pixel repeat it, because all take part in the sums; they store nothing.
        int pixel = Grid.IdxX * pixels + tilePixel;
        bool isInside = pixel < plane;
        pixel = IntrinsicMath.Min(pixel, plane - 1);
        int parts = default(TFormat).Parts, map = frame * octets * (parts * plane) + pixel;

        ArrayView<Half8> x = LocalMemory.Allocate<Half8>(default(TOctets).Value * default(TFormat).Parts);
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            int at = map + Existing(slice + k * slices, octets) * (parts * plane);
            x[k * parts] = Octet.LoadPacked(a.Input, at);
            if (parts == 2) x[k * parts + 1] = Octet.LoadPacked(a.Input, at + plane);
        }
        Stage(a, flowWeights, rgbWeights, frame, paddedChannels);
        Group.Barrier();

        float sum0 = 0f, sum1 = 0f, sum2 = 0f;
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            Octet value = Octet.Unpack<TFormat>(x, k);
            int channel = (slice + k * slices) * Octet.Size;
            sum0 = Octet.Dot(value, Shared(flowWeights, channel), sum0);
            sum1 = Octet.Dot(value, Shared(flowWeights, paddedChannels + channel), sum1);
            sum2 = Octet.Dot(value, Shared(flowWeights, 2 * paddedChannels + channel), sum2);
        }
        Share(sums, pixels, tilePixel, sum0, sum1, sum2);
        Group.Barrier();
        if (Group.IdxX < pixels) Aim(a, sums, corners, frame, pixel, isInside);
        Group.Barrier();

        ArrayView<int> indices = corners.Cast<int>();
        int corner00 = indices[tilePixel], corner01 = indices[pixels + tilePixel], corner10 = indices[2 * pixels + tilePixel],
            corner11 = indices[3 * pixels + tilePixel];
        float weight00 = corners[4 * pixels + tilePixel], weight01 = corners[5 * pixels + tilePixel];
        float weight10 = corners[6 * pixels + tilePixel], weight11 = corners[7 * pixels + tilePixel];
        float keep = corners[8 * pixels + tilePixel];
        ArrayView<Half> feature = a.Feature.SubView((long)frame * a.FeatureStride);
        sum0 = sum1 = sum2 = 0f;
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            int octet = slice + k * slices, from = Existing(octet, octets) * (parts * plane), channel = octet * Octet.Size;
            Octet warped = Octet.Scale(Octet.Load<TFormat>(feature, from + corner00, plane), weight00);
            warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner01, plane), weight01, warped);
            warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner10, plane), weight10, warped);
            warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner11, plane), weight11, warped);
            sum0 = Octet.Dot(warped, Shared(rgbWeights, channel), sum0);
            sum1 = Octet.Dot(warped, Shared(rgbWeights, paddedChannels + channel), sum1);
            sum2 = Octet.Dot(warped, Shared(rgbWeights, 2 * paddedChannels + channel), sum2);
            bool stores = isInside && octet < octets;
            if (stores && a.Warped.Length != 0) Octet.Store<TFormat>(a.Warped, map + octet * (parts * plane), plane, warped);
            if (stores && a.Blended.Length != 0)
            {
                Octet blended = Octet.Fma(Octet.Unpack<TFormat>(x, k), keep, warped);
                if (a.NextStyle.Length != 0)
                    blended = Octet.Multiply(blended, Octet.Load(a.NextStyle.SubView(frame * a.NextStyleStride), octet));
                Octet.Store<TFormat>(a.Blended, map + octet * (parts * plane), plane, blended);
            }
        }
        Share(sums, pixels, tilePixel, sum0, sum1, sum2);
        Group.Barrier();
        for (int i = Group.IdxX; i < 3 * pixels; i += Threads) Finish(a, sums, frame, i >> a.TileShift, i & (pixels - 1));
    }

    // The weights of the channels there are, and zeros.
    private static void Stage(HalfFlowWarpArguments a, ArrayView<float> flowWeights, ArrayView<float> rgbWeights, int frame,
        int paddedChannels)
    {
        for (int channel = Group.IdxX; channel < paddedChannels; channel += Threads)
        {
            bool exists = channel < a.Channels;
            float style = exists ? a.Style[frame * a.StyleStride + channel] : 0f;
            for (int j = 0; j < 3; j++)
            {
                flowWeights[j * paddedChannels + channel] = exists ? style * a.FlowWeights[j * a.Channels + channel] : 0f;
                rgbWeights[j * paddedChannels + channel] = exists ? a.RgbWeights[j * a.Channels + channel] : 0f;
            }
        }
    }

    // An octet past the last one is read from the last; its weights are zeros.
    private static int Existing(int octet, int octets) => IntrinsicMath.Min(octet, octets - 1);

    private static Octet Shared(ArrayView<float> weights, int channel) =>
        new(weights.Cast<Float4>()[channel >> 2], weights.Cast<Float4>()[(channel >> 2) + 1]);

    // Slices in one warp are added up; then every warp (or slice, if it has several) has a sum for each of its pixels.
    private static void Share(ArrayView<float> sums, int pixels, int tilePixel, float sum0, float sum1, float sum2)
    {
        for (int mask = pixels; mask < Warp.WarpSize; mask <<= 1)
        {
            sum0 += Warp.ShuffleXor(sum0, mask);
            sum1 += Warp.ShuffleXor(sum1, mask);
            sum2 += Warp.ShuffleXor(sum2, mask);
        }
        if ((Group.IdxX & (Warp.WarpSize - 1)) < pixels)
        {
            int at = Group.IdxX / IntrinsicMath.Max(pixels, Warp.WarpSize) * 3 * pixels + tilePixel;
            sums[at] = sum0;
            sums[at + pixels] = sum1;
            sums[at + 2 * pixels] = sum2;
        }
    }

    private static float Total(HalfFlowWarpArguments a, ArrayView<float> sums, int component, int tilePixel)
    {
        float total = 0f;
        for (int part = 0; part < IntrinsicMath.Min(Threads >> a.TileShift, MostSums); part++)
            total += sums[((part * 3 + component) << a.TileShift) + tilePixel];
        return total;
    }

    // o of a pixel, and where it makes the pixel look.
    private static void Aim(HalfFlowWarpArguments a, ArrayView<float> sums, ArrayView<float> corners, int frame, int pixel, bool isInside)
    {
        int row = pixel / a.Width, pixels = 1 << a.TileShift, at = Group.IdxX;
        int column = pixel - row * a.Width;
        float o0 = Flow(a, Total(a, sums, 0, at), frame, 0, row, column, isInside);
        float o1 = Flow(a, Total(a, sums, 1, at), frame, 1, row, column, isInside);
        float o2 = Flow(a, Total(a, sums, 2, at), frame, 2, row, column, isInside);
        Bilinear bilinear = Bilinear.Of(Activation.Tanh(o0) + a.GridX[column], Activation.Tanh(o1) + a.GridY[row], a.Width, a.Height);
        float mask = Activation.Sigmoid(o2);
        ArrayView<int> indices = corners.Cast<int>();
        indices[at] = bilinear.Pixel00;
        indices[pixels + at] = bilinear.Pixel01;
        indices[2 * pixels + at] = bilinear.Pixel10;
        indices[3 * pixels + at] = bilinear.Pixel11;
        corners[4 * pixels + at] = bilinear.Weight00 * mask;
        corners[5 * pixels + at] = bilinear.Weight01 * mask;
        corners[6 * pixels + at] = bilinear.Weight10 * mask;
        corners[7 * pixels + at] = bilinear.Weight11 * mask;
        corners[8 * pixels + at] = 1f - mask;
    }

    private static float Flow(HalfFlowWarpArguments a, float sum, int frame, int component, int row, int column, bool isInside)
    {
        int image = frame * 3 + component;
        float o = sum + a.FlowBias[component];
        if (a.PreviousFlow.Length != 0)
            o += Upsample.At(a.PreviousFlow, image * ((a.Height >> 1) * (a.Width >> 1)), a.Height >> 1, a.Width >> 1, row, column);
        if (isInside) a.Flow[(image * a.Height + row) * a.Width + column] = o;
        return o;
    }

    private static void Finish(HalfFlowWarpArguments a, ArrayView<float> sums, int frame, int component, int tilePixel)
    {
        int pixel = (Grid.IdxX << a.TileShift) + tilePixel, image = frame * 3 + component;
        if (pixel < a.Height * a.Width)
        {
            int row = pixel / a.Width;
            float rgb = Activation.LeakyRelu(Total(a, sums, component, tilePixel) + a.RgbBias[component]) + a.RgbOffset[component];
            if (a.PreviousRgb.Length != 0)
                rgb += Upsample.At(a.PreviousRgb, image * ((a.Height >> 1) * (a.Width >> 1)), a.Height >> 1, a.Width >> 1, row,
                    pixel - row * a.Width);
            a.Rgb[image * (a.Height * a.Width) + pixel] = rgb;
        }
    }
}
