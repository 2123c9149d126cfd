namespace Lia.Training.Data;

/// <summary>What random numbers are drawn for. Each is a stream of its own, so that one more of the one kind changes nothing of the
/// others.</summary>
internal enum DrawKind
{
    /// <summary>The order of an epoch.</summary>
    Order,

    /// <summary>Frames of a clip.</summary>
    Frames,

    /// <summary>Flip, crop and colors of a pair.</summary>
    Augmentation,
}

/// <summary>
/// Random numbers as a function of what they are for: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 2011), a counter enciphered with the seed
/// as the key. Nothing goes on from draw to draw, so that any step's numbers are had without those of the steps before it.
/// </summary>
/// <param name="seed">The key.</param>
/// <param name="kind">The stream.</param>
/// <param name="epoch">Below 2^56.</param>
/// <param name="index">The place in the epoch.</param>
internal struct Philox(ulong seed, DrawKind kind, long epoch, int index)
{
    private readonly uint _epoch = (uint)epoch, _kind = (uint)(epoch >> 32) << 8 | (uint)kind;
    private uint _block;
    private ulong _waiting;
    private bool _isWaiting;

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        if (_isWaiting)
        {
            _isWaiting = false;
            return _waiting;
        }
        (uint a, uint b, uint c, uint d) = Block((_block++, (uint)index, _epoch, _kind), seed);
        (_waiting, _isWaiting) = ((ulong)d << 32 | c, true);
        return (ulong)b << 32 | a;
    }

    /// <summary>A number from 0 to below <paramref name="count"/>, each as likely but for 2^-33 of it.</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>A number from 0 to below 1, in steps of 2^-24.</summary>
    public float Unit() => (Next() >> 40) * (1f / (1 << 24));

    /// <summary>Enciphers a counter.</summary>
    internal static (uint A, uint B, uint C, uint D) Block((uint A, uint B, uint C, uint D) counter, ulong key)
    {
        (uint a, uint b, uint c, uint d) = counter;
        (uint first, uint second) = ((uint)key, (uint)(key >> 32));
        for (int round = 0; round < 10; round++)
        {
            ulong x = 0xD2511F53UL * a, y = 0xCD9E8D57UL * c;
            (a, b, c, d) = ((uint)(y >> 32) ^ b ^ first, (uint)y, (uint)(x >> 32) ^ d ^ second, (uint)x);
            (first, second) = (unchecked(first + 0x9E3779B9), unchecked(second + 0xBB67AE85));
        }
        return (a, b, c, d);
    }
}
