using Lia.Network.Graph;

namespace Lia.Network.Cpu;

/// <summary>
/// The output factors of a demodulated convolution: <c>gain * rsqrt(sum over inputs of s² * (sum over taps of w²) + 1e-8)</c>. The inner
/// sum does not depend on the style and is made at load.
/// </summary>
internal sealed unsafe class DemodulationStep : Step
{
    private const int RowsPerItem = 64;
    private readonly float* _style;
    private readonly float* _squaredStyle;
    private readonly float* _squaredWeight;
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly float _gain;

    /// <param name="context">The context.</param>
    /// <param name="name">The layer.</param>
    /// <param name="weight">[outputs, inputs, taps], unscaled.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="scale">The weight scale.</param>
    /// <param name="style">s [inputs], padded with zeros.</param>
    /// <param name="gain">Multiplied in: activation and FIR gain.</param>
    public DemodulationStep(CpuContext context, string name, float[] weight, int outputs, int inputs, double scale, float* style,
        float gain)
        : base(context, name)
    {
        _style = style;
        (_outputs, _inputs, _gain) = (outputs, FeatureMap.RoundUp(inputs), gain);
        _squaredStyle = context.Vector(inputs, 0);
        _squaredWeight = context.Own(new((long)outputs * _inputs));
        int taps = weight.Length / (outputs * inputs);
        for (int row = 0; row < outputs; row++)
        {
            for (int input = 0; input < inputs; input++)
            {
                double sum = 0;
                foreach (float value in weight.AsSpan((row * inputs + input) * taps, taps)) sum += (double)value * value;
                _squaredWeight[(long)row * _inputs + input] = (float)(sum * scale * scale);
            }
        }
        Result = context.Vector(outputs, 0);
    }

    /// <summary>The factors [outputs], padded with zeros.</summary>
    public float* Result { get; }

    public override long Operations => 2L * _outputs * _inputs;

    public override int Items => (_outputs + RowsPerItem - 1) / RowsPerItem;

    public override void Execute()
    {
        for (int i = 0; i < _inputs; i++) _squaredStyle[i] = _style[i] * _style[i];
        base.Execute();
    }

    public override void Run(int item, int worker)
    {
        int end = Math.Min((item + 1) * RowsPerItem, _outputs);
        for (int row = item * RowsPerItem; row < end; row++)
        {
            float sum = Context.Kernels.Dot(_squaredWeight + (long)row * _inputs, _squaredStyle, _inputs);
            Result[row] = _gain / MathF.Sqrt(sum + LiaGraph.DemodulationEpsilon);
        }
    }
}
