using Lia.Network;

namespace Lia.Pipeline;

/// <summary>
/// From motion codes to latents. With k the motion strength:
/// relative <c>wa + Q (alpha_source + k (alpha_drive - alpha_start))</c>,
/// absolute <c>wa + Q (alpha_source + k (alpha_drive - alpha_source))</c>, which for k = 1 is the paper's <c>wa + Q alpha_drive</c>.
/// </summary>
internal sealed class MotionTransfer(MotionBasis basis, EncodedSource source, bool relative, float strength)
{
    private readonly double[] _alpha = new double[basis.Motion];
    private float[]? _start;

    /// <param name="codes">alpha of consecutive driving frames [count, motion]; the first one ever given is the start.</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="latents">Receives [count, style].</param>
    public void Latents(ReadOnlySpan<float> codes, int count, Span<float> latents)
    {
        int motion = basis.Motion, style = basis.Style;
        _start ??= codes[..motion].ToArray();
        ReadOnlySpan<float> origin = relative ? _start : source.Motion;
        for (int frame = 0; frame < count; frame++)
        {
            ReadOnlySpan<float> drive = codes.Slice(frame * motion, motion);
            for (int i = 0; i < motion; i++)
                _alpha[i] = (double)source.Motion[i] + (double)strength * ((double)drive[i] - origin[i]);
            Span<float> latent = latents.Slice(frame * style, style);
            for (int row = 0; row < style; row++)
            {
                double sum = source.Appearance[row];
                ReadOnlySpan<float> q = basis.Q.Slice(row * motion, motion);
                for (int i = 0; i < motion; i++) sum += q[i] * _alpha[i];
                latent[row] = (float)sum;
            }
        }
    }
}
