using System.Diagnostics;

namespace Lia.Network.Cpu;

/// <summary>Steps in the order in which they run: one half of the network for one frame.</summary>
internal sealed unsafe class Plan(CpuContext context)
{
    private readonly List<Step> _steps = [];

    public IReadOnlyList<Step> Steps => _steps;

    /// <summary>Receives each step's time of the last run, in <see cref="Stopwatch"/> ticks, if not null.</summary>
    public long[]? Ticks { get; set; }

    public TStep Add<TStep>(TStep step) where TStep : Step
    {
        _steps.Add(step);
        return step;
    }

    /// <summary>Runs every step.</summary>
    /// <param name="tap">Sees the activations, or null.</param>
    /// <param name="features">Receives the encoder's features, or null.</param>
    public void Run(TapHandler? tap = null, FeatureMap[]? features = null)
    {
        for (int i = 0; i < _steps.Count; i++)
        {
            Step step = _steps[i];
            long start = Ticks == null ? 0 : Stopwatch.GetTimestamp();
            step.IsTapped = tap != null;
            step.Execute();
            if (tap != null) Show(step, tap);
            if (features != null && step.Feature >= 0) features[step.Feature].CopyFrom(step.Output!);
            if (Ticks != null) Ticks[i] = Stopwatch.GetTimestamp() - start;
        }
    }

    /// <summary>Taps see the activation as the network defines it; the next layer's modulation follows after that.</summary>
    private void Show(Step step, TapHandler tap)
    {
        step.Tap(tap);
        if (step.Post == null) return;
        FeatureMap map = step.Output!;
        for (int y = 0; y < map.Height; y++) context.Kernels.Scale(map.Pixel(y, 0), map.Width, map.Stride, step.Post);
    }
}
