using Lia.Gpu.Runtime;

namespace Lia.Kernels.Warping;

/// <summary>
/// What the gradient of the end of a decoder level is passed: o's and maps' names as in <see cref="FlowWarpArguments"/>. Empty gradients
/// that come in are zero, empty results are left out.
/// </summary>
internal struct FlowWarpGradientArguments
{
    /// <summary>x [frame, row, column, channel].</summary>
    public ArrayView<float> Input;

    /// <summary>The source's feature [frame, row, column, channel], frames <see cref="FeatureStride"/> apart.</summary>
    public ArrayView<float> Feature;

    /// <summary>s [frame, channel], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Style;

    /// <summary>Wf [3, channel] and Wr [3, channel], their scales multiplied in; br [3].</summary>
    public ArrayView<float> FlowWeights, RgbWeights, RgbBias;

    /// <summary>linspace(-1, 1, size) as float32, along the width and along the height.</summary>
    public ArrayView<float> GridX, GridY;

    /// <summary>o as the forward pass stored it, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Flow;

    /// <summary>Gradient of blended [frame, row, column, channel]; empty at the last level.</summary>
    public ArrayView<float> BlendedGradient;

    /// <summary>Gradient of warped, the same shape; usually empty.</summary>
    public ArrayView<float> WarpedGradient;

    /// <summary>Gradient of the running RGB sum, planar [frame, 3, row, column]; empty for zeros.</summary>
    public ArrayView<float> RgbGradient;

    /// <summary>Gradient of o that comes from the level above, planar; empty at the last level.</summary>
    public ArrayView<float> UpperFlowGradient;

    /// <summary>
    /// Receives the whole gradient of o, planar; needed in any case, and may be <see cref="UpperFlowGradient"/>'s own view. What goes on to
    /// the level below is <see cref="Resampling.UpsampleGradient"/> of it, and of <see cref="RgbGradient"/>.
    /// </summary>
    public ArrayView<float> FlowGradient;

    /// <summary>Receives the gradient of ToRGB's sums before their activation, planar; needed in any case.</summary>
    public ArrayView<float> RgbSumGradient;

    /// <summary>Receives dx [frame, row, column, channel]; may be <see cref="BlendedGradient"/>'s own view.</summary>
    public ArrayView<float> InputGradient;

    /// <summary>Receives the feature's gradient [frame, row, column, channel], frames one after the other.</summary>
    public ArrayView<float> FeatureGradient;

    /// <summary>ds [frame, channel], rows <see cref="StyleGradientStride"/> apart: added to what is there.</summary>
    public ArrayView<float> StyleGradient;

    /// <summary>Receive the parameters' gradients: those of Wf and Wr [3, channel] times their scales.</summary>
    public ArrayView<float> FlowWeightGradient, RgbWeightGradient;

    /// <summary>Receive the parameters' gradients [3]: ToFlow's bias, ToRGB's before its activation and the one behind it.</summary>
    public ArrayView<float> FlowBiasGradient, RgbBiasGradient, RgbOffsetGradient;

    /// <summary>Workspace of <see cref="FlowWarpGradient.PartialsLength"/> floats.</summary>
    public ArrayView<float> Partials;

    /// <summary>
    /// Workspace of <see cref="FlowWarpGradient.ScatterLength"/> longs; not needed where <see cref="FeatureGradient"/> is empty.
    /// </summary>
    public ArrayView<long> Scatter;

    public int Frames, Height, Width, Channels, StyleStride, FeatureStride, StyleGradientStride;

    /// <summary>By which the parameters were multiplied to <see cref="FlowWeights"/> and <see cref="RgbWeights"/>.</summary>
    public float FlowScale, RgbScale;

    /// <summary>1: dx is added to what is there.</summary>
    public int AccumulatesInput;

    /// <summary>1: the feature's gradient is added to what is there.</summary>
    public int AccumulatesFeature;

    /// <summary>1: the parameters' gradients are added to what is there.</summary>
    public int AccumulatesParameters;

    /// <summary>Lanes that share a pixel, and pixels of a block, where a pixel's gradients are made.</summary>
    internal int Lanes, PixelsPerBlock;

    /// <summary>How pixels are cut where maps' gradients are made.</summary>
    internal PixelStrips Strips;

    /// <summary>Frames that are scattered at a time; 0 for as many as stay in the cache.</summary>
    internal int ScatteredFrames;

    /// <summary>The first of them.</summary>
    internal int FirstFrame;
}

