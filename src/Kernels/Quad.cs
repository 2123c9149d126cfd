namespace Lia.Kernels;

/// <summary>Whether channel counts are multiples of four, so that four neighboring channels are one 16-byte access.</summary>
internal interface IChannelAccess
{
    /// <summary>True: 16-byte accesses. False: single floats, each checked.</summary>
    bool Vector { get; }
}

/// <summary>16-byte accesses.</summary>
internal readonly struct VectorAccess : IChannelAccess
{
    public bool Vector => true;
}

/// <summary>Single floats, for channel counts that are no multiple of four.</summary>
internal readonly struct ScalarAccess : IChannelAccess
{
    public bool Vector => false;
}

/// <summary>Four neighboring channels. Every kernel over NHWC activations moves these.</summary>
internal static class Quad
{
    /// <summary>
    /// Channels <paramref name="channel"/> to +3 of the row that starts at <paramref name="row"/>; those past <paramref name="channels"/>
    /// are zero. The first exists: a check that is always met would keep loads apart that could be under way together.
    /// </summary>
    public static Float4 Load<TAccess>(ArrayView<float> view, int row, int channel, int channels) where TAccess : struct, IChannelAccess
    {
        Float4 value = new(0f, 0f, 0f, 0f);
        int offset = row + channel;
        if (default(TAccess).Vector)
        {
            value = view.Cast<Float4>()[offset >> 2];
        }
        else
        {
            value.X = view[offset];
            if (channel + 1 < channels) value.Y = view[offset + 1];
            if (channel + 2 < channels) value.Z = view[offset + 2];
            if (channel + 3 < channels) value.W = view[offset + 3];
        }
        return value;
    }

    /// <summary>Stores channels <paramref name="channel"/> to +3, those that exist; the first does.</summary>
    public static void Store<TAccess>(ArrayView<float> view, int row, int channel, int channels, Float4 value)
        where TAccess : struct, IChannelAccess
    {
        int offset = row + channel;
        if (default(TAccess).Vector)
        {
            view.Cast<Float4>()[offset >> 2] = value;
        }
        else
        {
            view[offset] = value.X;
            if (channel + 1 < channels) view[offset + 1] = value.Y;
            if (channel + 2 < channels) view[offset + 2] = value.Z;
            if (channel + 3 < channels) view[offset + 3] = value.W;
        }
    }

    /// <summary>a * b, channel by channel.</summary>
    public static Float4 Multiply(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    /// <summary>a + b, channel by channel.</summary>
    public static Float4 Add(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>a * factor + c, each rounded once.</summary>
    public static Float4 Fma(Float4 a, float factor, Float4 c) => new(
        Intrinsics.Fma(a.X, factor, c.X), Intrinsics.Fma(a.Y, factor, c.Y), Intrinsics.Fma(a.Z, factor, c.Z),
        Intrinsics.Fma(a.W, factor, c.W));

    /// <summary>a * factor + c, channel by channel, each rounded once.</summary>
    public static Float4 Fma(Float4 a, Float4 factor, Float4 c) => new(
        Intrinsics.Fma(a.X, factor.X, c.X), Intrinsics.Fma(a.Y, factor.Y, c.Y), Intrinsics.Fma(a.Z, factor.Z, c.Z),
        Intrinsics.Fma(a.W, factor.W, c.W));

    /// <summary>sum + a . b, channel after channel, each rounded once.</summary>
    public static float Dot(Float4 a, Float4 b, float sum) =>
        Intrinsics.Fma(a.W, b.W, Intrinsics.Fma(a.Z, b.Z, Intrinsics.Fma(a.Y, b.Y, Intrinsics.Fma(a.X, b.X, sum))));

    /// <summary>a * factor.</summary>
    public static Float4 Scale(Float4 a, float factor) => new(a.X * factor, a.Y * factor, a.Z * factor, a.W * factor);
}
