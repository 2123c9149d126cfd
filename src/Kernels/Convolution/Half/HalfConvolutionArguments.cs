using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>An input of an fp16 convolution. Extents are in pixels and octets.</summary>
internal struct ConvolutionInput
{
    /// <summary>x, CHW8.</summary>
    public ArrayView<Half> View;

    public int Octets, Planes, Height, Width;
}

/// <summary>
/// What an fp16 convolution kernel is passed. The tile is a rectangle of blocks of 8 x 8 output pixels, or the same block of several
/// frames.
/// </summary>
internal struct HalfConvolutionArguments
{
    public ConvolutionInput Input0, Input1;

    /// <summary>w, packed (<see cref="HalfConvolutionWeights"/>).</summary>
    public ArrayView<Half> Weights;

    /// <summary>y, CHW8 (phase-separated for a transposed convolution).</summary>
    public ArrayView<Half> Output;

    /// <summary>Partial sums when K is cut, [split] then the output's order; else empty.</summary>
    public ArrayView<float> Workspace;

    /// <summary><see cref="ConvolutionStep"/>s, two vectors each.</summary>
    public ArrayView<Int4> Steps;

    /// <summary><see cref="ConvolutionPart"/>s.</summary>
    public ArrayView<Int4> Parts;

    public HalfEpilogue Epilogue;

    /// <summary>For <see cref="FlowResult"/>.</summary>
    public FlowOperands Flow;

    /// <summary>For <see cref="Float32MapResult"/>.</summary>
    public Float32Result Map;

    public int Frames, OutputOctets, OutputPlanes, OutputHeight, OutputWidth;

    /// <summary>Output rows and columns of plane 0: all there are, unless the output is phase-separated.</summary>
    public int Rows, Columns;

    /// <summary>The tile's blocks along x and y, and its frames; their product is the kernel's.</summary>
    public int BlocksX, BlocksY, TileFrames;

    /// <summary>Tiles along x and y; those along the frames follow from the items.</summary>
    public int TilesX, TilesY;

    /// <summary>Tiles along the output channels.</summary>
    public int TilesN;

    public int PartCount;

    /// <summary>Where the skip's steps start.</summary>
    public int SkipStep;

    /// <summary>Work items: tiles x parts x channel tiles.</summary>
    public int Items;
}

/// <summary>What <see cref="WgmmaConvolution"/> is passed besides.</summary>
internal struct WgmmaConvolutionArguments
{
    public HalfConvolutionArguments Convolution;

    /// <summary>A map for each of <see cref="HalfConvolutionWeights.TileShapes"/>: [frame][octet][plane][row][8 columns].</summary>
    public ArrayView<TensorMap> InputMaps;

    /// <summary>The weights as rows of core matrices.</summary>
    public ArrayView<TensorMap> WeightMap;

    /// <summary>Halves from one input tile in shared memory to the next.</summary>
    public int InputStage;
}
