using Lia.Gpu.Runtime;
using Lia.Kernels.Resampling;

namespace Lia.Kernels.Warping;

/// <summary>What the end of the last decoder level is passed. Empty views leave a part out.</summary>
internal struct HalfRgbWarpArguments
{
    /// <summary>ToFlow's sum over the channels, planar [frame, 3, row, column], without bias and skip.</summary>
    public ArrayView<float> FlowSums;

    /// <summary>
    /// P, the feature's projection to RGB, planar [3, row, column]; with <see cref="ProjectionStride"/> one for each frame.
    /// </summary>
    public ArrayView<float> Projection;

    /// <summary>ToFlow's bias [3].</summary>
    public ArrayView<float> FlowBias;

    /// <summary>ToRGB's bias before its activation [3] and the one after it [3].</summary>
    public ArrayView<float> RgbBias, RgbOffset;

    /// <summary>o and RGB of the level below, planar [frame, 3, row, column]; empty at the first level.</summary>
    public ArrayView<float> PreviousFlow, PreviousRgb;

    /// <summary>linspace(-1, 1, size) as float32, along the width and along the height.</summary>
    public ArrayView<float> GridX, GridY;

    /// <summary>Receives o, planar [frame, 3, row, column]; usually empty.</summary>
    public ArrayView<float> Flow;

    /// <summary>Receives the picture, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Rgb;

    /// <summary>Receives the picture as RGB bytes [frame, pixel, 3]: round((clamp(rgb, -1, 1) + 1) / 2 * 255), ties to even.</summary>
    public ArrayView<byte> Pixels;

    public int Frames, Height, Width;

    /// <summary>Elements from one frame's P to the next; 0 when all frames share one.</summary>
    public int ProjectionStride;
}

/// <summary>
/// The end of the last decoder level, from which only the picture is wanted. ToRGB's 1x1 convolution is a sum over channels and the warp
/// one over pixels, so they change places: P = Wr feature is made once for the source, and three planes are warped instead of all channels.
/// <code>
///     o[j]    = sum[j] + bf[j] + up(previous o)[j]                                        j = 0, 1, 2
///     flow    = (tanh o[0] + gridx, tanh o[1] + gridy),  m = sigmoid o[2]
///     rgb[j]  = FusedLeakyReLU(m grid_sample(P, flow)[j] + br[j]) + b[j] + up(previous rgb)[j]
/// </code>
/// A thread takes a pixel, lanes neighboring columns. Bound by bytes: 12 in, 3 (or 12) out and a quarter of 24 from the level below (1.4
/// MB a frame at 256).
/// </summary>
internal static class HalfRgbWarp
{
    private const int Threads = 256;

    public static KernelLaunch Prepare(KernelLoader loader, HalfRgbWarpArguments arguments)
    {
        int plane = arguments.Height * arguments.Width;
        double pixels = (double)arguments.Frames * plane;
        KernelConfig config = new(new Index2D((plane + Threads - 1) / Threads, arguments.Frames), new Index2D(Threads, 1));
        double bytes = pixels * (18 + (arguments.Rgb.Length != 0 ? 12 : 0) + (arguments.Pixels.Length != 0 ? 3 : 0)
            + (arguments.Flow.Length != 0 ? 12 : 0));
        return KernelLaunch.CreateOverlapping(loader, Run, config, arguments, bytes: bytes);
    }

    [LaunchBounds(Threads)]
    public static void Run(HalfRgbWarpArguments a)
    {
        Overlap.Begin();
        int pixel = Grid.IdxX * Group.DimX + Group.IdxX, frame = Grid.IdxY, plane = a.Height * a.Width;
        if (pixel < plane)
        {
            int row = pixel / a.Width;
            int column = pixel - row * a.Width;
            float o0 = Flow(a, frame, 0, row, column), o1 = Flow(a, frame, 1, row, column), o2 = Flow(a, frame, 2, row, column);
            Bilinear corners = Bilinear.Of(Activation.Tanh(o0) + a.GridX[column], Activation.Tanh(o1) + a.GridY[row], a.Width, a.Height);
            float mask = Activation.Sigmoid(o2);
            for (int j = 0; j < 3; j++)
            {
                ArrayView<float> projection = a.Projection.SubView(frame * a.ProjectionStride + j * plane);
                float sum = projection[corners.Pixel00] * corners.Weight00;
                sum = Intrinsics.Fma(projection[corners.Pixel01], corners.Weight01, sum);
                sum = Intrinsics.Fma(projection[corners.Pixel10], corners.Weight10, sum);
                sum = Intrinsics.Fma(projection[corners.Pixel11], corners.Weight11, sum);
                float rgb = Activation.LeakyRelu(Intrinsics.Fma(sum, mask, a.RgbBias[j])) + a.RgbOffset[j];
                if (a.PreviousRgb.Length != 0) rgb += Skip(a.PreviousRgb, a, frame * 3 + j, row, column);
                if (a.Rgb.Length != 0) a.Rgb[(frame * 3 + j) * plane + pixel] = rgb;
                if (a.Pixels.Length != 0) a.Pixels[(frame * plane + pixel) * 3 + j] = Intrinsics.RoundToByte((rgb + 1f) / 2f * 255f);
            }
        }
    }

