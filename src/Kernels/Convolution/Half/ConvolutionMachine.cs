namespace Lia.Kernels.Convolution;

/// <summary>Which instructions an fp16 convolution is made of.</summary>
internal enum ConvolutionMachine
{
    /// <summary>sm_75: `mma.sync` of 8 of K, copies through registers.</summary>
    Turing,

    /// <summary>sm_80 and up: `mma.sync` of 16 of K, asynchronous copies.</summary>
    Ampere,

    /// <summary>sm_90a: `wgmma` and the copy engine.</summary>
    Hopper,
}
