using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>A layer's modulation among those of the network.</summary>
internal struct StyleLayer
{
    /// <summary>Where it starts.</summary>
    public int Offset;

    /// <summary>The layer's input channels.</summary>
    public int Length;
}

/// <summary>What the normalization of styles is passed.</summary>
internal struct StyleNormalizationArguments
{
    /// <summary>s [frame, all layers' input channels], rows <see cref="StyleStride"/> apart; divided in place.</summary>
    public ArrayView<float> Styles;

    /// <summary>The demodulated layers.</summary>
    public ArrayView<StyleLayer> Layers;

    /// <summary>Receives m [frame, layer].</summary>
    public ArrayView<float> Maxima;

    public int Frames, LayerCount, StyleStride;
}

/// <summary>
/// s := s / m with m = max over c of |s[c]| (1 if all are zero), for each demodulated layer and frame: no modulated activation exceeds what
/// it was without. Demodulation divides by the norm of s and so takes m out again (<see cref="DemodulationArguments.Maxima"/>). A warp
/// takes a layer of a frame; nothing bounds it but the launch.
/// </summary>
internal static class StyleNormalization
{
    private const int Warps = 4;

    public static KernelLaunch Prepare(KernelLoader loader, StyleNormalizationArguments arguments)
    {
        int warps = arguments.Frames * arguments.LayerCount;
        return KernelLaunch.CreateOverlapping(
            loader, Run, new KernelConfig(new Index1D((warps + Warps - 1) / Warps), new Index1D(32 * Warps)), arguments,
            bytes: 2.0 * sizeof(float) * arguments.Frames * arguments.StyleStride);
    }

    public static void Run(StyleNormalizationArguments a)
    {
        Overlap.Begin();
        int lane = Group.IdxX & 31, index = Grid.IdxX * Warps + (Group.IdxX >> 5);
        int frame = index / a.LayerCount;
        if (frame >= a.Frames) return; // Whole warps leave together.
        StyleLayer layer = a.Layers[index - frame * a.LayerCount];
        ArrayView<float> style = a.Styles.SubView(frame * a.StyleStride + layer.Offset);
        float maximum = 0f;
        for (int i = lane; i < layer.Length; i += 32) maximum = XMath.Max(maximum, XMath.Abs(style[i]));
        for (int mask = 16; mask > 0; mask >>= 1) maximum = XMath.Max(maximum, Warp.ShuffleXor(maximum, mask));
        if (maximum == 0f) maximum = 1f;
        for (int i = lane; i < layer.Length; i += 32) style[i] /= maximum;
        if (lane == 0) a.Maxima[index] = maximum;
    }
}
