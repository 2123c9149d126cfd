namespace Lia.Kernels.Convolution;

/// <summary>A work item of an fp16 convolution: which part, which tile of pixels, which output channels. Channel tiles vary fastest, so that blocks which run
/// together share their input in the cache.</summary>
internal struct ConvolutionItem
{
    public int FirstStep, EndStep, Rows, Columns, Plane, Split;

    /// <summary>The tile's first output row, column and frame, and its number along the channels.</summary>
    public int Row, Column, Frame, TileN;

    /// <summary>Whether the tile holds an output of this part; phases of a transposed convolution differ by a row and a column.</summary>
    public bool IsEmpty => Row >= Rows || Column >= Columns;

    public static ConvolutionItem At(HalfConvolutionArguments a, int index)
    {
        int rest = index / a.TilesN;
        ConvolutionItem item = default;
        item.TileN = index - rest * a.TilesN;
        int tile = rest / a.PartCount, part = rest - tile * a.PartCount;
        Int4 share = a.Parts[part];
        item.FirstStep = share.X;
        item.EndStep = share.Y;
        item.Plane = share.Z;
        item.Split = share.W;
        item.Rows = a.Rows - (item.Plane >> 1);
        item.Columns = a.Columns - (item.Plane & 1);
        int line = tile / a.TilesX;
        item.Column = (tile - line * a.TilesX) * (8 * a.BlocksX);
        int group = line / a.TilesY;
        item.Row = (line - group * a.TilesY) * (8 * a.BlocksY);
        item.Frame = group * a.TileFrames;
        return item;
    }

    /// <summary>
    /// Stores two channels of a pixel: through the epilogue, or as a partial sum. The four lanes that share a pixel hold its octet, eight neighbouring
    /// groups of four hold eight neighbouring pixels: a warp stores 128 bytes in one piece.
    /// </summary>
    public static void Store(HalfConvolutionArguments a, ConvolutionItem item, int frame, int row, int column, int channel, Float2 sum)
    {
        if (channel < a.OutputOctets * 8)
        {
            int octet = (frame * a.OutputOctets + (channel >> 3)) * a.OutputPlanes + item.Plane;
            int pair = ((octet * a.OutputHeight + row) * a.OutputWidth + column) * 4 + ((channel & 7) >> 1);
            if (a.Workspace.Length == 0)
            {
                a.Output.Cast<uint>()[pair] = HalfEpilogue.Pack(HalfEpilogue.Apply(a.Epilogue, sum, frame, channel));
            }
            else
            {
                int pairs = a.Frames * a.OutputOctets * a.OutputPlanes * a.OutputHeight * a.OutputWidth * 4;
                a.Workspace.SubView((long)item.Split * pairs * 2).Cast<Float2>()[pair] = sum;
            }
        }
    }
}
