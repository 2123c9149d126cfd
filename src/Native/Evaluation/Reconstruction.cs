using System.Collections.Concurrent;

namespace Lia.Evaluation;

/// <summary>Scores the frames of a reconstruction while the network computes the next.</summary>
internal static class Reconstruction
{
    /// <param name="frames">Source, truth and result next to each other, each S x S.</param>
    /// <param name="size">S.</param>
    /// <param name="lpips">Measures perceptual distance; may be null.</param>
    /// <returns>The mean over the frames, or null if there is none. It does not depend on the number of threads.</returns>
    public static ClipScores? Score(IEnumerable<RgbImage> frames, int size, Lpips? lpips)
    {
        ConcurrentQueue<FrameMeter> meters = []; // a bag would keep them with the threads until it is finalized
        List<ClipScores> scores = [];
        Queue<Task<ClipScores>> measuring = new();
        foreach (RgbImage frame in frames)
        {
            if (measuring.Count > Environment.ProcessorCount) scores.Add(measuring.Dequeue().GetAwaiter().GetResult());
            measuring.Enqueue(Task.Run(() =>
            {
                if (!meters.TryDequeue(out FrameMeter? meter)) meter = new(size, lpips);
                ClipScores score = meter.Measure(Part(frame, 1, size), Part(frame, 2, size));
                meters.Enqueue(meter);
                return score;
            }));
        }
        while (measuring.TryDequeue(out Task<ClipScores>? last)) scores.Add(last.GetAwaiter().GetResult());
        return ClipScores.Mean(scores);
    }

    private static RgbImage Part(RgbImage row, int index, int size)
    {
        RgbImage part = new(size, size);
        for (int y = 0; y < size; y++)
            row.Pixels.AsSpan(3 * (y * row.Width + index * size), 3 * size).CopyTo(part.Pixels.AsSpan(3 * y * size));
        return part;
    }
}
