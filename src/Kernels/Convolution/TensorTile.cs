namespace Lia.Kernels.Convolution;

/// <summary>The compile-time shape of a <see cref="TensorConvolutionKernel"/> block. Warps are whole 16s by whole 32s.</summary>
internal interface ITensorTile
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

/// <summary>128 pixels x 128 channels, 8 warps of 64x32.</summary>
internal readonly struct Tensor128x128 : ITensorTile
{
    public int M => 128;

    public int N => 128;

    public int WarpsM => 2;

    public int WarpsN => 4;
}

/// <summary>128 pixels x 64 channels, 4 warps of 64x32.</summary>
internal readonly struct Tensor128x64 : ITensorTile
{
    public int M => 128;

    public int N => 64;

    public int WarpsM => 2;

    public int WarpsN => 2;
}

/// <summary>64 pixels x 64 channels, 4 warps of 32x32.</summary>
internal readonly struct Tensor64x64 : ITensorTile
{
    public int M => 64;

    public int N => 64;

    public int WarpsM => 2;

    public int WarpsN => 2;
}

/// <summary>64 pixels x 32 channels, 2 warps of 32x32: for small pictures and narrow layers.</summary>
internal readonly struct Tensor64x32 : ITensorTile
{
    public int M => 64;

    public int N => 32;

    public int WarpsM => 2;

    public int WarpsN => 1;
}

/// <summary>Whether x is multiplied by factors on its way to the products, at compile time.</summary>
internal interface ITensorInput
{
    /// <summary>True: by the style.</summary>
    bool IsScaled { get; }
}

/// <summary>x as it is.</summary>
internal readonly struct PlainInput : ITensorInput
{
    public bool IsScaled => false;
}

/// <summary>x times the style.</summary>
internal readonly struct ScaledInput : ITensorInput
{
    public bool IsScaled => true;
}