/// <summary>
/// Backward through <see cref="FlowWarp"/>. With S = grid_sample(feature, flow), so that warped = m S, and r the sums of ToRGB:
/// <code>
///     dr[j]  = drgb[j] act'(r[j])                        dwarped = dblended + sum over j of Wr[j] dr[j]
///     do[0]  = m tanh'(o[0]) W / 2  sum over c of dwarped dS/dx          + what comes from above; do[1] alike
///     do[2]  = m (1 - m)  sum over c of (dwarped S - dblended x)
///     dx     = dblended (1 - m) + s sum over j of Wf[j] do[j]
///     dfeature[corner] += weight of the corner * m dwarped               a scatter
///     P[j]   = sum over p of x do[j]      ds = sum over j of Wf[j] P[j]      dWf[j] = sum over f of s P[j]
///     dWr[j] = sum over p of warped dr[j]        dbf, dbr, db: sums of do, dr, drgb
///
///     1  <see cref="ToFlow"/>      pixel by pixel: dr, do, and the largest |m dwarped| of each frame
///        a block: up to 256 pixels. A thread a pixel: corners and mask -> shared; then 4 to 32 lanes a pixel, each with every (lanes)th
///        quad of channels, and butterflies among them; then a thread a pixel again: do
///     2  <see cref="ToMaps"/>      channel by channel, blocks as <see cref="PixelStrips"/> draws them:
///        dx, the scatter, and P and dWr of a part
///     3  <see cref="Collect"/>     the scatter's sums -> dfeature
///     4  <see cref="SumPlanes"/>, <see cref="OrderedSum"/>, <see cref="Finish"/>      sums over planes, parts and frames
/// </code>
/// The scatter is deterministic, because it adds integers: values times 2^k, with the largest k at which even all pixels of a frame on one
/// point do not overflow 63 bits (at 256 x 256 46 bits for the largest value of a frame), k from the largest value found in 1. A slot walks
/// along neighboring pixels and keeps what goes to the right corners: where they are the next pixel's left ones, one atomic addition does
/// for both. The sums of a few frames at a time are under way, 32 MB that stay in the cache.
/// Bound by bytes and atomics: x and dblended twice, the feature twice, dx and dfeature once (some 150 MB a frame for 64 channels at 256),
/// and two to four 8-byte additions an element.
/// </summary>
internal static class FlowWarpGradient
{
    private const int Threads = PixelStrips.Threads;
    private const int Warps = Threads / 32;
    private const int Biases = 9; // flow, RGB before and behind the activation, three each
    private const long ScatteredLongs = 4 << 20;

    // Floats of a pixel in shared memory where its gradients are made, one array each.
    private const int Weight00 = 0, Weight01 = Threads, Weight10 = 2 * Threads, Weight11 = 3 * Threads, Mask = 4 * Threads;
    private const int Rgb0 = 5 * Threads, Rgb1 = 6 * Threads, Rgb2 = 7 * Threads; // drgb or dr
    private const int Corner = 8 * Threads, Across0 = 9 * Threads, Across1 = 10 * Threads, Down0 = 11 * Threads, Blend = 12 * Threads;
    private const int Sum0 = 13 * Threads, Sum1 = 14 * Threads, Sum2 = 15 * Threads; // dr
    private const int PixelFloats = 16 * Threads;

    // The same where maps' gradients are made.
    private const int Flow0 = 8 * Threads, Flow1 = 9 * Threads, Flow2 = 10 * Threads;
    private const int MapFloats = 11 * Threads;

    // Pixel indices of the corners.
    private const int Pixel00 = 0, Pixel01 = Threads, Pixel10 = 2 * Threads, Pixel11 = 3 * Threads;
    private const int PixelInts = 4 * Threads;

    /// <summary>Floats of <see cref="FlowWarpGradientArguments.Partials"/>.</summary>
    public static long PartialsLength(int frames, int height, int width, int channels) =>
        (long)frames * (6L * channels * (PixelStrips.Of(height * width, channels).Parts + 1) + Biases);

    /// <summary>Longs of <see cref="FlowWarpGradientArguments.Scatter"/>.</summary>
    public static long ScatterLength(int frames, int height, int width, int channels) =>
        frames + ScatteredAtOnce(frames, height, width, channels) * Cells(height, width, channels);

