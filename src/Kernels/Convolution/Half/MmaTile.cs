namespace Lia.Kernels.Convolution;

/// <summary>
/// The compile-time shape of a <see cref="MmaConvolution"/> block. A warp makes one block of 8 x 8 pixels for <see cref="WarpN"/> channels.
/// </summary>
internal interface IMmaTile
{
    /// <summary>Blocks of 64 pixels: the warps along the pixels.</summary>
    int Blocks { get; }

    /// <summary>Warps along the output channels.</summary>
    int WarpsN { get; }

    /// <summary>Output channels of a warp.</summary>
    int WarpN { get; }
}

/// <summary>128 pixels x 128 channels, 4 warps.</summary>
internal readonly struct Mma128x128 : IMmaTile
{
    public int Blocks => 2;

    public int WarpsN => 2;

    public int WarpN => 64;
}

/// <summary>256 pixels x 64 channels, 4 warps.</summary>
internal readonly struct Mma256x64 : IMmaTile
{
    public int Blocks => 4;

    public int WarpsN => 1;

    public int WarpN => 64;
}

/// <summary>128 pixels x 64 channels, 2 warps.</summary>
internal readonly struct Mma128x64 : IMmaTile
{
    public int Blocks => 2;

    public int WarpsN => 1;

    public int WarpN => 64;
}

/// <summary>256 pixels x 32 channels, 4 warps.</summary>
internal readonly struct Mma256x32 : IMmaTile
{
    public int Blocks => 4;

    public int WarpsN => 1;

    public int WarpN => 32;
}

/// <summary>256 pixels x 16 channels, 4 warps.</summary>
internal readonly struct Mma256x16 : IMmaTile
{
    public int Blocks => 4;

    public int WarpsN => 1;

    public int WarpN => 16;
}

/// <summary>How a <see cref="MmaConvolution"/> gets data into shared memory and multiplies it.</summary>
internal interface IMmaMachine
{
    /// <summary>
    /// Copies run beside the products (sm_80 and up), which take 16 of K at once; else copies go through registers and products take 8.
    /// </summary>
    bool IsAmpere { get; }
}

/// <summary>sm_80 and up.</summary>
internal readonly struct AmpereMachine : IMmaMachine
{
    public bool IsAmpere => true;
}

/// <summary>sm_75.</summary>
internal readonly struct TuringMachine : IMmaMachine
{
    public bool IsAmpere => false;
}

/// <summary>Input channels of a step.</summary>
internal interface IChunk
{
    int Value { get; }
}

/// <summary>64.</summary>
internal readonly struct Chunk64 : IChunk
{
    public int Value => 64;
}

/// <summary>32.</summary>
internal readonly struct Chunk32 : IChunk
{
    public int Value => 32;
}

/// <summary>16.</summary>
internal readonly struct Chunk16 : IChunk
{
    public int Value => 16;
}
