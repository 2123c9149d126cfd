using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace Lia.Weights;

/// <summary>
/// Writes safetensors files: header padded to 8 bytes, tensors by falling element size and then by name, so that all are aligned.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>Writes every tensor of a checkpoint.</summary>
    /// <param name="path">The file; replaced only when the new one is complete.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="metadata">String pairs for the header.</param>
    /// <param name="floats">The type floating-point tensors are rounded to (to nearest, ties to even); null keeps every type.
    /// One of <see cref="DType.Float32"/>, <see cref="DType.Float16"/>, <see cref="DType.BFloat16"/>.</param>
    /// <param name="cancellation">Stops between tensors; nothing is left behind.</param>
    /// <exception cref="WeightsException">A value does not fit the type asked for, a tensor cannot be read, or the file cannot be
    /// written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was signaled.</exception>
    public static void Write(
        string path, ITensorSource source, IReadOnlyDictionary<string, string> metadata, DType? floats = null,
        CancellationToken cancellation = default)
    {
        List<TensorInfo> tensors =
            [.. source.Tensors.Values.Select(
            tensor => floats is { } type && tensor.DType.IsFloat() ? tensor with { DType = type } : tensor)];
        Write(path, tensors, metadata, Fill);

        void Fill(TensorInfo tensor, Span<byte> destination)
        {
            cancellation.ThrowIfCancellationRequested();
            if (tensor.DType == source.Tensors[tensor.Name].DType)
            {
                source.CopyBytesTo(tensor.Name, destination);
                return;
            }
            float[] values = new float[tensor.ElementCount];
            source.CopyTo(tensor.Name, values);
            int lost = TensorConversion.FromSingle(tensor.DType, values, destination);
            if (lost >= 0)
                throw new WeightsException(
                    $"{source.Name}: tensor {Text.Quote(tensor.Name)} holds {values[lost]} at element {lost}, too large for " +
                    $"{tensor.DType.SafetensorsName()}");
        }
    }

    /// <summary>Writes tensors whose bytes come from a callback.</summary>
    /// <param name="path">The file; replaced only when the new one is complete.</param>
    /// <param name="tensors">Names, types and shapes; names are unique and not <c>__metadata__</c>.</param>
    /// <param name="metadata">String pairs for the header.</param>
    /// <param name="fill">Writes a tensor's bytes, little-endian and row-major; called once for each in the order of the file.</param>
    /// <exception cref="ArgumentException">A name occurs twice or is reserved, or a tensor takes more than 2 GiB.</exception>
    /// <exception cref="WeightsException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata, FillTensor fill)
    {
        TensorInfo[] sorted = [.. tensors.OrderByDescending(tensor => tensor.DType.BitSize())
            .ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        byte[] header = Header(sorted, metadata);
        using ReplacingFile file = new(path);
        file.Write(header);
        foreach (TensorInfo tensor in sorted)
        {
            int length = checked((int)SafetensorsHeader.ByteLength(tensor.DType, tensor.Shape)!.Value);
            byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
            try
            {
                fill(tensor, buffer.AsSpan(0, length));
                file.Write(buffer.AsSpan(0, length));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        file.Commit();
    }

    /// <summary>The length field and the JSON, padded with spaces to a multiple of 8.</summary>
    private static byte[] Header(TensorInfo[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            HashSet<string> names = ["__metadata__"];
            long offset = 0;
            foreach (TensorInfo tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"The tensor name {Text.Quote(tensor.Name)} occurs twice or is reserved.");
                long length = SafetensorsHeader.ByteLength(tensor.DType, tensor.Shape)
                    ?? throw new ArgumentException(
                        $"Tensor {Text.Quote(tensor.Name)} of shape {Text.Shape(tensor.Shape)} is not a whole number of bytes, or too " +
                        "large.");
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType.SafetensorsName());
                json.WriteStartArray("shape");
                foreach (int extent in tensor.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        int padded = (8 + buffer.WrittenCount + 7) / 8 * 8;
        byte[] header = new byte[padded];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, padded - 8);
        buffer.WrittenSpan.CopyTo(header.AsSpan(8));
        return header;
    }
}

/// <summary>Writes the bytes of a tensor.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="destination">Its bytes: little-endian, row-major.</param>
public delegate void FillTensor(TensorInfo tensor, Span<byte> destination);
