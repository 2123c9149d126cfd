using Lia.Gpu.Runtime;

namespace Lia.Kernels.Pixels;

/// <summary>What a change of the order of pixels and channels is passed.</summary>
internal struct ChannelOrderArguments
{
    /// <summary>[frame, channel, pixel] if <see cref="ToPlanar"/> is 0, else [frame, pixel, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>The other order.</summary>
    public ArrayView<float> Output;

    public int Frames, Pixels, Channels;

    /// <summary>1: channels come first in the output.</summary>
    public int ToPlanar;

    /// <summary>1: adds to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// Planar pictures to neighboring channels and back. A thread takes a value of the output, so stores are whole lines; loads of few channels
/// (pictures have three) come from the cache. Bound by 8 bytes a value.
/// </summary>
internal static class ChannelOrder
{
    public static KernelLaunch Prepare(KernelLoader loader, ChannelOrderArguments arguments)
    {
        long values = (long)arguments.Frames * arguments.Pixels * arguments.Channels;
        return KernelLaunch.Create(loader, Run, KernelLaunch.Linear(values), arguments, bytes: 2.0 * sizeof(float) * values);
    }

    public static void Run(ChannelOrderArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frameLength = a.Pixels * a.Channels;
        int frame = index / frameLength;
        if (frame < a.Frames)
        {
            int inFrame = index - frame * frameLength;
            int inner = a.ToPlanar != 0 ? a.Pixels : a.Channels, outer = a.ToPlanar != 0 ? a.Channels : a.Pixels;
            int slow = inFrame / inner, fast = inFrame - slow * inner;
            float value = a.Input[frame * frameLength + fast * outer + slow];
            if (a.Accumulates != 0) value += a.Output[index];
            a.Output[index] = value;
        }
    }
}
