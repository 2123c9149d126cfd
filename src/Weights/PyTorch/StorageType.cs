namespace Lia.Weights;

/// <summary>An element type of PyTorch storages.</summary>
/// <param name="Size">Bytes of an element.</param>
/// <param name="DType">The type here, or null when tensors of it are skipped.</param>
internal readonly record struct StorageType(int Size, DType? DType)
{
    /// <summary>By the class of a storage in a persistent id: <c>torch.FloatStorage</c>.</summary>
    public static StorageType? FromClass(string name) => name switch
    {
        "torch.FloatStorage" => new(4, Weights.DType.Float32),
        "torch.DoubleStorage" => new(8, Weights.DType.Float64),
        "torch.HalfStorage" => new(2, Weights.DType.Float16),
        "torch.BFloat16Storage" => new(2, Weights.DType.BFloat16),
        "torch.LongStorage" => new(8, Weights.DType.Int64),
        "torch.IntStorage" => new(4, Weights.DType.Int32),
        "torch.ShortStorage" => new(2, Weights.DType.Int16),
        "torch.CharStorage" => new(1, Weights.DType.Int8),
        "torch.ByteStorage" => new(1, Weights.DType.UInt8),
        "torch.BoolStorage" => new(1, Weights.DType.Bool),
        "torch.ComplexFloatStorage" => new(8, Weights.DType.Complex64),
        "torch.ComplexDoubleStorage" => new(16, null),
        "torch.QInt8Storage" or "torch.QUInt8Storage" or "torch.QUInt4x2Storage" or "torch.QUInt2x4Storage" => new(1, null),
        "torch.QInt32Storage" => new(4, null),
        "torch.storage.UntypedStorage" or "torch.UntypedStorage" => new(1, null),
        _ => null,
    };

    /// <summary>By the dtype of a tensor over an untyped storage (<c>_rebuild_tensor_v3</c>): <c>torch.uint16</c>.</summary>
    public static StorageType? FromDType(string name) => name switch
    {
        "torch.uint16" => new(2, Weights.DType.UInt16),
        "torch.uint32" => new(4, Weights.DType.UInt32),
        "torch.uint64" => new(8, Weights.DType.UInt64),
        "torch.float8_e5m2" => new(1, Weights.DType.Float8E5M2),
        "torch.float8_e4m3fn" => new(1, Weights.DType.Float8E4M3),
        "torch.float8_e8m0fnu" => new(1, Weights.DType.Float8E8M0),
        "torch.float8_e5m2fnuz" => new(1, Weights.DType.Float8E5M2Fnuz),
        "torch.float8_e4m3fnuz" => new(1, Weights.DType.Float8E4M3Fnuz),
        _ => null,
    };
}

/// <summary>A persistent id, <c>('storage', class, key, location, count, view)</c>: a block of elements beside the pickle.</summary>
internal readonly record struct StorageReference(string Class, StorageType? Type, string Key, long Count)
{
    /// <summary>Reads a persistent id; null when it has another form.</summary>
    public static StorageReference? From(PicklePersistent reference)
    {
        if (reference.Id is not PickleSequence { Items: { Count: 5 or 6 } id }
            || id[0] is not PickleString { Value: "storage" }
            || id[1] is not PickleGlobal { FullName: var type }
            || id[2] is not PickleString { Value: { Length: <= PickleBudget.LongestName } key }
            || id[4] is not PickleInteger { Value: var count } || count < 0 || count > long.MaxValue / 16
            || (id.Count == 6 && id[5] != PickleOpaque.None)) // A view of another storage: PyTorch stopped writing these in 2018.
        {
            return null;
        }
        return new(type, StorageType.FromClass(type), key, (long)count);
    }
}
