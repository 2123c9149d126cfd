using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What VGG's input is passed.</summary>
internal struct VggInputArguments
{
    /// <summary>x, planar [frame, 3, pixel], nominally in [-1, 1].</summary>
    public ArrayView<float> Input;

    /// <summary>
    /// Forward: receives [frame, pixel, channel] with <see cref="Channels"/> channels, a fourth being zero.
    /// </summary>
    public ArrayView<float> Output;

    /// <summary>Backward: the gradient of that.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Backward: receives the gradient of x.</summary>
    public ArrayView<float> Gradient;

    public int Frames, Pixels;

    /// <summary>3, or 4 so that a pixel is 16 bytes and the convolution's loads are too.</summary>
    public int Channels;

    /// <summary>Backward, 1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// A picture as VGG19 was taught to see it: v[c] = ((clamp(x[c], -1, 1) + 1) / 2 - mean[c]) / deviation[c], planes to channels, with the
/// mean and deviation of ImageNet; backward dx[c] (+)= dv[c] / (2 deviation[c]) where -1 &lt;= x &lt;= 1, the ends included as PyTorch has
/// it. What is no number stays none. A thread takes a pixel: warps read 128 bytes of each plane and write 512. Bound by 28 bytes a pixel.
/// </summary>
internal static class VggInput
{
    private const float Mean0 = 0.485f, Mean1 = 0.456f, Mean2 = 0.406f;
    private const float Deviation0 = 0.229f, Deviation1 = 0.224f, Deviation2 = 0.225f;

    /// <summary>x to v.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are neither 3 nor 4 channels.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, VggInputArguments arguments) =>
        arguments.Channels == 4 ? Prepare(loader, Run<VectorAccess>, arguments) : Prepare(loader, Run<ScalarAccess>, arguments);

    /// <summary>The gradient of v to that of x.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are neither 3 nor 4 channels.</exception>
    public static KernelLaunch PrepareGradient(KernelLoader loader, VggInputArguments arguments) => arguments.Channels == 4
        ? Prepare(loader, RunGradient<VectorAccess>, arguments) : Prepare(loader, RunGradient<ScalarAccess>, arguments);

    public static void Run<TAccess>(VggInputArguments a) where TAccess : struct, IChannelAccess
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frame = index / a.Pixels;
        if (frame < a.Frames)
        {
            int at = index + 2 * frame * a.Pixels;
            Float4 value = new(
                Intrinsics.Fma(Clamp(a.Input[at]), 0.5f / Deviation0, (0.5f - Mean0) / Deviation0),
                Intrinsics.Fma(Clamp(a.Input[at + a.Pixels]), 0.5f / Deviation1, (0.5f - Mean1) / Deviation1),
                Intrinsics.Fma(Clamp(a.Input[at + 2 * a.Pixels]), 0.5f / Deviation2, (0.5f - Mean2) / Deviation2), 0f);
            Quad.Store<TAccess>(a.Output, index * a.Channels, 0, a.Channels, value);
        }
    }

    public static void RunGradient<TAccess>(VggInputArguments a) where TAccess : struct, IChannelAccess
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int frame = index / a.Pixels;
        if (frame < a.Frames)
        {
            int at = index + 2 * frame * a.Pixels;
            Float4 gradient = Quad.Load<TAccess>(a.OutputGradient, index * a.Channels, 0, a.Channels);
            Put(a, at, gradient.X * (0.5f / Deviation0));
            Put(a, at + a.Pixels, gradient.Y * (0.5f / Deviation1));
            Put(a, at + 2 * a.Pixels, gradient.Z * (0.5f / Deviation2));
        }
    }

    private static void Put(VggInputArguments a, int at, float gradient)
    {
        float value = a.Input[at], before = 0f;
        if (a.Accumulates != 0) before = a.Gradient[at];
        a.Gradient[at] = before + (value >= -1f && value <= 1f ? gradient : 0f);
    }

    private static float Clamp(float value) => value < -1f ? -1f : value > 1f ? 1f : value;

    private static KernelLaunch Prepare(KernelLoader loader, Action<VggInputArguments> kernel, VggInputArguments arguments)
    {
        if (arguments.Channels is not (3 or 4))
        {
            throw new ArgumentOutOfRangeException(
                nameof(arguments), arguments.Channels, "A picture's colors become 3 channels, or 4 with one of zeros.");
        }
        long pixels = (long)arguments.Frames * arguments.Pixels;
        return KernelLaunch.Create(loader, kernel, KernelLaunch.Linear(pixels), arguments,
            bytes: sizeof(float) * (double)pixels * (3 + arguments.Channels + 3 * arguments.Accumulates));
    }
}
