namespace Lia.Kernels.Convolution;

/// <summary>
/// One tap of one chunk of input channels: the unit in which an fp16 convolution walks its K. A list of steps on the device drives every
/// variant of the kernel, whatever the convolution's shape. Two <see cref="Int4"/> as the kernels load them.
/// </summary>
/// <param name="Source">Which input, 0 or 1.</param>
/// <param name="Plane">Plane of a phase-separated input.</param>
/// <param name="Octet">First octet of channels.</param>
/// <param name="Flags">What happens before the step: <see cref="LoadsTile"/>, <see cref="Activates"/>; from <see cref="MapShift"/> on the
/// number of the input tile's shape.</param>
/// <param name="OriginY">Row of the input that the tile starts at, relative to the tile's first output row.</param>
/// <param name="OriginX">Column, likewise.</param>
/// <param name="Halo">Rows (times 256) and columns that the input tile has more than the output tile.</param>
/// <param name="Shift">Row (times 256) and column of this tap within the input tile.</param>
internal readonly record struct ConvolutionStep(int Source, int Plane, int Octet, int Flags, int OriginY, int OriginX, int Halo, int Shift)
{
    /// <summary>The step needs another input tile than the one before.</summary>
    public const int LoadsTile = 1;

    /// <summary>The sums so far go through bias and activation, then the step adds to the result (a residual block's skip).</summary>
    public const int Activates = 2;

    /// <summary>Above the flags: which of <see cref="HalfConvolutionWeights.TileShapes"/> the input tile has.</summary>
    public const int MapShift = 8;

    public Int4 First => new(Source, Plane, Octet, Flags);

    public Int4 Second => new(OriginY, OriginX, Halo, Shift);
}

/// <summary>
/// A share of a convolution that blocks compute on their own: one phase of a transposed convolution, one part of a K that was cut, or all
/// of it. One <see cref="Int4"/> as the kernels load it.
/// </summary>
/// <param name="FirstStep">Where its steps start.</param>
/// <param name="EndStep">Where they end.</param>
/// <param name="Plane">Plane of a phase-separated output; planes of odd rows (columns) have one row (column) less.</param>
/// <param name="Split">Which partial sum it makes.</param>
internal readonly record struct ConvolutionPart(int FirstStep, int EndStep, int Plane, int Split)
{
    public Int4 Packed => new(FirstStep, EndStep, Plane, Split);
}
