using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>A layer's modulation among those of the network.</summary>
internal struct StyleLayer
{
    /// <summary>Where it starts, a multiple of 4 in the first layer.</summary>
    public int Offset;

    /// <summary>The layer's input channels; those of padding are zero.</summary>
    public int Length;
}

/// <summary>What the normalization of styles is passed.</summary>
internal struct NormalizedStylesArguments
{
    /// <summary>s [frame, all layers' input channels], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Styles;

    /// <summary>Receives s / m where s lies in <see cref="Styles"/>; of demodulated layers alone, the rest is not written.</summary>
    public ArrayView<float> Normalized;

    /// <summary>The demodulated layers.</summary>
    public ArrayView<StyleLayer> Layers;

    /// <summary>Sums over the taps of squared effective weights, [row, input] of all layers.</summary>
    public ArrayView<float> SquaredWeights;

    /// <summary>The rows of all demodulations.</summary>
    public ArrayView<DemodulationRow> Rows;

    /// <summary>Receives d' [frame, all layers' output channels], rows <see cref="OutputStride"/> apart.</summary>
    public ArrayView<float> Demodulations;

    /// <summary>The learned constant [pixel, channel], channels as padded as those of x.</summary>
    public ArrayView<float> Constant;

    /// <summary>Receives x, CHW8: the first of <see cref="Layers"/> reads it.</summary>
    public ArrayView<Half> Input;

    public int Frames, LayerCount, RowCount, StyleStride, OutputStride;

    /// <summary>Extents of x; channels with padding.</summary>
    public int Pixels, Channels;
}

/// <summary>
/// All that the decoder needs of its styles before its first convolution, in one launch. With m = max over c of |s[c]| (1 if all are zero)
/// for each demodulated layer and frame:
/// <code>
///     s'[f, c] = s / m                                                  no modulated activation exceeds what it was without
///     d'[f, o] = m / sqrt(sum over c of s[f, c]^2 W[o, c] + 1e-8)       demodulation, which takes m out again
///     x[p, c]  = constant[p, c] s'[f, c]                                the decoder's input, of the first layer's s'
///
///     a warp, for four frames (one, if there is but one):     a layer's s' | 32 octets of x | a row of d', lanes over the inputs
///     each finds m itself: a layer has 512 styles at most, which come from the cache
///
///     time --->     W: a row's quads, all on their way at once     | launch ahead has ended |  s, m, sum of s^2 W, butterfly
/// </code>
/// d' is computed from s / 2^e with 2^e the power of two below m, so that no square overflows and nothing is rounded:
/// (m / 2^e) / sqrt(sum over c of (s / 2^e)^2 W + (1e-4 / 2^e)^2). A frame's bits do not depend on the frames beside it. Bound by the bytes
/// of W: 10 MB at 256.
/// </summary>
internal static class NormalizedStyles
{
    private const int Warps = 8;
    private const float RootOfEpsilon = 1e-4f;
    private const float SmallestNormal = 1.17549435e-38f;

    // Quads of a row that a lane has on their way together: 512 inputs.
    private const int Batch = 4;

    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands. Weights and constant are nobody's result.</param>
    /// <param name="parts">Halves of a value of x.</param>
    public static KernelLaunch Prepare(KernelLoader loader, NormalizedStylesArguments arguments, int parts = 1)
    {
        int frames = arguments.Frames == 1 ? 1 : FourFrames.Count,
            warps = arguments.LayerCount + InputWarps(arguments) + arguments.RowCount;
        Index3D grid = new((warps + Warps - 1) / Warps, (arguments.Frames + frames - 1) / frames, 1);
        Action<NormalizedStylesArguments> kernel = (parts, frames) switch
        {
            (1, 1) => Run<OneHalf, OneFrame>,
            (1, _) => Run<OneHalf, FourFrames>,
            (_, 1) => Run<TwoHalves, OneFrame>,
            _ => Run<TwoHalves, FourFrames>,
        };
        double elements = (double)arguments.Frames * arguments.Pixels * arguments.Channels;
        return KernelLaunch.CreateOverlapping(loader, kernel, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments,
            bytes: arguments.SquaredWeights.LengthInBytes + 2 * parts * elements
                + sizeof(float) * (double)arguments.Frames * (2 * arguments.StyleStride + arguments.OutputStride));
    }

