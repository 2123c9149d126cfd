using System.Buffers.Binary;

namespace Lia.Fuzz;

/// <summary>Damages bytes in the ways that find faults in readers of files: the same ones for the same seed and index.</summary>
internal sealed class Mutator(int seed, long index)
{
    private static readonly long[] TellingNumbers =
        [0, 1, 2, 3, 7, 8, 255, 256, 32767, 32768, 65535, 65536, int.MaxValue, 1L << 31, uint.MaxValue, 1L << 32, 1L << 62, long.MaxValue,
            long.MinValue, -1];

    private readonly Random _random = new(unchecked((int)(seed * 0x9e3779b9 + index * 0x85ebca6b + (index >> 32))));

    /// <summary>A number from 0 to <paramref name="below"/> - 1.</summary>
    public int Next(int below) => _random.Next(below);

    /// <summary>True once in so many times.</summary>
    public bool Once(int times) => _random.Next(times) == 0;

    /// <summary>One of several.</summary>
    public T Pick<T>(IReadOnlyList<T> choices) => choices[_random.Next(choices.Count)];

    /// <summary>
    /// One to five changes of one of the seeds: a byte set or flipped, bytes removed, repeated or moved, a number written over in either
    /// order, a word of the format put in, digits replaced, a part of another seed put in, the end cut off.
    /// </summary>
    public byte[] Mutate(IReadOnlyList<byte[]> seeds, IReadOnlyList<byte[]> words)
    {
        List<byte> bytes = [.. Pick(seeds)];
        for (int change = 1 + Next(5); change > 0 && bytes.Count > 0; change--)
        {
            int at = Next(bytes.Count), length = Math.Min(1 + Next(Once(4) ? 64 : 8), bytes.Count - at);
            switch (Next(11))
            {
                case 0: bytes[at] = (byte)Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << Next(8)); break;
                case 2: bytes.RemoveRange(at, length); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 4: bytes.InsertRange(Next(bytes.Count), bytes.GetRange(at, length)); break;
                case 5: WriteNumber(bytes, at); break;
                case 6 or 7: bytes.InsertRange(at, Pick(words)); break;
                case 8: Digits(bytes, at); break;
                case 9: Splice(bytes, at, Pick(seeds)); break;
                default: if (Once(8)) bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Digits that are a telling number, or nearly one.</summary>
    public string Number() => Once(3) ? $"{TellingNumbers[Next(TellingNumbers.Length)]}" : Once(4)
        ? Pick(["18446744073709551616", "1e9", "0.5", "-0", "007", "99999999999999999999999999"]) : $"{Next(70)}";

    private void WriteNumber(List<byte> bytes, int at)
    {
        Span<byte> number = stackalloc byte[8];
        long value = Pick(TellingNumbers);
        int size = 1 << Next(4);
        if (Once(2)) BinaryPrimitives.WriteInt64LittleEndian(number, value);
        else BinaryPrimitives.WriteInt64BigEndian(number, value << 64 - 8 * size);
        for (int i = 0; i < size && at + i < bytes.Count; i++) bytes[at + i] = number[i];
    }

    private void Digits(List<byte> bytes, int from)
    {
        int start = bytes.FindIndex(from, b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0) return;
        int end = bytes.FindIndex(start, b => b is < (byte)'0' or > (byte)'9');
        bytes.RemoveRange(start, (end < 0 ? bytes.Count : end) - start);
        bytes.InsertRange(start, System.Text.Encoding.ASCII.GetBytes(Number()));
    }

    private void Splice(List<byte> bytes, int at, byte[] other)
    {
        int start = Next(other.Length), length = Math.Min(1 + Next(100), other.Length - start);
        bytes.InsertRange(at, other.AsSpan(start, length).ToArray());
    }
}
