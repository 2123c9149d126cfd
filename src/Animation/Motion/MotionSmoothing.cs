namespace Lia.Animation.Motion;

/// <summary>
/// A weighted mean over a window of N frames, N odd, around every frame:
/// <c>s_i = sum_j w_j alpha_(i+j)</c> for j = -h..h with h = (N - 1) / 2, and the raised cosine (Hann) weights
/// <c>w_j = (1 + cos(2 pi j / (N + 1))) / (N + 1)</c>, whose sum is 1. For N = 3 that is 1/4, 1/2, 1/4. Beyond its ends the clip stands
/// still: the first and
/// the last code are repeated. The weights are symmetric, so nothing is delayed, and a frame can be had h frames after it was read.
/// </summary>
internal static class MotionSmoothing
{
    /// <summary>The longest window.</summary>
    public const int LongestWindow = 255;

    /// <summary>Smooths the codes of frames as they come; pixels stay with their frame.</summary>
    public static IEnumerable<MotionFrame> Smooth(this IEnumerable<MotionFrame> frames, int window) =>
        window == 1 ? frames : Windowed(frames, window);

    private static IEnumerable<MotionFrame> Windowed(IEnumerable<MotionFrame> frames, int window)
    {
        int half = window / 2;
        double[] weights = [.. Enumerable.Range(-half, window).Select(j => (1 + Math.Cos(2 * Math.PI * j / (window + 1))) / (window + 1))];
        List<MotionFrame> near = new(window); // Frames around the next one to give, which is near[center].
        int center = 0;
        foreach (MotionFrame frame in frames)
        {
            near.Add(frame);
            if (near.Count <= center + half) continue;
            yield return Mean();
            if (center < half) center++;
            else near.RemoveAt(0);
        }
        for (; center < near.Count; center++) yield return Mean();

        MotionFrame Mean()
        {
            float[] code = new float[near[center].Code.Length];
            for (int direction = 0; direction < code.Length; direction++)
            {
                double sum = 0;
                for (int j = 0; j < window; j++) sum += weights[j] * near[Math.Clamp(center + j - half, 0, near.Count - 1)].Code[direction];
                code[direction] = (float)sum;
            }
            return near[center] with { Code = code };
        }
    }
}
