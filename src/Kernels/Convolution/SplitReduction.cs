using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the reduction is passed.</summary>
internal struct SplitReductionArguments
{
    /// <summary>Partial sums [split, pixel, channel].</summary>
    public ArrayView<float> Parts;

    /// <summary>y [pixel, channel].</summary>
    public ArrayView<float> Output;

    public Epilogue Epilogue;

    public int Splits, Pixels, PixelsPerFrame, Channels;
}

/// <summary>
/// The second half of a convolution whose K was cut (split-K): y[p, o] = epilogue(part 0 + part 1 + ...), always in that order. A thread
/// takes four channels of a pixel. Bound by bytes: (splits + 1) x the output.
/// </summary>
internal static class SplitReduction
{
    public static KernelLaunch Prepare<TAccess>(KernelLoader loader, SplitReductionArguments arguments)
        where TAccess : struct, IChannelAccess
    {
        long elements = (long)arguments.Pixels * arguments.Channels;
        return KernelLaunch.Create(
            loader, Run<TAccess>, KernelLaunch.Linear((long)arguments.Pixels * ((arguments.Channels + 3) / 4)), arguments,
            bytes: sizeof(float) * (double)elements * (arguments.Splits + 1));
    }

    public static void Run<TAccess>(SplitReductionArguments a) where TAccess : struct, IChannelAccess
    {
        int quadsPerPixel = (a.Channels + 3) / 4;
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int pixel = index / quadsPerPixel;
        if (pixel < a.Pixels)
        {
            int channel = (index - pixel * quadsPerPixel) * 4, row = pixel * a.Channels;
            Float4 sum = Quad.Load<TAccess>(a.Parts, row, channel, a.Channels);
            for (int split = 1; split < a.Splits; split++)
                sum = Quad.Add(sum, Quad.Load<TAccess>(a.Parts.SubView(split * (a.Pixels * a.Channels)), row, channel, a.Channels));
            sum = Epilogue.Apply<TAccess>(a.Epilogue, sum, pixel / a.PixelsPerFrame, row, channel, a.Channels);
            Quad.Store<TAccess>(a.Output, row, channel, a.Channels, sum);
        }
    }
}
