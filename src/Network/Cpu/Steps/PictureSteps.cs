namespace Lia.Network.Cpu;

/// <summary>Brings a planar picture [channels, height, width] into a map.</summary>
internal sealed unsafe class PictureInputStep : Step
{
    public PictureInputStep(CpuContext context, FeatureMap output) : base(context, "picture in") => Output = output;

    /// <summary>The picture, valid during the run.</summary>
    public float* Source { get; set; }

    public override int Items => Output!.Height;

    public override void Run(int item, int worker)
    {
        FeatureMap map = Output!;
        float* row = map.Pixel(item, 0);
        new Span<float>(row, map.Width * map.Stride).Clear();
        for (int channel = 0; channel < map.Channels; channel++)
        {
            float* source = Source + ((nint)channel * map.Height + item) * map.Width;
            for (int x = 0; x < map.Width; x++) row[(nint)x * map.Stride + channel] = source[x];
        }
    }
}

/// <summary>Brings the last RGB sum into a planar picture [3, S, S].</summary>
internal sealed unsafe class PictureOutputStep(CpuContext context, FeatureMap input) : Step(context, "picture out")
{
    /// <summary>The picture, valid during the run.</summary>
    public float* Destination { get; set; }

    public override int Items => input.Channels;

    public override void Run(int item, int worker)
    {
        float* target = Destination + (nint)item * input.Height * input.Width;
        for (int y = 0; y < input.Height; y++, target += input.Width)
        {
            float* row = input.Pixel(y, 0) + item;
            for (int x = 0; x < input.Width; x++) target[x] = row[(nint)x * input.Stride];
        }
    }
}

/// <summary>Writes a constant picture into a map.</summary>
internal sealed unsafe class ConstantStep : Step
{
    private readonly float[] _values; // [channels, height, width]

    public ConstantStep(CpuContext context, string name, float[] values, FeatureMap output) : base(context, name) =>
        (_values, Output) = (values, output);

    public override int Items => 1;

    public override void Run(int item, int worker)
    {
        FeatureMap map = Output!;
        for (int y = 0; y < map.Height; y++)
        {
            for (int x = 0; x < map.Width; x++)
            {
                float* pixel = map.Pixel(y, x);
                new Span<float>(pixel, map.Stride).Clear();
                for (int channel = 0; channel < map.Channels; channel++)
                    pixel[channel] = _values[(channel * map.Height + y) * map.Width + x];
            }
        }
    }
}

/// <summary>Modulates a map in place.</summary>
internal sealed unsafe class ScaleStep : Step
{
    private readonly float* _factors;

    public ScaleStep(CpuContext context, string name, FeatureMap map, float* factors) : base(context, name)
    {
        _factors = factors;
        Output = map;
    }

    public override int Items => Output!.Height;

    public override void Run(int item, int worker) => Context.Kernels.Scale(Output!.Pixel(item, 0), Output.Width, Output.Stride, _factors);
}
