namespace Lia.Network.Cpu;

/// <summary>One parallel pass of a plan.</summary>
internal abstract unsafe class Step(CpuContext context, string name) : ParallelWork
{
    protected CpuContext Context { get; } = context;

    /// <summary>The layer this step is part of, and the part.</summary>
    public string Name { get; } = name;

    /// <summary>Multiplications and additions of matrix products; 0 for steps that only move and combine.</summary>
    public virtual long Operations => 0;

    /// <summary>Independent parts.</summary>
    public abstract int Items { get; }

    /// <summary>The tap of <see cref="Output"/>, or null.</summary>
    public string? TapName { get; init; }

    /// <summary>What the step writes, if it is an activation.</summary>
    public FeatureMap? Output { get; protected init; }

    /// <summary>The index of the encoder feature that <see cref="Output"/> is, or -1.</summary>
    public int Feature { get; init; } = -1;

    /// <summary>The next layer's modulation, multiplied into the output as it is written; null if there is none.</summary>
    public float* Post { get; init; }

    /// <summary>Whether taps follow: the output is then left unmodulated, and modulated by the plan after the taps.</summary>
    public bool IsTapped { get; set; }

    protected float* FusedPost => IsTapped ? null : Post;

    public virtual void Execute()
    {
        Output?.ClearBorder();
        Context.Pool.Run(this, Items);
    }

    /// <summary>Shows the step's activations.</summary>
    public virtual void Tap(TapHandler handler)
    {
        if (TapName != null) Show(handler, TapName, Output!);
    }

    protected static void Show(TapHandler handler, string name, FeatureMap map)
    {
        float[] values = new float[map.Channels * map.Height * map.Width];
        map.ToPlanar(values);
        handler(name, [1, map.Channels, map.Height, map.Width], values);
    }

    /// <summary>Splits rows or pixels evenly: the bounds of one part.</summary>
    protected static (int First, int End) Part(int part, int parts, int count) =>
        ((int)((long)count * part / parts), (int)((long)count * (part + 1) / parts));
}
