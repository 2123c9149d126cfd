namespace Lia.Weights;

/// <summary>Named tensors that can be read as float32: a checkpoint file or synthetic weights.</summary>
/// <remarks>Reading is thread-safe; disposing is not.</remarks>
public interface ITensorSource : IDisposable
{
    /// <summary>What error messages call this source: a file name, or the recipe of synthetic weights.</summary>
    string Name { get; }

    /// <summary>Free-form string pairs stored with the tensors (empty when the format has none).</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Every tensor by name.</summary>
    IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Copies a tensor, converted to float32, in row-major order.</summary>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <param name="destination">Exactly <see cref="TensorInfo.ElementCount"/> values.</param>
    /// <exception cref="WeightsException">There is no such tensor, or its type has no float32 conversion.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    void CopyTo(string name, Span<float> destination);

    /// <summary>Copies a tensor's bytes as stored: little-endian, in row-major order.</summary>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <param name="destination">Exactly as many bytes as the tensor takes.</param>
    /// <exception cref="WeightsException">There is no such tensor.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    void CopyBytesTo(string name, Span<byte> destination);
}

/// <summary>A source whose tensors may lie in memory as they are wanted.</summary>
internal interface IMappedTensors
{
    /// <summary>A tensor of float32 where it lies in the mapping; null for one of another type, or none.</summary>
    ReadOnlyMemory<float>? Singles(string name);
}
