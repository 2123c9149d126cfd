using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using Lia.Media.IO;
using Microsoft.Win32.SafeHandles;

namespace Lia.Training.Data;

/// <summary>
/// An open pack (<see cref="PackFormat"/>). The index is held, pictures are read as they are asked for. May be used by several threads.
/// </summary>
internal sealed class PackFile : IDisposable
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly FileStream _stream; // read at places, by its handle
    private readonly SafeFileHandle _file;
    private readonly byte[] _index;
    private readonly int _rows; // where they begin in the index
    private readonly long _numbers; // where they begin in the file

    /// <summary>Opens a pack and checks all of it but the pixels, which cannot be wrong.</summary>
    /// <exception cref="MediaException">It is no pack, or a damaged one; the message says where.</exception>
    public PackFile(string path)
    {
        Name = path;
        if (Directory.Exists(path)) throw new MediaException($"{path}: it is a folder, not a pack.");
        _stream = Inputs.OpenFile(path);
        _file = _stream.SafeFileHandle;
        try
        {
            long length = _stream.Length;
            Span<byte> header = stackalloc byte[PackFormat.HeaderLength];
            if (length < PackFormat.HeaderLength) throw Broken("it is shorter than its header");
            ReadAt(0, header);
            if (!header[..8].SequenceEqual(PackFormat.Magic)) throw Broken("it does not begin as one does");
            uint version = Word(header, 8);
            if (version is not (PackFormat.Version or PackFormat.VersionWithNumbers))
                throw Broken($"its version is {version}, and {PackFormat.Version} and {PackFormat.VersionWithNumbers} are known");
            uint side = Word(header, 12), planes = Word(header, 16), labels = Word(header, 48), parts = Word(header, 52);
            if (side is < PackFormat.LeastSide or > PackFormat.MostSide)
                throw Broken($"its pictures are {side} pixels a side, not {PackFormat.LeastSide} to {PackFormat.MostSide}");
            // What version 1 has there is nothing to it.
            if (version == PackFormat.Version) labels = parts = 0;
            else if (labels == 0 && parts == 0) throw Broken("it is of version 2, and has neither labels nor surfaces");
            if (labels > PackFormat.MostLabels)
                throw Broken($"its pictures have {labels} labels, and {PackFormat.MostLabels} are the most");
            if (parts > PackFormat.MostParts) throw Broken($"its surfaces have {parts} parts, and {PackFormat.MostParts} are the most");
            uint least = parts > 0 ? 5u : 3u;
            if (planes != least && planes != least + 1)
                throw Broken($"its pictures have {planes} planes, not {least} or {least + 1}" + (parts > 0 ? " with surfaces" : ""));
            Shape = new((int)side, planes == least + 1, (int)labels, (int)parts);
            ulong pictures = Long(header, 24), start = Long(header, 32), index = Long(header, 40);
            UInt128 end = (UInt128)pictures * (uint)(PictureLength + Shape.NumbersLength) + PackFormat.HeaderLength;
            if (pictures > int.MaxValue || end != start || end + index != (UInt128)length)
                throw Broken($"{pictures} pictures and an index of {index} bytes do not make its {length} bytes; it may be cut short");
            if (index > PackFormat.LongestIndex) throw Broken($"an index of {index} bytes is too long");
            Pictures = (int)pictures;
            _numbers = PackFormat.HeaderLength + (long)Pictures * PictureLength;
            _index = new byte[index];
            ReadAt((long)start, _index);
            (Clips, _rows) = ReadIndex();
            CheckNumbers();
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>The path.</summary>
    public string Name { get; }

    /// <summary>What there is of each picture.</summary>
    public PackShape Shape { get; }

    /// <summary>Whether each picture has a weight map.</summary>
    public bool HasWeights => Shape.HasWeights;

    /// <summary>N.</summary>
    public int Pictures { get; }

    /// <summary>The clips, in the order of the file.</summary>
    public ImmutableArray<PackedClip> Clips { get; }

    /// <summary>Supervised rows; with any, it is they that are learned from, not pairs of a clip.</summary>
    public int Rows { get; private set; }

    /// <summary>What the index says of the clips, without their number.</summary>
    public ReadOnlySpan<byte> ClipIndex => _index.AsSpan(4, _rows - 8);

    /// <summary>Bytes of a picture.</summary>
    public int PictureLength => Shape.PictureLength;

    /// <summary>Whether a file begins as a pack does.</summary>
    public static bool Recognizes(string path)
    {
        if (!File.Exists(path) || Inputs.IsPipe(path)) return false;
        using FileStream file = Inputs.OpenFile(path);
        Span<byte> magic = stackalloc byte[8];
        return file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length && magic.SequenceEqual(PackFormat.Magic);
    }

    /// <summary>A supervised row.</summary>
    public PackedRow Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ReadOnlySpan<byte> at = _index.AsSpan(_rows + row * PackFormat.RowLength, PackFormat.RowLength);
        return new((int)Word(at, 0), (int)Word(at, 4), (int)Word(at, 8), (int)Word(at, 12));
    }

    /// <summary>Reads a picture.</summary>
    /// <param name="picture">Its number.</param>
    /// <param name="bytes">Receives [P, P, 3], with weight maps [P, P], and with surfaces two more; of these as much as it has room
    /// for.</param>
    /// <exception cref="MediaException">The file was shortened since, or the disk fails.</exception>
    public void Read(int picture, Span<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)picture, (uint)Pictures, nameof(picture));
        ReadAt(PackFormat.HeaderLength + (long)picture * PictureLength, bytes[..Math.Min(bytes.Length, PictureLength)]);
    }

    /// <summary>Reads the numbers of a picture.</summary>
    /// <param name="picture">Its number.</param>
    /// <param name="numbers">Receives L labels, NaN where one is unknown, and a matrix [4, 4] of each part, zero where its place
    /// is.</param>
    /// <exception cref="MediaException">The file was shortened since, or the disk fails.</exception>
    public void ReadNumbers(int picture, Span<float> numbers)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)picture, (uint)Pictures, nameof(picture));
        ReadNumbers(picture, 1, numbers);
    }

    public void Dispose() => _stream.Dispose();

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private (ImmutableArray<PackedClip> Clips, int Rows) ReadIndex()
    {
        const int LeastClip = 4 + 2 + PackFormat.HashLength;
        int at = 0;
        uint count = Word(Take(4), 0);
        if (count > (uint)(_index.Length / LeastClip)) throw Broken($"{count} clips do not fit into its index");
        ImmutableArray<PackedClip>.Builder clips = ImmutableArray.CreateBuilder<PackedClip>((int)count);
        long first = 0;
        for (int clip = 0; clip < count; clip++)
        {
            ReadOnlySpan<byte> head = Take(6);
            uint pictures = Word(head, 0);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(head[4..]);
            string name = ReadName(Take(length), clip);
            Take(PackFormat.HashLength);
            if (first + pictures > Pictures) throw Broken($"clip {clip} ends beyond the last picture");
            clips.Add(new(name, (int)first, (int)pictures));
            first += pictures;
        }
        if (first != Pictures) throw Broken($"its clips have {first} pictures, and there are {Pictures}");
        uint rows = Word(Take(4), 0);
        if ((long)rows * PackFormat.RowLength != _index.Length - at) throw Broken($"{rows} rows do not fill its index");
        Rows = (int)rows;
        for (int row = 0; row < Rows; row++)
        {
            for (int part = 0; part < 4; part++)
            {
                if (Word(_index, at + row * PackFormat.RowLength + 4 * part) is var picture && picture >= Pictures)
                    throw Broken($"row {row} names picture {picture}, and there are {Pictures}");
            }
        }
        return (clips.MoveToImmutable(), at);

        ReadOnlySpan<byte> Take(int length)
        {
            if (length > _index.Length - at) throw Broken("its index is cut short");
            at += length;
            return _index.AsSpan(at - length, length);
        }
    }

    private void ReadNumbers(int first, int count, Span<float> numbers)
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(numbers[..(count * Shape.Numbers)]);
        ReadAt(_numbers + (long)first * Shape.NumbersLength, bytes);
        if (BitConverter.IsLittleEndian) return;
        Span<int> words = MemoryMarshal.Cast<byte, int>(bytes);
        BinaryPrimitives.ReverseEndianness(words, words);
    }

    private void CheckNumbers()
    {
        const int AtOnce = 1 << 16;
        if (Shape.Numbers == 0) return;
        int most = Math.Min(Pictures, Math.Max(1, AtOnce / Shape.Numbers));
        float[] numbers = new float[most * Shape.Numbers];
        for (int first = 0; first < Pictures; first += most)
        {
            int count = Math.Min(most, Pictures - first);
            ReadNumbers(first, count, numbers);
            for (int i = 0; i < count * Shape.Numbers; i++)
            {
                if (float.IsFinite(numbers[i])) continue;
                (int picture, int place) = Math.DivRem(i, Shape.Numbers);
                if (place >= Shape.Labels)
                    throw Broken($"the matrix of part {(place - Shape.Labels) / PackShape.MatrixLength + 1} of picture {first + picture} "
                        + "has a value that is not finite");
                if (float.IsInfinity(numbers[i])) throw Broken($"label {place} of picture {first + picture} is infinite");
            }
        }
    }

    private string ReadName(ReadOnlySpan<byte> bytes, int clip)
    {
        if (bytes.Length is 0 or > PackFormat.LongestName) throw Broken($"the name of clip {clip} has {bytes.Length} bytes");
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Broken($"the name of clip {clip} is no UTF-8");
        }
    }

    private void ReadAt(long offset, Span<byte> bytes)
    {
        for (int read = 0; read < bytes.Length;)
        {
            int more;
            try
            {
                more = RandomAccess.Read(_file, bytes[read..], offset + read);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw new MediaException($"{Name}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
            }
            if (more == 0) throw Broken("it ends too early");
            read += more;
        }
    }

    private MediaException Broken(string what) => new($"{Name}: not a pack of training data, or a damaged one: {what}.");
}