    private static float Flow(HalfRgbWarpArguments a, int frame, int component, int row, int column)
    {
        int at = ((frame * 3 + component) * a.Height + row) * a.Width + column;
        float o = a.FlowSums[at] + a.FlowBias[component];
        if (a.PreviousFlow.Length != 0) o += Skip(a.PreviousFlow, a, frame * 3 + component, row, column);
        if (a.Flow.Length != 0) a.Flow[at] = o;
        return o;
    }

    private static float Skip(ArrayView<float> previous, HalfRgbWarpArguments a, int image, int row, int column) =>
        Upsample.At(previous, image * ((a.Height >> 1) * (a.Width >> 1)), a.Height >> 1, a.Width >> 1, row, column);
}

/// <summary>What the projection of a feature is passed.</summary>
internal struct HalfRgbProjectionArguments
{
    /// <summary>The feature, CHW8.</summary>
    public ArrayView<Half> Feature;

    /// <summary>Wr [3, channel], its scale multiplied in.</summary>
    public ArrayView<float> Weights;

    /// <summary>Receives P, planar [frame, 3, pixel].</summary>
    public ArrayView<float> Output;

    public int Frames, PixelsPerFrame, Channels;
}

/// <summary>
/// P[j, p] = sum over c of Wr[j, c] feature[c, p] in float32, one after the other: once for a source, for <see cref="HalfRgbWarp"/>. A
/// thread takes a pixel. Bound by the bytes of the feature.
/// </summary>
internal static class HalfRgbProjection
{
    private const int Threads = 128;

    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value of the feature.</param>
    public static KernelLaunch Prepare(KernelLoader loader, HalfRgbProjectionArguments arguments, int parts = 1)
    {
        Action<HalfRgbProjectionArguments> kernel = parts == 1 ? Run : RunPairs;
        KernelConfig config =
            new(new Index2D((arguments.PixelsPerFrame + Threads - 1) / Threads, arguments.Frames), new Index2D(Threads, 1));
        double pixels = (double)arguments.Frames * arguments.PixelsPerFrame;
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, 6 * pixels * arguments.Channels,
            pixels * (2 * parts * arguments.Channels + 12));
    }

    /// <summary>Of one half a value.</summary>
    public static void Run(HalfRgbProjectionArguments a) => Project<OneHalf>(a);

    /// <summary>Of two halves a value.</summary>
    public static void RunPairs(HalfRgbProjectionArguments a) => Project<TwoHalves>(a);

    private static void Project<TFormat>(HalfRgbProjectionArguments a) where TFormat : struct, IMapFormat
    {
        Overlap.Begin();
        int pixel = Grid.IdxX * Group.DimX + Group.IdxX, frame = Grid.IdxY;
        if (pixel < a.PixelsPerFrame)
        {
            int octets = a.Channels / Octet.Size;
            float red = 0f, green = 0f, blue = 0f;
            for (int octet = 0; octet < octets; octet++)
            {
                Octet value = Octet.Load<TFormat>(a.Feature, (frame * octets + octet) * default(TFormat).Parts * a.PixelsPerFrame + pixel,
                    a.PixelsPerFrame);
                red = Octet.Dot(value, Octet.Load(a.Weights, octet), red);
                green = Octet.Dot(value, Octet.Load(a.Weights, octets + octet), green);
                blue = Octet.Dot(value, Octet.Load(a.Weights, 2 * octets + octet), blue);
            }
            int at = frame * 3 * a.PixelsPerFrame + pixel;
            a.Output[at] = red;
            a.Output[at + a.PixelsPerFrame] = green;
            a.Output[at + 2 * a.PixelsPerFrame] = blue;
        }
    }
}
