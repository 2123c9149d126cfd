using System.Buffers.Binary;
using System.Text;

namespace Lia.Weights;

/// <summary>A stored (uncompressed) member of a zip file.</summary>
internal readonly record struct ZipMember(long Offset, long Length);

/// <summary>
/// The members of a zip file, read from its central directory and checked against each other.
/// <code>
/// [local header, name, extra | data]... [central directory] [zip64 end record] [zip64 locator] [end record, comment]
/// </code>
/// PyTorch stores members uncompressed, leaves the sizes in local headers zero and writes zip64 end records even when small,
/// so sizes come from the central directory and the place of the data from the lengths in the local header. Members
/// must lie apart from each other and before the directory; compressed and encrypted ones are refused, so nothing can expand.
/// </summary>
internal sealed class ZipDirectory
{
    /// <summary>Members a file may have; a checkpoint has one for each storage and a few more.</summary>
    private const int MostMembers = 100_000;

    private const uint EndSignature = 0x06054b50, Zip64EndSignature = 0x06064b50, Zip64LocatorSignature = 0x07064b50;
    private const uint CentralSignature = 0x02014b50, LocalSignature = 0x04034b50;
    private const int EndLength = 22, Zip64EndLength = 56, Zip64LocatorLength = 20, CentralLength = 46, LocalLength = 30;

    private readonly MappedFile _file;
    private readonly Dictionary<string, ZipMember> _members = [];

    /// <exception cref="WeightsException">The file is not a zip file, or its records contradict each other.</exception>
    public ZipDirectory(MappedFile file)
    {
        _file = file;
        (long start, long length, long count) = FindDirectory();
        ReadDirectory(start, length, count);
    }

    public IReadOnlyDictionary<string, ZipMember> Members => _members;

    /// <summary>Whether a file begins as a zip file does.</summary>
    public static bool IsZip(MappedFile file) => file.Length >= 4 && file.Slice(0, 4).SequenceEqual("PK\x03\x04"u8);

    /// <summary>Finds where the central directory lies, from the record at the end of the file.</summary>
    private (long Start, long Length, long Count) FindDirectory()
    {
        // The end record is followed by a comment of up to 65,535 bytes whose length it tells.
        int tailLength = (int)Math.Min(_file.Length, EndLength + ushort.MaxValue);
        ReadOnlySpan<byte> tail = _file.Slice(_file.Length - tailLength, tailLength);
        int at = tailLength - EndLength;
        while (at >= 0 && !(UInt32(tail, at) == EndSignature && at + EndLength + UInt16(tail, at + 20) == tailLength)) at--;
        if (at < 0) throw Broken("there is no end record (truncated?)");
        long endPosition = _file.Length - tailLength + at;
        ReadOnlySpan<byte> end = tail[at..];
        Expect(UInt16(end, 4) == 0 && UInt16(end, 6) == 0, "it is spread over several disks");
        (ulong count, ulong length, ulong start) = (UInt16(end, 10), UInt32(end, 12), UInt32(end, 16));
        long limit = endPosition;

        long locatorPosition = endPosition - Zip64LocatorLength;
        if (locatorPosition >= 0 && UInt32(_file.Slice(locatorPosition, 4), 0) == Zip64LocatorSignature)
        {
            ReadOnlySpan<byte> locator = _file.Slice(locatorPosition, Zip64LocatorLength);
            ulong recordPosition = UInt64(locator, 8);
            Expect(recordPosition <= (ulong)locatorPosition && (ulong)locatorPosition - recordPosition >= Zip64EndLength,
                "the zip64 locator points nowhere");
            ReadOnlySpan<byte> record = _file.Slice((long)recordPosition, Zip64EndLength);
            Expect(UInt32(record, 0) == Zip64EndSignature, "the zip64 locator points at something else than an end record");
            (ulong count64, ulong length64, ulong start64) = (UInt64(record, 32), UInt64(record, 40), UInt64(record, 48));
            bool agree = (count is ushort.MaxValue || count == count64) && (length is uint.MaxValue || length == length64)
                && (start is uint.MaxValue || start == start64);
            Expect(agree, "its two end records contradict each other");
            (count, length, start, limit) = (count64, length64, start64, (long)recordPosition);
        }
        Expect(count <= MostMembers, "it has too many members");
        Expect(length <= (ulong)limit && start == (ulong)limit - length, "its directory does not end where its end record begins");
        return ((long)start, (long)length, (long)count);
    }

