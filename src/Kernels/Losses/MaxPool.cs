using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the pooling is passed.</summary>
internal struct MaxPoolArguments
{
    /// <summary>x [frame, row, column, channel]; an odd last row or column belongs to no window.</summary>
    public ArrayView<float> Input;

    /// <summary>Forward: receives y [frame, row / 2, column / 2, channel].</summary>
    public ArrayView<float> Output;

    /// <summary>Backward: the gradient of y.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Backward: receives the gradient of x, written whole.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Rows and columns of x.</summary>
    public int Frames, Height, Width, Channels;

    /// <summary>
    /// Backward, 1: x is the result of a ReLU and the gradient is taken through it too: zero where the maximum is not above zero.
    /// </summary>
    public int Rectified;
}

/// <summary>
/// Maximum of 2x2 windows, and backward the gradient to the first maximum of each in the order of rows, as PyTorch: the window is looked at
/// again, so nothing but x is kept. No number wins over numbers. A thread takes four channels of a window. Bound by bytes: 5 quarters of x
/// forward, 9 quarters backward (1.2 GB for the 64 channels of 16 pictures at 256 with a gradient).
/// </summary>
internal static class MaxPool
{
    /// <summary>x to y.</summary>
    public static KernelLaunch Prepare(KernelLoader loader, MaxPoolArguments arguments)
    {
        double outputs = (double)arguments.Frames * (arguments.Height / 2) * (arguments.Width / 2);
        KernelConfig config = KernelLaunch.Linear((long)outputs * ((arguments.Channels + 3) / 4));
        double bytes = 5 * sizeof(float) * outputs * arguments.Channels;
        return arguments.Channels % 4 == 0
            ? KernelLaunch.Create(loader, Run<VectorAccess>, config, arguments, bytes: bytes)
            : KernelLaunch.Create(loader, Run<ScalarAccess>, config, arguments, bytes: bytes);
    }

    /// <summary>The gradient of y to that of x.</summary>
    public static KernelLaunch PrepareGradient(KernelLoader loader, MaxPoolArguments arguments)
    {
        double windows = (double)arguments.Frames * ((arguments.Height + 1) / 2) * ((arguments.Width + 1) / 2);
        KernelConfig config = KernelLaunch.Linear((long)windows * ((arguments.Channels + 3) / 4));
        double bytes = 9 * sizeof(float) * windows * arguments.Channels;
        return arguments.Channels % 4 == 0
            ? KernelLaunch.Create(loader, RunGradient<VectorAccess>, config, arguments, bytes: bytes)
            : KernelLaunch.Create(loader, RunGradient<ScalarAccess>, config, arguments, bytes: bytes);
    }

    public static void Run<TAccess>(MaxPoolArguments a) where TAccess : struct, IChannelAccess
    {
        int quads = (a.Channels + 3) / 4, height = a.Height >> 1, width = a.Width >> 1;
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int pixel = index / quads;
        int line = pixel / width;
        int frame = line / height;
        if (frame < a.Frames)
        {
            int channel = (index - pixel * quads) * 4, row = (line - frame * height) * 2, column = (pixel - line * width) * 2;
            int at = ((frame * a.Height + row) * a.Width + column) * a.Channels, below = at + a.Width * a.Channels;
            Float4 first = Quad.Load<TAccess>(a.Input, at, channel, a.Channels),
                second = Quad.Load<TAccess>(a.Input, at + a.Channels, channel, a.Channels),
                third = Quad.Load<TAccess>(a.Input, below, channel, a.Channels),
                fourth = Quad.Load<TAccess>(a.Input, below + a.Channels, channel, a.Channels);
            Quad.Store<TAccess>(a.Output, pixel * a.Channels, channel, a.Channels, new(
                Maximum(first.X, second.X, third.X, fourth.X), Maximum(first.Y, second.Y, third.Y, fourth.Y),
                Maximum(first.Z, second.Z, third.Z, fourth.Z), Maximum(first.W, second.W, third.W, fourth.W)));
        }
    }

    public static void RunGradient<TAccess>(MaxPoolArguments a) where TAccess : struct, IChannelAccess
    {
        // Windows that are cut off at the end have no maximum and take zeros.
        int quads = (a.Channels + 3) / 4, height = (a.Height + 1) >> 1, width = (a.Width + 1) >> 1;
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int window = index / quads;
        int line = window / width;
        int frame = line / height;
        if (frame < a.Frames)
        {
            int channel = (index - window * quads) * 4, row = line - frame * height, column = window - line * width;
            int at = ((frame * a.Height + 2 * row) * a.Width + 2 * column) * a.Channels, below = at + a.Width * a.Channels;
            bool hasRight = 2 * column + 1 < a.Width, hasBelow = 2 * row + 1 < a.Height;
            Float4 first = new(0f, 0f, 0f, 0f), second = first, third = first, fourth = first;
            if (hasRight && hasBelow)
            {
                first = Quad.Load<TAccess>(a.Input, at, channel, a.Channels);
                second = Quad.Load<TAccess>(a.Input, at + a.Channels, channel, a.Channels);
                third = Quad.Load<TAccess>(a.Input, below, channel, a.Channels);
                fourth = Quad.Load<TAccess>(a.Input, below + a.Channels, channel, a.Channels);
                int pixel = (frame * (a.Height >> 1) + row) * (a.Width >> 1) + column;
                Float4 gradient = Quad.Load<TAccess>(a.OutputGradient, pixel * a.Channels, channel, a.Channels);
                Distribute(ref first.X, ref second.X, ref third.X, ref fourth.X, gradient.X, a.Rectified);
                Distribute(ref first.Y, ref second.Y, ref third.Y, ref fourth.Y, gradient.Y, a.Rectified);
                Distribute(ref first.Z, ref second.Z, ref third.Z, ref fourth.Z, gradient.Z, a.Rectified);
                Distribute(ref first.W, ref second.W, ref third.W, ref fourth.W, gradient.W, a.Rectified);
            }
            Quad.Store<TAccess>(a.Gradient, at, channel, a.Channels, first);
            if (hasRight) Quad.Store<TAccess>(a.Gradient, at + a.Channels, channel, a.Channels, second);
            if (hasBelow) Quad.Store<TAccess>(a.Gradient, below, channel, a.Channels, third);
            if (hasRight && hasBelow) Quad.Store<TAccess>(a.Gradient, below + a.Channels, channel, a.Channels, fourth);
        }
    }

    // Whether a later value takes the maximum's place: one that is larger, or no number.
    private static bool Wins(float value, float maximum) => value > maximum || (Interop.FloatAsInt(value) & 0x7fffffff) > 0x7f800000;

    private static float Maximum(float first, float second, float third, float fourth)
    {
        float maximum = Wins(second, first) ? second : first;
        maximum = Wins(third, maximum) ? third : maximum;
        return Wins(fourth, maximum) ? fourth : maximum;
    }

    // Values become their gradients.
    private static void Distribute(ref float first, ref float second, ref float third, ref float fourth, float gradient, int rectified)
    {
        int place = 0;
        float maximum = first;
        if (Wins(second, maximum))
        {
            place = 1;
            maximum = second;
        }
        if (Wins(third, maximum))
        {
            place = 2;
            maximum = third;
        }
        if (Wins(fourth, maximum))
        {
            place = 3;
            maximum = fourth;
        }
        float given = rectified != 0 && !(maximum > 0f) ? 0f : gradient;
        first = place == 0 ? given : 0f;
        second = place == 1 ? given : 0f;
        third = place == 2 ? given : 0f;
        fourth = place == 3 ? given : 0f;
    }
}
