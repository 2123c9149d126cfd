namespace Lia.Kernels.Convolution;

/// <summary>
/// A <see cref="ConvolutionStep"/> as <see cref="WgmmaConvolution"/> reads it for one shape of tile: the host writes these
/// (<see cref="HalfConvolutionWeights.WgmmaSteps"/>), the warp that copies reads the first two parts, the warpgroups that multiply the
/// third. Each part is one load of 16 bytes.
/// </summary>
internal struct WgmmaStep
{
    public StepCopy Copy;

    public StepOrigin Origin;

    public StepTap Tap;
}

/// <summary>Which part of the input the copy engine brings (TMA coordinates), if it does.</summary>
/// <param name="flagsAndMap"><see cref="ConvolutionStep"/>'s flags; from <see cref="ConvolutionStep.MapShift"/> on the number of the tensor
/// map.</param>
/// <param name="plane">Plane of a phase-separated input.</param>
/// <param name="octet">First octet of channels.</param>
/// <param name="tileBytes">Bytes of one part of the tile.</param>
[VectorAligned]
internal readonly struct StepCopy(int flagsAndMap, int plane, int octet, int tileBytes)
{
    private readonly int _flagsAndMap = flagsAndMap;

    public readonly int Plane = plane, Octet = octet, TileBytes = tileBytes;

    public bool LoadsTile => (_flagsAndMap & ConvolutionStep.LoadsTile) != 0;

    public int Map => _flagsAndMap >> ConvolutionStep.MapShift;
}

/// <summary>Where the input tile starts, relative to the output tile.</summary>
/// <param name="row">In rows.</param>
/// <param name="column">In halves.</param>
/// <param name="partPlanes">Planes from a part of the input to the next.</param>
[VectorAligned]
internal readonly struct StepOrigin(int row, int column, int partPlanes)
{
    public readonly int Row = row, Column = column, PartPlanes = partPlanes, Unused = 0; // A vector has four.
}

/// <summary>What the tensor cores read of the tile, in pixels of 16 bytes as matrix descriptors count.</summary>
/// <param name="flags"><see cref="ConvolutionStep"/>'s flags.</param>
/// <param name="shift">From the tile's start to the tap's first pixel.</param>
/// <param name="pitch">From row to row.</param>
/// <param name="plane">From octet to octet.</param>
/// <param name="groupOffset">From one warpgroup's first block of 8 x 8 pixels to the other's.</param>
/// <param name="blockOffset">From block to block of a warpgroup.</param>
[VectorAligned]
internal readonly struct StepTap(int flags, int shift, int pitch, int plane, int groupOffset, int blockOffset)
{
    private readonly int _flagsAndShift = (flags & 255) | shift << 8, _pitchAndPlane = pitch | plane << 16;

    public readonly int GroupOffset = groupOffset, BlockOffset = blockOffset;

    public bool LoadsTile => (_flagsAndShift & 255 & ConvolutionStep.LoadsTile) != 0;

    public int Shift => _flagsAndShift >> 8;

    public int Pitch => _pitchAndPlane & 0xffff;

    public int Plane => _pitchAndPlane >> 16;
}
