using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Half = ILGPU.Half;

namespace Lia.Network.Cuda.TensorCores;

/// <summary>An activation for tensor cores: halves, or pairs of them.</summary>
/// <param name="Map">Where it is.</param>
internal sealed record HalfActivation(HalfMap Map) : ICudaActivation
{
    /// <summary>The next layer's modulation [frame, channel] that the map is already multiplied by; empty for none.</summary>
    public ArrayView<float> Style { get; init; }

    /// <summary>Floats from one frame's modulation to the next.</summary>
    public int StyleStride { get; init; }

    /// <inheritdoc/>
    public ArrayView<float> Memory => Map.View.Cast<float>();

    /// <inheritdoc/>
    public int[] Shape => [Map.Frames, Map.Channels, Map.Height, Map.Width];

    /// <summary>Room for a map in an arena.</summary>
    public static HalfMap Reserve(ArenaLayout arena, int frames, int channels, int height, int width, int planes, int parts) => new(
        arena.Reserve(HalfMap.LengthOf(frames, channels, height, width, parts * planes) / 2)
            .Cast<Half>(), frames, channels, height, width, planes, parts);

    /// <inheritdoc/>
    public float[] Read(AcceleratorStream stream)
    {
        Half[] halves = new Half[Map.Length];
        Map.View.CopyToCPU(stream, halves.AsSpan());
        float[] values = Map.ToPlanar(halves);
        if (Style.Length == 0) return values;
        float[] style = new float[(Map.Frames - 1) * StyleStride + Map.Channels];
        Style.CopyToCPU(stream, style.AsSpan());
        int pixels = Map.Height * Map.Width;
        for (int i = 0; i < values.Length; i++)
        {
            int plane = i / pixels;
            values[i] /= style[plane / Map.Channels * StyleStride + plane % Map.Channels];
        }
        return values;
    }
}
