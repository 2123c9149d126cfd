namespace Lia.Kernels.Convolution;

/// <summary>What ToFlow's sums are made with.</summary>
internal struct FlowOperands
{
    /// <summary>Wf [3, channel], its scale multiplied in; rows <see cref="Channels"/> apart.</summary>
    public ArrayView<float> Weights;

    /// <summary>s [frame, channel], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Style;

    /// <summary>Receives the sums, planar [frame, 3, row, column].</summary>
    public ArrayView<float> Output;

    public int StyleStride, Channels;
}

/// <summary>
/// ToFlow at the end of a convolution: o[j] = sum over c of Wf[j, c] s[c] y[c] for the pixel whose channels four lanes hold. At the
/// network's last level nothing else reads y, so it is never stored.
/// </summary>
internal struct FlowSums
{
    private float _x, _y, _mask;

    /// <summary>Adds channels <paramref name="channel"/> (even) and the next.</summary>
    public static FlowSums Add(FlowOperands flow, FlowSums sums, Float2 value, int frame, int channel)
    {
        Float2 style = flow.Style.Cast<Float2>()[(frame * flow.StyleStride + channel) >> 1];
        Float2 scaled = new(value.X * style.X, value.Y * style.Y);
        sums._x = Dot(flow.Weights, channel, scaled, sums._x);
        sums._y = Dot(flow.Weights, channel + flow.Channels, scaled, sums._y);
        sums._mask = Dot(flow.Weights, channel + 2 * flow.Channels, scaled, sums._mask);
        return sums;
    }

    /// <summary>Adds up the four lanes of a pixel, always in the same order, and lets lane j of them store o[j].</summary>
    public static void Store(HalfConvolutionArguments a, FlowSums sums, int frame, int row, int column, int lane, bool isInside)
    {
        float x = WarpSum.Of(sums._x, 4), y = WarpSum.Of(sums._y, 4), mask = WarpSum.Of(sums._mask, 4);
        if (lane < 3 && isInside)
            a.Flow.Output[((frame * 3 + lane) * a.OutputHeight + row) * a.OutputWidth + column] = lane == 0 ? x : lane == 1 ? y : mask;
    }

    private static float Dot(ArrayView<float> weights, int channel, Float2 value, float sum)
    {
        Float2 weight = weights.Cast<Float2>()[channel >> 1];
        return Intrinsics.Fma(weight.Y, value.Y, Intrinsics.Fma(weight.X, value.X, sum));
    }
}
