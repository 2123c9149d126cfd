using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>What a scaled sum is passed.</summary>
internal struct AddScaledArguments
{
    /// <summary>a.</summary>
    public ArrayView<float> First;

    /// <summary>b, as long as a; empty for zeros.</summary>
    public ArrayView<float> Second;

    /// <summary>Receives the result, as long as a; may be a's or b's own view.</summary>
    public ArrayView<float> Output;

    /// <summary>The factor.</summary>
    public float Gain;
}

/// <summary>
/// y = (a + b) * gain: where two branches of a residual block meet, and with b empty what goes back into each of them. A thread takes 16
/// bytes. Bound by bytes: each view once.
/// </summary>
internal static class AddScaled
{
    public static KernelLaunch Prepare(KernelLoader loader, AddScaledArguments arguments)
    {
        long length = arguments.First.Length;
        if (arguments.Output.Length != length || (arguments.Second.Length != 0 && arguments.Second.Length != length))
            throw new ArgumentException("a, b and the result are equally long.", nameof(arguments));
        double bytes = sizeof(float) * (double)length * (arguments.Second.Length != 0 ? 3 : 2);
        KernelConfig config = KernelLaunch.Linear((length + 3) / 4);
        return length % 4 == 0
            ? KernelLaunch.Create(loader, Run<VectorAccess>, config, arguments, 2.0 * length, bytes)
            : KernelLaunch.Create(loader, Run<ScalarAccess>, config, arguments, 2.0 * length, bytes);
    }

    public static void Run<TAccess>(AddScaledArguments a) where TAccess : struct, IChannelAccess
    {
        int at = (Grid.IdxX * Group.DimX + Group.IdxX) * 4, length = a.First.IntLength;
        if (at < length)
        {
            Float4 value = Quad.Load<TAccess>(a.First, 0, at, length);
            if (a.Second.Length != 0) value = Quad.Add(value, Quad.Load<TAccess>(a.Second, 0, at, length));
            Quad.Store<TAccess>(a.Output, 0, at, length, Quad.Scale(value, a.Gain));
        }
    }
}
