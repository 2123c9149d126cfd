namespace Lia.Weights;

/// <summary>A tensor as a pickle describes it: a strided view of a storage, all numbers in elements.</summary>
internal sealed record TensorRecipe(StorageReference Storage, StorageType Type, long Offset, int[] Shape, long[] Strides)
{
    /// <summary>
    /// Reads the call that would rebuild a tensor: <c>_rebuild_tensor_v2(storage, offset, shape, strides, ...)</c>, its older and newer
    /// forms, and the parameters around it. Null when the node is something else, or a tensor of a type that is skipped.
    /// </summary>
    public static TensorRecipe? From(PickleNode node)
    {
        if (node is not PickleCall call) return null;
        if (!call.Recipe.IsKnown) call.Recipe = (true, Read(call));
        return call.Recipe.Value;
    }

    private static TensorRecipe? Read(PickleNode node)
    {
        // A parameter wraps a tensor; nobody wraps twice on purpose.
        for (int wrapping = 0; wrapping < 4; wrapping++)
        {
            if (node is not PickleCall call) return null;
            switch (call.Function)
            {
                case "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" when call.Arguments.Count > 0:
                    node = call.Arguments[0];
                    break;
                case "torch._tensor._rebuild_from_type_v2" when call.Arguments.Count > 2: // (function, type, arguments, state)
                    node = new PickleCall(call.Arguments[0], call.Arguments[2]);
                    break;
                case "torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2" when call.Arguments.Count >= 4:
                    return From(call.Arguments, dtype: null);
                case "torch._utils._rebuild_tensor_v3" when call.Arguments.Count >= 7:
                    return call.Arguments[6] is PickleGlobal dtype ? From(call.Arguments, dtype.FullName) : null;
                default:
                    return null;
            }
        }
        return null;
    }

    private static TensorRecipe? From(IReadOnlyList<PickleNode> arguments, string? dtype)
    {
        if (arguments[0] is not PicklePersistent reference || StorageReference.From(reference) is not { } storage) return null;
        StorageType? type = dtype is null ? storage.Type : StorageType.FromDType(dtype);
        if (type is not { DType: not null } known
            || arguments[1] is not PickleInteger { Value: var offset } || offset < 0 || offset > long.MaxValue
            || arguments[2] is not PickleSequence shape || arguments[3] is not PickleSequence strides
            || shape.Items.Count != strides.Items.Count || shape.Items.Count > SafetensorsHeader.HighestRank)
        {
            return null;
        }
        int rank = shape.Items.Count;
        TensorRecipe recipe = new(storage, known, (long)offset, new int[rank], new long[rank]);
        for (int axis = 0; axis < rank; axis++)
        {
            if (shape.Items[axis] is not PickleInteger { Value: var extent } || extent < 0 || extent > int.MaxValue) return null;
            if (strides.Items[axis] is not PickleInteger { Value: var stride } || stride < 0 || stride > long.MaxValue) return null;
            recipe.Shape[axis] = (int)extent;
            recipe.Strides[axis] = (long)stride;
        }
        return recipe;
    }

    /// <summary>Bytes of the tensor written out, or null when that overflows.</summary>
    public long? ByteLength => SafetensorsHeader.ByteLength(Type.DType!.Value, Shape);

    /// <summary>Whether every element lies in a storage of so many bytes.</summary>
    public bool FitsIn(long storageBytes)
    {
        if (Shape.Contains(0)) return true;
        Int128 last = Offset;
        for (int axis = 0; axis < Shape.Length; axis++) last += (Int128)(Shape[axis] - 1) * Strides[axis];
        return (last + 1) * Type.Size <= storageBytes;
    }

    /// <summary>Whether elements follow each other in row-major order without gaps.</summary>
    public bool IsContiguous
    {
        get
        {
            Int128 expected = 1;
            for (int axis = Shape.Length - 1; axis >= 0; axis--)
            {
                if (Shape[axis] != 1 && Strides[axis] != expected) return false;
                expected *= Shape[axis];
            }
            return true;
        }
    }

    /// <summary>Copies the view's bytes in row-major order.</summary>
    /// <param name="storage">Bytes of the whole storage; <see cref="FitsIn"/> has been asked.</param>
    /// <param name="destination"><see cref="ByteLength"/> bytes.</param>
    public void Gather(ReadOnlySpan<byte> storage, Span<byte> destination)
    {
        if (destination.IsEmpty) return;
        int size = Type.Size;
        Span<int> index = stackalloc int[Math.Max(1, Shape.Length)];
        index.Clear();
        long element = Offset;
        for (int to = 0; to < destination.Length; to += size)
        {
            storage.Slice((int)(element * size), size).CopyTo(destination.Slice(to, size));
            for (int axis = Shape.Length - 1; axis >= 0; axis--)
            {
                element += Strides[axis];
                if (++index[axis] < Shape[axis]) break;
                element -= Strides[axis] * Shape[axis];
                index[axis] = 0;
            }
        }
    }
}
