namespace Lia.Network.Cpu;

/// <summary>upfirdn with the separable FIR kernel [1,3,3,1], without upsampling.</summary>
internal sealed unsafe class BlurStep : Step
{
    private readonly FeatureMap _input;
    private readonly int _step;
    private readonly int _padding;
    private readonly Epilogue _epilogue;
    private readonly int _parts;
    private BlurArguments _arguments;

    /// <param name="context">The context.</param>
    /// <param name="name">The layer and part.</param>
    /// <param name="input">The activation.</param>
    /// <param name="output">As many rows and columns as are wanted.</param>
    /// <param name="step">Keeps every step-th sample.</param>
    /// <param name="padding">Zero rows above and columns on the left, up to 2.</param>
    /// <param name="epilogue">Its scale holds the kernel's 1/64 (4/64).</param>
    public BlurStep(CpuContext context, string name, FeatureMap input, FeatureMap output, int step, int padding, Epilogue epilogue) : base(
        context, name)
    {
        (_input, Output, _step, _padding, _epilogue) = (input, output, step, padding, epilogue);
        context.NeedScratch((long)(input.Width + 5) * input.Stride); // Two pixels on the left, three on the right.
        _parts = Math.Min(output.Height, context.Pool.Workers * 8);
    }

    public override int Items => _parts;

    public override void Execute()
    {
        _arguments = new()
        {
            Input = _input.Pixel(0, 0),
            InputRowStep = _input.Pitch,
            InputHeight = _input.Height,
            InputWidth = _input.Width,
            Stride = _input.Stride,
            Step = _step,
            Padding = _padding,
            Output = Output!.Pixel(0, 0),
            OutputRowStep = Output.Pitch,
            Width = Output.Width,
            Epilogue = _epilogue with { Post = FusedPost },
        };
        base.Execute();
    }

    public override void Run(int item, int worker)
    {
        (int first, int end) = Part(item, _parts, Output!.Height);
        for (int row = first; row < end; row++) Context.Kernels.BlurRow(_arguments, row, Context.Scratch(worker));
    }
}
