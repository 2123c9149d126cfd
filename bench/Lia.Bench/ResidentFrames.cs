using Lia.Kernels;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Driving frames that lie on the device, from planes to planes: the encoder and the decoder as a clip runs them. What a clip's host does
/// between the two, codes to latents, is done once, so that what is decoded are pictures: a device is faster with zeros.
/// </summary>
internal sealed class ResidentFrames
{
    private readonly CudaExecutor _executor;

    /// <param name="executor">Runs them; a plan made later for more frames moves the memory and ends this.</param>
    /// <param name="source">Of <paramref name="executor"/>.</param>
    /// <param name="images">[count, 3, S, S].</param>
    /// <param name="count">Frames that run together.</param>
    public ResidentFrames(CudaExecutor executor, EncodedSource source, ReadOnlySpan<float> images, int count)
    {
        _executor = executor;
        // Every plan before anything runs: one that is made later may move the memory.
        foreach (CudaPlanKind kind in Parts) executor.Plan(kind, count);
        (Encoder, Decoder) = (executor.Plan(CudaPlanKind.Encoder, count), executor.Plan(CudaPlanKind.Synthesis, count));
        int motion = executor.Architecture.Motion, style = executor.Architecture.Style;
        float[] codes = new float[count * motion], latents = new float[count * style], pictures = new float[images.Length];
        executor.EncodeMotion(images, count, codes);
        for (int frame = 0; frame < count; frame++)
        {
            Latents.Relative(executor.Basis, source.Appearance, source.Motion, source.Motion, codes.AsSpan(frame * motion, motion), 1,
                latents.AsSpan(frame * style, style));
        }
        executor.Synthesize(source, latents, count, pictures);
    }

    /// <summary>The parts of a driving frame's way on the device, bytes to bytes, in order.</summary>
    public static IReadOnlyList<CudaPlanKind> Parts { get; } =
        [CudaPlanKind.PixelsIn, CudaPlanKind.Encoder, CudaPlanKind.Synthesis, CudaPlanKind.PixelsOut];

    public CudaPlan Encoder { get; }

    public CudaPlan Decoder { get; }

    /// <summary>The launches of the encoder, then those of the decoder.</summary>
    public IEnumerable<KernelLaunch> Launches => Encoder.Steps.Concat(Decoder.Steps).SelectMany(step => step.Launches);

    /// <summary>Puts all frames into the executor's stream once.</summary>
    public void Enqueue()
    {
        Encoder.Enqueue(_executor.Stream);
        Decoder.Enqueue(_executor.Stream);
    }
}
