using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>What the decoder's input is passed.</summary>
internal struct ConstantInputArguments
{
    /// <summary>The learned constant [pixel, channel].</summary>
    public ArrayView<float> Constant;

    /// <summary>The first layer's modulation s [frame, channel], rows <see cref="StyleStride"/> (a multiple of 4) apart.</summary>
    public ArrayView<float> Style;

    /// <summary>x, CHW8.</summary>
    public ArrayView<Half> Output;

    public int Frames, Pixels, Channels, StyleStride;
}

/// <summary>The decoder's input, the learned 4x4 constant times the first layer's style: x[p, c] = constant[p, c] s[c]. A thread takes an octet; nothing bounds it but the launch.</summary>
internal static class ConstantInput
{
    public static KernelLaunch Prepare(KernelLoader loader, ConstantInputArguments arguments)
    {
        double elements = (double)arguments.Frames * arguments.Pixels * arguments.Channels;
        return KernelLaunch.CreateOverlapping(loader, Run, KernelLaunch.Linear((long)elements / Octet.Size, 128), arguments, bytes: 2 * elements);
    }

    public static void Run(ConstantInputArguments a)
    {
        Overlap.Begin();
        int octets = a.Channels / Octet.Size, index = Grid.IdxX * Group.DimX + Group.IdxX;
        int map = index / a.Pixels; // frame and octet
        int pixel = index - map * a.Pixels;
        int frame = map / octets;
        if (frame < a.Frames)
        {
            int octet = map - frame * octets;
            Octet style = Octet.Load(a.Style.SubView(frame * a.StyleStride), octet);
            Octet.Store(a.Output, index, Octet.Multiply(Octet.Load(a.Constant, pixel * octets + octet), style));
        }
    }
}
