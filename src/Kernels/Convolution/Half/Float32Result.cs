namespace Lia.Kernels.Convolution;

/// <summary>
/// What becomes of a convolution's sums in training: a float32 map [frame, row, column, channel] through <see cref="Kernels.Epilogue"/>,
/// or parts of the sums in that order (<see cref="SplitReduction"/> adds them).
/// <code>
///     lane 4g + t holds channels 2t, 2t + 1 of eight, of a pixel and of the one below
///
///         t:        0      1      2      3                 even lanes take the pixel, odd ones the one below: each gives two
///       pixel     [0 1]  [2 3]  [4 5]  [6 7]               channels to its neighbor, and stores four, 16 bytes
///       below     [0 1]  [2 3]  [4 5]  [6 7]
/// </code>
/// </summary>
internal struct Float32Result
{
    /// <summary>y, or the workspace where K is cut.</summary>
    public ArrayView<float> Output;

    /// <summary>What the operands were multiplied by, and 1 over it (<see cref="OperandScale"/>); empty for none.</summary>
    public ArrayView<float> OperandScale;

    /// <summary>What the sums are multiplied by besides.</summary>
    public float Factor;

    public Epilogue Epilogue;

    /// <summary>Extents of y.</summary>
    public int Height, Width, Channels;

    /// <summary>1: parts are stored, as they are.</summary>
    public int IsCut;

    /// <summary>
    /// A thread's share of a block of 8 x 8 pixels (<see cref="WgmmaConvolution.Finish"/>); all lanes of a warp call it, those outside the
    /// picture too.
    /// </summary>
    /// <param name="parts"><see cref="EpilogueParts"/> of which one is a float32 map; a constant.</param>
    /// <param name="n">Channels of the tile.</param>
    /// <param name="a">The convolution's.</param>
    /// <param name="item">The tile.</param>
    /// <param name="frame">The block's frame.</param>
    /// <param name="row">The thread's upper pixel.</param>
    /// <param name="column">Its column.</param>
    /// <param name="sum">The thread's sums.</param>
    public static void Store(int parts, int n, HalfConvolutionArguments a, ConvolutionItem item, int frame, int row, int column,
        ArrayView<float> sum)
    {
        if ((parts & EpilogueParts.Float32) != 0) Store<VectorAccess>(n, a, item, frame, row, column, sum);
        else Store<ScalarAccess>(n, a, item, frame, row, column, sum);
    }

    private static void Store<TAccess>(int n, HalfConvolutionArguments a, ConvolutionItem item, int frame, int row, int column,
        ArrayView<float> sum)
        where TAccess : struct, IChannelAccess
    {
        Float32Result map = a.Map;
        int t = Group.IdxX & 3;
        bool isLower = (t & 1) != 0;
        int y = isLower ? row + 1 : row, x = column;
        bool isInside = frame < a.Frames && y < item.Rows && x < item.Columns;
        if (a.OutputPlanes > 1)
        {
            y = 2 * y + (item.Plane >> 1);
            x = 2 * x + (item.Plane & 1);
        }
        float factor = a.Epilogue.Factor * map.Factor;
        if (map.OperandScale.Length != 0) factor *= map.OperandScale[1];
        int line = ((frame * map.Height + y) * map.Width + x) * map.Channels;
        int part = item.Split * (a.Frames * map.Height * map.Width * map.Channels);
        for (int j = 0; j < n / 8; j++)
        {
            float givenX = isLower ? sum[4 * j] : sum[4 * j + 2], givenY = isLower ? sum[4 * j + 1] : sum[4 * j + 3];
            float takenX = Warp.ShuffleXor(givenX, 1), takenY = Warp.ShuffleXor(givenY, 1);
            Float4 value = new(
                isLower ? takenX : sum[4 * j], isLower ? takenY : sum[4 * j + 1], isLower ? sum[4 * j + 2] : takenX,
                isLower ? sum[4 * j + 3] : takenY);
            value = Quad.Scale(value, factor);
            int channel = item.TileN * n + 8 * j + 4 * (t >> 1);
            if (isInside && channel < map.Channels)
            {
                if (map.IsCut != 0)
                {
                    Quad.Store<TAccess>(map.Output.SubView(part), line, channel, map.Channels, value);
                }
                else
                {
                    value = Kernels.Epilogue.Apply<TAccess>(map.Epilogue, value, frame, line, channel, map.Channels);
                    Quad.Store<TAccess>(map.Output, line, channel, map.Channels, value);
                }
            }
        }
    }
}
