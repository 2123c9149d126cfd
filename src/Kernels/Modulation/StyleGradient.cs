using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>What the gradient of a modulation is passed. Empty views leave a part out.</summary>
internal struct StyleGradientArguments
{
    /// <summary>x [frame, pixel, channel], or [pixel, channel] where all frames share it (<see cref="SharesInput"/>).</summary>
    public ArrayView<float> Input;

    /// <summary>g [frame, pixel, channel]: the gradient of s x.</summary>
    public ArrayView<float> Gradient;

    /// <summary>s [frame, channel], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Style;

    /// <summary>
    /// Receives dx, laid out as x; may be g's own view where frames do not share x and nothing is added up.
    /// </summary>
    public ArrayView<float> Result;

    /// <summary>ds [frame, channel], rows <see cref="StyleGradientStride"/> apart: added to what is there.</summary>
    public ArrayView<float> StyleGradient;

    /// <summary>
    /// Workspace of <see cref="Modulation.StyleGradient.PartialsLength"/> floats; not needed where <see cref="StyleGradient"/> is empty.
    /// </summary>
    public ArrayView<float> Partials;

    public int Frames, Pixels, Channels, StyleStride, StyleGradientStride;

    /// <summary>1: one x for all frames, the decoder's constant.</summary>
    public int SharesInput;

    /// <summary>1: dx is added to what is there.</summary>
    public int Accumulates;

    internal PixelStrips Strips;
}

/// <summary>
/// Backward through a modulation, y[f, p, c] = s[f, c] x[f, p, c], g the gradient of y:
/// <code>
///     dx (+)= s g                                   where frames share x: sum over f of s g
///     ds  += sum over p of x g                      blocks and sums as <see cref="PixelStrips"/> draws them
/// </code>
/// Bound by bytes: x and g once, dx once (50 MB a frame for 64 channels at 256).
/// </summary>
internal static class StyleGradient
{
    /// <summary>Floats of <see cref="StyleGradientArguments.Partials"/>.</summary>
    public static long PartialsLength(int frames, int pixels, int channels) =>
        (long)frames * PixelStrips.Of(pixels, channels).Parts * channels;

    /// <returns>One launch for dx and the sums over parts of a frame; one more each for ds and for the dx of a shared x.</returns>
    public static KernelLaunch[] Prepare(KernelLoader loader, StyleGradientArguments arguments)
    {
        arguments.Strips = PixelStrips.Of(arguments.Pixels, arguments.Channels);
        bool isVector = ((arguments.Channels | arguments.StyleStride) & 3) == 0, sharesResult = arguments.SharesInput != 0
            && arguments.Result.Length != 0, hasStyles = arguments.StyleGradient.Length != 0;
        double elements = (double)arguments.Frames * arguments.Pixels * arguments.Channels;
        List<KernelLaunch> launches = [];
        if (hasStyles || !sharesResult)
        {
            double maps = 1 + (hasStyles && arguments.SharesInput == 0 ? 1 : 0)
                + (arguments.Result.Length == 0 || sharesResult ? 0 : 1 + arguments.Accumulates);
            Action<StyleGradientArguments> kernel = isVector ? Run<VectorAccess> : Run<ScalarAccess>;
            launches.Add(KernelLaunch.Create(loader, kernel, arguments.Strips.Config(arguments.Frames, arguments.Channels), arguments,
                3 * elements, sizeof(float) * elements * maps));
        }
        if (hasStyles)
        {
            launches.Add(OrderedSum.Prepare(loader, new()
            {
                Partials = arguments.Partials,
                Output = arguments.StyleGradient,
                Rows = arguments.Frames,
                Parts = arguments.Strips.Parts,
                Columns = arguments.Channels,
                OutputStride = arguments.StyleGradientStride,
                Factor = 1f,
                Accumulates = 1,
            }));
        }
        if (sharesResult)
        {
            Action<StyleGradientArguments> kernel = isVector ? AddFrames<VectorAccess> : AddFrames<ScalarAccess>;
            launches.Add(KernelLaunch.Create(loader, kernel,
                KernelLaunch.Linear((long)arguments.Pixels * ((arguments.Channels + 3) / 4), 64), arguments,
                2 * elements, sizeof(float) * elements));
        }
        return [.. launches];
    }

