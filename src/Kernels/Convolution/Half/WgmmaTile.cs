namespace Lia.Kernels.Convolution;

/// <summary>
/// The compile-time shape of a <see cref="WgmmaConvolution"/> block: two warpgroups, each with its own blocks of 8 x 8 pixels, and the same
/// channels.
/// </summary>
internal interface IWgmmaTile
{
    /// <summary>Blocks of 64 pixels of a warpgroup.</summary>
    int Blocks { get; }

    /// <summary>Output channels.</summary>
    int N { get; }

    /// <summary>Input tiles in shared memory.</summary>
    int InputStages { get; }

    /// <summary>Steps of weights in shared memory.</summary>
    int WeightStages { get; }

    /// <summary>Groups that share a multiprocessor.</summary>
    int Groups { get; }
}

/// <summary>256 pixels x 128 channels: 128 accumulators a thread, one group a multiprocessor.</summary>
internal readonly struct Wgmma256x128 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 128;

    public int InputStages => 3;

    public int WeightStages => 4;

    public int Groups => 1;
}

/// <summary>128 pixels x 128 channels: for few pixels.</summary>
internal readonly struct Wgmma128x128 : IWgmmaTile
{
    public int Blocks => 1;

    public int N => 128;

    public int InputStages => 2;

    public int WeightStages => 3;

    public int Groups => 2;
}

/// <summary>256 pixels x 64 channels: two groups a multiprocessor, one's products beside the other's epilogue.</summary>
internal readonly struct Wgmma256x64 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 64;

    public int InputStages => 2;

    public int WeightStages => 2;

    public int Groups => 2;
}

/// <summary>128 pixels x 64 channels: for few pixels.</summary>
internal readonly struct Wgmma128x64 : IWgmmaTile
{
    public int Blocks => 1;

    public int N => 64;

    public int InputStages => 2;

    public int WeightStages => 5;

    public int Groups => 2;
}

/// <summary>256 pixels x 32 channels: narrow layers.</summary>
internal readonly struct Wgmma256x32 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 32;

    public int InputStages => 2;

    public int WeightStages => 4;

    public int Groups => 2;
}

/// <summary>256 pixels x 16 channels: the narrowest layers.</summary>
internal readonly struct Wgmma256x16 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 16;

    public int InputStages => 2;

    public int WeightStages => 4;

    public int Groups => 2;
}

/// <summary>
/// 128 pixels x 128 channels in <see cref="WgmmaPairConvolution"/>, whose sums and input tiles take twice the room: 64 sums a thread and 64
/// products.
/// </summary>
internal readonly struct WgmmaPair128x128 : IWgmmaTile
{
    public int Blocks => 1;

    public int N => 128;

    public int InputStages => 2;

    public int WeightStages => 6;

    public int Groups => 1;
}

/// <summary>256 pixels x 64 channels in <see cref="WgmmaPairConvolution"/>.</summary>
internal readonly struct WgmmaPair256x64 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 64;

    public int InputStages => 2;

    public int WeightStages => 6;

    public int Groups => 1;
}

/// <summary>128 pixels x 64 channels in <see cref="WgmmaPairConvolution"/>: for few pixels.</summary>
internal readonly struct WgmmaPair128x64 : IWgmmaTile
{
    public int Blocks => 1;

    public int N => 64;

    public int InputStages => 2;

    public int WeightStages => 10;

    public int Groups => 1;
}

/// <summary>256 pixels x 32 channels in <see cref="WgmmaPairConvolution"/>: narrow layers.</summary>
internal readonly struct WgmmaPair256x32 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 32;

    public int InputStages => 2;

    public int WeightStages => 6;

    public int Groups => 1;
}

/// <summary>256 pixels x 16 channels in <see cref="WgmmaPairConvolution"/>: the narrowest layers.</summary>
internal readonly struct WgmmaPair256x16 : IWgmmaTile
{
    public int Blocks => 2;

    public int N => 16;

    public int InputStages => 2;

    public int WeightStages => 6;

    public int Groups => 1;
}
