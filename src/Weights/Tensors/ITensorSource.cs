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

    /// <summary>What kind of source it is, for example <c>safetensors</c> or <c>PyTorch</c>.</summary>
    string Format => "tensors";

    /// <summary>
    /// What stood before the tensors' names in the file, or the dictionary they were in, words parted by points: <c>gen</c>, or
    /// <c>state_dict.g_ema.module</c>; empty where they have the names they have here.
    /// </summary>
    string Location => "";

    /// <summary>
    /// Entries beside the tensors that are no tensors, or tensors of a type that is not read; each name once, the middle of long ones left
    /// out.
    /// </summary>
    IReadOnlyList<string> Skipped => [];

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
