using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What a level of the distance of pictures is passed. Empty views leave a part out.</summary>
internal struct PictureDistanceArguments
{
    /// <summary>a, planar [plane, row, column]; three planes a picture.</summary>
    public ArrayView<float> Values;

    /// <summary>b, the same shape.</summary>
    public ArrayView<float> Targets;

    /// <summary>w [picture, row, column]: how much a pixel counts; empty: 1.</summary>
    public ArrayView<float> Weights;

    /// <summary>The gradient of the level below, half the resolution, which is a's mean over 2x2 pixels; empty at the smallest
    /// level.</summary>
    public ArrayView<float> Coarser;

    /// <summary>Receives the gradient of a.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Room for the blocks' shares, <see cref="PictureDistance.PartialsLength"/>.</summary>
    public ArrayView<double> Partials;

    /// <summary>Receives the level's distance [1].</summary>
    public ArrayView<float> Value;

    public int Planes, Height, Width;

    /// <summary>What |d| counts, and what the distances of derivatives count.</summary>
    public float PixelWeight, EdgeWeight;

    /// <summary>1: the gradient is added to what is there.</summary>
    public int Accumulates;
}

/// <summary>What a pooling is passed.</summary>
internal struct AveragePoolArguments
{
    /// <summary>x [plane, row, column].</summary>
    public ArrayView<float> Input;

    /// <summary>Receives [plane, row / 2, column / 2].</summary>
    public ArrayView<float> Output;

    public int Planes, Height, Width;
}

/// <summary>
/// A level of the perceptual loss that needs no network: with d = a - b,
/// <code>
///     PixelWeight mean(w |d|) + EdgeWeight mean(w (|dx| + |dy| + 0.7 |dxy|))
///
///         d(y-1,x-1)  d(y-1,x)         dx = d(y,x) - d(y,x-1)        in every pixel that has a neighbor above and to the left;
///         d(y,  x-1)  d(y,  x)         dy = d(y,x) - d(y-1,x)        the means are over those
///                                      dxy = d(y,x) - d(y-1,x-1)
/// </code>
/// and the gradient of a, with a quarter of the level below's, since that is of a's mean over 2x2 pixels. A thread takes a pixel of a plane
/// and looks at the pixels around it, which come from the cache. Bound by bytes: 16 a value.
/// </summary>
internal static class PictureDistance
{
    private const int Warps = 8;
    private const int MostBlocks = 2048;
    private const float DiagonalWeight = 0.7f;

    /// <summary>Doubles of room for the shares.</summary>
    public static int PartialsLength(int planes, int height, int width) =>
        (int)Math.Min(MostBlocks, ((long)planes * height * width + 32 * Warps - 1) / (32 * Warps));

