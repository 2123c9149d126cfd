using System.Diagnostics;
using Lia.Imaging;
using Lia.Media.Imaging;
using Lia.Network;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>A still picture on its way through the network, moved along motion directions.</summary>
internal sealed class Manipulation(IExecutor executor, string model, RgbImage source, AnimationOptions options, CancellationToken cancellationToken)
{
    private readonly int _size = executor.Architecture.Size;

    /// <summary>A picture for each combination of edits; every picture is the caller's to keep.</summary>
    public IEnumerable<RgbImage> Frames(IEnumerable<IReadOnlyList<MotionEdit>> edits, IProgress<AnimationProgress>? progress)
    {
        foreach (ReadOnlyMemory<float> frame in NetworkFrames(edits, progress))
        {
            RgbImage picture = new(_size, _size);
            new ColourMap(-1, 1).ToPixels(frame.Span, _size, picture.Pixels, 3 * _size);
            yield return picture;
        }
    }

    /// <summary>What the network makes of each combination [3, S, S], not clamped; valid until the next is asked for.</summary>
    public IEnumerable<ReadOnlyMemory<float>> NetworkFrames(IEnumerable<IReadOnlyList<MotionEdit>> edits, IProgress<AnimationProgress>? progress)
    {
        int values = 3 * _size * _size, style = executor.Architecture.Style;
        int? total = edits.TryGetNonEnumeratedCount(out int known) ? known : null;
        float[] displacement = new float[executor.Architecture.Motion], latents = [], frames = [];
        int done = 0;
        Stopwatch watch = Stopwatch.StartNew();
        using EncodedSource encoded = Encode();
        foreach (IReadOnlyList<MotionEdit>[] batch in edits.Chunk(options.Batch > 0 ? options.Batch : executor.PreferredBatch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // The first batch is the largest.
            if (frames.Length == 0) (latents, frames) = (new float[batch.Length * style], new float[batch.Length * values]);
            for (int i = 0; i < batch.Length; i++)
            {
                Displace(batch[i], displacement);
                Latents.Manipulate(executor.Basis, encoded.Appearance, encoded.Motion, displacement, latents.AsSpan(i * style, style));
            }
            executor.Synthesize(encoded, latents.AsSpan(0, batch.Length * style), batch.Length, frames.AsSpan(0, batch.Length * values));
            for (int i = 0; i < batch.Length; i++)
            {
                ReadOnlyMemory<float> frame = frames.AsMemory(i * values, values);
                if (!Planes.AllFinite(frame.Span))
                    throw new WeightsException($"{model}: frame {done + i} came out of the network with values that are not finite numbers; the weights are damaged or the edit is too large.");
                yield return frame;
            }
            done += batch.Length;
            progress?.Report(new AnimationProgress(done, total, watch.Elapsed));
        }
    }

    private EncodedSource Encode()
    {
        byte[] pixels = new byte[3 * _size * _size];
        new FrameFitter(_size, options.Fit).Fit(source, pixels);
        float[] image = new float[pixels.Length];
        Planes.FromPixels(pixels, image);
        cancellationToken.ThrowIfCancellationRequested();
        return executor.EncodeSource(image);
    }

    /// <summary>Adds up edits.</summary>
    private static void Displace(IReadOnlyList<MotionEdit> edits, float[] displacement)
    {
        Array.Clear(displacement);
        foreach ((int direction, float delta) in edits ?? throw new ArgumentException("A frame's edits are null."))
        {
            if ((uint)direction >= (uint)displacement.Length)
                throw new ArgumentException($"There is no motion direction {direction}: this model's are 0 to {displacement.Length - 1}.");
            if (!float.IsFinite(delta)) throw new ArgumentException($"The delta of motion direction {direction} is {delta}; it must be a finite number.");
            displacement[direction] += delta;
        }
    }
}
