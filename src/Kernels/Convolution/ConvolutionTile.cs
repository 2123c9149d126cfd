namespace Lia.Kernels.Convolution;

/// <summary>The compile-time shape of a convolution's block tile.</summary>
internal interface IConvolutionTile
{
    /// <summary>Output pixels of a block.</summary>
    int M { get; }

    /// <summary>Output channels of a block.</summary>
    int N { get; }

    /// <summary>Warps along the pixels.</summary>
    int WarpsM { get; }

    /// <summary>Warps along the channels.</summary>
    int WarpsN { get; }
}

/// <summary>128 pixels x 128 channels, 8 warps of 32x64: 8x8 accumulators a thread.</summary>
internal readonly struct Tile128x128 : IConvolutionTile
{
    public int M => 128;

    public int N => 128;

    public int WarpsM => 4;

    public int WarpsN => 2;
}

/// <summary>128 pixels x 64 channels, 4 warps of 32x64: 8x8 accumulators a thread.</summary>
internal readonly struct Tile128x64 : IConvolutionTile
{
    public int M => 128;

    public int N => 64;

    public int WarpsM => 4;

    public int WarpsN => 1;
}

/// <summary>64 pixels x 64 channels, 4 warps of 32x32: 8x4 accumulators a thread.</summary>
internal readonly struct Tile64x64 : IConvolutionTile
{
    public int M => 64;

    public int N => 64;

    public int WarpsM => 2;

    public int WarpsN => 2;
}

/// <summary>64 pixels x 32 channels, 2 warps of 32x32: 8x4 accumulators a thread.</summary>
internal readonly struct Tile64x32 : IConvolutionTile
{
    public int M => 64;

    public int N => 32;

    public int WarpsM => 2;

    public int WarpsN => 1;
}

/// <summary>32 pixels x 32 channels, one warp: 8x4 accumulators a thread. For small pictures and narrow layers.</summary>
internal readonly struct Tile32x32 : IConvolutionTile
{
    public int M => 32;

    public int N => 32;

    public int WarpsM => 1;

    public int WarpsN => 1;
}