    /// <summary>dx of a frame's own x, and the sums over the pixels of each part.</summary>
    public static void Run<TAccess>(StyleGradientArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(SlotSum.SharedLength);
        int slot = Group.IdxX / a.Strips.Lanes, slots = PixelStrips.Threads / a.Strips.Lanes;
        int channel = (Grid.IdxY * a.Strips.Lanes + Group.IdxX - slot * a.Strips.Lanes) * 4, frame = Grid.IdxZ, part = Grid.IdxX;
        int firstInput = a.SharesInput != 0 ? 0 : frame * a.Pixels;
        bool hasSums = a.StyleGradient.Length != 0, stores = a.Result.Length != 0 && a.SharesInput == 0;
        Float4 sum = new(0f, 0f, 0f, 0f);
        // Lanes past the last channel take part in the sums; they load and store nothing.
        if (channel < a.Channels)
        {
            Float4 style = Quad.Load<TAccess>(a.Style, frame * a.StyleStride, channel, a.Channels);
            int end = IntrinsicMath.Min((part + 1) * a.Strips.PixelsPerPart, a.Pixels);
            for (int pixel = part * a.Strips.PixelsPerPart + slot; pixel < end; pixel += slots)
            {
                int row = (frame * a.Pixels + pixel) * a.Channels;
                Float4 g = Quad.Load<TAccess>(a.Gradient, row, channel, a.Channels);
                if (hasSums)
                {
                    Float4 x = Quad.Load<TAccess>(a.Input, (firstInput + pixel) * a.Channels, channel, a.Channels);
                    sum = new(Intrinsics.Fma(x.X, g.X, sum.X), Intrinsics.Fma(x.Y, g.Y, sum.Y), Intrinsics.Fma(x.Z, g.Z, sum.Z),
                        Intrinsics.Fma(x.W, g.W, sum.W));
                }
                if (stores)
                {
                    Float4 result = Quad.Multiply(style, g);
                    if (a.Accumulates != 0) result = Quad.Add(result, Quad.Load<TAccess>(a.Result, row, channel, a.Channels));
                    Quad.Store<TAccess>(a.Result, row, channel, a.Channels, result);
                }
            }
        }
        if (hasSums)
        {
            sum = SlotSum.Of(shared, sum, a.Strips.Lanes);
            if (slot == 0 && channel < a.Channels)
                Quad.Store<TAccess>(a.Partials, (frame * a.Strips.Parts + part) * a.Channels, channel, a.Channels, sum);
        }
    }

    /// <summary>dx of the x that all frames share: a thread takes four channels of a pixel, frame after frame.</summary>
    public static void AddFrames<TAccess>(StyleGradientArguments a) where TAccess : struct, IChannelAccess
    {
        int quads = (a.Channels + 3) / 4, index = Grid.IdxX * Group.DimX + Group.IdxX;
        int pixel = index / quads;
        if (pixel < a.Pixels)
        {
            int channel = (index - pixel * quads) * 4, row = pixel * a.Channels;
            Float4 sum = new(0f, 0f, 0f, 0f);
            for (int frame = 0; frame < a.Frames; frame++)
            {
                sum = Quad.Add(sum, Quad.Multiply(
                    Quad.Load<TAccess>(a.Style, frame * a.StyleStride, channel, a.Channels),
                    Quad.Load<TAccess>(a.Gradient, frame * a.Pixels * a.Channels + row, channel, a.Channels)));
            }
            if (a.Accumulates != 0) sum = Quad.Add(sum, Quad.Load<TAccess>(a.Result, row, channel, a.Channels));
            Quad.Store<TAccess>(a.Result, row, channel, a.Channels, sum);
        }
    }
}
