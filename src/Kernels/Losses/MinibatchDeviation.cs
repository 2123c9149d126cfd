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
/// A block makes a group, a thread four elements of all its images at a time, all sums in a fixed order. Bound by latency: eight rounds of
/// loads for 4x4 x 512.
/// </summary>
internal static class MinibatchDeviation
{
    private const int LargestGroup = 4;
    private const int Warps = 8;
    private const int Threads = 32 * Warps;
    private const float Epsilon = 1e-8f;

    /// <summary>Appends the deviation.</summary>
    /// <exception cref="ArgumentException">The images of a pass are not whole groups.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, MinibatchDeviationArguments arguments) => IsVector(arguments)
        ? Prepare(loader, Run<VectorAccess>, arguments) : Prepare(loader, Run<ScalarAccess>, arguments);

    /// <summary>The gradient.</summary>
    /// <exception cref="ArgumentException">The images of a pass are not whole groups.</exception>
    public static KernelLaunch PrepareGradient(KernelLoader loader, MinibatchDeviationArguments arguments) => IsVector(arguments)
        ? Prepare(loader, RunGradient<VectorAccess>, arguments) : Prepare(loader, RunGradient<ScalarAccess>, arguments);

    /// <summary>Whether a batch of so many images is made of whole groups: at most four images, or a multiple of four.</summary>
    public static bool Takes(int images) => images is >= 1 and <= LargestGroup || (images > 0 && images % LargestGroup == 0);

    public static void Run<TAccess>(MinibatchDeviationArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        ArrayView<Float4> values = LocalMemory.Allocate<Float4>(LargestGroup);
        int size = a.Pixels * a.Channels, step = a.Images / a.GroupSize, pitch = a.Channels + 1, first = FirstImage(a, step);
        double sum = 0.0;
        for (int i = Group.IdxX * 4; i < size; i += Threads * 4)
        {
            Load<TAccess>(a, values, first, step, size, i);
            for (int j = 0; j < LargestGroup; j++)
            {
                if (j < a.GroupSize) Append(a.Output, (first + j * step) * a.Pixels * pitch, i, a.Channels, size, values[j]);
            }
            Float4 deviation = Deviation(Center(values, a.GroupSize));
            sum += deviation.X;
            if (i + 1 < size) sum += deviation.Y;
            if (i + 2 < size) sum += deviation.Z;
            if (i + 3 < size) sum += deviation.W;
        }
        float mean = (float)(BlockSum.Of(sum, shared, Warps) / size);
        for (int i = Group.IdxX; i < a.GroupSize * a.Pixels; i += Threads)
        {
            int j = i / a.Pixels;
            a.Output[((first + j * step) * a.Pixels + i - j * a.Pixels) * pitch + a.Channels] = mean;
        }
    }

    public static void RunGradient<TAccess>(MinibatchDeviationArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        ArrayView<Float4> values = LocalMemory.Allocate<Float4>(LargestGroup), gradients = LocalMemory.Allocate<Float4>(LargestGroup);
        int size = a.Pixels * a.Channels, step = a.Images / a.GroupSize, pitch = a.Channels + 1, first = FirstImage(a, step);
        double sum = 0.0;
        for (int i = Group.IdxX; i < a.GroupSize * a.Pixels; i += Threads)
        {
            int j = i / a.Pixels;
            sum += a.OutputGradient[((first + j * step) * a.Pixels + i - j * a.Pixels) * pitch + a.Channels];
        }
        float factor = (float)(BlockSum.Of(sum, shared, Warps) / ((double)size * a.GroupSize));
        for (int i = Group.IdxX * 4; i < size; i += Threads * 4)
        {
            Load<TAccess>(a, values, first, step, size, i);
            for (int j = 0; j < LargestGroup; j++)
                gradients[j] = Before(a.OutputGradient, Image(a, first, step, j) * a.Pixels * pitch, i, a.Channels, size);
            Float4 deviation = Deviation(Center(values, a.GroupSize));
            Float4 slope = new(factor / deviation.X, factor / deviation.Y, factor / deviation.Z, factor / deviation.W);
            for (int j = 0; j < LargestGroup; j++)
            {
                if (j < a.GroupSize)
                    Quad.Store<TAccess>(
                        a.Gradient, (first + j * step) * size, i, size, Quad.Add(gradients[j], Quad.Multiply(slope, values[j])));
            }
        }
    }

    // Of the group that this block makes.
    private static int FirstImage(MinibatchDeviationArguments a, int step)
    {
        int pass = Grid.IdxX / step;
        return pass * a.Images + Grid.IdxX - pass * step;
    }

    // Image j of the group; the last one again where the group has fewer.
    private static int Image(MinibatchDeviationArguments a, int first, int step, int j) =>
        first + IntrinsicMath.Min(j, a.GroupSize - 1) * step;

    // Elements i to i + 3 of every image, all under way together.
    private static void Load<TAccess>(MinibatchDeviationArguments a, ArrayView<Float4> values, int first, int step, int size, int i)
        where TAccess : struct, IChannelAccess
    {
        for (int j = 0; j < LargestGroup; j++) values[j] = Quad.Load<TAccess>(a.Input, Image(a, first, step, j) * size, i, size);
    }

    // Values become their differences from the mean, zero where the group has no such image; returns the variances. The mean is taken of
    // the differences from the first image.
    private static Float4 Center(ArrayView<Float4> values, int group)
    {
        Float4 origin = values[0], mean = new(0f, 0f, 0f, 0f), squares = mean;
        for (int j = 0; j < LargestGroup; j++)
        {
            values[j] = Quad.Scale(Quad.Fma(origin, -1f, values[j]), j < group ? 1f : 0f);
            mean = Quad.Add(mean, values[j]);
        }
        mean = Quad.Scale(mean, 1f / group);
        for (int j = 0; j < LargestGroup; j++)
        {
            values[j] = Quad.Scale(Quad.Fma(mean, -1f, values[j]), j < group ? 1f : 0f);
            squares = Quad.Add(squares, Quad.Multiply(values[j], values[j]));
        }
        return Quad.Scale(squares, 1f / group);
    }

    private static Float4 Deviation(Float4 variance) => new(
        XMath.Sqrt(variance.X + Epsilon), XMath.Sqrt(variance.Y + Epsilon), XMath.Sqrt(variance.Z + Epsilon),
        XMath.Sqrt(variance.W + Epsilon));

    // Elements i to i + 3 of an image into rows that are a channel longer.
    private static void Append(ArrayView<float> output, int image, int i, int channels, int size, Float4 value)
    {
        output[image + i + i / channels] = value.X;
        if (i + 1 < size) output[image + i + 1 + (i + 1) / channels] = value.Y;
        if (i + 2 < size) output[image + i + 2 + (i + 2) / channels] = value.Z;
        if (i + 3 < size) output[image + i + 3 + (i + 3) / channels] = value.W;
    }

    // And out of them.
    private static Float4 Before(ArrayView<float> gradient, int image, int i, int channels, int size)
    {
        int last = size - 1, second = IntrinsicMath.Min(i + 1, last), third = IntrinsicMath.Min(i + 2, last),
            fourth = IntrinsicMath.Min(i + 3, last);
        return new(gradient[image + i + i / channels], gradient[image + second + second / channels],
            gradient[image + third + third / channels], gradient[image + fourth + fourth / channels]);
    }

    // Pixels do not matter to the deviations: an image is one row.
    private static bool IsVector(MinibatchDeviationArguments a) => a.Pixels * a.Channels % 4 == 0;

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
}
