namespace Lia.Kernels;

/// <summary>
/// Frames that a warp (or a block) of a linear layer takes together, at compile time: weights are read once for all of them. The order of a
/// frame's sums does not depend on it.
/// </summary>
internal interface IFrameGroup
{
    int Frames { get; }
}

/// <summary>Where there is but one: three quarters of the work would be thrown away.</summary>
internal readonly struct OneFrame : IFrameGroup
{
    public int Frames => 1;
}

/// <summary>Any number of frames, four at a time.</summary>
internal readonly struct FourFrames : IFrameGroup
{
    public const int Count = 4;

    public int Frames => Count;
}
