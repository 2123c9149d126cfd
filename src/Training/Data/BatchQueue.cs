using System.Runtime.ExceptionServices;
using Lia.Training.Steps;

namespace Lia.Training.Data;

/// <summary>Batches prepared ahead by threads of their own, in the order of steps. What a step gets does not depend on
/// them.</summary>
internal sealed class BatchQueue : IDisposable
{
    private readonly BatchSampler _sampler;
    private readonly Slot[] _slots;
    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private long _next; // the step that no thread has taken yet
    private long _wanted; // the step whose batch is asked for next, or held by who asked
    private bool _isHeld, _isOver;
    private ExceptionDispatchInfo? _failure;

    /// <param name="sampler">Where batches come from.</param>
    /// <param name="step">The first step.</param>
    /// <param name="threads">How many prepare them.</param>
    public BatchQueue(BatchSampler sampler, long step, int threads)
    {
        (_sampler, _next, _wanted) = (sampler, step, step);
        // Each thread has one in the making, beside one that is ready and one in use.
        _slots = [.. Enumerable.Range(0, threads + 2).Select(_ => new Slot(sampler.Create()))];
        _threads = [.. Enumerable.Range(0, threads).Select(number =>
            new Thread(Prepare) { IsBackground = true, Name = $"batches {number}" })];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>The batch of the next step, valid until the next call.</summary>
    /// <exception cref="MediaException">The pack cannot be read any more.</exception>
    /// <exception cref="OperationCanceledException">It was stopped while there was none.</exception>
    public TrainingBatch Next(CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration wake = cancellationToken.Register(() =>
        {
            lock (_gate) Monitor.PulseAll(_gate);
        });
        lock (_gate)
        {
            if (_isHeld)
            {
                SlotOf(_wanted).Step = Slot.Free;
                _wanted++;
                Monitor.PulseAll(_gate);
            }
            _isHeld = false;
            while (SlotOf(_wanted).Step != _wanted)
            {
                _failure?.Throw();
                cancellationToken.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
            _isHeld = true;
            return SlotOf(_wanted).Batch;
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread thread in _threads) thread.Join();
    }

    private Slot SlotOf(long step) => _slots[step % _slots.Length];

    private void Prepare()
    {
        while (true)
        {
            long step;
            lock (_gate)
            {
                step = _next++;
                while (!_isOver && _failure is null && step >= _wanted + _slots.Length) Monitor.Wait(_gate);
                if (_isOver || _failure is not null) return;
            }
            try
            {
                _sampler.Fill(SlotOf(step).Batch, step);
            }
#pragma warning disable CA1031 // Whatever it is, it is thrown where batches are asked for.
            catch (Exception failure)
            {
                lock (_gate)
                {
                    _failure ??= ExceptionDispatchInfo.Capture(failure);
                    Monitor.PulseAll(_gate);
                }
                return;
            }
#pragma warning restore CA1031
            lock (_gate)
            {
                SlotOf(step).Step = step;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private sealed class Slot(TrainingBatch batch)
    {
        public const long Free = -1;

        public TrainingBatch Batch => batch;

        /// <summary>Whose batch it is, once it is ready.</summary>
        public long Step { get; set; } = Free;
    }
}
