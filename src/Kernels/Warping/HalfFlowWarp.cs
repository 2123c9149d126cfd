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
    /// P, the feature's projection to RGB (<see cref="HalfRgbProjection"/>), [pixel, 4]; with <see cref="ProjectionStride"/> one for each
    /// frame.
    /// </summary>
    public ArrayView<float> Projection;

    /// <summary>ToRGB's bias before its activation [3] and the one after it [3].</summary>
    public ArrayView<float> RgbBias, RgbOffset;

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

    /// <summary>Receives blended times the next style, CHW8; empty where only the picture is wanted.</summary>
    public ArrayView<Half> Blended;

    /// <summary>Receives warped, CHW8; usually empty. With it goes <see cref="Blended"/>.</summary>
    public ArrayView<Half> Warped;

    public int Frames, Height, Width, Channels, StyleStride, NextStyleStride;

    /// <summary>Halves from one frame's feature to the next, a multiple of 8; 0 when all frames share one.</summary>
    public int FeatureStride;

    /// <summary>Elements from one frame's P to the next; 0 when all frames share one.</summary>
    public int ProjectionStride;

    /// <summary>log2 of the warps that share a pixel's channels.</summary>
    internal int SplitShift;
}

/// <summary>How many octets of channels a thread takes, at compile time.</summary>
internal interface IOctetsPerThread
{
    int Value { get; }
}

/// <summary>Two octets: most threads, for small pictures.</summary>
internal readonly struct TwoOctets : IOctetsPerThread
{
    public int Value => 2;
}

/// <summary>Four octets: most loads under way.</summary>
internal readonly struct FourOctets : IOctetsPerThread
{
    public int Value => 4;
}

/// <summary>Whether warped is stored too, at compile time: a branch would keep the loads of a thread's octets apart.</summary>
internal interface IWarpTaps
{
    bool StoresWarped { get; }
}

/// <summary>Nobody looks.</summary>
internal readonly struct NoWarpTaps : IWarpTaps
{
    public bool StoresWarped => false;
}

/// <summary>Warped is wanted.</summary>
internal readonly struct WarpTaps : IWarpTaps
{
    public bool StoresWarped => true;
}

/// <summary>
/// The end of a decoder level in one pass on half maps, ToFlow, warp, blend and ToRGB:
/// <code>
///     o[j]    = sum over c of  s[c] Wf[j, c] x[c]  + bf[j] + up(previous o)[j]            j = 0, 1, 2
///     flow    = (tanh o[0] + gridx, tanh o[1] + gridy),  m = sigmoid o[2]
///     warped  = grid_sample(feature, flow) m,            blended = warped + x (1 - m)     stored times the next layer's style
///     rgb[j]  = FusedLeakyReLU(m grid_sample(P, flow)[j] + br[j]) + b[j] + up(previous rgb)[j]
///
///     P = Wr feature is made once for a source: ToRGB's 1x1 convolution and the warp change places (HalfRgbWarp).
///
///     a warp: 8 pixels x 4 lanes, lane = 8 t + g; a lane takes every 4th octet of its pixel's channels
///
///                g: 0  1  2  3  4  5  6  7          x: 16 bytes a lane, 128 neighboring ones eight lanes; stays in registers
///       t 0   [ oct 0                 .. ]
///       t 1   [ oct 1                 .. ]          o of the 8 pixels by tensor cores, for which lanes exchange what they hold:
///       t 2   [ oct 2                 .. ]            A [16 x 16]: row j = 0..2 the high half of s Wf[j], row 8 + j the low one
///       t 3   [ oct 3                 .. ]            B [16 x 8]:  pixel g's channels, two pairs of lane 4 g + t's octet
///                                                   then lane t holds component t of its pixel: bias, up, tanh or sigmoid, an axis
///                                                   of the corners; three shuffles and more hand them to the pixel's other lanes
///     Eight neighboring pixels of an octet are one line of the cache, and where the flow is smooth so are their corners; the same pixel of
///     four octets is four lines, and the same bank of each.
///
///     a block: 8 warps = G groups of 8 pixels x S splits of the channels; sums of splits meet in shared memory, in order
///
///     shared memory:  s Wf [2][3][c] halves (of pairs [3][c] floats)   next style [c]   sums [8][32]
/// </code>
/// All arithmetic in float32; s Wf, times 2^6, is the sum of two halves, 22 bits, and their products are summed in float32. Pairs (whose
/// limits are float32's) make o by multiply-adds and a butterfly instead. How channels are cut depends on the level's shape alone: the same
/// sums in the same order for any number of frames.
/// A warp waits for three things after each other: x, the corners, and what the skips and weights need beside x. Nothing between the
/// loads of a thread is a branch, so that those of all its octets can be under way.
/// Bound by bytes: x and blended once, the feature some four times out of the cache (8.4 MB a frame for 128 channels at 128).
/// </summary>
internal static class HalfFlowWarp
{
    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int Lanes = 4;
    private const int GroupPixels = 32 / Lanes;

