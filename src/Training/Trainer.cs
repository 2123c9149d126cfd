using Lia.Evaluation;
using Lia.Training.Runs;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia;

/// <summary>
/// Learns a model from clips, on a CUDA GPU: <c>new Trainer(options).Run()</c>. What it writes into the run's folder, and what each option
/// means, is told in docs/training.md.
/// </summary>
public sealed class Trainer
{
    private readonly TrainerOptions _options;
    private readonly IStepFactory _steps;

    /// <summary>Takes the options; nothing is opened yet.</summary>
    /// <param name="options">What is learned, and how.</param>
    /// <exception cref="ArgumentException">A value is out of its range, or two do not go together.</exception>
    public Trainer(TrainerOptions options) : this(options, CudaSteps.Factory) { }

    /// <param name="options">What is learned, and how.</param>
    /// <param name="steps">Makes what computes.</param>
    internal Trainer(TrainerOptions options, IStepFactory steps)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (_options, _steps) = (options, steps);
    }

    /// <summary>
    /// Whether a run that was stopped goes on, from its last checkpoint: bit for bit as if it never had been. The options must be those it
    /// was begun with, but for the number of steps, intervals, files' places and threads; else it is refused.
    /// </summary>
    public bool IsResumed { get; init; }

    /// <summary>Also measures held-out clips by this.</summary>
    public Lpips? Lpips { get; init; }

    /// <summary>Is told what is worth telling: clips that are left out, why compiled kernels cannot be kept. On the calling
    /// thread.</summary>
    public Action<string>? OnWarning { get; init; }

    /// <summary>Is told how far packing is, where the data is no pack yet; on the calling thread.</summary>
    public IProgress<PackProgress>? Packing { get; init; }

    /// <summary>Packs the data if it has to be, and trains until all steps are done. It blocks.</summary>
    /// <param name="progress">Is told after each step, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it: the state is written as a checkpoint first.</param>
    /// <exception cref="NotSupportedException">There is no CUDA GPU that can be used; the message says why.</exception>
    /// <exception cref="MediaException">The data, or what is in the run's folder, cannot be used.</exception>
    /// <exception cref="WeightsException">A model, a checkpoint or VGG19's weights cannot be used.</exception>
    /// <exception cref="TrainingException">A loss or a weight is no number any more; the last good checkpoint is there.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public TrainingSummary Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using TrainingRun run = new(_options, IsResumed, _steps, Lpips, OnWarning, Packing, cancellationToken);
        return run.Run(progress, cancellationToken);
    }
}
