namespace Lia.Kernels;

/// <summary>
/// Eight neighboring channels of a pixel as floats: what every kernel over half maps (<see cref="HalfMap"/>) moves, 16 bytes and one
/// access each, neighboring lanes neighboring columns. Indices into a map count octets, so that no offset in a map of less than 2^31
/// octets overflows an int.
/// </summary>
/// <param name="low">Channels 0 to 3.</param>
/// <param name="high">Channels 4 to 7.</param>
internal struct Octet(Float4 low, Float4 high)
{
    /// <summary>Channels of an octet.</summary>
    public const int Size = 8;

    /// <summary>Channels 0 to 3.</summary>
    public Float4 Low = low;

    /// <summary>Channels 4 to 7.</summary>
    public Float4 High = high;

    /// <summary>Octet <paramref name="index"/> of a map that no thread writes while the kernel runs, still packed.</summary>
    public static Half8 LoadPacked(ArrayView<Half> map, int index) => Intrinsics.LoadNonCoherent(ref map.Cast<Half8>()[index]);

    /// <summary>Octet <paramref name="index"/> of a map that no thread writes while the kernel runs.</summary>
    public static Octet Load(ArrayView<Half> map, int index) => Unpack(LoadPacked(map, index));

    /// <summary>
    /// Octet <paramref name="index"/> of a map with the bits of <paramref name="keep"/>: all ones, or zero for zeros. A mask, because a
    /// load under a condition waits for it.
    /// </summary>
    public static Octet Load(ArrayView<Half> map, int index, uint keep)
    {
        Half8 value = LoadPacked(map, index);
        return Unpack(new(new(value.A.RawValue & keep), new(value.B.RawValue & keep), new(value.C.RawValue & keep),
            new(value.D.RawValue & keep)));
    }

    /// <summary>Octet <paramref name="index"/> of a map in some format that no thread writes while the kernel runs.</summary>
    /// <typeparam name="TFormat">How the map is stored.</typeparam>
    /// <param name="map">The map.</param>
    /// <param name="index">The octet of the first part.</param>
    /// <param name="part">Octets from a part to the next.</param>
    public static Octet Load<TFormat>(ArrayView<Half> map, int index, int part) where TFormat : struct, IMapFormat =>
        default(TFormat).Parts == 1 ? Load(map, index) : Add(Load(map, index), Load(map, index + part));

    /// <summary>The same with the bits of <paramref name="keep"/>.</summary>
    public static Octet Load<TFormat>(ArrayView<Half> map, int index, int part, uint keep) where TFormat : struct, IMapFormat =>
        default(TFormat).Parts == 1 ? Load(map, index, keep) : Add(Load(map, index, keep), Load(map, index + part, keep));

    /// <summary>Octet <paramref name="index"/> of floats that no thread writes while the kernel runs.</summary>
    public static Octet Load(ArrayView<float> values, int index) => new(
        Intrinsics.LoadNonCoherent(ref values.Cast<Float4>()[2 * index]),
        Intrinsics.LoadNonCoherent(ref values.Cast<Float4>()[2 * index + 1]));

    /// <summary>
    /// Stores octet <paramref name="index"/> of a map, rounded to nearest even; what lies beyond +-65504 becomes +-65504, NaN stays NaN.
    /// </summary>
    public static void Store(ArrayView<Half> map, int index, Octet value) => map.Cast<Half8>()[index] = Pack(value);

    /// <summary>
    /// Stores octet <paramref name="index"/> of a map in some format; its parts lie <paramref name="part"/> octets apart.
    /// </summary>
    public static void Store<TFormat>(ArrayView<Half> map, int index, int part, Octet value) where TFormat : struct, IMapFormat
    {
        if (default(TFormat).Parts == 1)
        {
            Store(map, index, value);
        }
        else
        {
            Half8 high = Nearest(value);
            map.Cast<Half8>()[index] = high;
            map.Cast<Half8>()[index + part] = Nearest(Subtract(value, Unpack(high)));
        }
    }

    /// <summary>As floats, exactly.</summary>
    public static Octet Unpack(Half8 value) =>
        new(new(value.A.X, value.A.Y, value.B.X, value.B.Y), new(value.C.X, value.C.Y, value.D.X, value.D.Y));

