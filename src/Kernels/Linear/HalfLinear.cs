using Lia.Gpu.Runtime;

namespace Lia.Kernels.Linear;

/// <summary>What a linear layer on halves is passed.</summary>
internal struct HalfLinearArguments
{
    /// <summary>x [frame, input]; a CHW8 map is one.</summary>
    public ArrayView<Half> Input;

    /// <summary>w [output, input], inputs in the order of x.</summary>
    public ArrayView<Half> Weights;

    /// <summary>y [frame, output].</summary>
    public ArrayView<float> Output;

    /// <summary>Inputs are a multiple of 8.</summary>
    public int Frames, Inputs, Outputs;

    /// <summary>Factor of the sum, for example the layer's scale.</summary>
    public float Factor;
}

/// <summary>What a linear layer on two halves a value is passed.</summary>
internal struct PairLinearArguments
{
    /// <summary>The same; x and w are [row][octet][part][pixel][8], and a row's inputs are counted as values.</summary>
    public HalfLinearArguments Linear;

    /// <summary>Pixels of an octet.</summary>
    public int Pixels;
}

/// <summary>
/// y[f, o] = factor * sum over k of w[o, k] x[f, k], the sums in float32. It is the encoder's last layer, whose 4x4 kernel covers the whole
/// 4x4 map.
/// <code>
///     a block: 4 outputs x 4 frames; its 256 threads cut k among them
///
///       thread t takes octets t, t + 256, t + 512 ...        16 sums a thread: each octet of w meets four of x and back;
///       of 4 rows of w and 4 rows of x                       a butterfly in every warp, then warp 0 to 7 in order
/// </code>
/// The order of a sum does not depend on the number of frames. Bound by the bytes of w, read once per four frames (8.4 MB for 8192 inputs
/// and 512 outputs).
/// </summary>
internal static class HalfLinear
{
    private const int Warps = 8;
    private const int OutputsPerBlock = 4;
    private const int FramesPerBlock = 4;
    private const int Sums = OutputsPerBlock * FramesPerBlock;

    public static KernelLaunch Prepare(KernelLoader loader, HalfLinearArguments arguments)
    {
        Index3D grid =
            new((arguments.Outputs + OutputsPerBlock - 1) / OutputsPerBlock, (arguments.Frames + FramesPerBlock - 1) / FramesPerBlock, 1);
        double weights = (double)arguments.Outputs * arguments.Inputs;
        return KernelLaunch.CreateOverlapping(
            loader, Run, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments, 2 * weights * arguments.Frames,
            2 * (weights + (double)arguments.Frames * arguments.Inputs) + sizeof(float) * (double)arguments.Frames * arguments.Outputs);
    }

    /// <summary>The same for values of two halves.</summary>
    public static KernelLaunch PreparePairs(KernelLoader loader, PairLinearArguments arguments)
    {
        HalfLinearArguments linear = arguments.Linear;
        Index3D grid =
            new((linear.Outputs + OutputsPerBlock - 1) / OutputsPerBlock, (linear.Frames + FramesPerBlock - 1) / FramesPerBlock, 1);
        double weights = (double)linear.Outputs * linear.Inputs;
        return KernelLaunch.CreateOverlapping(
            loader, RunPairs, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments, 2 * weights * linear.Frames,
            4 * (weights + (double)linear.Frames * linear.Inputs) + sizeof(float) * (double)linear.Frames * linear.Outputs);
    }

    /// <summary>One half a value.</summary>
    [LaunchBounds(32 * Warps, 2)]
    public static void Run(HalfLinearArguments a) => Multiply<OneHalf>(a, 0);

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(32 * Warps, 1)]
    public static void RunPairs(PairLinearArguments a) => Multiply<TwoHalves>(a.Linear, a.Pixels);

    private static void Multiply<TFormat>(HalfLinearArguments a, int pixels) where TFormat : struct, IMapFormat
    {
        Overlap.Begin();
        int firstOutput = Grid.IdxX * OutputsPerBlock, firstFrame = Grid.IdxY * FramesPerBlock, octets = a.Inputs / Octet.Size;
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        ArrayView<float> sums = LocalMemory.Allocate<float>(Sums);
        ArrayView<Half8> weights = LocalMemory.Allocate<Half8>(OutputsPerBlock * default(TFormat).Parts);
        for (int s = 0; s < Sums; s++) sums[s] = 0f;
        for (int i = Group.IdxX; i < octets; i += 32 * Warps)
        {
            // An output or a frame past the last one repeats it; its sum is not stored.
            int at = default(TFormat).Parts == 1 ? i : i + i / pixels * pixels, row = default(TFormat).Parts * octets;
            for (int o = 0; o < OutputsPerBlock; o++)
            {
                int from = IntrinsicMath.Min(firstOutput + o, a.Outputs - 1) * row + at;
                weights[o * default(TFormat).Parts] = Octet.LoadPacked(a.Weights, from);
                if (default(TFormat).Parts == 2) weights[2 * o + 1] = Octet.LoadPacked(a.Weights, from + pixels);
            }
            for (int f = 0; f < FramesPerBlock; f++)
            {
                Octet x = Octet.Load<TFormat>(a.Input, IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * row + at, pixels);
                for (int o = 0; o < OutputsPerBlock; o++)
                    sums[f * OutputsPerBlock + o] = Octet.Dot(Octet.Unpack<TFormat>(weights, o), x, sums[f * OutputsPerBlock + o]);
            }
        }

        ArrayView<float> parts = SharedMemory.Allocate<float>(Warps * Sums);
        for (int s = 0; s < Sums; s++)
        {
            float sum = WarpSum.Of(sums[s], 32);
            if (lane == 0) parts[warp * Sums + s] = sum;
        }
        Group.Barrier();
        if (Group.IdxX < Sums)
        {
            int frame = firstFrame + Group.IdxX / OutputsPerBlock, output = firstOutput + Group.IdxX % OutputsPerBlock;
            float total = 0f;
            for (int part = 0; part < Warps; part++) total += parts[part * Sums + Group.IdxX];
            if (frame < a.Frames && output < a.Outputs) a.Output[frame * a.Outputs + output] = total * a.Factor;
        }
    }
}
