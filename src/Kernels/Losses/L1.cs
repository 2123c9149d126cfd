using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the absolute distance is passed. Empty views leave a part out. Views start at multiples of 16 bytes.</summary>
internal struct L1Arguments
{
    /// <summary>a, planar [frame, channel, pixel].</summary>
    public ArrayView<float> Values;

    /// <summary>b, the same shape.</summary>
    public ArrayView<float> Targets;

    /// <summary>w [frame, pixel]: how much a pixel counts; empty: 1. With <see cref="WeighsPlanes"/> [frame, channel].</summary>
    public ArrayView<float> Weights;

    /// <summary>Receives the gradient of a, the same shape.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Receives the gradient of b, the same shape.</summary>
    public ArrayView<float> TargetGradient;

    /// <summary>
    /// Room for the blocks' shares of the loss, <see cref="L1.PartialsLength"/>; empty together with <see cref="Value"/>: the loss itself
    /// is not wanted.
    /// </summary>
    public ArrayView<double> Partials;

    /// <summary>
    /// Receives the loss [1]; empty: the shares are left for one <see cref="LossSum"/> over those of several losses.
    /// </summary>
    public ArrayView<float> Value;

    public int Frames, Channels, Pixels;

    /// <summary>1: w is one for a plane. So features whose channels are neighbors are weighted by pixel: a pixel of theirs is a plane here,
    /// their channels its pixels.</summary>
    public int WeighsPlanes;

    /// <summary>Factor of the loss, and so of its gradients.</summary>
    public float Scale;

    /// <summary>1: the gradients are added to what is there.</summary>
    public int Accumulates;

    /// <summary>1: the loss is added to what is there.</summary>
    public int AccumulatesValue;

    /// <summary>
    /// 1: a is the result of a ReLU, and the gradient (with what is there, if it accumulates) is taken through it: zero where a is not
    /// above zero.
    /// </summary>
    public int Rectified;
}

/// <summary>
/// Scale * mean(w |a - b|) and its gradients, in one pass: da (+)= Scale / n * w sign(a - b), db (+)= -that, where sign(0) = 0 as PyTorch
/// has it; n is the number of elements, weighted or not.
/// <code>
///     a thread: four pixels of a plane, then those a grid further on ...        |a - b| summed in double, four at a time:
///     grid: at most 2048 blocks, by the number of elements alone                thread, warp, block; LossSum adds the blocks in order
/// </code>
/// Bound by bytes: 12 an element with the gradient of a, 16 where that accumulates.
/// </summary>
internal static class L1
{
    private const int Warps = 8;
    private const int MostBlocks = 2048;

    /// <summary>Doubles of room for the shares.</summary>
    public static int PartialsLength(int frames, int channels, int pixels) =>
        (int)Math.Min(MostBlocks, ((long)frames * channels * ((pixels + 3) / 4) + 32 * Warps - 1) / (32 * Warps));

    /// <summary>The launches, in their order.</summary>
    public static KernelLaunch[] Prepare(KernelLoader loader, L1Arguments arguments)
    {
        int blocks = PartialsLength(arguments.Frames, arguments.Channels, arguments.Pixels);
        if (arguments.Partials.Length != 0) arguments.Partials = arguments.Partials.SubView(0, blocks);
        double elements = (double)arguments.Frames * arguments.Channels * arguments.Pixels;
        double touched = 2 + (arguments.Gradient.Length != 0 ? 1 + arguments.Accumulates : 0)
            + (arguments.TargetGradient.Length != 0 ? 1 + arguments.Accumulates : 0)
            + (arguments.Weights.Length != 0 ? 1.0 / arguments.Channels : 0);
        KernelConfig config = new(new Index1D(blocks), new Index1D(32 * Warps));
        KernelLaunch distance = arguments.Pixels % 4 == 0
            ? KernelLaunch.Create(loader, Run<VectorAccess>, config, arguments, bytes: sizeof(float) * touched * elements)
            : KernelLaunch.Create(loader, Run<ScalarAccess>, config, arguments, bytes: sizeof(float) * touched * elements);
        if (arguments.Value.Length == 0) return [distance];
        return
        [
            distance,
            LossSum.Prepare(loader, new()
                { Partials = arguments.Partials, Value = arguments.Value, Accumulates = arguments.AccumulatesValue }),
        ];
    }

