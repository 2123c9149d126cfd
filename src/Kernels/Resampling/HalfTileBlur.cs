using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>
/// <see cref="HalfBlur"/> of one half a value by tensor cores, for maps that fill the device: there instructions, not bytes, bound it, and
/// most of them turn halves into floats.
/// <code>
///     v[p, c] = sum over i, j of f[i, j] x[S p + (i, j) - pad, c]       f = outer([1,3,3,1], [1,3,3,1]) * gain: 1, 3 and 9 times a power
///                                                                       of two, exact as halves
///     across, a product:   V [16 x 8] += F [16 x 8 T] X [8 T x 8]       F[m, k] = f[i, k - S m], zero outside the picture
///       m: 16 output columns                                            (of phases, first the even columns and then the odd ones)
///       k: T tiles of 8 input columns                                   (of phases, two tiles of either; T = 3, 4 or, of stride 2, 5)
///       n: 4 octets x 2 channels
///     down: every input row goes into the up to four output rows that it reaches, with 1 or 3 times F
///
///     a warp: 16 columns x 8 output rows x 4 octets of channels; lane = 4 g + t loads pixel g of a tile, octet t: 16 bytes a lane
///
///                    t: octets                      movmatrix                k: pixels
///         g:       [ A B C D | A B C D | .. ]     ----------->      n:     [ 0 1 | 2 3 | 4 5 | 6 7 ]   octet 0, channel 2 r
///         pixels   [         |         |    ]     registers r =            [                       ]   octet 0, channel 2 r + 1
///                  [         |         |    ]     A, B, C, D               [                       ]   octet 1, channel 2 r ...
///
///     and of the four products' results lane 4 g + t has all eight channels of octet t of columns g and g + 8: 16 bytes again
/// </code>
/// Sums in float32. A number that is no number reaches all 16 columns, and no other channel.
/// Bound by bytes, as HalfBlur; 70 instructions a pixel and octet of 32 lanes in place of 210 (after an upsampling).
/// </summary>
internal static class HalfTileBlur
{
    private const int Taps = 4;
    private const int Rows = 8;
    private const int Columns = 16;
    private const int Octets = 4;
    private const int MostTiles = 5;
    private const int Threads = 128;

    // Warps that fill a device of some 130 multiprocessors.
    private const int EnoughWarps = 1024;

    /// <summary>Whether a blur is large enough to be made by this kernel.</summary>
    /// <param name="arguments">Complete, with the output's extents.</param>
    public static bool Fits(HalfBlurArguments arguments) => Warps(arguments) >= EnoughWarps;

    /// <summary>A blur of maps of any size.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="arguments">Complete, with the output's extents.</param>
    /// <param name="operations">Floating point operations of the blur.</param>
    /// <param name="bytes">Bytes moved at least.</param>
    public static KernelLaunch Prepare<TBlur>(KernelLoader loader, HalfBlurArguments arguments, double operations, double bytes)
        where TBlur : struct, IHalfBlur =>
        KernelLaunch.CreateOverlapping(
            loader, Run<TBlur>, KernelLaunch.Linear(Warps(arguments) * 32, Threads), arguments, operations, bytes);