    private void ReadDirectory(long start, long length, long count)
    {
        List<(long Begin, long End)> ranges = [];
        long position = start, end = start + length;
        for (long i = 0; i < count; i++)
        {
            Expect(end - position >= CentralLength, "its directory is cut off");
            ReadOnlySpan<byte> entry = _file.Slice(position, CentralLength);
            Expect(UInt32(entry, 0) == CentralSignature, "its directory holds something else than entries");
            int nameLength = UInt16(entry, 28), extraLength = UInt16(entry, 30), commentLength = UInt16(entry, 32);
            int entryLength = CentralLength + nameLength + extraLength + commentLength;
            Expect(end - position >= entryLength, "its directory is cut off");
            ReadOnlySpan<byte> nameBytes = _file.Slice(position + CentralLength, nameLength);
            string name = Encoding.UTF8.GetString(nameBytes);
            string quoted = Text.Quote(name);
            Expect((UInt16(entry, 8) & 1) == 0, $"member {quoted} is encrypted");
            Expect(UInt16(entry, 10) == 0, $"member {quoted} is compressed; PyTorch stores its members as they are");

            (ulong stored, ulong plain, ulong local) = (UInt32(entry, 20), UInt32(entry, 24), UInt32(entry, 42));
            ReadZip64(_file.Slice(position + CentralLength + nameLength, extraLength), quoted, ref plain, ref stored, ref local);
            Expect(stored == plain, $"member {quoted} is stored and its two sizes differ");
            Expect(local <= (ulong)start && (ulong)start - local >= LocalLength,
                $"the local header of member {quoted} lies outside the file");
            ReadOnlySpan<byte> header = _file.Slice((long)local, LocalLength);
            Expect(UInt32(header, 0) == LocalSignature, $"member {quoted} has no local header");
            ulong data = local + LocalLength + (ulong)(UInt16(header, 26) + UInt16(header, 28));
            Expect(data <= (ulong)start && plain <= (ulong)start - data, $"member {quoted} claims {plain} bytes, more than the file has");
            ReadOnlySpan<byte> localName = _file.Slice((long)local + LocalLength, UInt16(header, 26));
            Expect(localName.SequenceEqual(nameBytes), $"member {quoted} has another name in its local header");
            Expect(_members.TryAdd(name, new((long)data, (long)plain)), $"two members are called {quoted}");
            ranges.Add(((long)local, (long)(data + plain)));
            position += entryLength;
        }
        Expect(position == end, "its directory holds more than its entries");

        ranges.Sort();
        for (int i = 1; i < ranges.Count; i++) Expect(ranges[i].Begin >= ranges[i - 1].End, "members overlap");
    }

    /// <summary>Replaces fields that are all ones by those of the zip64 extra field (identifier 1), in this order.</summary>
    private void ReadZip64(ReadOnlySpan<byte> extra, string member, ref ulong plain, ref ulong stored, ref ulong local)
    {
        if (plain != uint.MaxValue && stored != uint.MaxValue && local != uint.MaxValue) return;
        while (extra.Length >= 4)
        {
            int id = UInt16(extra, 0), size = UInt16(extra, 2);
            Expect(size <= extra.Length - 4, $"an extra field of member {member} is cut off");
            ReadOnlySpan<byte> field = extra.Slice(4, size);
            extra = extra[(4 + size)..];
            if (id != 1) continue;
            if (plain == uint.MaxValue) plain = Next(ref field);
            if (stored == uint.MaxValue) stored = Next(ref field);
            if (local == uint.MaxValue) local = Next(ref field);
            return;
        }
        throw Broken($"member {member} has no zip64 field and needs one");

        ulong Next(ref ReadOnlySpan<byte> field)
        {
            Expect(field.Length >= 8, $"the zip64 field of member {member} is cut off");
            ulong value = UInt64(field, 0);
            field = field[8..];
            return value;
        }
    }

    private static ushort UInt16(ReadOnlySpan<byte> data, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(data[offset..]);

    private static uint UInt32(ReadOnlySpan<byte> data, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(data[offset..]);

    private static ulong UInt64(ReadOnlySpan<byte> data, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(data[offset..]);

    private void Expect(bool condition, string otherwise)
    {
        if (!condition) throw Broken(otherwise);
    }

    private WeightsException Broken(string what) => new($"{_file.Name}: broken zip file: {what}");
}