    public static void Run<TAccess>(L1Arguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        int quadsPerPlane = (a.Pixels + 3) / 4, planes = a.Frames * a.Channels, quads = planes * quadsPerPlane;
        float factor = (float)(a.Scale / ((double)planes * a.Pixels));
        double sum = 0.0;
        for (int index = Grid.IdxX * (32 * Warps) + Group.IdxX; index < quads; index += Grid.DimX * (32 * Warps))
        {
            int plane = index / quadsPerPlane;
            int pixel = (index - plane * quadsPerPlane) * 4, row = plane * a.Pixels;
            // All that is read is asked for before any of it is used.
            Float4 value = Quad.Load<TAccess>(a.Values, row, pixel, a.Pixels), target = Quad.Load<TAccess>(a.Targets, row, pixel, a.Pixels);
            Float4 before = new(0f, 0f, 0f, 0f), otherBefore = before, weight = new(1f, 1f, 1f, 1f);
            if (a.Weights.Length != 0)
            {
                if (a.WeighsPlanes != 0)
                {
                    float whole = a.Weights[plane];
                    weight = new(whole, whole, whole, whole);
                }
                else
                {
                    weight = Quad.Load<TAccess>(a.Weights, plane / a.Channels * a.Pixels, pixel, a.Pixels);
                }
            }
            if (a.Accumulates != 0 && a.Gradient.Length != 0) before = Quad.Load<TAccess>(a.Gradient, row, pixel, a.Pixels);
            if (a.Accumulates != 0 && a.TargetGradient.Length != 0)
                otherBefore = Quad.Load<TAccess>(a.TargetGradient, row, pixel, a.Pixels);
            Float4 difference = Quad.Fma(target, -1f, value);
            sum += Intrinsics.Fma(XMath.Abs(difference.X), weight.X, XMath.Abs(difference.Y) * weight.Y)
                + Intrinsics.Fma(XMath.Abs(difference.Z), weight.Z, XMath.Abs(difference.W) * weight.W);
            Float4 slope = Quad.Multiply(
                new(Sign(difference.X), Sign(difference.Y), Sign(difference.Z), Sign(difference.W)), Quad.Scale(weight, factor));
            if (a.Gradient.Length != 0)
            {
                Float4 gradient = Quad.Add(before, slope);
                if (a.Rectified != 0) gradient = Rectify(gradient, value);
                Quad.Store<TAccess>(a.Gradient, row, pixel, a.Pixels, gradient);
            }
            if (a.TargetGradient.Length != 0)
                Quad.Store<TAccess>(a.TargetGradient, row, pixel, a.Pixels, Quad.Fma(slope, -1f, otherBefore));
        }
        if (a.Partials.Length != 0)
        {
            sum = BlockSum.Of(sum, shared, Warps);
            if (Group.IdxX == 0) a.Partials[Grid.IdxX] = sum * a.Scale / ((double)planes * a.Pixels);
        }
    }

    // The gradient where a ReLU's result is above zero.
    private static Float4 Rectify(Float4 gradient, Float4 value) => new(
        value.X > 0f ? gradient.X : 0f, value.Y > 0f ? gradient.Y : 0f, value.Z > 0f ? gradient.Z : 0f, value.W > 0f ? gradient.W : 0f);

    /// <summary>-1, 0 or 1: zero of zero, and no number of no number.</summary>
    public static float Sign(float value) => value > 0f ? 1f : value < 0f ? -1f : value;
}
