using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the minibatch deviation and its gradient are passed.</summary>
internal struct MinibatchDeviationArguments
{
    /// <summary>x [pass, image, pixel, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>Forward: receives [pass, image, pixel, channel + 1], x with the deviation behind it.</summary>
    public ArrayView<float> Output;

    /// <summary>Backward: the gradient of the output.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Backward: receives the gradient of x.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Batches that lie one after the other and know nothing of each other, and the images of each.</summary>
    public int Passes, Images;

    public int Pixels, Channels;

    /// <summary>Images of a group; set by the launcher.</summary>
    public int GroupSize;
}

/// <summary>
/// Minibatch standard deviation: groups of g = min(images, 4) images, image j of group m being m + j * (images / g),
/// <code>
///     s[m, p, c] = sqrt(variance over the group of x + 1e-8),     y = (x, mean over p, c of s[m])         of every image of the group
///     dx_j = dy_j + D / (n g) * (x_j - mean over the group) / s,  D = sum over the group's images and pixels of dy's last channel
/// </code>
/// with n = pixels * channels. Differences are taken from the group's first image, so that equal images have no deviation to the bit.
/// A block makes a group, all sums in a fixed order. Bound by bytes, a few microseconds of them (32 images of 4x4 x 512: 2 MB).
/// </summary>
internal static class MinibatchDeviation
{
    private const int LargestGroup = 4;
    private const int Warps = 8;
    private const int Threads = 32 * Warps;
    private const float Epsilon = 1e-8f;

    /// <summary>Appends the deviation.</summary>
    /// <exception cref="ArgumentException">The images of a pass are not whole groups.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, MinibatchDeviationArguments arguments) => Prepare(loader, Run, arguments);

    /// <summary>The gradient.</summary>
    /// <exception cref="ArgumentException">The images of a pass are not whole groups.</exception>
    public static KernelLaunch PrepareGradient(KernelLoader loader, MinibatchDeviationArguments arguments) =>
        Prepare(loader, RunGradient, arguments);

    /// <summary>Whether a batch of so many images is made of whole groups: at most four images, or a multiple of four.</summary>
    public static bool Takes(int images) => images <= LargestGroup || images % LargestGroup == 0;

    public static void Run(MinibatchDeviationArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        int size = a.Pixels * a.Channels, step = a.Images / a.GroupSize, pass = Grid.IdxX / step;
        int first = pass * a.Images + Grid.IdxX - pass * step;
        double sum = 0.0;
        for (int i = Group.IdxX; i < size; i += Threads) sum += Statistics.Of(a, first * size + i, step * size).Deviation;
        float deviation = (float)(BlockSum.Of(sum, shared, Warps) / size);
        for (int j = 0; j < a.GroupSize; j++)
        {
            int image = first + j * step, row = image * a.Pixels * (a.Channels + 1);
            for (int i = Group.IdxX; i < size; i += Threads) a.Output[row + i + i / a.Channels] = a.Input[image * size + i];
            for (int p = Group.IdxX; p < a.Pixels; p += Threads) a.Output[row + p * (a.Channels + 1) + a.Channels] = deviation;
        }
    }

    public static void RunGradient(MinibatchDeviationArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        int size = a.Pixels * a.Channels, step = a.Images / a.GroupSize, pass = Grid.IdxX / step, pitch = a.Channels + 1;
        int first = pass * a.Images + Grid.IdxX - pass * step;
        double sum = 0.0;
        for (int i = Group.IdxX; i < a.GroupSize * a.Pixels; i += Threads)
        {
            int j = i / a.Pixels;
            sum += a.OutputGradient[((first + j * step) * a.Pixels + i - j * a.Pixels) * pitch + a.Channels];
        }
        float factor = (float)(BlockSum.Of(sum, shared, Warps) / ((double)size * a.GroupSize));
        for (int i = Group.IdxX; i < size; i += Threads)
        {
            Statistics of = Statistics.Of(a, first * size + i, step * size);
            float slope = factor / of.Deviation;
            for (int j = 0; j < a.GroupSize; j++)
            {
                int image = first + j * step;
                float centered = a.Input[image * size + i] - of.Origin - of.Mean;
                a.Gradient[image * size + i] =
                    Intrinsics.Fma(slope, centered, a.OutputGradient[image * a.Pixels * pitch + i + i / a.Channels]);
            }
        }
    }

    private static KernelLaunch Prepare(
        KernelLoader loader, Action<MinibatchDeviationArguments> kernel, MinibatchDeviationArguments arguments)
    {
        if (!Takes(arguments.Images))
        {
            throw new ArgumentException(
                $"The minibatch deviation is of groups of {LargestGroup} images: a batch has at most {LargestGroup} or a multiple of it, "
                + $"not {arguments.Images}.");
        }
        arguments.GroupSize = Math.Min(arguments.Images, LargestGroup);
        int groups = arguments.Passes * (arguments.Images / arguments.GroupSize);
        return KernelLaunch.Create(loader, kernel, new KernelConfig(new Index1D(groups), new Index1D(Threads)), arguments,
            bytes: 3.0 * sizeof(float) * arguments.Passes * arguments.Images * arguments.Pixels * arguments.Channels);
    }

    // Of a pixel's channel over the group.
    private struct Statistics
    {
        // The first image's value, and the mean of the differences from it.
        public float Origin, Mean, Deviation;

        public static Statistics Of(MinibatchDeviationArguments a, int at, int step)
        {
            Statistics result = default;
            result.Origin = a.Input[at];
            float sum = 0f;
            for (int j = 1; j < a.GroupSize; j++) sum += a.Input[at + j * step] - result.Origin;
            result.Mean = sum / a.GroupSize;
            float squares = result.Mean * result.Mean;
            for (int j = 1; j < a.GroupSize; j++)
            {
                float centered = a.Input[at + j * step] - result.Origin - result.Mean;
                squares = Intrinsics.Fma(centered, centered, squares);
            }
            result.Deviation = XMath.Sqrt(squares / a.GroupSize + Epsilon);
            return result;
        }
    }
}
