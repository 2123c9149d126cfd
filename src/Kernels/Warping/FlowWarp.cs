using Lia.Gpu.Runtime;
using Lia.Kernels.Resampling;

namespace Lia.Kernels.Warping;

/// <summary>What the end of a decoder level is passed. Empty views leave a part out.</summary>
internal struct FlowWarpArguments
{
    /// <summary>x [frame, row, column, channel]: the level's StyledConv output.</summary>
    public ArrayView<float> Input;

    /// <summary>The source's feature [row, column, channel]; with <see cref="FeatureStride"/> one for each frame.</summary>
    public ArrayView<float> Feature;

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

    /// <summary>Receives o, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Flow;

    /// <summary>Receives the running RGB sum, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Rgb;

    /// <summary>Receives blended [frame, row, column, channel]; empty at the last level.</summary>
    public ArrayView<float> Blended;

    /// <summary>Receives warped, the same shape; usually empty.</summary>
    public ArrayView<float> Warped;

    public int Frames, Height, Width, Channels, StyleStride, FeatureStride;

    /// <summary>Lanes that share a pixel: 4, 8, 16 or 32.</summary>
    public int Lanes;
}

/// <summary>
/// The end of a decoder level in one pass, ToFlow, warp, blend and ToRGB:
/// <code>
///     o[j]    = sum over c of  s[c] Wf[j, c] x[c]  + bf[j] + up(previous o)[j]            j = 0, 1, 2
///     flow    = (tanh o[0] + gridx, tanh o[1] + gridy),  m = sigmoid o[2]
///     warped  = grid_sample(feature, flow) m,            blended = warped + x (1 - m)
///     rgb[j]  = FusedLeakyReLU(sum over c of Wr[j, c] warped[c] + br[j]) + b[j] + up(previous rgb)[j]
///
///     a pixel belongs to 4 to 32 lanes of a warp, each with every (lanes)th quad of channels:
///
///       lanes:   0    1    2    3  | 0    1    2    3  | ...             x, feature corners and blended: 16 bytes a lane,
///       quads:  0,4  1,5  2,6  3,7 | pixel + 1         |                 neighboring lanes neighboring addresses
///
///     sums over c: a butterfly among the pixel's lanes; lane j then adds bias and upsampled skip to o[j] (rgb[j]),
///     stores it, and the three o are broadcast.
/// </code>
/// Bound by bytes: x and blended once, the feature some four times out of the cache (50 MB a frame for 64 channels at 256).
/// </summary>
internal static class FlowWarp
{
    private const int Threads = 256;

    public static KernelLaunch Prepare(KernelLoader loader, FlowWarpArguments arguments)
    {
        int lanes = arguments.Lanes = LanesOf(arguments.Channels);
        double pixels = (double)arguments.Frames * arguments.Height * arguments.Width;
        KernelConfig config = KernelLaunch.Linear((long)pixels * lanes, Threads);
        double operations = 27 * pixels * arguments.Channels;
        double bytes = sizeof(float) * pixels * (arguments.Channels * (arguments.Blended.Length != 0 ? 3 : 2) + 6);
        return arguments.Channels % 4 == 0
            ? KernelLaunch.Create(loader, Run<VectorAccess>, config, arguments, operations, bytes)
            : KernelLaunch.Create(loader, Run<ScalarAccess>, config, arguments, operations, bytes);
    }

    /// <summary>Lanes that share a pixel: the order in which its channels are summed.</summary>
    public static int LanesOf(int channels)
    {
        int lanes = 4;
        while (lanes < 32 && lanes * 8 < channels) lanes *= 2;
        return lanes;
    }

    public static void Run<TAccess>(FlowWarpArguments a) where TAccess : struct, IChannelAccess
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int pixel = index / a.Lanes;
        int lane = index - pixel * a.Lanes;
        int plane = a.Height * a.Width;
        // Lanes past the last pixel repeat it, because all take part in the shuffles; they store nothing.
        bool stores = pixel < a.Frames * plane;
        pixel = IntrinsicMath.Min(pixel, a.Frames * plane - 1);
        int frame = pixel / plane;
        int inFrame = pixel - frame * plane;
        int row = inFrame / a.Width;
        int column = inFrame - row * a.Width;

