namespace Lia.Kernels.Convolution;

/// <summary>A work item of an fp16 convolution: which part, which tile of pixels, which output channels. Channel tiles vary fastest, so
/// that blocks which run together share their input in the cache.</summary>
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
        item.Split = share.W;
        item = OfPhase(a, item, share.Z);
        int line = tile / a.TilesX;
        item.Column = (tile - line * a.TilesX) * (8 * a.BlocksX);
        int group = line / a.TilesY;
        item.Row = (line - group * a.TilesY) * (8 * a.BlocksY);
        item.Frame = group * a.TileFrames;
        return item;
    }

    /// <summary>The same tile of a phase of a transposed convolution.</summary>
    public static ConvolutionItem OfPhase(HalfConvolutionArguments a, ConvolutionItem item, int phase)
    {
        item.Plane = phase;
        item.Rows = a.Rows - (phase >> 1);
        item.Columns = a.Columns - (phase & 1);
        return item;
    }

    /// <summary>
    /// Where a thread puts its pairs of channels: the pixel's octet of the tile's first channels, in pairs; the octets after it are
    /// <see cref="PairsPerOctet"/> apart. The four lanes that share a pixel hold its octet, eight groups of four neighboring pixels: a
    /// warp stores 128 bytes in one piece.
    /// </summary>
    public static int PairAt(HalfConvolutionArguments a, ConvolutionItem item, int frame, int row, int column, int channel)
    {
        int octet = (frame * a.OutputOctets + (channel >> 3)) * a.OutputPlanes + item.Plane;
        return ((octet * a.OutputHeight + row) * a.OutputWidth + column) * 4 + ((channel & 7) >> 1);
    }

    /// <summary>Pairs from an octet to the next, all parts of the first between them.</summary>
    public static int PairsPerOctet(HalfConvolutionArguments a) => a.OutputPlanes * a.OutputHeight * a.OutputWidth * 4;

    /// <summary>
    /// Stores channels <paramref name="channel"/> and the next of a pixel (sum X, Y) and, where it is inside, of the pixel below (Z, W):
    /// through the epilogue, or as partial sums.
    /// </summary>
    public static void Store<TFormat>(
        HalfConvolutionArguments a, int parts, ConvolutionItem item, int frame, int pair, bool hasBelow, int channel, Float4 sum)
        where TFormat : struct, IMapFormat
    {
        int below = pair + a.OutputWidth * 4;
        if ((parts & EpilogueParts.Partial) != 0)
        {
            int pairs = a.Frames * a.OutputOctets * PairsPerOctet(a);
            ArrayView<Float2> partial = a.Workspace.SubView((long)item.Split * pairs * 2).Cast<Float2>();
            partial[pair] = new(sum.X, sum.Y);
            if (hasBelow) partial[below] = new(sum.Z, sum.W);
        }
        else
        {
            HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, frame, channel);
            ArrayView<uint> output = a.Output.Cast<uint>();
            if (default(TFormat).Parts == 1)
            {
                output[pair] = HalfEpilogue.Pack(HalfEpilogue.Apply(terms, parts, new(sum.X, sum.Y)));
                if (hasBelow) output[below] = HalfEpilogue.Pack(HalfEpilogue.Apply(terms, parts, new(sum.Z, sum.W)));
            }
            else
            {
                int part = PairsPerOctet(a) >> 1; // The second halves come after all planes of the first.
                HalfEpilogue.StorePair(output, pair, part, HalfEpilogue.Apply(terms, parts, new(sum.X, sum.Y)));
                if (hasBelow) HalfEpilogue.StorePair(output, below, part, HalfEpilogue.Apply(terms, parts, new(sum.Z, sum.W)));
            }
        }
    }
}
