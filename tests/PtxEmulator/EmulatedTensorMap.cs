using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.PtxEmulator;

/// <summary>The emulator's own form of the 128 bytes of a tensor map.</summary>
internal sealed record EmulatedTensorMap(
    int ElementBytes, ulong Address, long[] Dimensions, long[] Strides, int[] Box, int[] ElementStrides, int SwizzleSpan)
{
    private const uint Signature = 0x50414D54;   // "TMAP"

    public int Rank => Dimensions.Length;

    /// <summary>Elements along each dimension that are copied.</summary>
    public int Count(int dimension) => (Box[dimension] + ElementStrides[dimension] - 1) / ElementStrides[dimension];

    /// <summary>Bytes in shared memory.</summary>
    public int TileBytes
    {
        get
        {
            int bytes = ElementBytes;
            for (int i = 0; i < Rank; i++) bytes *= Count(i);
            return bytes;
        }
    }

    /// <summary>The encoding of a description that was checked.</summary>
    public static TensorMap Encode(TensorMapDescription description)
    {
        var map = default(TensorMap);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<TensorMap>(ref map));
        var writer = new BinaryWriter(new MemoryStream());
        writer.Write(Signature);
        int rank = description.Dimensions.Length;
        writer.Write((byte)rank);
        writer.Write((byte)description.ElementBytes);
        writer.Write((byte)description.Swizzle);
        writer.Write((byte)0);
        writer.Write((ulong)description.Address);
        for (int i = 0; i < rank; i++)
        {
            writer.Write((uint)(description.Dimensions[i] - 1));
            writer.Write((byte)(description.Box[i] - 1));
            writer.Write((byte)(description.ElementStrides.IsDefaultOrEmpty ? 1 : description.ElementStrides[i]));
            writer.Write(i == 0 ? 0L : description.Strides[i - 1]);
        }
        ((MemoryStream)writer.BaseStream).ToArray().CopyTo(bytes);
        return map;
    }

    /// <summary>What was encoded; null when the bytes are no tensor map.</summary>
    public static EmulatedTensorMap? Decode(byte[] bytes)
    {
        var reader = new BinaryReader(new MemoryStream(bytes));
        if (reader.ReadUInt32() != Signature) return null;
        int rank = reader.ReadByte(), elementBytes = reader.ReadByte(), swizzle = reader.ReadByte();
        reader.ReadByte();
        ulong address = reader.ReadUInt64();
        long[] dimensions = new long[rank], strides = new long[rank];
        int[] box = new int[rank], elementStrides = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            dimensions[i] = reader.ReadUInt32() + 1L;
            box[i] = reader.ReadByte() + 1;
            elementStrides[i] = reader.ReadByte();
            strides[i] = reader.ReadInt64();
        }
        strides[0] = elementBytes;
        return new EmulatedTensorMap(elementBytes, address, dimensions, strides, box, elementStrides, swizzle == 0 ? 0 : 16 << swizzle);
    }
}
