using Lia.Network.Cuda;

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

    public ITrainingStep Create(StepSettings settings, Action<string>? onWarning) =>
        throw new NotSupportedException("This build has no training step.");
}
