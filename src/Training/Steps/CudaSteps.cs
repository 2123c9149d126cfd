using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>Steps on a CUDA GPU.</summary>
internal sealed class CudaSteps : IStepFactory
{
    public static readonly CudaSteps Factory = new();

    public void Demand(int? gpu)
    {
        try
        {
            GpuOpening.FindCuda(gpu is { } number ? [number] : []);
        }
        catch (GpuUnavailableException e)
        {
            throw new NotSupportedException($"Training needs a CUDA GPU: {e.Message}", e);
        }
    }

    public ITrainingStep Create(StepSettings settings, Action<string>? onWarning)
    {
        using ITensorSource? vgg = settings.Vgg is { } file ? Checkpoint.Open(file) : null;
        try
        {
            KernelLoader loader = GpuOpening.FindCuda(settings.Gpu is { } number ? [number] : [])[0].Open();
            if (loader.Cache.Problem is { } problem) onWarning?.Invoke(problem);
            return new TrainingStep(loader, settings, new(settings.Seed, flowStart: settings.FlowStart), vgg, ownsLoader: true);
        }
        catch (Exception e) when (e is GpuUnavailableException or CudaUnavailableException or CudaException
            or AcceleratorOutOfMemoryException)
        {
            throw new NotSupportedException($"Training needs a CUDA GPU: {e.Message}", e);
        }
    }
}