    /// <summary>Octet <paramref name="k"/> of some that were loaded packed, part by part.</summary>
    public static Octet Unpack<TFormat>(ArrayView<Half8> packed, int k) where TFormat : struct, IMapFormat =>
        default(TFormat).Parts == 1 ? Unpack(packed[k]) : Add(Unpack(packed[2 * k]), Unpack(packed[2 * k + 1]));

    /// <summary>As halves, rounded to nearest even and saturated.</summary>
    public static Half8 Pack(Octet value) => new(
        Saturated(value.Low.X, value.Low.Y), Saturated(value.Low.Z, value.Low.W), Saturated(value.High.X, value.High.Y),
        Saturated(value.High.Z, value.High.W));

    /// <summary>As halves, rounded to nearest even; what is too large becomes infinite.</summary>
    public static Half8 Nearest(Octet value) => new(
        new(value.Low.X, value.Low.Y), new(value.Low.Z, value.Low.W), new(value.High.X, value.High.Y), new(value.High.Z, value.High.W));

    /// <summary>a - b, channel by channel.</summary>
    public static Octet Subtract(Octet a, Octet b) => new(
        new(a.Low.X - b.Low.X, a.Low.Y - b.Low.Y, a.Low.Z - b.Low.Z, a.Low.W - b.Low.W),
        new(a.High.X - b.High.X, a.High.Y - b.High.Y, a.High.Z - b.High.Z, a.High.W - b.High.W));

    /// <summary>a * b, channel by channel.</summary>
    public static Octet Multiply(Octet a, Octet b) => new(Quad.Multiply(a.Low, b.Low), Quad.Multiply(a.High, b.High));

    /// <summary>a + b, channel by channel.</summary>
    public static Octet Add(Octet a, Octet b) => new(Quad.Add(a.Low, b.Low), Quad.Add(a.High, b.High));

    /// <summary>a * factor + c, each rounded once.</summary>
    public static Octet Fma(Octet a, float factor, Octet c) => new(Quad.Fma(a.Low, factor, c.Low), Quad.Fma(a.High, factor, c.High));

    /// <summary>a * factor + c, channel by channel, each rounded once.</summary>
    public static Octet Fma(Octet a, Octet factor, Octet c) =>
        new(Quad.Fma(a.Low, factor.Low, c.Low), Quad.Fma(a.High, factor.High, c.High));

    /// <summary>a * factor.</summary>
    public static Octet Scale(Octet a, float factor) => new(Quad.Scale(a.Low, factor), Quad.Scale(a.High, factor));

    /// <summary>FusedLeakyReLU of every channel, the bias added already.</summary>
    public static Octet LeakyRelu(Octet a) => new(
        new(Activation.LeakyRelu(a.Low.X), Activation.LeakyRelu(a.Low.Y), Activation.LeakyRelu(a.Low.Z), Activation.LeakyRelu(a.Low.W)),
        new(Activation.LeakyRelu(a.High.X), Activation.LeakyRelu(a.High.Y), Activation.LeakyRelu(a.High.Z),
            Activation.LeakyRelu(a.High.W)));

    /// <summary>sum + a . b, one multiply-add after the other.</summary>
    public static float Dot(Octet a, Octet b, float sum)
    {
        sum = Intrinsics.Fma(a.Low.X, b.Low.X, sum);
        sum = Intrinsics.Fma(a.Low.Y, b.Low.Y, sum);
        sum = Intrinsics.Fma(a.Low.Z, b.Low.Z, sum);
        sum = Intrinsics.Fma(a.Low.W, b.Low.W, sum);
        sum = Intrinsics.Fma(a.High.X, b.High.X, sum);
        sum = Intrinsics.Fma(a.High.Y, b.High.Y, sum);
        sum = Intrinsics.Fma(a.High.Z, b.High.Z, sum);
        return Intrinsics.Fma(a.High.W, b.High.W, sum);
    }

    /// <summary>Two floats as halves, rounded to nearest even and saturated; NaN stays NaN.</summary>
    public static Half2 Saturated(float x, float y) => new(Intrinsics.PackHalf2Saturated(x, y));
}
