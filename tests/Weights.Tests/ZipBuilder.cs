using System.Buffers.Binary;
using System.Text;

namespace Lia.Weights.Tests;

/// <summary>A member of a zip file; what differs from the truth is a lie to be found out.</summary>
internal sealed record Member(string Name, byte[] Data)
{
    public ushort Method { get; init; }
    public ushort Flags { get; init; }
    public string? LocalName { get; init; }
    public uint? StoredSize { get; init; }
    public uint? PlainSize { get; init; }
    public uint? LocalOffset { get; init; }
    public byte[] Extra { get; init; } = [];
}

/// <summary>Writes zip files byte by byte, as PyTorch does and otherwise.</summary>
internal static class ZipBuilder
{
    /// <summary>A checkpoint: the pickle and its storages under a folder.</summary>
    public static byte[] Checkpoint(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Zip([new("model/data.pkl", pickle), .. storages.Select(storage => new Member($"model/data/{storage.Key}", storage.Data))]);

    public static byte[] Zip(params Member[] members) => Zip(members, zip64: null);

    /// <param name="members">What it holds.</param>
    /// <param name="zip64">Changes the zip64 end record before it is written; null writes none.</param>
    /// <param name="end">Changes the end record (and may make it longer: a comment).</param>
    public static byte[] Zip(Member[] members, Action<byte[]>? zip64, Func<byte[], byte[]>? end = null)
    {
        List<byte> file = [];
        List<uint> offsets = [];
        foreach (Member member in members)
        {
            offsets.Add((uint)file.Count);
            byte[] name = Encoding.UTF8.GetBytes(member.LocalName ?? member.Name), header = new byte[30];
            BinaryPrimitives.WriteUInt32LittleEndian(header, 0x04034b50);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(26), (ushort)name.Length);
            file.AddRange([.. header, .. name, .. member.Data]);
        }
        int directory = file.Count;
        for (int i = 0; i < members.Length; i++)
        {
            Member member = members[i];
            byte[] name = Encoding.UTF8.GetBytes(member.Name), entry = new byte[46];
            BinaryPrimitives.WriteUInt32LittleEndian(entry, 0x02014b50);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(8), member.Flags);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(10), member.Method);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(20), member.StoredSize ?? (uint)member.Data.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(24), member.PlainSize ?? (uint)member.Data.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(28), (ushort)name.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(30), (ushort)member.Extra.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(42), member.LocalOffset ?? offsets[i]);
            file.AddRange([.. entry, .. name, .. member.Extra]);
        }
        int length = file.Count - directory;
        if (zip64 is not null)
        {
            byte[] record = new byte[56 + 20];
            int position = file.Count;
            BinaryPrimitives.WriteUInt32LittleEndian(record, 0x06064b50);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(4), 44);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(24), (ulong)members.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(32), (ulong)members.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(40), (ulong)length);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(48), (ulong)directory);
            BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(56), 0x07064b50);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(64), (ulong)position);
            zip64(record);
            file.AddRange(record);
        }
        byte[] last = new byte[22];
        BinaryPrimitives.WriteUInt32LittleEndian(last, 0x06054b50);
        BinaryPrimitives.WriteUInt16LittleEndian(last.AsSpan(8), (ushort)members.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(last.AsSpan(10), (ushort)members.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(last.AsSpan(12), (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(last.AsSpan(16), (uint)directory);
        file.AddRange(end is null ? last : end(last));
        return [.. file];
    }
}