    [LaunchBounds(32 * Warps, 4)]
    public static void Run<TFormat, TFrames>(NormalizedStylesArguments a)
        where TFormat : struct, IMapFormat
        where TFrames : struct, IFrameGroup
    {
        Overlap.Allow();
        int lane = Group.IdxX & 31, warp = Grid.IdxX * Warps + (Group.IdxX >> 5), firstFrame = Grid.IdxY * default(TFrames).Frames;
        int input = warp - a.LayerCount, row = input - InputWarps(a);
        if (row >= a.RowCount) return; // Whole warps leave together.
        if (row >= 0)
        {
            Demodulate<TFrames>(a, a.Rows[row], lane, firstFrame);
        }
        else
        {
            Overlap.Wait();
            for (int f = 0; f < default(TFrames).Frames; f++)
            {
                int frame = firstFrame + f;
                if (frame < a.Frames)
                {
                    if (input >= 0) Modulate<TFormat>(a, frame, 32 * input + lane, lane);
                    else Normalize(a, a.Layers[warp], frame, lane);
                }
            }
        }
    }

    // Of one frame: an octet of x a lane.
    private static int InputWarps(NormalizedStylesArguments a) => (a.Channels / Octet.Size * a.Pixels + 31) / 32;

    private static void Normalize(NormalizedStylesArguments a, StyleLayer layer, int frame, int lane)
    {
        int start = frame * a.StyleStride + layer.Offset;
        float maximum = Maximum(a.Styles, start, layer.Length, lane);
        for (int i = lane; i < layer.Length; i += 32) a.Normalized[start + i] = a.Styles[start + i] / maximum;
    }

    private static void Modulate<TFormat>(NormalizedStylesArguments a, int frame, int index, int lane) where TFormat : struct, IMapFormat
    {
        StyleLayer layer = a.Layers[0];
        int start = frame * a.StyleStride + layer.Offset, octets = a.Channels / Octet.Size, octet = index / a.Pixels;
        float maximum = Maximum(a.Styles, start, layer.Length, lane);
        if (octet >= octets) return;
        int pixel = index - octet * a.Pixels, map = frame * octets + octet;
        Octet style = Octet.Load(a.Styles.SubView(start), octet), constant = Octet.Load(a.Constant, pixel * octets + octet);
        style = new(Divide(style.Low, maximum), Divide(style.High, maximum));
        Octet.Store<TFormat>(a.Input, map * default(TFormat).Parts * a.Pixels + pixel, a.Pixels, Octet.Multiply(constant, style));
    }

    private static void Demodulate<TFrames>(NormalizedStylesArguments a, DemodulationRow row, int lane, int firstFrame)
        where TFrames : struct, IFrameGroup
    {
        int frames = default(TFrames).Frames;
        // Sixteen bytes a load, as far as they go; the rest one by one.
        int quads = ((row.Inputs | row.Weights | row.Style | a.StyleStride) & 3) == 0 ? row.Inputs >> 2 : 0;
        ArrayView<Float4> weights = LocalMemory.Allocate<Float4>(Batch);
        if (quads > 0) Load(a, row, quads, lane, weights);
        Overlap.Wait();

        ArrayView<float> maxima = LocalMemory.Allocate<float>(frames), scales = LocalMemory.Allocate<float>(frames),
            sums = LocalMemory.Allocate<float>(frames);
        for (int f = 0; f < frames; f++)
        {
            // A frame past the last one repeats it; its factor is not stored.
            maxima[f] = Maximum(a.Styles, Style(a, row, firstFrame + f), row.Inputs, lane);
            scales[f] = Reciprocal(maxima[f]);
            sums[f] = 0f;
        }
        if (quads > 0)
        {
            Add<TFrames>(a, row, firstFrame, quads, lane, weights, scales, sums);
            for (int first = lane + 32 * Batch; first < quads; first += 32 * Batch)
            {
                Load(a, row, quads, first, weights);
                Add<TFrames>(a, row, firstFrame, quads, first, weights, scales, sums);
            }
        }
        for (int i = 4 * quads + lane; i < row.Inputs; i += 32)
        {
            float weight = a.SquaredWeights[row.Weights + i];
            for (int f = 0; f < frames; f++)
            {
                float style = a.Styles[Style(a, row, firstFrame + f) + i] * scales[f];
                sums[f] = Intrinsics.Fma(weight, style * style, sums[f]);
            }
        }
        for (int f = 0; f < frames; f++)
        {
            float root = RootOfEpsilon * scales[f], square = WarpSum.Of(sums[f], 32) + root * root;
            int frame = firstFrame + f;
            // With a large m the constant vanishes; a row of zeros must still not give infinity.
            if (lane == 0 && frame < a.Frames)
                a.Demodulations[frame * a.OutputStride + row.Output] =
                    maxima[f] * scales[f] / XMath.Sqrt(square < SmallestNormal ? SmallestNormal : square);
        }
    }

