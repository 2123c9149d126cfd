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

/// <summary>
/// The decoder's input, the learned 4x4 constant times the first layer's style: x[p, c] = constant[p, c] s[c]. A thread takes an octet;
/// nothing bounds it but the launch.
/// </summary>
internal static class ConstantInput
{
    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Its operands.</param>
    /// <param name="parts">Halves of a value of the result.</param>
    public static KernelLaunch Prepare(KernelLoader loader, ConstantInputArguments arguments, int parts = 1)
    {
        double elements = (double)arguments.Frames * arguments.Pixels * arguments.Channels;
        Action<ConstantInputArguments> kernel = parts == 1 ? Run : RunPairs;
        return KernelLaunch.CreateOverlapping(loader, kernel, KernelLaunch.Linear((long)elements / Octet.Size, 128), arguments,
            bytes: 2 * parts * elements);
    }

    /// <summary>To one half a value.</summary>
    public static void Run(ConstantInputArguments a) => Modulate<OneHalf>(a);

    /// <summary>To two halves a value.</summary>
    public static void RunPairs(ConstantInputArguments a) => Modulate<TwoHalves>(a);

    private static void Modulate<TFormat>(ConstantInputArguments a) where TFormat : struct, IMapFormat
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
            int at = default(TFormat).Parts == 1 ? index : index + map * a.Pixels;
            Octet.Store<TFormat>(a.Output, at, a.Pixels, Octet.Multiply(Octet.Load(a.Constant, pixel * octets + octet), style));
        }
    }
}
