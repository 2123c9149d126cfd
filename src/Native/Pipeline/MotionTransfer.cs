using Lia.Network;

namespace Lia.Pipeline;

/// <summary>From the motion codes of a clip's frames to latents; remembers the first frame's, where relative motion starts.</summary>
internal sealed class MotionTransfer(MotionBasis basis, EncodedSource source, bool relative, float strength)
{
    private float[]? _start;

    /// <param name="codes">alpha of consecutive driving frames [count, motion].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="latents">Receives [count, style].</param>
    public void Transfer(ReadOnlySpan<float> codes, int count, Span<float> latents)
    {
        int motion = basis.Motion, style = basis.Style;
        _start ??= codes[..motion].ToArray();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> drive = codes.Slice(i * motion, motion);
            Span<float> latent = latents.Slice(i * style, style);
            if (relative) Latents.Relative(basis, source.Appearance, source.Motion, _start, drive, strength, latent);
            else Latents.Absolute(basis, source.Appearance, source.Motion, drive, strength, latent);
        }
    }
}