    private static int Style(NormalizedStylesArguments a, DemodulationRow row, int frame) =>
        IntrinsicMath.Min(frame, a.Frames - 1) * a.StyleStride + row.Style;

    // A lane's quads of a row from some quad on; one past the row's end repeats its last and does not count. A load under a condition
    // would wait for it, and so would those behind a product under a condition.
    private static void Load(NormalizedStylesArguments a, DemodulationRow row, int quads, int first, ArrayView<Float4> weights)
    {
        for (int k = 0; k < Batch; k++)
            weights[k] = Intrinsics.LoadNonCoherent(
                ref a.SquaredWeights.Cast<Float4>()[(row.Weights >> 2) + IntrinsicMath.Min(first + 32 * k, quads - 1)]);
    }

    private static void Add<TFrames>(NormalizedStylesArguments a, DemodulationRow row, int firstFrame, int quads, int first,
        ArrayView<Float4> weights, ArrayView<float> scales, ArrayView<float> sums)
        where TFrames : struct, IFrameGroup
    {
        for (int k = 0; k < Batch; k++)
        {
            int i = first + 32 * k;
            for (int f = 0; f < default(TFrames).Frames; f++)
            {
                Float4 style = a.Styles.Cast<Float4>()[(Style(a, row, firstFrame + f) >> 2) + IntrinsicMath.Min(i, quads - 1)];
                style = Quad.Scale(style, scales[f]);
                float sum = Quad.Dot(weights[k], Quad.Multiply(style, style), sums[f]);
                if (i < quads) sums[f] = sum;
            }
        }
    }

    // m, in every lane; NaN counts for nothing.
    private static float Maximum(ArrayView<float> styles, int start, int length, int lane)
    {
        float maximum = 0f;
        int quads = (start & 3) == 0 ? length >> 2 : 0;
        for (int first = lane; first < quads; first += 32 * Batch)
        {
            for (int k = 0; k < Batch; k++)
            {
                Float4 style = styles.Cast<Float4>()[(start >> 2) + IntrinsicMath.Min(first + 32 * k, quads - 1)];
                maximum = XMath.Max(XMath.Max(maximum, XMath.Max(XMath.Abs(style.X), XMath.Abs(style.Y))),
                    XMath.Max(XMath.Abs(style.Z), XMath.Abs(style.W)));
            }
        }
        for (int i = 4 * quads + lane; i < length; i += 32) maximum = XMath.Max(maximum, XMath.Abs(styles[start + i]));
        for (int mask = 16; mask > 0; mask >>= 1) maximum = XMath.Max(maximum, Warp.ShuffleXor(maximum, mask));
        return maximum == 0f ? 1f : maximum;
    }

    // 1 / 2^e of the power of two at or below a positive number, as far as both are normal numbers.
    private static float Reciprocal(float value)
    {
        int exponent = (int)(Interop.FloatAsInt(value) >> 23);
        return Interop.IntAsFloat((uint)(254 - IntrinsicMath.Clamp(exponent, 1, 253)) << 23);
    }

    private static Float4 Divide(Float4 a, float divisor) => new(a.X / divisor, a.Y / divisor, a.Z / divisor, a.W / divisor);
}
