using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the first layer is passed.</summary>
internal struct HalfFirstLayerArguments
{
    /// <summary>x [frame, 3, pixel]: planar; empty if <see cref="Pixels"/> are given.</summary>
    public ArrayView<float> Input;

    /// <summary>RGB bytes [frame, pixel, 3], normalized on the way: x = (u8 / 255 - 0.5) * 2.</summary>
    public ArrayView<byte> Pixels;

    /// <summary>w [3, channel], 1 / sqrt(3) multiplied in.</summary>
    public ArrayView<float> Weights;

    /// <summary>b [channel].</summary>
    public ArrayView<float> Bias;

    /// <summary>y, CHW8 [frame][octet][part][pixel][8].</summary>
    public ArrayView<Half> Output;

    public int Frames, PixelsPerFrame, Channels;
}

/// <summary>Where the picture comes from, at compile time.</summary>
internal interface IPictureSource
{
    /// <summary>True: RGB bytes. False: planar floats.</summary>
    bool Bytes { get; }
}

/// <summary>Planar floats.</summary>
internal readonly struct PlanarPicture : IPictureSource
{
    public bool Bytes => false;
}

/// <summary>RGB bytes.</summary>
internal readonly struct BytePicture : IPictureSource
{
    public bool Bytes => true;
}

/// <summary>
/// The encoder's first layer, a 1x1 convolution of a picture into channels: y[p, o] = FusedLeakyReLU(sum over the 3 colors of w[c, o] x[c,
/// p] + b[o]), stored as halves. A thread makes all channels of one pixel, octet by octet; the weights are the same for all lanes. Bound by
/// the bytes it writes: 8.4 MB a frame at 256 with 64 channels.
/// </summary>
internal static class HalfFirstLayer
{
    private const int Threads = 256;

    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value of the result.</param>
    public static KernelLaunch Prepare(KernelLoader loader, HalfFirstLayerArguments arguments, int parts = 1)
    {
        bool hasBytes = arguments.Pixels.Length != 0;
        KernelConfig config =
            new(new Index2D((arguments.PixelsPerFrame + Threads - 1) / Threads, arguments.Frames), new Index2D(Threads, 1));
        double pixels = (double)arguments.Frames * arguments.PixelsPerFrame;
        double operations = 6 * pixels * arguments.Channels,
            bytes = pixels * (3 * (hasBytes ? 1 : sizeof(float)) + 2 * parts * arguments.Channels);
        Action<HalfFirstLayerArguments> kernel = (hasBytes, parts) switch
        {
            (true, 1) => Run<BytePicture>,
            (false, 1) => Run<PlanarPicture>,
            (true, _) => RunPairs<BytePicture>,
            _ => RunPairs<PlanarPicture>,
        };
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, operations, bytes);
    }

    /// <summary>To one half a value.</summary>
    [LaunchBounds(Threads)]
    public static void Run<TSource>(HalfFirstLayerArguments a) where TSource : struct, IPictureSource => Compute<TSource, OneHalf>(a);

    /// <summary>To two halves a value.</summary>
    [LaunchBounds(Threads)]
    public static void RunPairs<TSource>(HalfFirstLayerArguments a)
        where TSource : struct, IPictureSource => Compute<TSource, TwoHalves>(a);

    private static void Compute<TSource, TFormat>(HalfFirstLayerArguments a)
        where TSource : struct, IPictureSource
        where TFormat : struct, IMapFormat
    {
        Overlap.Begin();
        int pixel = Grid.IdxX * Group.DimX + Group.IdxX, frame = Grid.IdxY;
        if (pixel < a.PixelsPerFrame)
        {
            float red = Color<TSource>(a, frame, pixel, 0), green = Color<TSource>(a, frame, pixel, 1),
                blue = Color<TSource>(a, frame, pixel, 2);
            int octets = a.Channels / Octet.Size;
            for (int octet = 0; octet < octets; octet++)
            {
                Octet sum = Octet.Scale(Octet.Load(a.Weights, octet), red);
                sum = Octet.Fma(Octet.Load(a.Weights, octets + octet), green, sum);
                sum = Octet.Fma(Octet.Load(a.Weights, 2 * octets + octet), blue, sum);
                sum = Octet.LeakyRelu(Octet.Add(sum, Octet.Load(a.Bias, octet)));
                Octet.Store<TFormat>(a.Output, (frame * octets + octet) * default(TFormat).Parts * a.PixelsPerFrame + pixel,
                    a.PixelsPerFrame, sum);
            }
        }
    }

    private static float Color<TSource>(HalfFirstLayerArguments a, int frame, int pixel, int color)
        where TSource : struct, IPictureSource => default(TSource).Bytes
        ? (a.Pixels[(frame * a.PixelsPerFrame + pixel) * 3 + color] / 255f - 0.5f) * 2f
        : a.Input[(frame * 3 + color) * a.PixelsPerFrame + pixel];
}