    // Values between the rows of weights, so that the rows that lanes read at once lie in other banks.
    private const int RowPadding = 32;

    // What s Wf is multiplied by, so that the low halves of usual weights are normal numbers; up to 2047 it is no infinity.
    private const float WeightFactor = 64f;

    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value, of all maps.</param>
    /// <exception cref="ArgumentOutOfRangeException">More than 1024 channels.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, HalfFlowWarpArguments arguments, int parts = 1)
    {
        int octets = arguments.Channels / Octet.Size, plane = arguments.Height * arguments.Width;
        // The fewer threads a level has, the less each takes.
        int each = octets > Lanes && ((long)octets * plane >= 1 << 17 || octets > 2 * Lanes * Warps) ? 4 : 2;
        int splits = 1;
        while (splits * Lanes * each < octets) splits *= 2;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(splits, Warps, "Channels / 128");
        arguments.SplitShift = int.Log2(splits);
        int tile = Warps / splits * GroupPixels, padded = splits * Lanes * each * Octet.Size;

        double pixels = (double)arguments.Frames * plane;
        Index3D grid = new((plane + tile - 1) / tile, arguments.Frames, 1);
        KernelConfig config = new(grid, new Index3D(Threads, 1, 1),
            SharedMemoryConfig.RequestDynamic<float>(3 * (padded + RowPadding) + padded + Threads));
        double operations = 21 * pixels * arguments.Channels;
        double bytes = pixels * (2 * parts * arguments.Channels * (arguments.Blended.Length != 0 ? 2 : 1) + sizeof(float) * 6) + 2.0 * parts
            * plane * arguments.Channels;
        Action<HalfFlowWarpArguments> kernel = (each, parts, arguments.Warped.Length != 0) switch
        {
            (4, 1, false) => Run<FourOctets>,
            (_, 1, false) => Run<TwoOctets>,
            (4, _, false) => RunPairs<FourOctets>,
            (_, _, false) => RunPairs<TwoOctets>,
            (4, 1, true) => RunTapped<FourOctets, OneHalf>,
            (_, 1, true) => RunTapped<TwoOctets, OneHalf>,
            (4, _, true) => RunTapped<FourOctets, TwoHalves>,
            _ => RunTapped<TwoOctets, TwoHalves>,
        };
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, operations, bytes);
    }

    /// <summary>One half a value.</summary>
    [LaunchBounds(Threads, 3)]
    public static void Run<TOctets>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread => Compute<TOctets, OneHalf, NoWarpTaps>(a);

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(Threads, 2)]
    public static void RunPairs<TOctets>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread => Compute<TOctets, TwoHalves, NoWarpTaps>(a);

    /// <summary>Stores warped too.</summary>
    [LaunchBounds(Threads, 2)]
    public static void RunTapped<TOctets, TFormat>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread
        where TFormat : struct, IMapFormat => Compute<TOctets, TFormat, WarpTaps>(a);

    private static void Compute<TOctets, TFormat, TTaps>(HalfFlowWarpArguments a)
        where TOctets : struct, IOctetsPerThread
        where TFormat : struct, IMapFormat
        where TTaps : struct, IWarpTaps
    {
        Overlap.Begin();
        int splits = 1 << a.SplitShift, paddedChannels = splits * Lanes * default(TOctets).Value * Octet.Size;
        ArrayView<float> weights = SharedMemory.GetDynamic<float>(), nextStyle = weights.SubView(3 * (paddedChannels + RowPadding)),
            sums = nextStyle.SubView(paddedChannels);

        int frame = Grid.IdxY, plane = a.Height * a.Width, octets = a.Channels / Octet.Size, parts = default(TFormat).Parts;
        int warp = Group.IdxX >> 5, lane = Group.IdxX & 31, t = lane / GroupPixels, split = warp & (splits - 1);
        // Lanes past the last pixel repeat it, because all take part in the sums; they store nothing.
        int pixel = ((Grid.IdxX << 3 - a.SplitShift) + (warp >> a.SplitShift)) * GroupPixels + (lane & (GroupPixels - 1));
        bool isInside = pixel < plane;
        pixel = IntrinsicMath.Min(pixel, plane - 1);
        int map = frame * octets * (parts * plane) + pixel, firstOctet = split * Lanes * default(TOctets).Value + t;

        ArrayView<Half8> x = LocalMemory.Allocate<Half8>(default(TOctets).Value * default(TFormat).Parts);
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            int at = map + Existing(firstOctet + k * Lanes, octets) * (parts * plane);
            x[k * parts] = Octet.LoadPacked(a.Input, at);
            if (parts == 2) x[k * parts + 1] = Octet.LoadPacked(a.Input, at + plane);
        }
        Stage<TFormat>(a, weights, nextStyle, frame, paddedChannels);

        // Lane t sees to component t of its pixel; the fourth lane repeats the third.
        int component = IntrinsicMath.Min(t, 2), image = frame * 3 + component, row = pixel / a.Width;
        int column = pixel - row * a.Width;
        bool stores = isInside & t < 3 & split == 0;
        float o = a.FlowBias[component], rgbBias = a.RgbBias[component], rgbSkip = a.RgbOffset[component];
        if (a.PreviousFlow.Length != 0)
        {
            o += Skip(a.PreviousFlow, a, image, row, column);
            rgbSkip += Skip(a.PreviousRgb, a, image, row, column);
        }
        float gridX = a.GridX[column], gridY = a.GridY[row];
        Group.Barrier();

        float sum = parts == 1 ? Multiply<TOctets>(weights.Cast<Half>(), x, firstOctet - t, paddedChannels + RowPadding, lane)
            : Accumulate<TOctets, TFormat>(weights, x, firstOctet, paddedChannels + RowPadding, component);
        if (splits > 1)
        {
            sums[Group.IdxX] = sum;
            Group.Barrier();
            int first = (warp - split) * 32 + lane;
            sum = sums[first];
            for (int i = 1; i < splits; i++) sum += sums[first + i * 32];
        }
        o += sum;
        if (stores) a.Flow[image * plane + pixel] = o;

        // t = 0: the columns of the corners; 1: their rows, as offsets; 2: the mask.
        bool isAcross = t == 0;
        float mask = Activation.TanhOrSigmoid(o, component == 2);
        BilinearAxis axis = BilinearAxis.Of(mask + (isAcross ? gridX : gridY), isAcross ? a.Width : a.Height);
        int index0 = isAcross ? axis.Index0 : axis.Index0 * a.Width, index1 = isAcross ? axis.Index1 : axis.Index1 * a.Width;
        int across = lane & (GroupPixels - 1), down = across + GroupPixels;
        mask = Warp.Shuffle(mask, down + GroupPixels);
        int left = Warp.Shuffle(index0, across), right = Warp.Shuffle(index1, across);
        int top = Warp.Shuffle(index0, down), bottom = Warp.Shuffle(index1, down);
        float weightLeft = Warp.Shuffle(axis.Weight0, across), weightRight = Warp.Shuffle(axis.Weight1, across);
        float weightTop = Warp.Shuffle(axis.Weight0, down), weightBottom = Warp.Shuffle(axis.Weight1, down);
        int corner00 = top + left, corner01 = top + right, corner10 = bottom + left, corner11 = bottom + right;
        float weight00 = weightLeft * weightTop * mask, weight01 = weightRight * weightTop * mask,
            weight10 = weightLeft * weightBottom * mask, weight11 = weightRight * weightBottom * mask;

        // Used after the octets, whose loads follow.
        int projected = frame * a.ProjectionStride + component;
        float color00 = a.Projection[projected + 4 * corner00], color01 = a.Projection[projected + 4 * corner01],
            color10 = a.Projection[projected + 4 * corner10], color11 = a.Projection[projected + 4 * corner11];
        if (a.Blended.Length != 0)
        {
            ArrayView<Half> feature = a.Feature.SubView((long)frame * a.FeatureStride);
            float keep = 1f - mask;
            for (int k = 0; k < default(TOctets).Value; k++)
            {
                int octet = firstOctet + k * Lanes, from = Existing(octet, octets) * (parts * plane);
                Octet warped = Octet.Scale(Octet.Load<TFormat>(feature, from + corner00, plane), weight00);
                warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner01, plane), weight01, warped);
                warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner10, plane), weight10, warped);
                warped = Octet.Fma(Octet.Load<TFormat>(feature, from + corner11, plane), weight11, warped);
                int to = map + octet * (parts * plane);
                bool exists = isInside & octet < octets;
                if (default(TTaps).StoresWarped && exists) Octet.Store<TFormat>(a.Warped, to, plane, warped);
                Octet blended = Octet.Fma(Octet.Unpack<TFormat>(x, k), keep, warped);
                blended = Octet.Multiply(blended, Shared(nextStyle, octet * Octet.Size));
                if (parts == 1)
                {
                    Half8 packed = Octet.Pack(blended);
                    if (exists) a.Blended.Cast<Half8>()[to] = packed;
                }
                else if (exists)
                {
                    Octet.Store<TFormat>(a.Blended, to, plane, blended);
                }
            }
        }
        float rgb = Intrinsics.Fma(color11, weight11, Intrinsics.Fma(color10, weight10, Intrinsics.Fma(color01, weight01,
            Intrinsics.Fma(color00, weight00, rgbBias))));
        rgb = Activation.LeakyRelu(rgb) + rgbSkip;
        if (stores) a.Rgb[image * plane + pixel] = rgb;
    }

    // s Wf of the channels there are, and zeros: halves in rows of high and rows of low ones, or floats. And what blended is multiplied by.
    private static void Stage<TFormat>(
        HalfFlowWarpArguments a, ArrayView<float> weights, ArrayView<float> nextStyle, int frame, int paddedChannels)
        where TFormat : struct, IMapFormat
    {
        int pitch = paddedChannels + RowPadding;
        ArrayView<Half> halves = weights.Cast<Half>();
        for (int channel = Group.IdxX; channel < paddedChannels; channel += Threads)
        {
            int existing = IntrinsicMath.Min(channel, a.Channels - 1);
            float style = a.Style[frame * a.StyleStride + existing], weight0 = a.FlowWeights[existing],
                weight1 = a.FlowWeights[a.Channels + existing], weight2 = a.FlowWeights[2 * a.Channels + existing];
            style = channel < a.Channels ? style : 0f;
            float next = 1f;
            if (a.NextStyle.Length != 0) next = a.NextStyle[frame * a.NextStyleStride + existing];
            nextStyle[channel] = next;
            if (default(TFormat).Parts == 1)
            {
                Split(halves, channel, 3 * pitch, style * weight0);
                Split(halves, pitch + channel, 3 * pitch, style * weight1);
                Split(halves, 2 * pitch + channel, 3 * pitch, style * weight2);
            }
            else
            {
                weights[channel] = style * weight0;
                weights[pitch + channel] = style * weight1;
                weights[2 * pitch + channel] = style * weight2;
            }
        }
    }

    private static void Split(ArrayView<Half> halves, int at, int low, float weight)
    {
        weight *= WeightFactor;
        Half high = Octet.Saturated(weight, 0f).X;
        halves[at] = high;
        halves[low + at] = Octet.Saturated(weight - (float)high, 0f).X;
    }

    // ToFlow's sum over the warp's channels, which start with some octet, by tensor cores: in lane 8 t + g that of component t and pixel g.
    // The second operand of a product is in lane 4 g + t what is here in lane 8 t + g.
    private static float Multiply<TOctets>(ArrayView<Half> weights, ArrayView<Half8> x, int octet, int pitch, int lane)
        where TOctets : struct, IOctetsPerThread
    {
        int component = IntrinsicMath.Min(lane >> 2, 2), holder = (lane & 3) * GroupPixels + (lane >> 2);
        float high0 = 0f, high1 = 0f, low0 = 0f, low1 = 0f;
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            int at = (component * pitch >> 3) + octet + (lane & 3) + k * Lanes;
            Half8 high = weights.Cast<Half8>()[at], low = weights.Cast<Half8>()[(3 * pitch >> 3) + at], b = Of(x[k], holder);
            if (Intrinsics.TargetSm >= 80)
            {
                Intrinsics.MmaSyncF16(ref high0, ref high1, ref low0, ref low1, high.A.RawValue, low.A.RawValue, high.B.RawValue,
                    low.B.RawValue, b.A.RawValue, b.B.RawValue);
                Intrinsics.MmaSyncF16(ref high0, ref high1, ref low0, ref low1, high.C.RawValue, low.C.RawValue, high.D.RawValue,
                    low.D.RawValue, b.C.RawValue, b.D.RawValue);
            }
            else
            {
                Intrinsics.MmaSyncF16K8(ref high0, ref high1, ref low0, ref low1, high.A.RawValue, low.A.RawValue, b.A.RawValue);
                Intrinsics.MmaSyncF16K8(ref high0, ref high1, ref low0, ref low1, high.B.RawValue, low.B.RawValue, b.B.RawValue);
                Intrinsics.MmaSyncF16K8(ref high0, ref high1, ref low0, ref low1, high.C.RawValue, low.C.RawValue, b.C.RawValue);
                Intrinsics.MmaSyncF16K8(ref high0, ref high1, ref low0, ref low1, high.D.RawValue, low.D.RawValue, b.D.RawValue);
            }
        }
        // Lane 4 j + p holds component j of pixels 2 p and 2 p + 1.
        int from = lane >> 1;
        float even = Warp.Shuffle(high0 + low0, from), odd = Warp.Shuffle(high1 + low1, from);
        return ((lane & 1) != 0 ? odd : even) * (1f / WeightFactor);
    }

    // What another lane holds.
    private static Half8 Of(Half8 value, int lane) => new(
        new(Warp.Shuffle(value.A.RawValue, lane)), new(Warp.Shuffle(value.B.RawValue, lane)), new(Warp.Shuffle(value.C.RawValue, lane)),
        new(Warp.Shuffle(value.D.RawValue, lane)));

    // The same by multiply-adds in float32, over the lane's octets and then over the pixel's lanes.
    private static float Accumulate<TOctets, TFormat>(
        ArrayView<float> weights, ArrayView<Half8> x, int firstOctet, int pitch, int component)
        where TOctets : struct, IOctetsPerThread
        where TFormat : struct, IMapFormat
    {
        float sum0 = 0f, sum1 = 0f, sum2 = 0f;
        for (int k = 0; k < default(TOctets).Value; k++)
        {
            Octet value = Octet.Unpack<TFormat>(x, k);
            int channel = (firstOctet + k * Lanes) * Octet.Size;
            sum0 = Octet.Dot(value, Shared(weights, channel), sum0);
            sum1 = Octet.Dot(value, Shared(weights, pitch + channel), sum1);
            sum2 = Octet.Dot(value, Shared(weights, 2 * pitch + channel), sum2);
        }
        sum0 = WarpSum.Of(sum0, Lanes, GroupPixels);
        sum1 = WarpSum.Of(sum1, Lanes, GroupPixels);
        sum2 = WarpSum.Of(sum2, Lanes, GroupPixels);
        return component == 0 ? sum0 : component == 1 ? sum1 : sum2;
    }

    // An octet past the last one is read from the last; its weights are zeros.
    private static int Existing(int octet, int octets) => IntrinsicMath.Min(octet, octets - 1);

    private static Octet Shared(ArrayView<float> values, int channel) =>
        new(values.Cast<Float4>()[channel >> 2], values.Cast<Float4>()[(channel >> 2) + 1]);

    private static float Skip(ArrayView<float> previous, HalfFlowWarpArguments a, int image, int row, int column) =>
        Upsample.At(previous, image * ((a.Height >> 1) * (a.Width >> 1)), a.Height >> 1, a.Width >> 1, row, column);
}