    /// <summary>A warp takes a tile.</summary>
    [LaunchBounds(Threads, 4)]
    public static void Run<TBlur>(HalfBlurArguments a) where TBlur : struct, IHalfBlur
    {
        Overlap.Begin();
        int octets = a.Channels / Octet.Size, quads = (octets + Octets - 1) / Octets, strips = (a.OutputHeight + Rows - 1) / Rows,
            across = (a.OutputWidth + Columns - 1) / Columns;
        int lane = Group.IdxX & 31, g = lane >> 2, t = lane & 3;
        int warp = Grid.IdxX * (Threads / 32) + (Group.IdxX >> 5), rest = warp / across;
        int firstColumn = (warp - rest * across) * Columns, quad = rest / strips; // and frame
        int firstRow = (rest - quad * strips) * Rows, frame = quad / quads;
        if (frame < a.Frames)
        {
            int octet = (quad - frame * quads) * Octets + t;
            bool exists = octet < octets;
            octet = IntrinsicMath.Min(octet, octets - 1);
            int inputRow = firstRow * default(TBlur).Stride - default(TBlur).Padding,
                inputColumn = firstColumn * default(TBlur).Stride - default(TBlur).Padding;
            long map = Octet.Size * (long)(frame * octets + octet);
            ArrayView<Half> input =
                a.Input.SubView(map * HalfBlur.Area(a.InputHeight, a.InputWidth, default(TBlur).HasInputPhases));
            ArrayView<Half8> output = a.Output.SubView(
                map * HalfBlur.Area(a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases)).Cast<Half8>();

            // F of the outer taps and of the inner ones, rows g and g + 8; what lies outside is read from inside and weighs nothing.
            ArrayView<int> columns = LocalMemory.Allocate<int>(MostTiles);
            ArrayView<uint> outer = LocalMemory.Allocate<uint>(2 * MostTiles), inner = LocalMemory.Allocate<uint>(2 * MostTiles);
            for (int tile = 0; tile < Tiles<TBlur>(); tile++)
            {
                columns[tile] = HalfBlur.Column(IntrinsicMath.Clamp(inputColumn + Offset<TBlur>(tile, g), 0, a.InputWidth - 1),
                    a.InputHeight, a.InputWidth, default(TBlur).HasInputPhases);
                for (int half = 0; half < 2; half++)
                {
                    int from = default(TBlur).Stride * OutputOffset<TBlur>(g, half);
                    float even = Weight<TBlur>(a, inputColumn, Offset<TBlur>(tile, 2 * t), from),
                        odd = Weight<TBlur>(a, inputColumn, Offset<TBlur>(tile, 2 * t + 1), from);
                    outer[2 * tile + half] = new Half2(even, odd).RawValue;
                    inner[2 * tile + half] = new Half2(3f * even, 3f * odd).RawValue;
                }
            }
            BlurEpilogue epilogue = default(TBlur).Activates ? BlurEpilogue.Of(a, frame, octet) : default;
            int column0 = firstColumn + OutputOffset<TBlur>(g, 0), column1 = firstColumn + OutputOffset<TBlur>(g, 1);
            bool stores0 = exists & column0 < a.OutputWidth, stores1 = exists & column1 < a.OutputWidth;
            column0 = HalfBlur.Column(column0, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases);
            column1 = HalfBlur.Column(column1, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases);

            ArrayView<uint> x = LocalMemory.Allocate<uint>(4 * MostTiles);
            ArrayView<float> sums = LocalMemory.Allocate<float>(16 * Taps); // of four output rows, four a product
            for (int i = 0; i < (Rows - 1) * default(TBlur).Stride + Taps; i++)
            {
                int line = HalfBlur.Row(IntrinsicMath.Clamp(inputRow + i, 0, a.InputHeight - 1), a.InputHeight, a.InputWidth,
                    default(TBlur).HasInputPhases);
                uint keep = HalfBlur.IsInside(inputRow + i, a.InputHeight) ? 0xffffffff : 0u;
                for (int tile = 0; tile < Tiles<TBlur>(); tile++)
                {
                    Half8 pixel = Octet.LoadPacked(input, line + columns[tile]);
                    x[4 * tile] = Intrinsics.TransposeMatrix(pixel.A.RawValue & keep);
                    x[4 * tile + 1] = Intrinsics.TransposeMatrix(pixel.B.RawValue & keep);
                    x[4 * tile + 2] = Intrinsics.TransposeMatrix(pixel.C.RawValue & keep);
                    x[4 * tile + 3] = Intrinsics.TransposeMatrix(pixel.D.RawValue & keep);
                }
                for (int tap = Taps - 1; tap >= 0; tap--)
                {
                    int row = (i - tap) / default(TBlur).Stride, to = row % Taps * 16;
                    if (i < tap || (i - tap) % default(TBlur).Stride != 0 || row >= Rows) continue;
                    if (tap == 0)
                    {
                        for (int k = 0; k < 16; k++) sums[to + k] = 0f;
                    }
                    Multiply<TBlur>(sums, to, tap is 0 or Taps - 1 ? outer : inner, x);
                    if (tap == Taps - 1)
                    {
                        Octet first = Result(sums, to), second = Result(sums, to + 2);
                        if (default(TBlur).Activates) (first, second) = (epilogue.Apply(first), epilogue.Apply(second));
                        Half8 packed0 = Octet.Pack(first), packed1 = Octet.Pack(second);
                        int at = HalfBlur.Row(firstRow + row, a.OutputHeight, a.OutputWidth, default(TBlur).HasOutputPhases);
                        bool isRow = firstRow + row < a.OutputHeight;
                        if (isRow & stores0) output[at + column0] = packed0;
                        if (isRow & stores1) output[at + column1] = packed1;
                    }
                }
            }
        }
    }

