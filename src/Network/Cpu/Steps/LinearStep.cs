namespace Lia.Network.Cpu;

/// <summary>A matrix times a vector: <c>output = leaky(W input + b, slope)</c>.</summary>
internal sealed unsafe class LinearStep : Step
{
    private const int RowsPerItem = 64;
    private readonly float* _weight;
    private readonly float* _bias;
    private readonly float* _input;
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly float _slope;

    /// <param name="context">The context.</param>
    /// <param name="name">The layer.</param>
    /// <param name="weight">[outputs, inputs], scaled.</param>
    /// <param name="bias">[outputs], scaled.</param>
    /// <param name="input">[inputs], padded with zeros.</param>
    /// <param name="slope">For negative values; 1 is no activation.</param>
    public LinearStep(CpuContext context, string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float* input,
        float slope) : base(context, name)
    {
        _input = input;
        (_outputs, _slope) = (bias.Length, slope);
        int inputs = weight.Length / _outputs;
        _inputs = FeatureMap.RoundUp(inputs);
        _weight = context.Own(new((long)_outputs * _inputs));
        for (int row = 0; row < _outputs; row++) weight.Slice(row * inputs, inputs).CopyTo(new(_weight + (long)row * _inputs, inputs));
        _bias = context.Vector(bias);
        Result = context.Vector(_outputs, 0);
    }

    /// <summary>The output, padded with zeros.</summary>
    public float* Result { get; }

    public override long Operations => 2L * _outputs * _inputs;

    public override int Items => (_outputs + RowsPerItem - 1) / RowsPerItem;

    public override void Run(int item, int worker)
    {
        int end = Math.Min((item + 1) * RowsPerItem, _outputs);
        for (int row = item * RowsPerItem; row < end; row++)
        {
            float value = Context.Kernels.Dot(_weight + (long)row * _inputs, _input, _inputs) + _bias[row];
            Result[row] = value < 0 ? value * _slope : value;
        }
    }
}
