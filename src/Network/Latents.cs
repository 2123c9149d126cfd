namespace Lia.Network;

/// <summary>
/// The latent a frame is decoded from: the appearance code moved along the motion directions. Codes are <c>alpha</c> [motion], latents
/// and appearance <c>wa</c> [style].
/// </summary>
public static class Latents
{
    private const int StackLimit = 256; // Longer codes than any trained model has go to the heap.

    /// <summary>Relative motion (vox, taichi): <c>wa + Q (strength (drive - start)) + Q source</c>.</summary>
    /// <param name="basis">Q.</param>
    /// <param name="appearance">wa of the source.</param>
    /// <param name="source">alpha of the source.</param>
    /// <param name="start">alpha of the first driving frame.</param>
    /// <param name="drive">alpha of this driving frame.</param>
    /// <param name="strength">Scales the driving displacement; 1 is the official program.</param>
    /// <param name="latent">Receives the latent.</param>
    /// <exception cref="ArgumentException">A span has the wrong length.</exception>
    public static void Relative(
        MotionBasis basis, ReadOnlySpan<float> appearance, ReadOnlySpan<float> source, ReadOnlySpan<float> start, ReadOnlySpan<float> drive,
        float strength, Span<float> latent)
    {
        CheckCode(basis, source, nameof(source));
        CheckCode(basis, start, nameof(start));
        CheckCode(basis, drive, nameof(drive));
        Span<float> code = basis.Motion <= StackLimit ? stackalloc float[basis.Motion] : new float[basis.Motion];
        for (int i = 0; i < code.Length; i++) code[i] = strength * (drive[i] - start[i]) + source[i];
        Move(basis, appearance, code, latent);
    }

    /// <summary>
    /// Absolute motion (ted): <c>wa + Q (source + strength (drive - source))</c>, which for strength 1 is <c>wa + Q drive</c>.
    /// </summary>
    /// <param name="basis">Q.</param>
    /// <param name="appearance">wa of the source.</param>
    /// <param name="source">alpha of the source.</param>
    /// <param name="drive">alpha of this driving frame.</param>
    /// <param name="strength">How far from the source's pose to the driving pose: 0 keeps the source still, 1 is the official
    /// program.</param>
    /// <param name="latent">Receives the latent.</param>
    /// <exception cref="ArgumentException">A span has the wrong length.</exception>
    public static void Absolute(
        MotionBasis basis, ReadOnlySpan<float> appearance, ReadOnlySpan<float> source, ReadOnlySpan<float> drive, float strength,
        Span<float> latent)
    {
        CheckCode(basis, source, nameof(source));
        CheckCode(basis, drive, nameof(drive));
        Span<float> code = basis.Motion <= StackLimit ? stackalloc float[basis.Motion] : new float[basis.Motion];
        // In double, strength 1 gives drive itself.
        for (int i = 0; i < code.Length; i++) code[i] = (float)(source[i] + (double)strength * ((double)drive[i] - source[i]));
        Move(basis, appearance, code, latent);
    }

    /// <summary>Linear manipulation of a still picture: <c>wa + Q (source + displacement)</c>.</summary>
    /// <param name="basis">Q.</param>
    /// <param name="appearance">wa of the source.</param>
    /// <param name="source">alpha of the source.</param>
    /// <param name="displacement">How far along each motion direction [motion]; <c>delta e_i</c> for a single direction.</param>
    /// <param name="latent">Receives the latent.</param>
    /// <exception cref="ArgumentException">A span has the wrong length.</exception>
    public static void Manipulate(
        MotionBasis basis, ReadOnlySpan<float> appearance, ReadOnlySpan<float> source, ReadOnlySpan<float> displacement, Span<float> latent)
    {
        CheckCode(basis, source, nameof(source));
        CheckCode(basis, displacement, nameof(displacement));
        Span<float> code = basis.Motion <= StackLimit ? stackalloc float[basis.Motion] : new float[basis.Motion];
        for (int i = 0; i < code.Length; i++) code[i] = source[i] + displacement[i];
        Move(basis, appearance, code, latent);
    }

    private static void Move(MotionBasis basis, ReadOnlySpan<float> appearance, ReadOnlySpan<float> code, Span<float> latent)
    {
        if (appearance.Length != basis.Style)
            throw new ArgumentException($"An appearance code has {basis.Style} values, not {appearance.Length}.", nameof(appearance));
        if (latent.Length != basis.Style)
            throw new ArgumentException($"A latent has {basis.Style} values, not {latent.Length}.", nameof(latent));
        appearance.CopyTo(latent);
        basis.AddTo(code, latent);
    }

    private static void CheckCode(MotionBasis basis, ReadOnlySpan<float> code, string parameter)
    {
        if (code.Length != basis.Motion)
            throw new ArgumentException($"A motion code has {basis.Motion} values, not {code.Length}.", parameter);
    }
}
