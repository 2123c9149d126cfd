using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>What the gradient of a layer's end is passed. Empty views leave a part out.</summary>
internal struct ActivationGradientArguments
{
    /// <summary>y [frame, pixel, channel], behind the activation.</summary>
    public ArrayView<float> Output;

    /// <summary>dy [frame, pixel, channel].</summary>
    public ArrayView<float> Gradient;

    /// <summary>Demodulation d [frame, channel], rows <see cref="ScaleStride"/> apart; empty for ones.</summary>
    public ArrayView<float> Scale;

    /// <summary>Receives g d [frame, pixel, channel]; may be dy's own view.</summary>
    public ArrayView<float> Result;

    /// <summary>Receives the sums over the pixels of g [frame, channel].</summary>
    public ArrayView<float> GradientSums;

    /// <summary>Receives the sums over the pixels of g times what went into the activation [frame, channel].</summary>
    public ArrayView<float> ProductSums;

    /// <summary>
    /// Receives the bits of the largest magnitude of each block's result (<see cref="OperandScale"/>),
    /// <see cref="ActivationGradient.LargestLength"/> of them; empty where they are not wanted.
    /// </summary>
    public ArrayView<int> Largest;

    /// <summary>
    /// Workspace of <see cref="ActivationGradient.PartialsLength"/> floats; not needed where no sums are wanted.
    /// </summary>
    public ArrayView<float> Partials;

    /// <summary>0: none, 1: FusedLeakyReLU, 2: ReLU.</summary>
    public int Activation;

    public int Frames, Pixels, Channels, ScaleStride;

    internal PixelStrips Strips;
}

/// <summary>
/// Backward through the end of a layer, y = act(v), v = d u + b, with u what its convolution made:
/// <code>
///     g = dy act'(v)        act' by the sign of y: at zero the slope below it, as PyTorch's
///     du = g d              stored
///     sum over p of g       the gradient of b (<see cref="Modulation.BiasGradient"/>), and with
///     sum over p of g v     that of d (<see cref="Modulation.DemodulationGradient"/>); g v = dy y, since act(v) = act'(v) v
/// </code>
/// Blocks and sums as <see cref="PixelStrips"/> draws them. Bound by bytes: y and dy once, du once (50 MB a frame for 64 channels at 256).
/// </summary>
internal static class ActivationGradient
{
    /// <summary>Floats of <see cref="ActivationGradientArguments.Partials"/> where both sums are wanted.</summary>
    public static long PartialsLength(int frames, int pixels, int channels) =>
        2L * frames * PixelStrips.Of(pixels, channels).Parts * channels;

    /// <summary>Elements of <see cref="ActivationGradientArguments.Largest"/>.</summary>
    public static long LargestLength(int frames, int pixels, int channels)
    {
        Index3D blocks = PixelStrips.Of(pixels, channels).Config(frames, channels).GridDim;
        return blocks.Size;
    }