    /// <returns>The launches in order.</returns>
    /// <exception cref="ArgumentException">Frames share a feature: the scatter has a scale for each frame.</exception>
    public static KernelLaunch[] Prepare(KernelLoader loader, FlowWarpGradientArguments arguments)
    {
        if (arguments.FeatureStride == 0 && arguments.Frames > 1)
            throw new ArgumentException("Every frame has a feature of its own.", nameof(arguments));
        bool isVector = ((arguments.Channels | arguments.StyleStride | arguments.FeatureStride) & 3) == 0;
        bool hasFeature = arguments.FeatureGradient.Length != 0;
        int plane = arguments.Height * arguments.Width, quads = (arguments.Channels + 3) / 4;
        double pixels = (double)arguments.Frames * plane, elements = pixels * arguments.Channels;
        int given = 2 + (arguments.BlendedGradient.Length != 0 ? 1 : 0) + (arguments.WarpedGradient.Length != 0 ? 1 : 0);
        if (hasFeature)
        {
            // A workspace that serves larger levels too is not zeroed as a whole.
            arguments.Scatter = arguments.Scatter.SubView(
                0, ScatterLength(arguments.Frames, arguments.Height, arguments.Width, arguments.Channels));
        }
        arguments.Strips = PixelStrips.Of(plane, arguments.Channels);
        if (arguments.ScatteredFrames == 0)
            arguments.ScatteredFrames = ScatteredAtOnce(arguments.Frames, arguments.Height, arguments.Width, arguments.Channels);
        arguments.Lanes = FlowWarp.LanesOf(arguments.Channels);
        // Small pictures in small blocks, or few of them would be under way.
        arguments.PixelsPerBlock = Threads / arguments.Lanes;
        while (arguments.PixelsPerBlock < Threads && pixels / arguments.PixelsPerBlock > 2048) arguments.PixelsPerBlock *= 2;
        List<KernelLaunch> launches = [];
        if (hasFeature) launches.Add(KernelLaunch.Create(loader, Clear, KernelLaunch.Linear(arguments.Scatter.Length), arguments,
            bytes: sizeof(long) * (double)arguments.Scatter.Length));
        Index3D blocks = new((plane + arguments.PixelsPerBlock - 1) / arguments.PixelsPerBlock, 1, arguments.Frames);
        Action<FlowWarpGradientArguments> toFlow = isVector ? ToFlow<VectorAccess> : ToFlow<ScalarAccess>,
            toMaps = isVector ? ToMaps<VectorAccess> : ToMaps<ScalarAccess>,
            collect = isVector ? Collect<VectorAccess> : Collect<ScalarAccess>;
        launches.Add(KernelLaunch.Create(loader, toFlow, new KernelConfig(blocks, new Index3D(Threads, 1, 1)), arguments,
            54 * elements, sizeof(float) * (given * elements + 15 * pixels)));
        for (; arguments.FirstFrame < arguments.Frames; arguments.FirstFrame += arguments.ScatteredFrames)
        {
            int frames = Math.Min(arguments.ScatteredFrames, arguments.Frames - arguments.FirstFrame);
            double some = elements * frames / arguments.Frames;
            launches.Add(KernelLaunch.Create(loader, toMaps, arguments.Strips.Config(frames, arguments.Channels), arguments,
                60 * some, sizeof(float) * some * (given + 1 + arguments.AccumulatesInput)));
            if (hasFeature) launches.Add(KernelLaunch.Create(loader, collect, KernelLaunch.Linear((long)frames * plane * quads), arguments,
                some, sizeof(float) * some * (1 + arguments.AccumulatesFeature)));
        }
        KernelConfig planes = new(new Index3D(Biases, arguments.Frames, 1), new Index3D(Threads, 1, 1));
        launches.Add(KernelLaunch.Create(loader, SumPlanes, planes, arguments, Biases * pixels, sizeof(float) * Biases * pixels));
        launches.Add(OrderedSum.Prepare(loader, new()
        {
            Partials = arguments.Partials,
            Output = arguments.Partials.SubView(SumsOffset(arguments)),
            Rows = arguments.Frames,
            Parts = arguments.Strips.Parts,
            Columns = 6 * arguments.Channels,
            OutputStride = 6 * arguments.Channels,
            Factor = 1f,
        }));
        launches.Add(KernelLaunch.Create(
            loader, Finish, KernelLaunch.Linear((arguments.Frames + 6) * arguments.Channels + Biases, 64), arguments));
        return [.. launches];
    }

    /// <summary>Zeroes the scatter's sums and largest values.</summary>
    public static void Clear(FlowWarpGradientArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        if (index < a.Scatter.IntLength) a.Scatter[index] = 0L;
    }

