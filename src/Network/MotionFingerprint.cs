using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network;

/// <summary>Tells models apart by what a motion code means to them.</summary>
/// <remarks>
/// A code alpha is the work of the encoder and its motion head, and is read along the motion directions: the fingerprint is a hash of these
/// tensors' names and values, as float32, whatever file format or element type they are stored in. The rest of the decoder is not in it: it
/// draws, but gives a code no meaning.
/// </remarks>
public static class MotionFingerprint
{
    /// <summary>Hexadecimal digits of a fingerprint.</summary>
    public const int Length = 2 * SHA256.HashSizeInBytes;

    /// <summary>Computes a checkpoint's fingerprint.</summary>
    /// <param name="weights">A LIA generator.</param>
    /// <param name="architecture">Its extents.</param>
    /// <returns>Lower-case hexadecimal digits: SHA-256 over, for each tensor in the network's order, its name in UTF-8, a zero byte, the
    /// number of values as a little-endian 64-bit integer, and the values as little-endian float32.</returns>
    /// <exception cref="WeightsException">A tensor is missing or cannot be read.</exception>
    public static string Compute(ITensorSource weights, ModelArchitecture architecture)
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Fingerprints are of little-endian values.");
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(long)];
        foreach (string name in Parameters(LiaGraph.Create(architecture)))
        {
            if (!weights.Tensors.TryGetValue(name, out TensorInfo? tensor))
                throw new WeightsException($"{weights.Name}: there is no tensor '{name}'");
            int count = checked((int)tensor.ElementCount);
            BinaryPrimitives.WriteInt64LittleEndian(length, count);
            float[] values = ArrayPool<float>.Shared.Rent(count);
            try
            {
                weights.CopyTo(name, values.AsSpan(0, count));
                hash.AppendData(Encoding.UTF8.GetBytes(name));
                hash.AppendData([0]);
                hash.AppendData(length);
                hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan(0, count)));
            }
            finally
            {
                ArrayPool<float>.Shared.Return(values);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static IEnumerable<string> Parameters(LiaGraph graph)
    {
        Graph.Encoder encoder = graph.Encoder;
        IEnumerable<ConvolutionLayer> convolutions =
            [encoder.First, .. encoder.Blocks.SelectMany(block => (ConvolutionLayer[])[block.Conv1, block.Conv2, block.Skip]),
            encoder.Last];
        return
        [
            .. convolutions.SelectMany(layer => layer.Bias is null ? (string[])[layer.Weight] : [layer.Weight, layer.Bias]),
            .. graph.MotionHead.Layers.SelectMany(layer => (string[])[layer.Weight, layer.Bias]),
            graph.Direction,
        ];
    }
}
