namespace Lia.Kernels.Convolution;

/// <summary>The compile-time shape of a <see cref="WeightGradientKernel"/> block.</summary>
internal interface IWeightGradientTile
{
    /// <summary>Rows: channels of the base map.</summary>
    int M { get; }

    /// <summary>Columns: taps x channels of the shifted map.</summary>
    int N { get; }

    /// <summary>Warps along the rows.</summary>
    int WarpsM { get; }

    /// <summary>Warps along the columns.</summary>
    int WarpsN { get; }
}

/// <summary>128 x 128, 8 warps of 32x64: 8x8 accumulators a thread.</summary>
internal readonly struct Gradient128x128 : IWeightGradientTile
{
    public int M => 128;

    public int N => 128;

    public int WarpsM => 4;

    public int WarpsN => 2;
}

/// <summary>64 x 192, 6 warps of 32x64: 8x8 accumulators a thread. Nine taps of 64 channels are three of these.</summary>
internal readonly struct Gradient64x192 : IWeightGradientTile
{
    public int M => 64;

    public int N => 192;

    public int WarpsM => 2;

    public int WarpsN => 3;
}

/// <summary>64 x 64, 2 warps of 32x64: 8x8 accumulators a thread.</summary>
internal readonly struct Gradient64x64 : IWeightGradientTile
{
    public int M => 64;

    public int N => 64;

    public int WarpsM => 2;

    public int WarpsN => 1;
}

/// <summary>32 x 32, one warp: 8x4 accumulators a thread. For narrow layers.</summary>
internal readonly struct Gradient32x32 : IWeightGradientTile
{
    public int M => 32;

    public int N => 32;

    public int WarpsM => 1;

    public int WarpsN => 1;
}