    /// <summary>The gradients of a pixel: dr and do, and the largest value that will be scattered.</summary>
    [LaunchBounds(Threads, 2)]
    public static void ToFlow<TAccess>(FlowWarpGradientArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(PixelFloats);
        ArrayView<int> corners = SharedMemory.Allocate<int>(PixelInts);
        int thread = Group.IdxX, frame = Grid.IdxZ, plane = a.Height * a.Width, first = Grid.IdxX * a.PixelsPerBlock;
        int planar = frame * 3 * plane + first + thread;
        bool isPixel = thread < a.PixelsPerBlock && first + thread < plane;

        // A thread a pixel: where it is warped from.
        BilinearAxis x = default, y = default;
        float flow0 = 0f, flow1 = 0f, flow2 = 0f, mask = 0f;
        if (isPixel)
        {
            flow0 = a.Flow[planar];
            flow1 = a.Flow[planar + plane];
            flow2 = a.Flow[planar + 2 * plane];
            int row = (first + thread) / a.Width;
            int column = first + thread - row * a.Width;
            x = BilinearAxis.Of(Activation.Tanh(flow0) + a.GridX[column], a.Width);
            y = BilinearAxis.Of(Activation.Tanh(flow1) + a.GridY[row], a.Height);
            mask = Activation.Sigmoid(flow2);
            ShareCorners(shared, corners, x, y, mask, a.Width, thread);
            bool hasRgb = a.RgbGradient.Length != 0;
            shared[Rgb0 + thread] = hasRgb ? a.RgbGradient[planar] : 0f;
            shared[Rgb1 + thread] = hasRgb ? a.RgbGradient[planar + plane] : 0f;
            shared[Rgb2 + thread] = hasRgb ? a.RgbGradient[planar + 2 * plane] : 0f;
        }
        Group.Barrier();

        // The lanes of a pixel: its sums over the channels.
        int slot = thread / a.Lanes, lane = thread - slot * a.Lanes, slots = Threads / a.Lanes;
        ArrayView<float> feature = a.Feature.SubView(frame * a.FeatureStride);
        int largest = 0; // as the bits of a float, which order as floats do, and a NaN above all
        for (int pixel = slot; pixel < a.PixelsPerBlock; pixel += slots)
        {
            bool exists = first + pixel < plane; // All take part in the shuffles.
            int row = (frame * plane + first + pixel) * a.Channels;
            float rgb0 = 0f, rgb1 = 0f, rgb2 = 0f;
            if (exists)
            {
                Bilinear bilinear = Corners(shared, corners, pixel);
                for (int channel = lane * 4; channel < a.Channels; channel += a.Lanes * 4)
                {
                    Float4 warped = Quad.Scale(Bilinear.Sample<TAccess>(bilinear, feature, channel, a.Channels), shared[Mask + pixel]);
                    rgb0 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, 0, channel, a.Channels), rgb0);
                    rgb1 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, a.Channels, channel, a.Channels), rgb1);
                    rgb2 = Quad.Dot(warped, Quad.Load<TAccess>(a.RgbWeights, 2 * a.Channels, channel, a.Channels), rgb2);
                }
            }
            rgb0 = WarpSum.Of(rgb0, a.Lanes);
            rgb1 = WarpSum.Of(rgb1, a.Lanes);
            rgb2 = WarpSum.Of(rgb2, a.Lanes);
            float corner = 0f, across0 = 0f, across1 = 0f, down0 = 0f, blend = 0f;
            if (exists)
            {
                rgb0 = shared[Rgb0 + pixel] * Slope(rgb0 + a.RgbBias[0]);
                rgb1 = shared[Rgb1 + pixel] * Slope(rgb1 + a.RgbBias[1]);
                rgb2 = shared[Rgb2 + pixel] * Slope(rgb2 + a.RgbBias[2]);
                int top = 0;
                for (int channel = lane * 4; channel < a.Channels; channel += a.Lanes * 4)
                {
                    Float4 blended = Load<TAccess>(a.BlendedGradient, row, channel, a.Channels);
                    Float4 g = Warped<TAccess>(a, blended, row, channel, rgb0, rgb1, rgb2);
                    // Differences of neighbors first: a feature is smooth, and they are what the flow's gradient is made of.
                    Float4 v00 = Quad.Load<TAccess>(feature, corners[Pixel00 + pixel] * a.Channels, channel, a.Channels);
                    Float4 v01 = Quad.Load<TAccess>(feature, corners[Pixel01 + pixel] * a.Channels, channel, a.Channels);
                    Float4 v10 = Quad.Load<TAccess>(feature, corners[Pixel10 + pixel] * a.Channels, channel, a.Channels);
                    Float4 v11 = Quad.Load<TAccess>(feature, corners[Pixel11 + pixel] * a.Channels, channel, a.Channels);
                    corner = Quad.Dot(g, v00, corner);
                    across0 = Quad.Dot(g, Subtract(v01, v00), across0);
                    across1 = Quad.Dot(g, Subtract(v11, v10), across1);
                    down0 = Quad.Dot(g, Subtract(v10, v00), down0);
                    blend = Quad.Dot(blended, Quad.Load<TAccess>(a.Input, row, channel, a.Channels), blend);
                    top = IntrinsicMath.Max(IntrinsicMath.Max(IntrinsicMath.Max(Magnitude(g.X), Magnitude(g.Y)),
                        IntrinsicMath.Max(Magnitude(g.Z), Magnitude(g.W))), top);
                }
                largest = IntrinsicMath.Max(largest, Magnitude(Interop.IntAsFloat((uint)top) * shared[Mask + pixel]));
            }
            corner = WarpSum.Of(corner, a.Lanes);
            across0 = WarpSum.Of(across0, a.Lanes);
            across1 = WarpSum.Of(across1, a.Lanes);
            down0 = WarpSum.Of(down0, a.Lanes);
            blend = WarpSum.Of(blend, a.Lanes);
            if (exists && lane == 0)
            {
                shared[Sum0 + pixel] = rgb0;
                shared[Sum1 + pixel] = rgb1;
                shared[Sum2 + pixel] = rgb2;
                shared[Corner + pixel] = corner;
                shared[Across0 + pixel] = across0;
                shared[Across1 + pixel] = across1;
                shared[Down0 + pixel] = down0;
                shared[Blend + pixel] = blend;
            }
        }
        Group.Barrier();

        // A thread a pixel again.
        if (isPixel)
        {
            float q00 = shared[Corner + thread], top = shared[Across0 + thread], bottom = shared[Across1 + thread];
            float left = shared[Down0 + thread], right = left + bottom - top;
            float q01 = q00 + top, q10 = q00 + left, q11 = q10 + bottom;
            float sample = y.Weight0 * (x.Weight0 * q00 + x.Weight1 * q01) + y.Weight1 * (x.Weight0 * q10 + x.Weight1 * q11);
            float dx = y.Weight0 * Difference(x, top, q00, q01) + y.Weight1 * Difference(x, bottom, q10, q11);
            float dy = x.Weight0 * Difference(y, left, q00, q10) + x.Weight1 * Difference(y, right, q01, q11);
            dx *= Activation.TanhSlope(flow0) * (0.5f * a.Width) * mask;
            dy *= Activation.TanhSlope(flow1) * (0.5f * a.Height) * mask;
            float dm = (sample - shared[Blend + thread]) * Activation.SigmoidSlope(flow2);
            if (a.UpperFlowGradient.Length != 0)
            {
                dx += a.UpperFlowGradient[planar];
                dy += a.UpperFlowGradient[planar + plane];
                dm += a.UpperFlowGradient[planar + 2 * plane];
            }
            a.FlowGradient[planar] = dx;
            a.FlowGradient[planar + plane] = dy;
            a.FlowGradient[planar + 2 * plane] = dm;
            a.RgbSumGradient[planar] = shared[Sum0 + thread];
            a.RgbSumGradient[planar + plane] = shared[Sum1 + thread];
            a.RgbSumGradient[planar + 2 * plane] = shared[Sum2 + thread];
        }
        if (a.FeatureGradient.Length != 0)
        {
            for (int mask32 = 16; mask32 > 0; mask32 >>= 1) largest = IntrinsicMath.Max(largest, Warp.ShuffleXor(largest, mask32));
            Group.Barrier();
            if ((thread & 31) == 0) corners[thread >> 5] = largest;
            Group.Barrier();
            if (thread == 0)
            {
                for (int warp = 1; warp < Warps; warp++) largest = IntrinsicMath.Max(largest, corners[warp]);
                Atomic.Max(ref a.Scatter[frame], (long)largest);
            }
        }
    }

    /// <summary>The gradients of maps: dx, what is scattered, and the sums over the pixels of a part.</summary>
    [LaunchBounds(Threads, 2)]
    public static void ToMaps<TAccess>(FlowWarpGradientArguments a) where TAccess : struct, IChannelAccess
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(MapFloats);
        ArrayView<int> corners = SharedMemory.Allocate<int>(PixelInts);
        ArrayView<float> sums = SharedMemory.Allocate<float>(SlotSum.SharedLength);
        int thread = Group.IdxX, plane = a.Height * a.Width, frame = a.FirstFrame + Grid.IdxZ, part = Grid.IdxX;
        int slot = thread / a.Strips.Lanes, slots = Threads / a.Strips.Lanes;
        int quad = Grid.IdxY * a.Strips.Lanes + thread - slot * a.Strips.Lanes, channel = quad * 4, quads = (a.Channels + 3) / 4;
        int end = IntrinsicMath.Min((part + 1) * a.Strips.PixelsPerPart, plane);
        bool exists = channel < a.Channels, scatters = a.FeatureGradient.Length != 0;
        ArrayView<float> feature = a.Feature.SubView(frame * a.FeatureStride);
        ArrayView<long> cells = a.Scatter;
        int bits = 0;
        if (scatters)
        {
            bits = (int)a.Scatter[frame];
            cells = a.Scatter.SubView(a.Frames + Grid.IdxZ * (long)plane * 4 * quads);
        }
        int shift = Shift(bits, plane);
        float scale0 = PowerOfTwo(shift / 2), scale1 = PowerOfTwo(shift - shift / 2);

        Float4 zero = new(0f, 0f, 0f, 0f);
        Float4 weight0 = zero, weight1 = zero, weight2 = zero; // s Wf
        if (exists)
        {
            Float4 style = Quad.Load<TAccess>(a.Style, frame * a.StyleStride, channel, a.Channels);
            weight0 = Quad.Multiply(style, Quad.Load<TAccess>(a.FlowWeights, 0, channel, a.Channels));
            weight1 = Quad.Multiply(style, Quad.Load<TAccess>(a.FlowWeights, a.Channels, channel, a.Channels));
            weight2 = Quad.Multiply(style, Quad.Load<TAccess>(a.FlowWeights, 2 * a.Channels, channel, a.Channels));
        }
        Float4 flow0 = zero, flow1 = zero, flow2 = zero, rgb0 = zero, rgb1 = zero, rgb2 = zero;
        for (int first = part * a.Strips.PixelsPerPart; first < end; first += Threads)
        {
            // A thread a pixel: where it is warped from.
            int pixels = IntrinsicMath.Min(Threads, end - first);
            Group.Barrier();
            if (thread < pixels)
            {
                int planar = frame * 3 * plane + first + thread, row = (first + thread) / a.Width;
                int column = first + thread - row * a.Width;
                ShareCorners(shared, corners,
                    BilinearAxis.Of(Activation.Tanh(a.Flow[planar]) + a.GridX[column], a.Width),
                    BilinearAxis.Of(Activation.Tanh(a.Flow[planar + plane]) + a.GridY[row], a.Height),
                    Activation.Sigmoid(a.Flow[planar + 2 * plane]), a.Width, thread);
                shared[Rgb0 + thread] = a.RgbSumGradient[planar];
                shared[Rgb1 + thread] = a.RgbSumGradient[planar + plane];
                shared[Rgb2 + thread] = a.RgbSumGradient[planar + 2 * plane];
                shared[Flow0 + thread] = a.FlowGradient[planar];
                shared[Flow1 + thread] = a.FlowGradient[planar + plane];
                shared[Flow2 + thread] = a.FlowGradient[planar + 2 * plane];
            }
            Group.Barrier();

            // A slot takes neighboring pixels; what goes to the right corners waits for the next one.
            if (exists)
            {
                int perSlot = (pixels + slots - 1) / slots;
                int last = IntrinsicMath.Min((slot + 1) * perSlot, pixels), waiting0 = -1, waiting1 = -1;
                Long4 right0 = default, right1 = default;
                for (int pixel = slot * perSlot; pixel < last; pixel++)
                {
                    int row = (frame * plane + first + pixel) * a.Channels;
                    float mask = shared[Mask + pixel];
                    float r0 = shared[Rgb0 + pixel], r1 = shared[Rgb1 + pixel], r2 = shared[Rgb2 + pixel];
                    float f0 = shared[Flow0 + pixel], f1 = shared[Flow1 + pixel], f2 = shared[Flow2 + pixel];
                    Bilinear bilinear = Corners(shared, corners, pixel);
                    Float4 x = Quad.Load<TAccess>(a.Input, row, channel, a.Channels);
                    Float4 blended = Load<TAccess>(a.BlendedGradient, row, channel, a.Channels);
                    Float4 warped = Quad.Scale(Bilinear.Sample<TAccess>(bilinear, feature, channel, a.Channels), mask);
                    Float4 g = Warped<TAccess>(a, blended, row, channel, r0, r1, r2);
                    flow0 = Quad.Fma(x, f0, flow0);
                    flow1 = Quad.Fma(x, f1, flow1);
                    flow2 = Quad.Fma(x, f2, flow2);
                    rgb0 = Quad.Fma(warped, r0, rgb0);
                    rgb1 = Quad.Fma(warped, r1, rgb1);
                    rgb2 = Quad.Fma(warped, r2, rgb2);
                    if (a.InputGradient.Length != 0)
                    {
                        Float4 sum = Quad.Fma(weight2, f2, Quad.Fma(weight1, f1, Quad.Scale(weight0, f0)));
                        sum = Quad.Fma(blended, 1f - mask, sum);
                        if (a.AccumulatesInput != 0)
                            sum = Quad.Add(sum, Quad.Load<TAccess>(a.InputGradient, row, channel, a.Channels));
                        Quad.Store<TAccess>(a.InputGradient, row, channel, a.Channels, sum);
                    }
                    if (scatters)
                    {
                        g = Quad.Scale(Quad.Scale(g, mask * scale0), scale1);
                        Long4 left0 = Long4.Of(g, bilinear.Weight00), left1 = Long4.Of(g, bilinear.Weight10);
                        if (bilinear.Pixel00 == waiting0 && bilinear.Pixel10 == waiting1)
                        {
                            left0 = Long4.Add(left0, right0);
                            left1 = Long4.Add(left1, right1);
                        }
                        else if (waiting0 >= 0)
                        {
                            Scatter(cells, waiting0, quads, quad, right0);
                            Scatter(cells, waiting1, quads, quad, right1);
                        }
                        Scatter(cells, bilinear.Pixel00, quads, quad, left0);
                        Scatter(cells, bilinear.Pixel10, quads, quad, left1);
                        waiting0 = bilinear.Pixel01;
                        waiting1 = bilinear.Pixel11;
                        right0 = Long4.Of(g, bilinear.Weight01);
                        right1 = Long4.Of(g, bilinear.Weight11);
                    }
                }
                if (waiting0 >= 0)
                {
                    Scatter(cells, waiting0, quads, quad, right0);
                    Scatter(cells, waiting1, quads, quad, right1);
                }
            }
        }
        int to = (frame * a.Strips.Parts + part) * 6 * a.Channels;
        bool stores = slot == 0 && exists;
        flow0 = SlotSum.Of(sums, flow0, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to, channel, a.Channels, flow0);
        flow1 = SlotSum.Of(sums, flow1, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to + a.Channels, channel, a.Channels, flow1);
        flow2 = SlotSum.Of(sums, flow2, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to + 2 * a.Channels, channel, a.Channels, flow2);
        rgb0 = SlotSum.Of(sums, rgb0, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to + 3 * a.Channels, channel, a.Channels, rgb0);
        rgb1 = SlotSum.Of(sums, rgb1, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to + 4 * a.Channels, channel, a.Channels, rgb1);
        rgb2 = SlotSum.Of(sums, rgb2, a.Strips.Lanes);
        if (stores) Quad.Store<TAccess>(a.Partials, to + 5 * a.Channels, channel, a.Channels, rgb2);
    }

    /// <summary>The feature's gradient from what was scattered, which is zeroed for the frames to come. A thread takes a quad.</summary>
    public static void Collect<TAccess>(FlowWarpGradientArguments a) where TAccess : struct, IChannelAccess
    {
        int plane = a.Height * a.Width, quads = (a.Channels + 3) / 4, index = Grid.IdxX * Group.DimX + Group.IdxX;
        int pixel = index / quads;
        int quad = index - pixel * quads, scattered = pixel / plane;
        int frame = a.FirstFrame + scattered;
        if (scattered < a.ScatteredFrames && frame < a.Frames)
        {
            int bits = (int)a.Scatter[frame], shift = -Shift(bits, plane), channel = quad * 4;
            float scale0 = PowerOfTwo(shift / 2), scale1 = PowerOfTwo(shift - shift / 2);
            ArrayView<long> cells = a.Scatter.SubView(a.Frames + (long)pixel * 4 * quads + quad);
            Float4 sum = Quad.Scale(Quad.Scale(new(cells[0], cells[quads], cells[2 * quads], cells[3 * quads]), scale0), scale1);
            for (int i = 0; i < 4; i++) cells[i * quads] = 0L;
            // No number has no place among integers.
            if (bits >= 0x7f800000)
            {
                float none = Interop.IntAsFloat(0x7fc00000u);
                sum = new(none, none, none, none);
            }
            int row = (a.FirstFrame * plane + pixel) * a.Channels;
            if (a.AccumulatesFeature != 0) sum = Quad.Add(sum, Quad.Load<TAccess>(a.FeatureGradient, row, channel, a.Channels));
            Quad.Store<TAccess>(a.FeatureGradient, row, channel, a.Channels, sum);
        }
    }

    /// <summary>Sums of a frame's planes for the biases: do, dr, drgb. A block takes a plane.</summary>
    public static void SumPlanes(FlowWarpGradientArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Warps);
        int thread = Group.IdxX, kind = Grid.IdxX / 3, frame = Grid.IdxY, plane = a.Height * a.Width;
        int start = (frame * 3 + Grid.IdxX - kind * 3) * plane;
        ArrayView<float> view = kind == 0 ? a.FlowGradient : kind == 1 ? a.RgbSumGradient : a.RgbGradient;
        float sum = 0f;
        if (view.Length != 0)
        {
            // Sixteen bytes a load, where all planes start at a multiple of them.
            int quads = (plane & 3) == 0 ? plane >> 2 : 0;
            Float4 four = new(0f, 0f, 0f, 0f);
            for (int i = thread; i < quads; i += Threads) four = Quad.Add(four, view.Cast<Float4>()[(start >> 2) + i]);
            sum = four.X + four.Y + (four.Z + four.W);
            for (int i = 4 * quads + thread; i < plane; i += Threads) sum += view[start + i];
        }
        sum = WarpSum.Of(sum, 32);
        if ((thread & 31) == 0) shared[thread >> 5] = sum;
        Group.Barrier();
        if (thread == 0)
        {
            for (int warp = 1; warp < Warps; warp++) sum += shared[warp];
            a.Partials[BiasesOffset(a) + frame * Biases + Grid.IdxX] = sum;
        }
    }

    /// <summary>The gradients of styles and parameters from the sums of the frames. A thread takes a value.</summary>
    public static void Finish(FlowWarpGradientArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX, columns = 6 * a.Channels, frame = index / a.Channels;
        int channel = index - frame * a.Channels;
        ArrayView<float> sums = a.Partials.SubView(SumsOffset(a));
        if (frame < a.Frames)
        {
            if (a.StyleGradient.Length != 0)
            {
                float sum = 0f;
                for (int j = 0; j < 3; j++)
                    sum = Intrinsics.Fma(a.FlowWeights[j * a.Channels + channel], sums[frame * columns + j * a.Channels + channel], sum);
                a.StyleGradient[frame * a.StyleGradientStride + channel] += sum;
            }
            return;
        }
        int column = index - a.Frames * a.Channels;
        if (column < 3 * a.Channels)
        {
            if (a.FlowWeightGradient.Length != 0)
            {
                float sum = 0f;
                for (int f = 0; f < a.Frames; f++)
                    sum = Intrinsics.Fma(a.Style[f * a.StyleStride + channel], sums[f * columns + column], sum);
                Put(a.FlowWeightGradient, column, sum * a.FlowScale, a.AccumulatesParameters);
            }
        }
        else if (column < columns)
        {
            if (a.RgbWeightGradient.Length != 0)
            {
                float sum = 0f;
                for (int f = 0; f < a.Frames; f++) sum += sums[f * columns + column];
                Put(a.RgbWeightGradient, column - 3 * a.Channels, sum * a.RgbScale, a.AccumulatesParameters);
            }
        }
        else if (column < columns + Biases)
        {
            int bias = column - columns, kind = bias / 3;
            ArrayView<float> gradient = kind == 0 ? a.FlowBiasGradient : kind == 1 ? a.RgbBiasGradient : a.RgbOffsetGradient;
            if (gradient.Length != 0)
            {
                float sum = 0f;
                for (int f = 0; f < a.Frames; f++) sum += a.Partials[BiasesOffset(a) + f * Biases + bias];
                Put(gradient, bias - kind * 3, sum, a.AccumulatesParameters);
            }
        }
    }

    private static void Put(ArrayView<float> view, int index, float value, int accumulates) =>
        view[index] = accumulates != 0 ? view[index] + value : value;

    // The workspace: sums of parts, of frames, of planes.
    private static int SumsOffset(FlowWarpGradientArguments a) => a.Frames * a.Strips.Parts * 6 * a.Channels;

    private static int BiasesOffset(FlowWarpGradientArguments a) => a.Frames * (a.Strips.Parts + 1) * 6 * a.Channels;

    // Longs of a frame's scatter [pixel, component of a quad, quad]: neighboring lanes add to neighboring ones.
    private static long Cells(int height, int width, int channels) => (long)height * width * ((channels + 3) / 4) * 4;

    private static int ScatteredAtOnce(int frames, int height, int width, int channels) =>
        (int)Math.Clamp(ScatteredLongs / Cells(height, width, channels), 1, frames);

    private static void ShareCorners(
        ArrayView<float> shared, ArrayView<int> corners, BilinearAxis x, BilinearAxis y, float mask, int width, int pixel)
    {
        shared[Weight00 + pixel] = x.Weight0 * y.Weight0;
        shared[Weight01 + pixel] = x.Weight1 * y.Weight0;
        shared[Weight10 + pixel] = x.Weight0 * y.Weight1;
        shared[Weight11 + pixel] = x.Weight1 * y.Weight1;
        shared[Mask + pixel] = mask;
        corners[Pixel00 + pixel] = y.Index0 * width + x.Index0;
        corners[Pixel01 + pixel] = y.Index0 * width + x.Index1;
        corners[Pixel10 + pixel] = y.Index1 * width + x.Index0;
        corners[Pixel11 + pixel] = y.Index1 * width + x.Index1;
    }

    private static Bilinear Corners(ArrayView<float> shared, ArrayView<int> corners, int pixel)
    {
        Bilinear result = default;
        result.Pixel00 = corners[Pixel00 + pixel];
        result.Pixel01 = corners[Pixel01 + pixel];
        result.Pixel10 = corners[Pixel10 + pixel];
        result.Pixel11 = corners[Pixel11 + pixel];
        result.Weight00 = shared[Weight00 + pixel];
        result.Weight01 = shared[Weight01 + pixel];
        result.Weight10 = shared[Weight10 + pixel];
        result.Weight11 = shared[Weight11 + pixel];
        return result;
    }

    private static Float4 Load<TAccess>(ArrayView<float> view, int row, int channel, int channels) where TAccess : struct, IChannelAccess
    {
        Float4 value = new(0f, 0f, 0f, 0f);
        if (view.Length != 0) value = Quad.Load<TAccess>(view, row, channel, channels);
        return value;
    }

    // dwarped, in both kernels the same bits.
    private static Float4 Warped<TAccess>(
        FlowWarpGradientArguments a, Float4 blended, int row, int channel, float rgb0, float rgb1, float rgb2)
        where TAccess : struct, IChannelAccess
    {
        if (a.WarpedGradient.Length != 0) blended = Quad.Add(blended, Quad.Load<TAccess>(a.WarpedGradient, row, channel, a.Channels));
        blended = Quad.Fma(Quad.Load<TAccess>(a.RgbWeights, 0, channel, a.Channels), rgb0, blended);
        blended = Quad.Fma(Quad.Load<TAccess>(a.RgbWeights, a.Channels, channel, a.Channels), rgb1, blended);
        return Quad.Fma(Quad.Load<TAccess>(a.RgbWeights, 2 * a.Channels, channel, a.Channels), rgb2, blended);
    }

    private static Float4 Subtract(Float4 a, Float4 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    private static int Magnitude(float value) => (int)(Interop.FloatAsInt(value) & 0x7fffffff);

    // FusedLeakyReLU's.
    private static float Slope(float x) => x > 0f ? Activation.Gain : Activation.Gain * Activation.Slope;

    // Of two neighbors: their difference where both are inside, else what appears or vanishes with the one that is.
    private static float Difference(BilinearAxis axis, float difference, float value0, float value1)
    {
        float alone = axis.Slope0 * value0 + axis.Slope1 * value1;
        return axis.Slope0 * axis.Slope1 != 0f ? difference : alone;
    }

    // k: values below 2^(exponent + 1), as many as a frame has pixels, times 2^k, stay below 2^62.
    private static int Shift(int bits, int plane)
    {
        int headroom = 0;
        while (1L << headroom < plane) headroom++;
        return 62 - headroom - ((bits >> 23) - 126);
    }

    private static float PowerOfTwo(int exponent) => Interop.IntAsFloat((uint)((exponent + 127) << 23));

    private static void Scatter(ArrayView<long> cells, int pixel, int quads, int quad, Long4 value)
    {
        // Pixels that see nothing would all meet at the border.
        if ((value.X | value.Y | value.Z | value.W) == 0L) return;
        int at = pixel * 4 * quads + quad;
        Add(cells, at, value.X);
        Add(cells, at + quads, value.Y);
        Add(cells, at + 2 * quads, value.Z);
        Add(cells, at + 3 * quads, value.W);
    }

    private static void Add(ArrayView<long> cells, int at, long value) => Atomic.Add(ref cells[at], value);
}

/// <summary>Four neighboring channels in fixed point.</summary>
internal struct Long4
{
    public long X, Y, Z, W;

    /// <summary>a * weight, cut off to integers.</summary>
    public static Long4 Of(Float4 a, float weight)
    {
        Long4 result = default;
        result.X = (long)(a.X * weight);
        result.Y = (long)(a.Y * weight);
        result.Z = (long)(a.Z * weight);
        result.W = (long)(a.W * weight);
        return result;
    }

    /// <summary>a + b.</summary>
    public static Long4 Add(Long4 a, Long4 b)
    {
        a.X += b.X;
        a.Y += b.Y;
        a.Z += b.Z;
        a.W += b.W;
        return a;
    }
}
