using System.Runtime.Intrinsics;

namespace Lia.Network.Cpu;

/// <summary>
/// A register of float32 lanes. Kernels are written once over this; the runtime compiles them for each implementing struct, with the
/// static abstract members inlined to single instructions.
/// </summary>
/// <typeparam name="TSelf">The implementing struct.</typeparam>
internal unsafe interface IVector<TSelf> where TSelf : unmanaged, IVector<TSelf>
{
    /// <summary>Lanes: a divisor of <see cref="FeatureMap.ChannelUnit"/>.</summary>
    static abstract int Count { get; }

    /// <summary>Vectors of a weight panel: 6 x this many accumulators, plus these, plus one, must fit the register file.</summary>
    static abstract int PanelVectors { get; }

    static abstract TSelf Load(float* source);

    static abstract TSelf Broadcast(float value);

    static abstract TSelf Add(TSelf a, TSelf b);

    static abstract TSelf Subtract(TSelf a, TSelf b);

    static abstract TSelf Multiply(TSelf a, TSelf b);

    /// <summary>a * b + c, fused where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The larger lane; of which operand a NaN comes is up to the processor.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The lanes added up to four.</summary>
    static abstract Vector128<float> Fold(TSelf a);

    void Store(float* destination);
}