    /// <returns>One launch, and one more where sums are wanted.</returns>
    public static KernelLaunch[] Prepare(KernelLoader loader, ActivationGradientArguments arguments)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)arguments.Activation, 2u, nameof(arguments));
        bool hasGradients = arguments.GradientSums.Length != 0, hasProducts = arguments.ProductSums.Length != 0;
        arguments.Strips = PixelStrips.Of(arguments.Pixels, arguments.Channels);
        double elements = (double)arguments.Frames * arguments.Pixels * arguments.Channels;
        Action<ActivationGradientArguments> kernel =
            ((arguments.Channels | arguments.ScaleStride) & 3) == 0 ? Run<VectorAccess> : Run<ScalarAccess>;
        KernelLaunch main = KernelLaunch.Create(loader, kernel, arguments.Strips.Config(arguments.Frames, arguments.Channels), arguments,
            5 * elements, sizeof(float) * elements * (arguments.Result.Length != 0 ? 3 : 2));
        if (!hasGradients && !hasProducts) return [main];
        return
        [
            main,
            OrderedSum.Prepare(loader, new()
            {
                Partials = arguments.Partials,
                Output = hasGradients ? arguments.GradientSums : arguments.ProductSums,
                Second = hasGradients ? arguments.ProductSums : default,
                Rows = arguments.Frames,
                Parts = arguments.Strips.Parts,
                Columns = arguments.Channels,
                OutputStride = arguments.Channels,
                Factor = 1f,
            }),
        ];
    }

    public static void Run<TAccess>(ActivationGradientArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(SlotSum.SharedLength);
        int slot = Group.IdxX / a.Strips.Lanes, slots = PixelStrips.Threads / a.Strips.Lanes;
        int channel = (Grid.IdxY * a.Strips.Lanes + Group.IdxX - slot * a.Strips.Lanes) * 4, frame = Grid.IdxZ, part = Grid.IdxX;
        float above = a.Activation == 1 ? Activation.Gain : 1f;
        float below = a.Activation == 1 ? Activation.Gain * Activation.Slope : a.Activation == 2 ? 0f : 1f;
        Float4 gradients = new(0f, 0f, 0f, 0f), products = gradients;
        int largest = 0;
        // Lanes past the last channel take part in the sums; they load and store nothing.
        if (channel < a.Channels)
        {
            Float4 scale = new(1f, 1f, 1f, 1f);
            if (a.Scale.Length != 0) scale = Quad.Load<TAccess>(a.Scale, frame * a.ScaleStride, channel, a.Channels);
            int end = IntrinsicMath.Min((part + 1) * a.Strips.PixelsPerPart, a.Pixels);
            for (int pixel = part * a.Strips.PixelsPerPart + slot; pixel < end; pixel += slots)
            {
                int row = (frame * a.Pixels + pixel) * a.Channels;
                Float4 y = Quad.Load<TAccess>(a.Output, row, channel, a.Channels);
                Float4 dy = Quad.Load<TAccess>(a.Gradient, row, channel, a.Channels);
                Float4 g = new(
                    dy.X * (y.X > 0f ? above : below), dy.Y * (y.Y > 0f ? above : below),
                    dy.Z * (y.Z > 0f ? above : below), dy.W * (y.W > 0f ? above : below));
                gradients = Quad.Add(gradients, g);
                products = new(Intrinsics.Fma(dy.X, y.X, products.X), Intrinsics.Fma(dy.Y, y.Y, products.Y),
                    Intrinsics.Fma(dy.Z, y.Z, products.Z), Intrinsics.Fma(dy.W, y.W, products.W));
                g = Quad.Multiply(g, scale);
                if (a.Largest.Length != 0) largest = IntrinsicMath.Max(largest, OperandScale.Magnitude(g));
                if (a.Result.Length != 0) Quad.Store<TAccess>(a.Result, row, channel, a.Channels, g);
            }
        }
        if (a.Largest.Length != 0)
        {
            largest = OperandScale.OfBlock(largest);
            if (Group.IdxX == 0) a.Largest[(frame * Grid.DimY + Grid.IdxY) * Grid.DimX + part] = largest;
        }
        int to = (frame * a.Strips.Parts + part) * a.Channels;
        bool hasGradients = a.GradientSums.Length != 0;
        if (hasGradients)
        {
            Float4 sum = SlotSum.Of(shared, gradients, a.Strips.Lanes);
            if (slot == 0 && channel < a.Channels) Quad.Store<TAccess>(a.Partials, to, channel, a.Channels, sum);
        }
        if (a.ProductSums.Length != 0)
        {
            Float4 sum = SlotSum.Of(shared, products, a.Strips.Lanes);
            if (hasGradients) to += a.Frames * a.Strips.Parts * a.Channels;
            if (slot == 0 && channel < a.Channels) Quad.Store<TAccess>(a.Partials, to, channel, a.Channels, sum);
        }
    }
}
