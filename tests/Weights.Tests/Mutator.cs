using System.Text;

namespace Lia.Weights.Tests;

/// <summary>Damages files in the ways that find faults in parsers; the same ones in every run.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly byte[][] Pieces =
    [
        .. new[]
        {
            "0", "1", "-1", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e9", "0.5",
            "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud800", "null", "true", "{}", "[]", "\"\"", "F64", "U8", "BOOL", "F4", "__metadata__", "shape", "dtype", " ", "\0",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private readonly Random _random = new(seed);

    /// <summary>One to four changes: a byte set or flipped, bytes removed, repeated, moved, a telling piece put in, the end cut off.</summary>
    public byte[] Mutate(byte[] original)
    {
        List<byte> bytes = [.. original];
        for (int change = _random.Next(1, 5); change > 0 && bytes.Count > 0; change--)
        {
            int at = _random.Next(bytes.Count), length = Math.Min(_random.Next(1, 12), bytes.Count - at);
            switch (_random.Next(8))
            {
                case 0: bytes[at] = (byte)_random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << _random.Next(8)); break;
                case 2: bytes.RemoveRange(at, length); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 4: bytes.InsertRange(_random.Next(bytes.Count), bytes.GetRange(at, length)); break;
                case 5: bytes.InsertRange(at, Pieces[_random.Next(Pieces.Length)]); break;
                case 6: Digits(bytes, at); break;
                default: if (_random.Next(8) == 0) bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Replaces the next number by a telling one.</summary>
    private void Digits(List<byte> bytes, int from)
    {
        int start = bytes.FindIndex(from, b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0) return;
        int end = bytes.FindIndex(start, b => b is < (byte)'0' or > (byte)'9');
        bytes.RemoveRange(start, (end < 0 ? bytes.Count : end) - start);
        bytes.InsertRange(start, Pieces[_random.Next(11)]);
    }
}
