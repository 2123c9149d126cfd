using Lia.Weights;

namespace Lia.Network.Graph;

/// <summary>
/// The whole network as a description: layers with names, extents and parameter names, nothing about how or where it runs.
/// Every executor walks this.
/// </summary>
/// <param name="Architecture">What it was built from.</param>
/// <param name="Encoder">Picture to appearance code and features.</param>
/// <param name="MotionHead">Appearance code to motion code.</param>
/// <param name="Direction">Parameter [style, motion] whose QR factor is the motion basis.</param>
/// <param name="Synthesis">Latent and features to picture.</param>
internal sealed record LiaGraph(
    ModelArchitecture Architecture, Encoder Encoder, MotionHead MotionHead, string Direction, Synthesis Synthesis)
{
    /// <summary>FusedLeakyReLU's slope for negative values.</summary>
    public const float LeakySlope = 0.2f;

    /// <summary>Added to the squared norm before the reciprocal square root of a demodulation.</summary>
    public const float DemodulationEpsilon = 1e-8f;

    /// <summary>FusedLeakyReLU's gain.</summary>
    public static readonly float ActivationGain = MathF.Sqrt(2);

    /// <summary>What a blur multiplies outer([1, 3, 3, 1], [1, 3, 3, 1]) by.</summary>
    public const float FirGain = 1 / 64f;

    /// <summary>The same after an upsampling: four times as much, for the zeros between the pixels.</summary>
    public const float UpsamplingFirGain = 4 / 64f;

    /// <summary>What a residual block's sum is multiplied by, 1 / sqrt(2).</summary>
    public const double ResidualGain = 0.70710678118654752;

    public static LiaGraph Create(ModelArchitecture architecture) => new(
        architecture, Encoder.Create(architecture), MotionHead.Create(architecture), "dec.direction.weight",
        Synthesis.Create(architecture));

    /// <summary>Number of features the encoder hands to the decoder: one per level from 8x8 up.</summary>
    public int FeatureCount => Synthesis.Levels.Length;

    /// <summary>A warp's coordinates along a side: linspace(-1, 1, count), rounded to float32.</summary>
    public static float[] WarpGrid(int count) => [.. Enumerable.Range(0, count).Select(i => (float)(-1 + 2.0 * i / (count - 1)))];

    /// <summary>
    /// Checks that the checkpoint's fixed FIR buffers hold the kernel that executors have built in, outer([1,3,3,1], [1,3,3,1]) / 64
    /// (times 4 after an upsampling): a checkpoint with another kernel would give wrong pictures, not an error.
    /// </summary>
    /// <exception cref="WeightsException">One does not: the message names it.</exception>
    public static void CheckFirKernels(ITensorSource weights)
    {
        foreach (string name in weights.Tensors.Keys.Where(ModelArchitecture.IsFirKernel))
        {
            float[] expected = ModelArchitecture.FirKernel(name), actual = weights.ReadParameter(name, 4, 4);
            for (int i = 0; i < expected.Length; i++)
            {
                if (MathF.Abs(actual[i] - expected[i]) > 1e-6f)
                    throw new WeightsException(
                        $"{weights.Name}: tensor '{name}' is not the FIR kernel [1, 3, 3, 1] of this network: element {i} is " +
                        $"{actual[i]}, expected {expected[i]}");
            }
        }
    }
}
