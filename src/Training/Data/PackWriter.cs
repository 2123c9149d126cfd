using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Lia.Media.IO;

namespace Lia.Training.Data;

/// <summary>Writes a pack (<see cref="PackFormat"/>), which appears complete or not at all.</summary>
internal sealed class PackWriter : IDisposable
{
    private readonly string _path;
    private readonly PackShape _shape;
    private readonly PendingFile _file;
    private readonly MemoryStream _clips = new(), _rows = new(), _numbers = new();
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _pictures, _clipCount, _rowCount, _inClip;

    /// <param name="path">The file.</param>
    /// <param name="shape">What there is of each picture.</param>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public PackWriter(string path, PackShape shape)
    {
        (_path, _shape) = (path, shape);
        _file = new PendingFile(path);
        Outputs.Guard(path, () => _file.Open().Write(new byte[PackFormat.HeaderLength]));
    }

    /// <summary>Pictures so far.</summary>
    public int Pictures => _pictures + _inClip;

    /// <summary>Clips so far.</summary>
    public int Clips => _clipCount;

    /// <summary>Rows so far.</summary>
    public int Rows => _rowCount;

    /// <summary>Bytes of a picture.</summary>
    public int PictureLength => _shape.PictureLength;

    /// <summary>Bytes of the pictures so far.</summary>
    public long Length => (long)Pictures * PictureLength;

    /// <summary>Adds a picture with its numbers behind it.</summary>
    /// <inheritdoc cref="Add(ReadOnlySpan{byte}, ReadOnlySpan{float})"/>
    public void AddWithNumbers(ReadOnlySpan<byte> both) =>
        Add(both[..PictureLength], MemoryMarshal.Cast<byte, float>(both[PictureLength..]));

    /// <summary>Adds a picture to the clip in the making.</summary>
    /// <param name="picture">As in the file.</param>
    /// <param name="numbers">Its labels and matrices, where the pack has any; they are kept in memory until the end.</param>
    /// <exception cref="MediaException">The disk is full, or there is more than a pack holds.</exception>
    public void Add(ReadOnlySpan<byte> picture, ReadOnlySpan<float> numbers = default)
    {
        if (picture.Length != PictureLength) throw new ArgumentException($"A picture takes {PictureLength} bytes.", nameof(picture));
        if (numbers.Length != _shape.Numbers)
            throw new ArgumentException($"A picture has {_shape.Numbers} numbers, not {numbers.Length}.", nameof(numbers));
        if (Pictures == int.MaxValue) throw new MediaException($"{_path}: there are more than {int.MaxValue:N0} pictures.");
        if (_numbers.Length > Array.MaxLength - _shape.NumbersLength)
            throw new MediaException($"{_path}: there are too many labels and matrices for one pack; pack it in parts.");
        try
        {
            _file.Open().Write(picture);
        }
        catch (IOException failure)
        {
            throw Outputs.Failed(_path, failure);
        }
        _hash.AppendData(picture);
        Span<byte> word = stackalloc byte[sizeof(float)];
        foreach (float number in numbers)
        {
            BinaryPrimitives.WriteSingleLittleEndian(word, number);
            _numbers.Write(word);
        }
        _inClip++;
    }

    /// <summary>Ends the clip in the making.</summary>
    /// <returns>Its pictures.</returns>
    public int EndClip(string name)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        if (utf8.Length > PackFormat.LongestName) throw new MediaException($"{name}: the name is too long.");
        Span<byte> head = stackalloc byte[6];
        BinaryPrimitives.WriteInt32LittleEndian(head, _inClip);
        BinaryPrimitives.WriteUInt16LittleEndian(head[4..], (ushort)utf8.Length);
        _clips.Write(head);
        _clips.Write(utf8);
        _hash.AppendData(_numbers.GetBuffer().AsSpan(_pictures * _shape.NumbersLength, _inClip * _shape.NumbersLength));
        _clips.Write(_hash.GetHashAndReset());
        int pictures = _inClip;
        (_pictures, _inClip, _clipCount) = (_pictures + _inClip, 0, _clipCount + 1);
        return pictures;
    }

    /// <summary>Takes the clip in the making out again.</summary>
    public void DropClip()
    {
        _inClip = 0;
        _ = _hash.GetHashAndReset();
        _numbers.SetLength((long)_pictures * _shape.NumbersLength);
        Outputs.Guard(_path, () =>
        {
            FileStream file = _file.Open();
            file.Position = PackFormat.HeaderLength + Length;
            file.SetLength(file.Position);
        });
    }

    /// <summary>Adds a supervised row, of pictures that are there or will be.</summary>
    public void Add(PackedRow row)
    {
        Span<byte> bytes = stackalloc byte[PackFormat.RowLength];
        row.Write(bytes);
        _rows.Write(bytes);
        _rowCount++;
    }

    /// <summary>Writes index and header, and gives the file its name.</summary>
    /// <exception cref="MediaException">The disk is full, or the file cannot be replaced.</exception>
    public void Complete()
    {
        long index = 8 + _clips.Length + _rows.Length;
        if (index > PackFormat.LongestIndex) throw new MediaException($"{_path}: there are too many clips or rows for one pack.");
        byte[] header = PackFormat.Header(_shape, Pictures, index), word = new byte[4];
        Outputs.Guard(_path, () =>
        {
            FileStream file = _file.Open();
            _numbers.WriteTo(file);
            WriteCount(file, _clipCount);
            _clips.WriteTo(file);
            WriteCount(file, _rowCount);
            _rows.WriteTo(file);
            file.Position = 0;
            file.Write(header);
        });
        _file.Commit();

        void WriteCount(FileStream file, int count)
        {
            BinaryPrimitives.WriteInt32LittleEndian(word, count);
            file.Write(word);
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }
}
