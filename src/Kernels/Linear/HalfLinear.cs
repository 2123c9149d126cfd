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
///     a block: 4 outputs x 4 frames (one, if there is but one); its 256 threads cut k among them
///
///       thread t takes octets t, t + 256, t + 512 ...        16 sums a thread: each octet of w meets four of x and back;
///       of 4 rows of w and 4 rows of x                       a butterfly in every warp, then warp 0 to 7 in order
///
///     time --->     w: the first octets of 4 rows (of one frame: 16 of them, all there are)     | launch ahead has ended |  x, products
/// </code>
/// Weights are nobody's result and on their way before the launch ahead has ended. The order of a sum does not depend on the number of
/// frames. Bound by the bytes of w, read once per four frames (8.4 MB for 8192 inputs and 512 outputs).
/// </summary>
internal static class HalfLinear
{
    private const int Warps = 8;
    private const int OutputsPerBlock = 4;

    public static KernelLaunch Prepare(KernelLoader loader, HalfLinearArguments arguments) =>
        Prepare(loader, arguments.Frames == 1 ? Run<OneFrame> : Run<FourFrames>, arguments, arguments, 1);

    /// <summary>The same for values of two halves.</summary>
    public static KernelLaunch PreparePairs(KernelLoader loader, PairLinearArguments arguments) =>
        Prepare(loader, arguments.Linear.Frames == 1 ? RunPairs<OneFrame> : RunPairs<FourFrames>, arguments, arguments.Linear, 2);

    /// <summary>One half a value.</summary>
    [LaunchBounds(32 * Warps, 2)]
    public static void Run<TFrames>(HalfLinearArguments a) where TFrames : struct, IFrameGroup => Multiply<OneHalf, TFrames>(a, 0);

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(32 * Warps, 1)]
    public static void RunPairs<TFrames>(PairLinearArguments a) where TFrames : struct, IFrameGroup =>
        Multiply<TwoHalves, TFrames>(a.Linear, a.Pixels);

    private static KernelLaunch Prepare<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, TArguments arguments, HalfLinearArguments linear, int parts)
        where TArguments : struct
    {
        int frames = linear.Frames == 1 ? 1 : FourFrames.Count;
        Index3D grid = new((linear.Outputs + OutputsPerBlock - 1) / OutputsPerBlock, (linear.Frames + frames - 1) / frames, 1);
        double weights = (double)linear.Outputs * linear.Inputs;
        return KernelLaunch.CreateOverlapping(
            loader, kernel, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments, 2 * weights * linear.Frames,
            2 * parts * (weights + (double)linear.Frames * linear.Inputs) + sizeof(float) * (double)linear.Frames * linear.Outputs);
    }

    private static void Multiply<TFormat, TFrames>(HalfLinearArguments a, int pixels)
        where TFormat : struct, IMapFormat
        where TFrames : struct, IFrameGroup
    {
        Overlap.Allow();
        // Of one frame as many octets at a time as registers hold: 64 of them.
        int frames = default(TFrames).Frames, parts = default(TFormat).Parts, count = frames * OutputsPerBlock,
            batch = frames == 1 ? 4 / parts : 1;
        int firstOutput = Grid.IdxX * OutputsPerBlock, firstFrame = Grid.IdxY * frames, octets = a.Inputs / Octet.Size;
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        ArrayView<float> sums = LocalMemory.Allocate<float>(count);
        ArrayView<Half8> weights = LocalMemory.Allocate<Half8>(batch * OutputsPerBlock * parts);
        for (int s = 0; s < count; s++) sums[s] = 0f;
        Load<TFormat>(a, pixels, firstOutput, Group.IdxX, batch, weights);
        Overlap.Wait();
        Add<TFormat, TFrames>(a, pixels, firstFrame, Group.IdxX, batch, weights, sums);
        for (int first = Group.IdxX + batch * 32 * Warps; first < octets; first += batch * 32 * Warps)
        {
            Load<TFormat>(a, pixels, firstOutput, first, batch, weights);
            Add<TFormat, TFrames>(a, pixels, firstFrame, first, batch, weights, sums);
        }

        ArrayView<float> totals = SharedMemory.Allocate<float>(Warps * count);
        for (int s = 0; s < count; s++)
        {
            float sum = WarpSum.Of(sums[s], 32);
            if (lane == 0) totals[warp * count + s] = sum;
        }
        Group.Barrier();
        if (Group.IdxX < count)
        {
            int frame = firstFrame + Group.IdxX / OutputsPerBlock, output = firstOutput + Group.IdxX % OutputsPerBlock;
            float total = 0f;
            for (int part = 0; part < Warps; part++) total += totals[part * count + Group.IdxX];
            if (frame < a.Frames && output < a.Outputs) a.Output[frame * a.Outputs + output] = total * a.Factor;
        }
    }

    // A thread's octets of the block's rows from some octet on. One past the row's end repeats its last, and an output past the last one
    // repeats it; neither is kept. A load under a condition would wait for it.
    private static void Load<TFormat>(
        HalfLinearArguments a, int pixels, int firstOutput, int first, int batch, ArrayView<Half8> weights)
        where TFormat : struct, IMapFormat
    {
        int parts = default(TFormat).Parts, octets = a.Inputs / Octet.Size;
        for (int k = 0; k < batch; k++)
        {
            int at = At<TFormat>(first + k * 32 * Warps, octets, pixels);
            for (int o = 0; o < OutputsPerBlock; o++)
            {
                int from = IntrinsicMath.Min(firstOutput + o, a.Outputs - 1) * parts * octets + at, to = (k * OutputsPerBlock + o) * parts;
                weights[to] = Octet.LoadPacked(a.Weights, from);
                if (parts == 2) weights[to + 1] = Octet.LoadPacked(a.Weights, from + pixels);
            }
        }
    }

    private static void Add<TFormat, TFrames>(
        HalfLinearArguments a, int pixels, int firstFrame, int first, int batch, ArrayView<Half8> weights, ArrayView<float> sums)
        where TFormat : struct, IMapFormat
        where TFrames : struct, IFrameGroup
    {
        int octets = a.Inputs / Octet.Size;
        for (int k = 0; k < batch; k++)
        {
            int i = first + k * 32 * Warps, at = At<TFormat>(i, octets, pixels);
            for (int f = 0; f < default(TFrames).Frames; f++)
            {
                // A frame past the last one repeats it; its sum is not stored.
                Octet x = Octet.Load<TFormat>(
                    a.Input, IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * default(TFormat).Parts * octets + at, pixels);
                for (int o = 0; o < OutputsPerBlock; o++)
                {
                    float sum =
                        Octet.Dot(Octet.Unpack<TFormat>(weights, k * OutputsPerBlock + o), x, sums[f * OutputsPerBlock + o]);
                    if (i < octets) sums[f * OutputsPerBlock + o] = sum;
                }
            }
        }
    }

    // Where an octet lies in a row, of two parts its first.
    private static int At<TFormat>(int octet, int octets, int pixels) where TFormat : struct, IMapFormat
    {
        octet = IntrinsicMath.Min(octet, octets - 1);
        return default(TFormat).Parts == 1 ? octet : octet + octet / pixels * pixels;
    }
}
