using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What a level of the distance from surfaces is passed.</summary>
internal struct SurfaceDistanceArguments
{
    /// <summary>o of the level, planar [frame, 3, row, column]; o[0] and o[1] are read.</summary>
    public ArrayView<float> Flow;

    /// <summary>linspace(-1, 1, size) as float32.</summary>
    public ArrayView<float> Axis;

    /// <summary>At full size: the target's depth [frame, row, column], 0 to 1 as 0 to 255, and its parts, from 1, 0 for none.</summary>
    public ArrayView<byte> Depths, PartNumbers;

    /// <summary>At full size: rows X, Y and W of each part's movement [frame, part, 3, 4].</summary>
    public ArrayView<float> Moves;

    /// <summary>At every other level: <see cref="Places"/> of the one above, twice the size; else empty.</summary>
    public ArrayView<float> Finer;

    /// <summary>Receives where surfaces lie [frame, 2, row, column], no numbers where that is not known; empty where no level below
    /// wants it.</summary>
    public ArrayView<float> Places;

    /// <summary>The gradient of o, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Gradient;

    /// <summary>A factor of the gradient [1], in device memory, so that a captured graph is replayed with another.</summary>
    public ArrayView<float> Guide;

    /// <summary>Receives the blocks' shares of the distance, <see cref="SurfaceDistance.PartialsLength"/>, without factors: for one
    /// <see cref="LossSum"/> over all levels.</summary>
    public ArrayView<double> Partials;

    public int Frames, Size, Parts;

    /// <summary>Another factor of the gradient.</summary>
    public float Scale;

    /// <summary>1: the gradient is added to what is there; 0: it is written, o[2]'s zero too.</summary>
    public int Accumulates;
}

/// <summary>
/// How far from where the target's surface lies in the source a level's warp reads: mean over [frame, 2, row, column] of
/// known |tanh o + axis - place|, and the gradient of o. With (u, v) the middle of a pixel, -1 to 1 from edge to edge, d its depth and M
/// the move of its part,
/// <code>
///     full size:  (X, Y, W) = M (u, v, d, 1),   place = (X / W, Y / W),   known = a part, W > 0, and place finite
///     below:      place = mean of the four pixels above,   known where all four are
///
///     depths, parts, moves --> S: places, gradient --> S/2: places, gradient --> ... --> 8     a launch a level, in the gradients' order
/// </code>
/// A place that is not known is no number, and a mean with one in it is none either. A thread takes a pixel, then those a grid further on;
/// the grid goes by the shape alone, and shares are summed in double in a fixed order. Bound by bytes: 30 a pixel of full size.
/// </summary>
internal static class SurfaceDistance
{
    /// <summary>Numbers of a part's movement.</summary>
    public const int MoveLength = 12;

    private const int Warps = 8;

    /// <summary>Doubles of room for a level's shares.</summary>
    public static int PartialsLength(int frames, int size) => PictureDistance.PartialsLength(frames, size, size);

    public static KernelLaunch Prepare(KernelLoader loader, SurfaceDistanceArguments arguments)
    {
        int blocks = PartialsLength(arguments.Frames, arguments.Size);
        arguments.Partials = arguments.Partials.SubView(0, blocks);
        double read = arguments.Finer.Length != 0 ? 8 * sizeof(float) : 2, gradients = arguments.Accumulates != 0 ? 4 : 3;
        double floats = 2 + gradients + (arguments.Places.Length != 0 ? 2 : 0);
        return KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(blocks), new Index1D(32 * Warps)), arguments,
            bytes: (read + floats * sizeof(float)) * arguments.Frames * arguments.Size * arguments.Size);
    }

    public static void Run(SurfaceDistanceArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        int plane = a.Size * a.Size;
        double share = 1.0 / (2.0 * a.Frames * plane), sum = 0.0;
        float factor = (float)(a.Scale * share) * a.Guide[0];
        for (int index = Grid.IdxX * (32 * Warps) + Group.IdxX; index < a.Frames * plane; index += Grid.DimX * (32 * Warps))
        {
            int frame = index / plane;
            int pixel = index - frame * plane;
            int row = pixel / a.Size;
            int column = pixel - row * a.Size;
            float x = float.NaN, y = float.NaN;
            if (a.Finer.Length != 0)
            {
                int above = (frame * 4 * a.Size + 2 * row) * (2 * a.Size) + 2 * column;
                x = Mean(a.Finer, above, 2 * a.Size);
                y = Mean(a.Finer, above + 4 * plane, 2 * a.Size);
            }
            else
            {
                int part = a.PartNumbers[index];
                if (part > 0 && part <= a.Parts)
                {
                    ArrayView<float> move = a.Moves.SubView((frame * a.Parts + part - 1) * MoveLength, MoveLength);
                    float u = (2 * column + 1) / (float)a.Size - 1f, v = (2 * row + 1) / (float)a.Size - 1f, depth = a.Depths[index] / 255f;
                    float w = Dot(move, 8, u, v, depth);
                    if (w > 0f)
                    {
                        x = Dot(move, 0, u, v, depth) / w;
                        y = Dot(move, 4, u, v, depth) / w;
                    }
                    if (!(XMath.Abs(x) + XMath.Abs(y) < float.PositiveInfinity)) x = y = float.NaN;
                }
            }
            int planar = frame * 3 * plane + pixel;
            float gradientX = 0f, gradientY = 0f;
            if (!float.IsNaN(x))
            {
                float flowX = a.Flow[planar], flowY = a.Flow[planar + plane];
                float differenceX = Activation.Tanh(flowX) + a.Axis[column] - x, differenceY = Activation.Tanh(flowY) + a.Axis[row] - y;
                sum += XMath.Abs(differenceX) + XMath.Abs(differenceY);
                gradientX = factor * L1.Sign(differenceX) * Activation.TanhSlope(flowX);
                gradientY = factor * L1.Sign(differenceY) * Activation.TanhSlope(flowY);
            }
            if (a.Places.Length != 0)
            {
                int place = frame * 2 * plane + pixel;
                a.Places[place] = x;
                a.Places[place + plane] = y;
            }
            if (a.Accumulates != 0)
            {
                gradientX += a.Gradient[planar];
                gradientY += a.Gradient[planar + plane];
            }
            else
            {
                a.Gradient[planar + 2 * plane] = 0f;
            }
            a.Gradient[planar] = gradientX;
            a.Gradient[planar + plane] = gradientY;
        }
        sum = BlockSum.Of(sum, shared, Warps);
        if (Group.IdxX == 0) a.Partials[Grid.IdxX] = sum * share;
    }

    private static float Mean(ArrayView<float> places, int at, int width) =>
        0.25f * (places[at] + places[at + 1] + (places[at + width] + places[at + width + 1]));

    private static float Dot(ArrayView<float> move, int row, float u, float v, float depth) =>
        Intrinsics.Fma(move[row], u, Intrinsics.Fma(move[row + 1], v, Intrinsics.Fma(move[row + 2], depth, move[row + 3])));
}
