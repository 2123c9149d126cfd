namespace Lia.Network.Cpu;

/// <summary>What happens to a sum before it is stored: <c>leaky(sum * Scale + Bias, Slope) [+ stored] [* Post]</c>.</summary>
/// <remarks>
/// FusedLeakyReLU's gain is folded into Scale and Bias, as leaky(g x) = g leaky(x) for g > 0; a slope of 1 is no activation. All
/// pointers are to per-channel values, padded like the channels.
/// </remarks>
internal unsafe struct Epilogue
{
    public float* Scale;
    public float* Bias;
    public float Slope;

    /// <summary>Adds what the output already holds (the skip path of a residual block).</summary>
    public bool Accumulate;

    /// <summary>The next layer's modulation, or null.</summary>
    public float* Post;
}

/// <summary>One convolution as a matrix product, see <see cref="ConvolutionStep"/>.</summary>
internal unsafe struct ConvolutionArguments
{
    /// <summary>The first tap of output pixel (0, 0); its pixel and row steps in floats.</summary>
    public float* Input;
    public nint InputStep, InputRowStep;

    /// <summary>Kernel rows: each is one contiguous run of <see cref="Depth"/> floats, <see cref="RunStep"/> apart.</summary>
    public int Runs;
    public int Depth;
    public nint RunStep;

    /// <summary>Panels [columns of a panel][runs][depth], see <see cref="CpuKernels.PanelVectorsAt"/>.</summary>
    public float* Weights;

    /// <summary>Output channels, padded.</summary>
    public int Columns;

    /// <summary>Output pixel (0, 0); its pixel and row steps in floats; pixels per row.</summary>
    public float* Output;
    public nint OutputStep, OutputRowStep;
    public int Width;

    public Epilogue Epilogue;
}

/// <summary>A FIR blur [1,3,3,1] in both directions, see <see cref="BlurStep"/>.</summary>
internal unsafe struct BlurArguments
{
    public float* Input;
    public nint InputRowStep;
    public int InputHeight, InputWidth;

    /// <summary>Channels, padded: floats from pixel to pixel of input and output.</summary>
    public int Stride;

    /// <summary>Output pixel y reads rows <c>y * Step - Padding</c> and the three after it; likewise in x.</summary>
    public int Step, Padding;

    public float* Output;
    public nint OutputRowStep;
    public int Width;

    public Epilogue Epilogue;
}

/// <summary>One row of ToFlow's warp and blend, see <see cref="ToFlowStep"/>.</summary>
internal unsafe struct WarpArguments
{
    /// <summary>The level's activation x and the encoder's feature, at the first pixel of the row (the feature: of the picture).</summary>
    public float* X, Feature;

    /// <summary>Receives the row of blended pixels; null if nobody reads them (the last level).</summary>
    public float* Blended;

    /// <summary>Receives the row of warped pixels.</summary>
    public float* Warped;
    public int Height, Width;

    /// <summary>Floats from pixel to pixel, and from row to row of the feature.</summary>
    public int Stride;
    public nint FeatureRowStep;

    /// <summary>o at the row's first pixel: four floats a pixel.</summary>
    public float* Flow;

    /// <summary>The grid: x of each column, y of this row.</summary>
    public float* GridX;
    public float GridY;

    /// <summary>The next layer's modulation of the blend, or null.</summary>
    public float* Post;
}

/// <summary>
/// The loops of the CPU executor, once per vector width. A call does a part small enough for the caches; the steps decide who does which
/// part.
/// </summary>
internal abstract unsafe partial class CpuKernels
{
    /// <summary>Pixels of a register tile.</summary>
    public const int TilePixels = 6;

    /// <summary>Output channels of one call of <see cref="Convolve"/>.</summary>
    public const int BlockColumns = 64;

    /// <summary>Tiles of one call of <see cref="Convolve"/> at most.</summary>
    public const int BlockTiles = 16;

    /// <summary>Floats of scratch that <see cref="Convolve"/> needs.</summary>
    public const int ConvolutionScratch = BlockTiles * TilePixels * BlockColumns;

    /// <summary>The kernels of a vector width.</summary>
    public static CpuKernels Create(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => new CpuKernels<Float32x16>(),
        SimdLevel.Vector256 => new CpuKernels<Float32x8>(),
        _ => new CpuKernels<Float32x4>(),
    };

    /// <summary>Lanes of a vector.</summary>
    public abstract int Lanes { get; }

    /// <summary>
    /// Vectors of the weight panel that starts at a column: panels are as wide as the registers allow, then 2, then 1. A panel is
    /// stored at <c>column * Runs * Depth</c>.
    /// </summary>
    public abstract int PanelVectorsAt(int column, int columns);

    /// <summary>Output pixels [first, first + count) x output channels [64 block, 64 block + 64).</summary>
    public abstract void Convolve(in ConvolutionArguments arguments, int first, int count, int block, float* scratch);

    /// <summary>The 6x6 pixels of a tile to the 36 positions of Winograd's products.</summary>
    public abstract void TransformInput(in WinogradInput tile);

    /// <summary>A panel's weights to a row of Winograd's positions.</summary>
    public abstract void TransformWeights(in WinogradWeights panel);

    /// <summary>The 36 products of a tile to its 4x4 pixels.</summary>
    public abstract void TransformOutput(in WinogradOutput tile);

    /// <summary>One output row of a blur. Scratch holds a padded row.</summary>
    public abstract void BlurRow(in BlurArguments arguments, int row, float* scratch);

    /// <summary>Dot products of a row of pixels with three weight vectors: <c>outputs[x] = (w0·x, w1·x, w2·x, 0)</c>.</summary>
    public abstract void Project(float* pixels, int count, int stride, float* weights, float* outputs);

    /// <summary>One row of a warp.</summary>
    public abstract void WarpRow(in WarpArguments arguments);

    /// <summary>Bilinear sample at pixel coordinates; corners outside the picture count as zero.</summary>
    public abstract void Sample(float* feature, int height, int width, int stride, nint rowStep, float x, float y, float factor,
        float* output);

    /// <summary>
    /// Grid coordinate to pixel coordinate, align_corners = false: although the warp's grid is aligned to the corners, so the network was
    /// trained.
    /// </summary>
    public static float ToPixel(float grid, int extent) => ((grid + 1) * extent - 1) * 0.5f;

    /// <summary>Dot product; the length is a multiple of <see cref="FeatureMap.ChannelUnit"/>.</summary>
    public abstract float Dot(float* a, float* b, int length);

    /// <summary>pixels *= factors, per channel.</summary>
    public abstract void Scale(float* pixels, int count, int stride, float* factors);
}
