namespace Lia.Network;

/// <summary>The orthonormal basis Q [style, motion] of the linear motion decomposition.</summary>
public sealed class MotionBasis
{
    // Replaced by the Householder factorisation.
    private readonly float[] _q;

    internal MotionBasis(float[] q, int style, int motion) => (_q, Style, Motion) = (q, style, motion);

    /// <summary>Number of rows.</summary>
    public int Style { get; }

    /// <summary>Number of columns: the motion directions.</summary>
    public int Motion { get; }

    /// <summary>Q, row-major [style, motion].</summary>
    public ReadOnlySpan<float> Q => _q;
}
