using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>One row of the network's demodulations: an output channel of a layer.</summary>
internal struct DemodulationRow
{
    /// <summary>Where the layer's modulation s starts among all modulations.</summary>
    public int Style;

    /// <summary>The layer's input channels.</summary>
    public int Inputs;

    /// <summary>Where the row's squared weights start.</summary>
    public int Weights;

    /// <summary>Where the factor goes among all demodulations.</summary>
    public int Output;
}

/// <summary>What demodulation is passed.</summary>
internal struct DemodulationArguments
{
    /// <summary>s [frame, all layers' input channels].</summary>
    public ArrayView<float> Styles;

    /// <summary>Sums over the taps of squared effective weights, [row, input] of all layers.</summary>
    public ArrayView<float> SquaredWeights;

    public ArrayView<DemodulationRow> Rows;

    /// <summary>d [frame, all layers' output channels].</summary>
    public ArrayView<float> Output;

    public int Frames, RowCount, StyleStride, OutputStride;
}

/// <summary>
/// Demodulation of every layer of the network in one launch: d[f, o] = 1 / sqrt(sum over c of s[f, c]^2 W[o, c] + 1e-8), where W[o, c] is
/// the sum over the taps of the squared effective weight. A warp takes a row (an output channel of a layer) and four frames, lanes over the
/// input channels. Bound by the bytes of W: 10 MB at 256. Where styles are normalized, <see cref="NormalizedStyles"/> does this too.
/// </summary>
internal static class Demodulation
{
    private const int Warps = 8;
    private const int FramesPerWarp = 4;
    private const float Epsilon = 1e-8f;

    public static KernelLaunch Prepare(KernelLoader loader, DemodulationArguments arguments)
    {
        Index3D grid = new((arguments.RowCount + Warps - 1) / Warps, (arguments.Frames + FramesPerWarp - 1) / FramesPerWarp, 1);
        return KernelLaunch.CreateOverlapping(
            loader, Run, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments, bytes: arguments.SquaredWeights.LengthInBytes);
    }

    public static void Run(DemodulationArguments a)
    {
        Overlap.Begin();
        int lane = Group.IdxX & 31, index = Grid.IdxX * Warps + (Group.IdxX >> 5), firstFrame = Grid.IdxY * FramesPerWarp;
        if (index >= a.RowCount) return; // Whole warps leave together.
        DemodulationRow row = a.Rows[index];
        ArrayView<float> sums = LocalMemory.Allocate<float>(FramesPerWarp);
        for (int f = 0; f < FramesPerWarp; f++) sums[f] = 0f;
        // Sixteen bytes a load, as far as they go; the rest one by one.
        int quads = ((row.Inputs | row.Weights | row.Style | a.StyleStride) & 3) == 0 ? row.Inputs >> 2 : 0;
        for (int i = lane; i < quads; i += 32)
        {
            Float4 weight = a.SquaredWeights.Cast<Float4>()[(row.Weights >> 2) + i];
            for (int f = 0; f < FramesPerWarp; f++)
            {
                Float4 style =
                    a.Styles.Cast<Float4>()[(IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * a.StyleStride + row.Style) / 4 + i];
                sums[f] = Quad.Dot(weight, Quad.Multiply(style, style), sums[f]);
            }
        }
        for (int i = 4 * quads + lane; i < row.Inputs; i += 32)
        {
            float weight = a.SquaredWeights[row.Weights + i];
            for (int f = 0; f < FramesPerWarp; f++)
            {
                // A frame past the last one repeats it; its factor is not stored.
                float style = a.Styles[IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * a.StyleStride + row.Style + i];
                sums[f] = Intrinsics.Fma(weight, style * style, sums[f]);
            }
        }
        for (int f = 0; f < FramesPerWarp; f++)
        {
            float sum = WarpSum.Of(sums[f], 32);
            int frame = firstFrame + f;
            if (lane == 0 && frame < a.Frames) a.Output[frame * a.OutputStride + row.Output] = 1f / XMath.Sqrt(sum + Epsilon);
        }
    }
}