    private static long Warps(HalfBlurArguments a) => (long)a.Frames * ((a.Channels / Octet.Size + Octets - 1) / Octets)
        * ((a.OutputHeight + Rows - 1) / Rows) * ((a.OutputWidth + Columns - 1) / Columns);

    // T.
    private static int Tiles<TBlur>() where TBlur : struct, IHalfBlur =>
        default(TBlur).HasInputPhases ? 4 : default(TBlur).Stride == 1 ? 3 : MostTiles;

    // How far right of the first input column a tile's pixel lies.
    private static int Offset<TBlur>(int tile, int pixel) where TBlur : struct, IHalfBlur =>
        default(TBlur).HasInputPhases ? 2 * (8 * (tile & 1) + pixel) + (tile >> 1) : 8 * tile + pixel;

    // How far right of the first output column row g or g + 8 of a product lies.
    private static int OutputOffset<TBlur>(int g, int half) where TBlur : struct, IHalfBlur =>
        default(TBlur).HasOutputPhases ? 2 * g + half : g + 8 * half;

    private static float Weight<TBlur>(HalfBlurArguments a, int inputColumn, int offset, int from) where TBlur : struct, IHalfBlur
    {
        int tap = offset - from;
        float weight = HalfBlur.IsInside(tap, Taps) ? HalfBlur.IsInside(tap - 1, Taps - 2) ? 3f : 1f : 0f;
        return HalfBlur.IsInside(inputColumn + offset, a.InputWidth) ? weight * default(TBlur).Gain : 0f;
    }

    private static void Multiply<TBlur>(ArrayView<float> sums, int to, ArrayView<uint> f, ArrayView<uint> x) where TBlur : struct, IHalfBlur
    {
        for (int r = 0; r < 4; r++)
        {
            int d = to + 4 * r;
            for (int tile = 0; tile < Tiles<TBlur>(); tile++)
            {
                if (Intrinsics.TargetSm >= 80 && tile % 2 == 0 && tile + 1 < Tiles<TBlur>())
                {
                    Intrinsics.MmaSyncF16(ref sums[d], ref sums[d + 1], ref sums[d + 2], ref sums[d + 3], f[2 * tile], f[2 * tile + 1],
                        f[2 * tile + 2], f[2 * tile + 3], x[4 * tile + r], x[4 * tile + 4 + r]);
                }
                else if (Intrinsics.TargetSm < 80 || tile % 2 == 0)
                {
                    Intrinsics.MmaSyncF16K8(ref sums[d], ref sums[d + 1], ref sums[d + 2], ref sums[d + 3], f[2 * tile], f[2 * tile + 1],
                        x[4 * tile + r]);
                }
            }
        }
    }

    // A column's eight channels, of four products.
    private static Octet Result(ArrayView<float> sums, int at) => new(
        new(sums[at], sums[at + 1], sums[at + 4], sums[at + 5]), new(sums[at + 8], sums[at + 9], sums[at + 12], sums[at + 13]));
}