        // o
        float flow0 = 0f, flow1 = 0f, flow2 = 0f;
        for (int channel = lane * 4; channel < a.Channels; channel += a.Lanes * 4)
        {
            Float4 x = Quad.Multiply(
                Quad.Load<TAccess>(a.Input, pixel * a.Channels, channel, a.Channels),
                Quad.Load<TAccess>(a.Style, frame * a.StyleStride, channel, a.Channels));
            flow0 = Quad.Dot(x, Quad.Load<TAccess>(a.FlowWeights, 0, channel, a.Channels), flow0);
            flow1 = Quad.Dot(x, Quad.Load<TAccess>(a.FlowWeights, a.Channels, channel, a.Channels), flow1);
            flow2 = Quad.Dot(x, Quad.Load<TAccess>(a.FlowWeights, 2 * a.Channels, channel, a.Channels), flow2);
        }
        flow0 = WarpSum.Of(flow0, a.Lanes);
        flow1 = WarpSum.Of(flow1, a.Lanes);
        flow2 = WarpSum.Of(flow2, a.Lanes);
        int component = IntrinsicMath.Min(lane, 2);
        int planar = (frame * 3 + component) * plane + inFrame;
        float o = Pick(component, flow0, flow1, flow2) + a.FlowBias[component];
        if (a.PreviousFlow.Length != 0) o += Skip(a.PreviousFlow, frame * 3 + component, a.Height >> 1, a.Width >> 1, row, column);
        if (stores && lane < 3) a.Flow[planar] = o;
        int firstLane = (Group.IdxX & 31) - lane;
        flow0 = Warp.Shuffle(o, firstLane);
        flow1 = Warp.Shuffle(o, firstLane + 1);
        flow2 = Warp.Shuffle(o, firstLane + 2);

        // warped, blended and its RGB
        Bilinear corners = Bilinear.Of(Activation.Tanh(flow0) + a.GridX[column], Activation.Tanh(flow1) + a.GridY[row], a.Width, a.Height);
        float mask = Activation.Sigmoid(flow2);
        float rgb0 = 0f, rgb1 = 0f, rgb2 = 0f;
        ArrayView<float> feature = a.Feature.SubView(frame * a.FeatureStride);
        for (int channel = lane * 4; channel < a.Channels; channel += a.Lanes * 4)
        {
            Float4 warped = Quad.Scale(Bilinear.Sample<TAccess>(corners, feature, channel, a.Channels), mask);
            rgb0 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, 0, channel, a.Channels), rgb0);
            rgb1 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, a.Channels, channel, a.Channels), rgb1);
            rgb2 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, 2 * a.Channels, channel, a.Channels), rgb2);
            if (stores && a.Warped.Length != 0) Quad.Store<TAccess>(a.Warped, pixel * a.Channels, channel, a.Channels, warped);
            if (stores && a.Blended.Length != 0)
            {
                Float4 x = Quad.Load<TAccess>(a.Input, pixel * a.Channels, channel, a.Channels);
                Quad.Store<TAccess>(a.Blended, pixel * a.Channels, channel, a.Channels, Quad.Fma(x, 1f - mask, warped));
            }
        }
        rgb0 = WarpSum.Of(rgb0, a.Lanes);
        rgb1 = WarpSum.Of(rgb1, a.Lanes);
        rgb2 = WarpSum.Of(rgb2, a.Lanes);
        float rgb = Activation.LeakyRelu(Pick(component, rgb0, rgb1, rgb2) + a.RgbBias[component]) + a.RgbOffset[component];
        if (a.PreviousRgb.Length != 0) rgb += Skip(a.PreviousRgb, frame * 3 + component, a.Height >> 1, a.Width >> 1, row, column);
        if (stores && lane < 3) a.Rgb[planar] = rgb;
    }

    private static float Skip(ArrayView<float> previous, int image, int height, int width, int row, int column) =>
        Upsample.At(previous, image * (height * width), height, width, row, column);

    private static float Pick(int component, float first, float second, float third) =>
        component == 0 ? first : component == 1 ? second : third;
}
