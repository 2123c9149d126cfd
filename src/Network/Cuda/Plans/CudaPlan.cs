using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Kernels;

namespace Lia.Network.Cuda;

/// <summary>The parts of a frame's way.</summary>
internal enum CudaPlanKind
{
    /// <summary>RGB bytes to planes.</summary>
    PixelsIn,

    /// <summary>Planes of sources to codes and features.</summary>
    Source,

    /// <summary>Planes of driving frames to appearance and motion codes.</summary>
    Encoder,

    /// <summary>Latents to planes, with one source's features.</summary>
    Synthesis,

    /// <summary>Latents to planes, with a source's features for each.</summary>
    SynthesisOfMany,

    /// <summary>Planes to RGB bytes.</summary>
    PixelsOut,
}

/// <summary>An activation that taps see under a name.</summary>
internal sealed record CudaTap(string Name, ICudaActivation Map);

/// <summary>A layer: its launches and what they leave.</summary>
/// <param name="Launches">In order.</param>
/// <param name="Taps">Activations that are complete after them.</param>
/// <param name="Feature">The index of the encoder feature that the first tap is, or -1.</param>
internal sealed record CudaStep(IReadOnlyList<KernelLaunch> Launches, IReadOnlyList<CudaTap> Taps, int Feature = -1);

/// <summary>
/// A part of the network for a number of frames, bound to addresses: a list of launches that is only replayed, from the second time on as a
/// captured graph (where there are graphs: not with kernels of ILGPU's own compiler).
/// </summary>
/// <param name="loader">Captures it.</param>
/// <param name="steps">In order.</param>
/// <param name="arenaLength">Floats of the arena it works in.</param>
internal sealed class CudaPlan(KernelLoader loader, IReadOnlyList<CudaStep> steps, long arenaLength) : IDisposable
{
    private AcceleratorGraph? _captured;
    private bool _hasRun;

    public IReadOnlyList<CudaStep> Steps => steps;

    public long ArenaLength => arenaLength;

    /// <summary>Puts the plan into a stream. Nothing is allocated and nobody waits, unless there are taps.</summary>
    /// <param name="stream">Where it runs.</param>
    /// <param name="tap">Sees the activations, or null.</param>
    /// <param name="features">Receives the encoder's features, or null.</param>
    public void Enqueue(AcceleratorStream stream, TapHandler? tap = null, IReadOnlyList<ICudaActivation>? features = null)
    {
        if (tap == null && features == null)
        {
            Replay(stream);
            return;
        }
        for (int i = 0; i < steps.Count; i++)
        {
            CudaStep step = steps[i];
            for (int j = 0; j < step.Launches.Count; j++) step.Launches[j].Enqueue(stream);
            if (tap != null) Show(stream, step, tap);
            if (features != null && step.Feature >= 0) features[step.Feature].Memory.CopyFrom(stream, step.Taps[0].Map.Memory);
        }
    }

    public void Dispose() => _captured?.Dispose();

    // The first run loads whatever is loaded at a first launch; the second is captured.
    private void Replay(AcceleratorStream stream)
    {
        if (_captured == null && _hasRun && !loader.IsStock) _captured = loader.Capture(stream, () => EnqueueAll(stream));
        _hasRun = true;
        if (_captured != null) _captured.Launch(stream);
        else EnqueueAll(stream);
    }

    private void EnqueueAll(AcceleratorStream stream)
    {
        // By index: enumerators of interfaces are allocated.
        for (int i = 0; i < steps.Count; i++)
        {
            IReadOnlyList<KernelLaunch> launches = steps[i].Launches;
            for (int j = 0; j < launches.Count; j++) launches[j].Enqueue(stream);
        }
    }

    private static void Show(AcceleratorStream stream, CudaStep step, TapHandler tap)
    {
        foreach (CudaTap shown in step.Taps) tap(shown.Name, shown.Map.Shape, shown.Map.Read(stream));
    }
}
