using Lia.Network;

namespace Lia.Animation.Motion;

/// <summary>From the motion codes of a clip's frames to latents.</summary>
/// <param name="basis">Q.</param>
/// <param name="relative">Whether motion is transferred relative to a start.</param>
/// <param name="start">The code where relative motion starts; null takes the first frame's.</param>
/// <param name="strength">Factor on the motion.</param>
internal sealed class MotionTransfer(MotionBasis basis, bool relative, float[]? start, float strength)
{
    private float[]? _start = start;

    /// <param name="source">What is animated.</param>
    /// <param name="code">alpha of the next frame [motion].</param>
    /// <param name="latent">Receives its latent [style].</param>
    public void Transfer(EncodedSource source, float[] code, Span<float> latent)
    {
        _start ??= code;
        if (relative) Latents.Relative(basis, source.Appearance, source.Motion, _start, code, strength, latent);
        else Latents.Absolute(basis, source.Appearance, source.Motion, code, strength, latent);
    }
}
