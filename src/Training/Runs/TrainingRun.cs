using System.Diagnostics;
using Lia.Evaluation;
using Lia.Media.IO;
using Lia.Training.Data;
using Lia.Training.Steps;
using Lia.Weights;

namespace Lia.Training.Runs;

/// <summary>A run: steps, one after another, and what is written down on the way.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const int WorkersUsually = 4;

    private readonly TrainerOptions _options;
    private readonly Lpips? _lpips;
    private readonly RunFolder _folder;
    private readonly TrainingData _pack;
    private readonly BatchSampler _sampler;
    private readonly HeldOut _heldOut;
    private readonly ITrainingStep _step;
    private readonly ModelArchitecture _architecture;
    private readonly Dictionary<string, float[]> _constants;
    private readonly Curves _curves = new();
    private readonly RunLog _log;
    private readonly Pace _pace = new();
    private long _done, _saved;
    private TrainingLosses? _lastLosses;
    private TrainingMeasures? _measures;

    /// <summary>Begins a run, or goes on with one.</summary>
    /// <exception cref="MediaException">The data, or what is in the run's folder, cannot be used.</exception>
    /// <exception cref="WeightsException">A model or a checkpoint cannot be used.</exception>
    /// <exception cref="NotSupportedException">There is no device.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public TrainingRun(TrainerOptions options, bool isResumed, IStepFactory steps, Lpips? lpips, Action<string>? onWarning,
        IProgress<PackProgress>? packing, CancellationToken cancellationToken)
    {
        (_options, _lpips) = (options, lpips);
        // What needs no time is refused before what does.
        steps.Demand(options.Gpu);
        List<IDisposable> owned = [];
        try
        {
            _folder = Own(isResumed ? RunFolder.Resume(options) : RunFolder.Begin(options));
            using ITensorSource? model =
                isResumed || options.From is null ? null : Weights.Checkpoint.Open(options.From, cancellationToken);
            using SafetensorsFile? checkpoint = isResumed ? new(_folder.Checkpoint) : null;
            CheckpointHeader? header = checkpoint is null ? null : TrainingCheckpoint.ReadHeader(checkpoint);
            _architecture = header?.Architecture ?? (model is null ? options.Architecture() : ModelArchitecture.Infer(model));
            if (model is not null) _architecture.Validate(model);

            _pack = Own(OpenData(isResumed, onWarning, packing, cancellationToken));
            if (header is not null && header.Data != _pack.Fingerprint)
                throw new MediaException($"{_pack.Name}: this is other data than the run in {_folder.Path} began with; a run goes on with "
                    + "its own.");
            int heldOut = options.HeldOut ?? HeldOut.Usual(_pack);
            _sampler = new(_pack, heldOut, options.Batch, _architecture.Size, options.Seed,
                new AugmentationSettings(options.Flip, (float)options.Jitter, options.Crop), options.Labels > 0, options.Surfaces > 0,
                options.InOrder);
            _heldOut = new(_pack, heldOut, _architecture.Size);

            bool? isExact = options.Precision == TrainingPrecision.Auto ? null : options.Precision == TrainingPrecision.Exact;
            _step = Own(steps.Create(new StepSettings(_architecture, options.Batch, options.Seed, _pack.Rows > 0, _pack.HasWeights,
                options.Vgg, options.Average, options.Adversarial, isExact, options.Momentum, options.FixedDirections, options.L1,
                options.FlowStart, options.Discriminator == DiscriminatorKind.Patches, options.Matching, options.Gpu)
            {
                Labels = options.Labels > 0 ? _pack.Shape.Labels : 0,
                Parts = options.Surfaces > 0 ? _pack.Shape.Parts : 0,
                LabelWeight = options.Labels,
                SurfaceWeight = options.Surfaces,
            }, onWarning));
            _constants = ModelFiles.Constants(_architecture, _step, model);
            if (model is not null)
            {
                ModelFiles.Begin(_step, model);
                if (options.Labels > 0) ProbeStart.Begin(_step, _sampler, _pack.Shape.Labels, cancellationToken);
            }
            if (checkpoint is not null)
            {
                TrainingCheckpoint.Restore(checkpoint, _step, _constants);
                _done = _saved = header!.Step;
            }
            _log = Own(new RunLog(_folder.Log, _done));
            foreach (LogLine line in RunLog.Read(_folder.Log))
            {
                if (line.Steps is { } logged) _curves.Add(logged);
                if (line.Measures is { } measured) Remember(measured);
            }
        }
        catch
        {
            for (int i = owned.Count - 1; i >= 0; i--) owned[i].Dispose();
            throw;
        }

        T Own<T>(T resource) where T : IDisposable
        {
            owned.Add(resource);
            return resource;
        }
    }

    /// <summary>Steps until all are done. Stopped, it writes a checkpoint first.</summary>
    /// <exception cref="TrainingException">A loss or a weight is no number.</exception>
    /// <exception cref="OperationCanceledException">It was stopped; the checkpoint is of the last step.</exception>
    public TrainingSummary Run(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        Stopwatch watch = Stopwatch.StartNew();
        _log.Write("begun", _done, json =>
        {
            json.WriteNumber("of", _options.Steps);
            json.WriteString("device", _step.DeviceName);
            json.WriteNumber("clips", _pack.Clips.Length);
            json.WriteNumber("rows", _pack.Rows);
            json.WriteNumber("pictures", _pack.Pictures);
            json.WriteNumber("heldOut", _heldOut.Count);
        });
        try
        {
            using BatchQueue batches = new(_sampler, _done, Workers());
            Means means = default;
            _pace.Begin();
            while (_done < _options.Steps)
            {
                cancellationToken.ThrowIfCancellationRequested();
                TrainingBatch batch = batches.Next(cancellationToken);
                StepRates rates = Rates.At(_options, _done);
                StepLosses losses = _step.Run(batch, rates);
                if (!losses.IsFinite) throw Diverged("the loss is no number", _step.FindNotFinite());
                _done++;
                _pace.Add(_options.Batch);
                means.Add(losses);
                _lastLosses = new(losses.Perceptual, losses.L1, losses.Adversarial, losses.Discriminator, losses.Matching, losses.Labels,
                    losses.Surfaces);
                WriteDown(rates, ref means);
                progress?.Report(new(_done, _options.Steps, _lastLosses.Value, rates.Generator, _sampler.Epochs(_done),
                    _pace.PairsPerSecond, _pace.TimeFor((_options.Steps - _done) * _options.Batch), _measures));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            if (_done > _saved) Save();
            _log.Write("stopped", _done);
            throw;
        }
        catch (TrainingException failure)
        {
            _log.Write("failed", _done, json => json.WriteString("reason", failure.Message));
            throw;
        }
        _log.Write("done", _done);
        return new(_folder.Model, _folder.Checkpoint, _done, _lastLosses, _measures, _step.DeviceName, watch.Elapsed);
    }

    public void Dispose()
    {
        _log.Dispose();
        _step.Dispose();
        _pack.Dispose();
        _folder.Dispose();
    }

    private TrainingData OpenData(bool isResumed, Action<string>? onWarning, IProgress<PackProgress>? packing, CancellationToken token)
    {
        bool isPack = TrainingData.Recognizes(_options.Data);
        if (isPack && _options.WeightMaps is not null)
            throw new MediaException($"{_options.Data}: a pack has its weight maps in it; they are packed with the clips.");
        if (!isPack && !(isResumed && File.Exists(_folder.Data)))
        {
            TrainingPack.Write(_options.Data, _folder.Data, new PackOptions
            {
                Size = _architecture.Size,
                Crop = _options.Crop,
                Every = _options.Every,
                WeightMaps = _options.WeightMaps,
                OnWarning = onWarning,
            }, packing, token);
        }
        return new TrainingData(isPack ? _options.Data : _folder.Data);
    }

    private int Workers() => _options.Workers > 0 ? _options.Workers : Math.Clamp(Environment.ProcessorCount - 1, 1, WorkersUsually);

    /// <summary>What is due after a step: log, measures, pictures, checkpoints.</summary>
    private void WriteDown(StepRates rates, ref Means means)
    {
        bool isLast = _done == _options.Steps;
        if (isLast || _done % _options.LogEvery == 0)
        {
            LoggedSteps steps = means.Of(_done, rates.Generator, _pace.PairsPerSecond);
            _log.Write(steps, rates.Discriminator, means.Count);
            _curves.Add(steps);
            means = default;
        }
        if (isLast || _done % _options.SheetEvery == 0)
        {
            if (_heldOut.Count > 0)
            {
                LoggedMeasures measures = _heldOut.Measure(_step, _done, _lpips);
                _log.Write(measures);
                Remember(measures);
            }
            _heldOut.Sheet(_step).Save(_folder.Sheet(_done));
            _curves.Draw(_done).Save(_folder.Curves);
            _pace.Begin();
        }
        if (isLast || _done % _options.CheckpointEvery == 0) Save();
        if (_options.KeepEvery > 0 && _done % _options.KeepEvery == 0)
            Save(_folder.KeptCheckpoint(_done), _folder.KeptModel(_done));
    }

    private void Remember(LoggedMeasures measures)
    {
        _curves.Add(measures);
        _measures = new(measures.Step, measures.Pictures, measures.L1, measures.Psnr, measures.Lpips);
    }

    private void Save()
    {
        Save(_folder.Checkpoint, _folder.Model);
        _saved = _done;
        _log.Write("checkpoint", _done);
        _pace.Begin();
    }

    private void Save(string checkpoint, string model)
    {
        CheckpointHeader header = new(_done, _pack.Fingerprint, _architecture);
        try
        {
            TrainingCheckpoint.Write(checkpoint, _step, _constants, header, _options.Seed);
            ModelFiles.Write(model, _step, _constants, header);
        }
        catch (NotFiniteStateException failure)
        {
            throw Diverged("a value of the state is no number", _step.FindNotFinite() ?? failure.Tensor);
        }
    }

    private TrainingException Diverged(string what, string? where)
    {
        // In the loop the step that failed is not counted yet; in a checkpoint it is.
        long step = what.StartsWith("the loss", StringComparison.Ordinal) ? _done + 1 : _done;
        string? checkpoint = _saved > 0 ? _folder.Checkpoint : null;
        return new($"step {step}: {what}; first: {where ?? "not found in the state"}; "
            + (checkpoint is null ? "there is no checkpoint yet" : $"the last good checkpoint is {checkpoint} of step {_saved}"), step,
            checkpoint);
    }

    /// <summary>Sums of losses since the last line of the log.</summary>
    private struct Means
    {
        private double _perceptual, _l1, _adversarial, _discriminator, _matching, _labels, _surfaces;

        public int Count { get; private set; }

        public void Add(StepLosses losses)
        {
            _perceptual += losses.Perceptual;
            _l1 += losses.L1;
            _adversarial += losses.Adversarial;
            _discriminator += losses.Discriminator;
            _matching += losses.Matching;
            _labels += losses.Labels;
            _surfaces += losses.Surfaces;
            Count++;
        }

        public readonly LoggedSteps Of(long step, double rate, double pairsPerSecond) => new(step, _perceptual / Count, _l1 / Count,
            _adversarial / Count, _discriminator / Count, rate, pairsPerSecond, _matching / Count, _labels / Count,
            _surfaces / Count);
    }

    /// <summary>The pace of the last steps: a mean that forgets over half a minute; what is written between steps counts for
    /// nothing.</summary>
    private sealed class Pace
    {
        private const double Memory = 30;

        private readonly Stopwatch _watch = new();
        private double _seconds, _pairs;

        public double PairsPerSecond => _seconds > 0 ? _pairs / _seconds : 0;

        public TimeSpan? TimeFor(long pairs)
        {
            const double Longest = 1e9; // seconds: thirty years
            return PairsPerSecond > 0 ? TimeSpan.FromSeconds(Math.Min(pairs / PairsPerSecond, Longest)) : null;
        }

        public void Begin() => _watch.Restart();

        public void Add(int pairs)
        {
            double seconds = _watch.Elapsed.TotalSeconds, kept = Math.Exp(-seconds / Memory);
            (_seconds, _pairs) = (_seconds * kept + seconds, _pairs * kept + pairs);
            _watch.Restart();
        }
    }
}
