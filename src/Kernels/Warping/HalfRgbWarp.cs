using Lia.Gpu.Runtime;
using Lia.Kernels.Resampling;

namespace Lia.Kernels.Warping;

/// <summary>What the end of the last decoder level is passed. Empty views leave a part out.</summary>
internal struct HalfRgbWarpArguments
{
    /// <summary>ToFlow's sum over the channels, planar [frame, 3, row, column], without bias and skip.</summary>
    public ArrayView<float> FlowSums;

    /// <summary>
    /// P, the feature's projection to RGB (<see cref="HalfRgbProjection"/>), [pixel, 4]; with <see cref="ProjectionStride"/> one for each
    /// frame.
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
/// A thread takes two neighboring pixels, lanes neighboring pairs: the two share six samples of the level below (four each), and a corner
/// of P is one access. No load waits for a branch, so that all of a component are under way. Bound by bytes: 12 in, 3 (or 12) out and a
/// quarter of 24 from the level below (1.4 MB a frame at 256).
/// </summary>
internal static class HalfRgbWarp
{
    private const int Threads = 256;

    public static KernelLaunch Prepare(KernelLoader loader, HalfRgbWarpArguments arguments)
    {
        int plane = arguments.Height * arguments.Width, pairs = arguments.Height * ((arguments.Width + 1) / 2);
        double pixels = (double)arguments.Frames * plane;
        KernelConfig config = new(new Index2D((pairs + Threads - 1) / Threads, arguments.Frames), new Index2D(Threads, 1));
        double bytes = pixels * (18 + (arguments.Rgb.Length != 0 ? 12 : 0) + (arguments.Pixels.Length != 0 ? 3 : 0)
            + (arguments.Flow.Length != 0 ? 12 : 0));
        return KernelLaunch.CreateOverlapping(loader, Run, config, arguments, bytes: bytes);
    }

    [LaunchBounds(Threads)]
    public static void Run(HalfRgbWarpArguments a)
    {
        Overlap.Begin();
        int pair = Grid.IdxX * Group.DimX + Group.IdxX, frame = Grid.IdxY, across = (a.Width + 1) >> 1;
        int row = pair / across;
        int column = 2 * (pair - row * across);
        if (row < a.Height)
        {
            // In a picture of odd width the last pixel of a row is done twice and stored once.
            bool hasSecond = column + 1 < a.Width;
            int image = frame * 3, second = hasSecond ? 1 : 0, plane = a.Height * a.Width, at = image * plane + row * a.Width + column;
            Float2 o0 = Sum(a, 0, at, second), o1 = Sum(a, 1, at + plane, second), o2 = Sum(a, 2, at + 2 * plane, second);
            Float2 red = default, green = default, blue = default;
            if (a.PreviousFlow.Length != 0)
            {
                // All at once: every branch is a wait.
                Float2 skip0 = Skip(a.PreviousFlow, a, image, row, column), skip1 = Skip(a.PreviousFlow, a, image + 1, row, column),
                    skip2 = Skip(a.PreviousFlow, a, image + 2, row, column);
                (red, green, blue) = (Skip(a.PreviousRgb, a, image, row, column), Skip(a.PreviousRgb, a, image + 1, row, column),
                    Skip(a.PreviousRgb, a, image + 2, row, column));
                (o0, o1, o2) = (Add(o0, skip0), Add(o1, skip1), Add(o2, skip2));
            }
            float gridY = a.GridY[row];
            Float4 left = Sample(a, frame, o0.X, o1.X, o2.X, a.GridX[column], gridY),
                right = Sample(a, frame, o0.Y, o1.Y, o2.Y, a.GridX[column + second], gridY);
            red = Add(Color(a, 0, left.X, right.X), red);
            green = Add(Color(a, 1, left.Y, right.Y), green);
            blue = Add(Color(a, 2, left.Z, right.Z), blue);
            if (a.Flow.Length != 0) Store(a.Flow, at, plane, hasSecond, o0, o1, o2);
            if (a.Rgb.Length != 0) Store(a.Rgb, at, plane, hasSecond, red, green, blue);
            if (a.Pixels.Length != 0)
            {
                int to = (frame * plane + row * a.Width + column) * 3;
                (a.Pixels[to], a.Pixels[to + 1], a.Pixels[to + 2]) = (ToByte(red.X), ToByte(green.X), ToByte(blue.X));
                if (hasSecond)
                    (a.Pixels[to + 3], a.Pixels[to + 4], a.Pixels[to + 5]) = (ToByte(red.Y), ToByte(green.Y), ToByte(blue.Y));
            }
        }
    }

    // A component of o of both pixels, without the skip.
    private static Float2 Sum(HalfRgbWarpArguments a, int component, int at, int second) =>
        new(a.FlowSums[at] + a.FlowBias[component], a.FlowSums[at + second] + a.FlowBias[component]);

    // P where a pixel looks, times its mask.
    private static Float4 Sample(HalfRgbWarpArguments a, int frame, float o0, float o1, float o2, float gridX, float gridY)
    {
        Bilinear corners = Bilinear.Of(Activation.Tanh(o0) + gridX, Activation.Tanh(o1) + gridY, a.Width, a.Height);
        return Quad.Scale(Bilinear.Sample<VectorAccess>(corners, a.Projection.SubView(frame * a.ProjectionStride), 0, 4),
            Activation.Sigmoid(o2));
    }

    // A component of both pixels, without the skip.
    private static Float2 Color(HalfRgbWarpArguments a, int component, float left, float right)
    {
        float bias = a.RgbBias[component], offset = a.RgbOffset[component];
        return new(Activation.LeakyRelu(left + bias) + offset, Activation.LeakyRelu(right + bias) + offset);
    }

    private static void Store(ArrayView<float> planes, int at, int plane, bool hasSecond, Float2 first, Float2 second, Float2 third)
    {
        (planes[at], planes[at + plane], planes[at + 2 * plane]) = (first.X, second.X, third.X);
        if (hasSecond) (planes[at + 1], planes[at + plane + 1], planes[at + 2 * plane + 1]) = (first.Y, second.Y, third.Y);
    }

    private static byte ToByte(float rgb) => Intrinsics.RoundToByte((rgb + 1f) / 2f * 255f);

    private static Float2 Add(Float2 a, Float2 b) => new(a.X + b.X, a.Y + b.Y);

    private static Float2 Skip(ArrayView<float> previous, HalfRgbWarpArguments a, int image, int row, int column) =>
        Upsample.Pair(previous, image * ((a.Height >> 1) * (a.Width >> 1)), a.Height >> 1, a.Width >> 1, row, column);
}

/// <summary>What the projection of a feature is passed.</summary>
internal struct HalfRgbProjectionArguments
{
    /// <summary>The feature, CHW8.</summary>
    public ArrayView<Half> Feature;

    /// <summary>Wr [3, channel], its scale multiplied in.</summary>
    public ArrayView<float> Weights;

    /// <summary>Receives P [frame, pixel, 4]: red, green, blue and zero, so that a pixel is one access.</summary>
    public ArrayView<float> Output;

    public int Frames, PixelsPerFrame, Channels;
}

/// <summary>
/// P[j, p] = sum over c of Wr[j, c] feature[c, p] in float32, one after the other: once for a source, for <see cref="HalfFlowWarp"/>
/// and <see cref="HalfRgbWarp"/>. A thread takes a pixel. Bound by the bytes of the feature.
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
            pixels * (2 * parts * arguments.Channels + 16));
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
            a.Output.Cast<Float4>()[frame * a.PixelsPerFrame + pixel] = new(red, green, blue, 0f);
        }
    }
}