    /// <summary>The launches, in their order.</summary>
    /// <exception cref="ArgumentException">A level below, and extents that are not even.</exception>
    public static KernelLaunch[] Prepare(KernelLoader loader, PictureDistanceArguments arguments)
    {
        if (arguments.Coarser.Length != 0) CheckEven(arguments.Height, arguments.Width);
        int blocks = PartialsLength(arguments.Planes, arguments.Height, arguments.Width);
        arguments.Partials = arguments.Partials.SubView(0, blocks);
        return
        [
            KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(blocks), new Index1D(32 * Warps)), arguments,
                bytes: 4.0 * sizeof(float) * arguments.Planes * arguments.Height * arguments.Width),
            LossSum.Prepare(loader, new() { Partials = arguments.Partials, Value = arguments.Value }),
        ];
    }

    /// <summary>Means over 2x2 pixels: the next level.</summary>
    /// <exception cref="ArgumentException">Extents that are not even.</exception>
    public static KernelLaunch PreparePool(KernelLoader loader, AveragePoolArguments arguments)
    {
        CheckEven(arguments.Height, arguments.Width);
        return KernelLaunch.Create(
            loader, Pool, KernelLaunch.Linear((long)arguments.Planes * (arguments.Height / 2) * (arguments.Width / 2)), arguments,
            bytes: 5.0 / 4 * sizeof(float) * arguments.Planes * arguments.Height * arguments.Width);
    }

    public static void Pool(AveragePoolArguments a)
    {
        int height = a.Height / 2, width = a.Width / 2, index = Grid.IdxX * Group.DimX + Group.IdxX;
        int line = index / width, plane = line / height;
        if (plane < a.Planes)
        {
            int column = index - line * width, row = line - plane * height;
            int at = (plane * a.Height + 2 * row) * a.Width + 2 * column;
            a.Output[index] = 0.25f * (a.Input[at] + a.Input[at + 1] + (a.Input[at + a.Width] + a.Input[at + a.Width + 1]));
        }
    }

    public static void Run(PictureDistanceArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        int pixels = a.Height * a.Width, values = a.Planes * pixels;
        float pixelFactor = (float)(a.PixelWeight / (double)values);
        float edgeFactor = (float)(a.EdgeWeight / ((double)a.Planes * (a.Height - 1) * (a.Width - 1)));
        double sum = 0.0;
        for (int index = Grid.IdxX * (32 * Warps) + Group.IdxX; index < values; index += Grid.DimX * (32 * Warps))
        {
            int plane = index / pixels;
            int inPlane = index - plane * pixels;
            int row = inPlane / a.Width, column = inPlane - row * a.Width;
            int weights = plane / 3 * pixels + inPlane;
            float difference = a.Values[index] - a.Targets[index];
            float weight = Weight(a, weights);
            float pixel = pixelFactor * weight, gradient = pixel * L1.Sign(difference);
            sum += pixel * XMath.Abs(difference);
            // This pixel as the lower right one of its derivatives, then as the other one of its neighbors'.
            if (row > 0 && column > 0)
            {
                float dx = difference - Difference(a, index - 1), dy = difference - Difference(a, index - a.Width);
                float diagonal = difference - Difference(a, index - a.Width - 1), edge = edgeFactor * weight;
                sum += edge * (XMath.Abs(dx) + XMath.Abs(dy) + DiagonalWeight * XMath.Abs(diagonal));
                gradient += edge * (L1.Sign(dx) + L1.Sign(dy) + DiagonalWeight * L1.Sign(diagonal));
            }
            if (row > 0 && column + 1 < a.Width)
                gradient -= edgeFactor * Weight(a, weights + 1) * L1.Sign(Difference(a, index + 1) - difference);
            if (column > 0 && row + 1 < a.Height)
                gradient -= edgeFactor * Weight(a, weights + a.Width) * L1.Sign(Difference(a, index + a.Width) - difference);
            if (row + 1 < a.Height && column + 1 < a.Width)
                gradient -= edgeFactor * DiagonalWeight * Weight(a, weights + a.Width + 1)
                    * L1.Sign(Difference(a, index + a.Width + 1) - difference);
            if (a.Coarser.Length != 0)
            {
                int coarse = (plane * (a.Height / 2) + row / 2) * (a.Width / 2) + column / 2;
                gradient = Intrinsics.Fma(0.25f, a.Coarser[coarse], gradient);
            }
            if (a.Accumulates != 0) gradient += a.Gradient[index];
            a.Gradient[index] = gradient;
        }
        sum = BlockSum.Of(sum, shared, Warps);
        if (Group.IdxX == 0) a.Partials[Grid.IdxX] = sum;
    }

    // The last row of an odd number would have no place in the level below, and read another plane's.
    private static void CheckEven(int height, int width)
    {
        if (((height | width) & 1) != 0)
            throw new ArgumentException($"a level below halves even extents, not {height} x {width}", nameof(height));
    }

    private static float Difference(PictureDistanceArguments a, int index) => a.Values[index] - a.Targets[index];

    private static float Weight(PictureDistanceArguments a, int index)
    {
        float weight = 1f;
        if (a.Weights.Length != 0) weight = a.Weights[index];
        return weight;
    }
}
